"""What a conformance test works with: observations by case, and the filing of its checks."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest

from conformance import ledger
from conformance.cases import Case
from conformance.census import NotRun
from conformance.checks import Check, Step
from conformance.collector import DRAWING, Collector
from conformance.contracts.filing import holds
from conformance.contracts.imports import PACKAGES
from conformance.divergence import repeated_by
from conformance.failure_text import failure_text
from conformance.ledger import RunFacts
from conformance.observations import Key, Observation, ObservationUnreadable, ObservationUnwritable
from conformance.options import Options
from conformance.report.summary import clean
from conformance.requests import DataMissing
from conformance.variants import Variant, complete_variant
from conformance.worker import ObservationFailed, Worker, WorkerFailed

_FRAME = re.compile(r'^ *File "([^"<]+)", line (\d+)', re.MULTILINE)
_NOT_THE_USERS = re.compile(
    r"[/\\]((observer|site-packages|lib[/\\]python3[^/\\]*|Lib)[/\\]|conformance_faults[/\\]planting\.py)"
)
_STAGED = re.compile(r"(?<=[/\\])(reference|conformance_faults)[/\\].*")


class NotAvailable(Exception):
    """Something cannot be observed on this machine; the test is listed as not run, with the reason."""

    def __init__(self, not_run: NotRun) -> None:
        super().__init__(clean(f"{not_run.what}: {not_run.reason}"))
        self.not_run = not_run


class Laboratory:
    """Observations of a case. Raises NotAvailable where this machine lacks what the case needs."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def observe(self, case: Case, operation: str, variant: str = "") -> Observation:
        """What `operation` shows of the case's framework."""
        return self._observe(case, case.framework, case.device, operation, variant)

    def partner(self, case: Case, operation: str, variant: str = "") -> Observation:
        """The same of the case's partner: the oracle, or another framework."""
        device = "cpu" if case.partner == "oracle" else case.device
        return self._observe(case, case.partner, device, operation, variant)

    def ensemble(self, case: Case) -> Observation:
        """The oracle's float64 run from the case's initial weights, with its ensemble's deviations."""
        return self._observe(case, "oracle", "cpu", "ensemble", "")

    def arbiter(self, case: Case) -> Observation:
        """What says how far results may lie apart: the ensemble, or where the oracle cannot know the model, the
        framework's own run in float64, with the deviations of runs from moved starts.
        """
        if case.has_oracle or case.partner == "oracle":
            return self.ensemble(case)
        return self.observe(case, "self_ensemble")

    def data_set(self, case: Case) -> Observation:
        """The data as the oracle reads them, or as the framework does where the workload may bring its own."""
        return self._observe(case, "oracle", "cpu", "data", "") if case.has_oracle else self.observe(case, "data")

    def formulas(self, case: Case, family: str) -> Observation:
        """The oracle's observation of a family of the catalogue."""
        return self._observe(case, "oracle", "cpu", "catalogue", family)

    def drawn(self, case: Case, family: str) -> Observation:
        """The inputs that hypothesis draws for a family of the catalogue."""
        if importlib.util.find_spec("hypothesis") is None:
            reason = "hypothesis, which draws them, is not installed: install framework-conformance[test]"
            raise NotAvailable(NotRun("examples drawn", reason, workload=case.workload.name))
        return self._observe(case, "oracle", "cpu", DRAWING, family)

    def examples(self, case: Case, family: str, framework: str) -> Observation:
        """A family of the catalogue on these inputs, in a framework or by its formulas."""
        key = Key(case.workload.name, framework, "catalogue_examples", family)
        drawn = self.drawn(case, family)
        with _availability(framework, "cpu", family):
            return self._collector.observe(key, drawn.tensors)

    def trained(self, case: Case, variant: Variant | None = None) -> Observation:
        """The training run of the case's variant, or of the given one, or of the framework's complete one."""
        chosen = variant or case.variant or complete_variant(case.framework)
        return self.observe(case, "train", chosen.label)

    def trained_partner(self, case: Case) -> Observation:
        """The complete training run of the case's partner framework."""
        return self.partner(case, "train", complete_variant(case.partner).label)

    def versions(self, case: Case) -> dict[str, str]:
        """Versions by distribution, of all that the case compares."""
        frameworks = [name for name in (case.framework, case.partner) if name in PACKAGES]
        found: dict[str, str] = {}
        for name in frameworks:
            found |= self._observe(case, name, case.device, "imports", "").facts["versions"]
        return found

    def worker(self, case: Case) -> Worker:
        """This process's worker of the case's framework, to be asked directly."""
        with _availability(case.framework, case.device, ""):
            return self._collector.worker(case.framework, case.device)

    def _observe(self, case: Case, framework: str, device: str, operation: str, variant: str) -> Observation:
        if not case.has_oracle and (framework == "oracle" or operation == "tutorial"):
            reason = (
                f"a module of its own stands for reference.{case.framework}: oracle and tutorial know only the latter"
            )
            what = f"{case.workload.name} against the oracle"
            raise NotAvailable(NotRun(what, reason, workload=case.workload.name, framework=case.framework))
        key = Key(case.workload.name, framework, operation, variant, case.seed or 0, device)
        with _availability(framework, device, variant):
            return self._collector.observe(key)


