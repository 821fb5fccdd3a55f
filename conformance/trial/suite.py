"""The suite's own tests, called one by one without pytest: the same cases, contracts, ledger and observations."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from conformance import ledger, ledger_file
from conformance.cases import GENERATORS, Case
from conformance.catalogue import divergences
from conformance.checks import Check, Step
from conformance.contracts import KNOWN_CONTRACTS
from conformance.laboratory import Laboratory, NotAvailable, Verify, acceptance, unobserved
from conformance.ledger import RunFacts
from conformance.options import Options
from conformance.subjects import FRAMEWORKS
from conformance.trial.faults import REPEAT
from reference.workloads import MNIST_MLP, Workload

LONG = {
    "compiled": "torch.compile",
    "epoch_xla": "XLA",
    "tutorial": "the article's way, call for call",
    "native": "22 runs with the framework's own randomness, and 10 from its own initial weights",
    "full": "every variant through all its epochs",
    REPEAT: "the whole job once more, where the fault is one of evaluate",
}
"""Parts of the suite that run only for faults that need them, by what they run."""


@dataclass(frozen=True)
class Part:
    """One test of the suite with one of its cases."""

    step: Step
    name: str
    function: Callable[..., None]
    case: Case

    @property
    def id(self) -> str:
        """Its name among all parts."""
        return f"{self.name}[{self.case.id}]"


@dataclass(frozen=True)
class PartResult:
    """What a part gave: its checks, and what it could not run, with the reason, where that is required or not."""

    checks: tuple[Check, ...]
    absent: str = ""
    required: bool = False

    @property
    def elements(self) -> int:
        """How many numbers it compared."""
        return sum(check.elements for check in self.checks)

    @property
    def failed(self) -> bool:
        """Whether the suite would not pass here."""
        return self.required or any(check.failed for check in self.checks)


def suite_options(workload: Workload = MNIST_MLP) -> Options:
    """The options of a run of the suite without any on its command line."""
    return Options(
        frameworks=FRAMEWORKS,
        devices=("cpu",),
        workloads=(workload,),
        seeds=1,
        interpreters={},
        data_source="embedded",
        report=None,
        record=None,
        baseline=None,
        own_ledger=(*ledger_file.load(ledger_file.OWN, KNOWN_CONTRACTS), *divergences.ledger_entries()),
        user_ledger=(),
        frameworks_chosen=False,
    )


def parts(options: Options, step: Step, framework: str, needs: Sequence[str] = ()) -> Iterator[Part]:
    """The tests of a step with every case in which the framework takes part; of the long ones, those needed."""
    module = importlib.import_module(f"conformance.test_{step}")
    for name, function in _tests(module):
        (mark,) = [mark for mark in function.pytestmark if mark.name == "each"]  # type: ignore[attr-defined]
        for case in GENERATORS[mark.args[0]](options):
            if framework in (case.framework, case.partner) and _is_wanted(name, case, needs):
                yield Part(step, name, function, case)


def _tests(module: ModuleType) -> Iterator[tuple[str, Callable[..., None]]]:
    for name, value in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(value):
            yield name, value


def _is_wanted(name: str, case: Case, needs: Sequence[str]) -> bool:
    if "native" in name:
        return "native" in needs
    if name == "test_legacy_arguments":
        return "tutorial" in needs
    if name == "test_repeatable":
        return REPEAT in needs
    if case.variant is None or (not case.is_full and case.variant.name not in LONG):
        return True
    return case.variant.label in needs or (case.is_full and "full" in needs)


def broken_promises(options: Options, checks: Sequence[Check], versions: Mapping[str, str]) -> list[Check]:
    """Failed checks for entries of the ledger that describe some of the checks, and did not occur, or not so large.

    A run of the suite says so at its end: a divergence that is declared must be there.
    """
    facts = RunFacts.of(checks, versions, complete=False)
    problems = ledger.apply(options.own_ledger, checks, facts)[1]
    workload = options.workloads[0].name
    return [ledger.broken_promise(problem, options.own_ledger, workload) for problem in problems if problem.fails]


def carry_out(part: Part, laboratory: Laboratory, options: Options) -> PartResult:
    """Call the test as pytest would, and take what it files; whatever it raises is a failed check, as there."""
    gathered: list[Check] = []
    arguments: dict[str, Any] = {
        "case": part.case,
        "laboratory": laboratory,
        "verify": Verify(gathered, acceptance(laboratory, options, part.case), part.id),
        "options": options,
    }
    try:
        part.function(**{name: arguments[name] for name in inspect.signature(part.function).parameters})
    except NotAvailable as absent:
        return PartResult(tuple(gathered), str(absent), absent.not_run.required)
    except (pytest.fail.Exception, Exception) as error:
        if not any(check.failed for check in gathered):
            gathered.append(unobserved(part.case, part.step, f"{part.name}: {error}", error))
    return PartResult(tuple(gathered))
