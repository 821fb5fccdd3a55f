"""`conformance gate`: from words to a request, and from the run to the terminal and the report's files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import nan
from pathlib import Path

from filelock import FileLock, Timeout
from rich.console import Console

from conformance.checks import Step
from conformance.ending import NotPossible, WrongUse
from conformance.environments import Options, configured, mask
from conformance.gate import kept
from conformance.gate.plan import CATALOGUE
from conformance.gate.progress import Progress
from conformance.gate.request import BASELINE, CANDIDATE, OFF, Request, SideRequest
from conformance.gate.running import Outcome, machine_permitting, run_gate
from conformance.judge.timing import PLANS, SPEED_LIMIT
from conformance.observations import OF_A_REPORT
from conformance.report import terminal
from conformance.report.writing import append_summary, write_report, write_text
from conformance.subjects import DEVICES, FRAMEWORKS, framework_named, looks_secret
from conformance.workload_files import WorkloadUnusable, find_workload
from reference.workloads import MNIST_MLP, Workload

FAILING = ("drift", "break", "slower", "unresolved")


@dataclass(frozen=True)
class GateWords:
    """The words of the command line, as they stand there."""

    baseline: str
    candidate: str
    workloads: tuple[str, ...] = ()
    device: str = "cpu"
    frameworks: str = ""
    only: str = ""
    baseline_environment: tuple[str, ...] = ()
    candidate_environment: tuple[str, ...] = ()
    pass_environment: tuple[str, ...] = ()
    baseline_python: str | None = None
    candidate_python: str | None = None
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    allow_builds: bool = False
    full_environment: bool = False
    torch_backend: str | None = None
    ledger: Path | None = None
    fail_on: str = "drift,break,slower"
    report: Path | None = None
    speed: str = OFF
    speed_limit: str = f"{SPEED_LIMIT:.0%}"
    catalogue: bool = False
    verdicts: Path | None = None

    def command(self) -> list[str]:
        """The command line that asks for the same gate, without report, frameworks and `--only`.

        Variables that look like secrets and the addresses of indexes are left to the user.
        """
        words = ["conformance", "gate", mask(self.baseline), mask(self.candidate)]
        words += [word for name in self.workloads for word in ("--workload", name)]
        sides = (("baseline", self.baseline_environment), ("candidate", self.candidate_environment))
        for side, variables in sides:
            words += [
                word
                for text in variables
                if not looks_secret(text.partition("=")[0])
                for word in (f"--{side}-env", mask(text))
            ]
        for name in ("device", "baseline_python", "candidate_python", "torch_backend"):
            value = getattr(self, name)
            if value is not None and (name, value) != ("device", "cpu"):
                words += [f"--{name.replace('_', '-')}", value]
        words += ["--catalogue"] if self.catalogue else []
        words += ["--allow-builds"] if self.allow_builds else []
        return words + (["--full-environment"] if self.full_environment else [])

    def request(self) -> Request:
        """What they ask for. Raises WrongUse naming the word, what is wrong with it, and what is right."""
        if self.baseline.strip() == self.candidate.strip() == "-":
            raise WrongUse("only one side can be read from standard input: give the other one a file")
        if self.speed != OFF and CATALOGUE in self.only.split("/")[:2]:
            raise WrongUse(f"--only {self.only} leaves nothing to time: leave --speed away")
        return Request(
            baseline=SideRequest(
                self.baseline, self.baseline_python, _variables(self.baseline_environment, "--baseline-env")
            ),
            candidate=SideRequest(
                self.candidate, self.candidate_python, _variables(self.candidate_environment, "--candidate-env")
            ),
            workloads=_workloads(self.workloads),
            device=_one_of(self.device, DEVICES, "--device"),
            frameworks=_frameworks(self.frameworks),
            only=_only(self.only),
            options=Options(configured(self.index_url, self.extra_index_urls), self.torch_backend, self.allow_builds),
            full_environment=self.full_environment,
            pass_environment=self.pass_environment,
            ledger=_file(self.ledger, "--ledger"),
            report=_directory(self.report, "--report"),
            verdicts=_directory(self.verdicts, "--verdicts"),
            catalogue=self.catalogue,
            command=tuple(self.command()),
            speed=_one_of(self.speed, (OFF, *PLANS), "--speed"),
            speed_limit=_percent(self.speed_limit, "--speed-limit"),
            fail_on=tuple(_one_of(word.strip(), FAILING, "--fail-on") for word in self.fail_on.split(",")),
        )


def gate(words: GateWords, junit_xml: Path | None) -> int:
    """Carry out the gate, show it, write what was asked for; returns the exit status."""
    request = words.request()
    with _alone_in(request.report), Progress() as progress:
        outcome = run_gate(request, progress)
        with machine_permitting():
            _write(request, outcome, junit_xml)
    terminal.show(outcome.run, Console())
    return outcome.run.exit_status


@contextmanager
def _alone_in(report: Path | None) -> Iterator[None]:
    """Hold the directory of the report, so that no other gate writes there meanwhile."""
    if report is None:
        yield
        return
    lock = FileLock(report / ".lock", blocking=False)
    try:
        report.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise WrongUse(f"--report {report}: another gate is writing there, give another directory") from error
    except OSError as error:
        raise NotPossible(f"--report {report} cannot be written: {error.strerror}") from error
    with lock:
        yield


def write_files(request: Request, outcome: Outcome) -> None:
    """Write the report, where one was asked for. Raises ReportNotWritten and ObservationUnwritable."""
    if request.report is not None:
        workloads = {workload.name: workload for workload in request.workloads}
        observed, before = outcome.observations(CANDIDATE), outcome.observations(BASELINE)
        write_report(request.report, outcome.run, observed, before, workloads)
        kept.thin(request.report / OF_A_REPORT)


def _write(request: Request, outcome: Outcome, junit_xml: Path | None) -> None:
    write_files(request, outcome)
    if junit_xml is not None:
        from conformance.report import junit

        write_text(junit_xml, junit.page(outcome.run))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        append_summary(Path(summary), outcome.run)


def _variables(words: Iterable[str], option: str) -> dict[str, str]:
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise WrongUse(f"{option} {word!r}: write it as NAME=VALUE")
        if "\0" in value:
            raise WrongUse(f"{option} {name}: the value holds a null character")
        found[name] = value
    threads = found.get("OMP_NUM_THREADS", "1")
    if not threads.isdigit() or int(threads) < 1:
        raise WrongUse(f"{option} OMP_NUM_THREADS={threads}: give a whole number of threads, 1 or more")
    return found


def _workloads(names: tuple[str, ...]) -> tuple[Workload, ...]:
    try:
        found = tuple(find_workload(name) for name in names) or (MNIST_MLP,)
    except WorkloadUnusable as error:
        raise WrongUse(str(error)) from error
    if len({workload.name for workload in found}) < len(found):
        raise WrongUse("two workloads have the same name: name each once")
    return found


def _frameworks(text: str) -> tuple[str, ...]:
    try:
        found = tuple(dict.fromkeys(framework_named(word) for word in text.split(",") if word.strip()))
    except ValueError as error:
        raise WrongUse(f"--framework: {error}") from error
    built_in = [name for name in found if name not in FRAMEWORKS]
    if built_in:
        raise WrongUse(f"--framework {built_in[0]}: a gate compares {' and '.join(FRAMEWORKS)}")
    return found


def _only(text: str) -> str:
    if text not in ("", CATALOGUE) and text.partition("/")[0] not in [*Step]:
        raise WrongUse(f"--only {text!r}: start with a step: {', '.join(Step)}; or say {CATALOGUE}")
    return text


def _one_of(word: str, choices: Iterable[str], option: str) -> str:
    if word not in choices:
        raise WrongUse(f"{option} {word!r}: choose from {', '.join(choices)}")
    return word


def _percent(text: str, option: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = nan
    if not 0 < percent <= 100:
        raise WrongUse(f"{option} {text!r}: give a percentage above 0 and up to 100, such as 5%")
    return percent / 100


def _file(path: Path | None, option: str) -> Path | None:
    if path is not None and not path.is_file():
        raise WrongUse(f"{option} {path}: there is no such file")
    return path


def _directory(path: Path | None, option: str) -> Path | None:
    if path is not None and path.exists() and not path.is_dir():
        raise WrongUse(f"{option} {path}: a file is there already, give a directory")
    return path