@contextmanager
def _availability(framework: str, device: str, variant: str) -> Iterator[None]:
    """Turn what is simply not there into NotAvailable, and every other failure into a failed test."""
    try:
        yield
    except ObservationFailed as error:
        raise _explained(error, framework, device, variant) from None
    except (WorkerFailed, ObservationUnreadable) as error:
        raise _not_observed(str(error)) from None
    except ObservationUnwritable as error:
        raise NotAvailable(NotRun(framework, str(error), required=True, framework=framework)) from None
    except DataMissing as error:
        raise NotAvailable(NotRun("data", str(error), required=True)) from None


def _not_observed(reason: str, step: str = "") -> BaseException:
    """The failure of a test whose observation failed; it carries the step at which, where that is not the test's."""
    failed = pytest.fail.Exception(clean(reason), pytrace=False)
    failed.__dict__["failed_step"] = step
    return failed


def _explained(error: ObservationFailed, framework: str, device: str, variant: str) -> BaseException:
    if error.kind == "DataError":
        return NotAvailable(NotRun("data", error.message, required=True))
    missing = re.match(r"No module named '(\w+)", error.message)
    if error.kind == "ModuleNotFoundError" and missing and missing[1] in PACKAGES.get(framework, ()):
        reason = f"{missing[1]} is not installed: install it, or choose others with --framework"
        return NotAvailable(NotRun(framework, reason, required=True, framework=framework))
    if error.kind == "NotImportable":
        reason = f"it cannot be imported: {error.message}"
        return NotAvailable(NotRun(framework, reason, required=True, framework=framework))
    if error.kind == "DeviceMissing":
        return NotAvailable(NotRun(f"{framework} on {device}", error.message, required=True))
    if error.kind == "InvalidCxxCompiler":
        reason = "torch.compile needs a C++ compiler and found none: install one, such as g++"
        return NotAvailable(NotRun(f"{framework} {variant}", reason, framework=framework, variant=variant))
    if error.kind == "OSError" and "could not download" in error.message:
        return NotAvailable(NotRun(f"{framework} download", error.message, required=True))
    text = f"{framework} raised {error}{_place(error.traceback)}\n{error.traceback}"
    return _not_observed(text, error.step)


def _place(trace: str) -> str:
    """Where an exception arose in a traceback: its last line in a user's file, or in the reference."""
    places = [place for place in _FRAME.findall(trace) if not _NOT_THE_USERS.search(place[0])]
    if not places:
        return ""
    file, line = places[-1]
    staged = _STAGED.search(file)
    return f" ({staged[0] if staged else file}, line {line})"


def unobserved(case: Case, step: Step, reason: str, error: BaseException | None) -> Check:
    """The failed check of a test of the step in which no contract failed, filed under the step at which it did."""
    return holds(case, Step(getattr(error, "failed_step", "") or step), "observed", False, reason)


Acceptance = Callable[[tuple[Check, ...]], tuple[Check, ...]]


def acceptance(laboratory: Laboratory, options: Options, case: Case) -> Acceptance:
    """What the ledger makes of the checks of a case: those that an entry describes are accepted by it."""

    def accept(checks: tuple[Check, ...]) -> tuple[Check, ...]:
        if not any(check.failed for check in checks):
            return checks
        try:
            versions = laboratory.versions(case)
        except (NotAvailable, pytest.fail.Exception):  # then no entry can apply
            return checks
        facts = RunFacts.of(checks, versions, complete=False)
        return ledger.apply(options.ledger, checks, facts)[0]

    return accept


class Verify:
    """Files a test's checks and fails the test where any failed; a test that checks nothing fails too."""

    def __init__(self, gathered: list[Check], accept: Acceptance, command: str) -> None:
        self._gathered = gathered
        self._accept = accept
        self._command = command

    def __call__(self, checks: Iterable[Check]) -> None:
        """Take the checks of one contract; those that a ledger entry accepts do not fail the test."""
        taken = tuple(repeated_by(check, self._command) for check in self._accept(tuple(checks)))
        self._gathered += taken
        if not taken:
            pytest.fail("the contract compared nothing", pytrace=False)
        failed = [check for check in taken if check.failed]
        if failed:
            text = "\n".join(failure_text(check, self._command) for check in failed)
            pytest.fail(clean(text), pytrace=False)
