"""Gathers the checks of all of a run's processes into one `Run`, and says what follows from it at the end."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from conformance import ledger
from conformance.census import CensusComparison, NotRun, census, compare_census, read_census
from conformance.checks import Check
from conformance.divergence import repeated_by
from conformance.observations import (
    OF_A_REPORT,
    Key,
    Observation,
    ObservationUnreadable,
    ObservationUnwritable,
    read_all,
)
from conformance.options import Options, repeating
from conformance.report import terminal
from conformance.verdict import LedgerUse, Mode, Partial, Run, Side, Throughput

SUITE = Path(__file__).parent
_NOTHING_SELECTED = (
    "nothing was compared: no test was selected; long ones run with -m full, -m catalogue or -m compiled, "
    "timing with --benchmark-only"
)


class Gatherer:
    """In the process that reports: takes the checks of every test, ends with the table, the verdict, the report."""

    def __init__(self, config: pytest.Config, options: Options, directory: Path) -> None:
        self._config = config
        self._options = options
        self._observations = directory / "observations"
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self._checks: list[Check] = []
        self._not_run: dict[NotRun, None] = {}
        self._throughput: list[Throughput] = []
        self._cautions: list[str] = []
        self._complaints: list[str] = []
        self._baseline = _read_baseline(options.baseline)
        self._run: Run | None = None
        self._written: Path | None = None

    def pytest_sessionstart(self) -> None:
        """Remove an earlier verdict from the report's directory, so that none stands there for this run."""
        if self._options.report is None or self._config.option.collectonly:
            return
        document = self._options.report / "verdict.json"
        try:
            document.unlink(missing_ok=True)
        except OSError as error:
            raise pytest.UsageError(
                f"--report: {document} cannot be replaced ({error.strerror}): remove it, or give another directory"
            ) from error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what one test brought."""
        if report.failed and not hasattr(report, "conformance_checks"):  # pytest-xdist's, of a process that died
            died = NotRun(report.nodeid, " ".join(str(report.longrepr).split()), required=True)
            self._not_run[died] = None
        self._checks += [Check.from_dict(row) for row in json.loads(getattr(report, "conformance_checks", "[]"))]
        self._throughput += [Throughput(**row) for row in json.loads(getattr(report, "conformance_throughput", "[]"))]
        if (not_run := getattr(report, "conformance_not_run", None)) is not None:
            self._not_run[NotRun(**json.loads(not_run))] = None

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Judge the run as a whole: a short census, or a framework that is missing, fails the session."""
        if not (self._checks or self._not_run or self._throughput):
            return
        stopped = exitstatus in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR)
        if stopped or session.shouldfail or session.shouldstop:
            self._not_run[NotRun("the rest of the run", "it was stopped before its end", required=True)] = None
        observations = read_all(self._observations)
        self._run = self._judged(observations)
        self._write(observations)
        if self._complaints:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        elif exitstatus == pytest.ExitCode.OK and self._run.exit_status:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self, observations: Mapping[Key, Observation]) -> None:
        """Write the report and keep the observations; a disk that refuses is a complaint at the end, not a crash."""
        from conformance.report.writing import ReportNotWritten, write_report

        if self._options.report is not None and self._run is not None:
            try:
                write_report(self._options.report, self._run, observations)
            except ReportNotWritten as error:
                self._complaints.append(str(error))
            else:
                self._written = self._options.report / "report.html"
                self._keep(self._options.report / OF_A_REPORT, instead=True)
        if self._options.record is not None:
            self._keep(self._options.record)

    def _keep(self, directory: Path, *, instead: bool = False) -> None:
        """Keep the observations in the directory, with `instead` in place of those of an earlier run."""
        from conformance.gate.kept import keep

        try:
            for earlier in directory.glob("*.safetensors") if instead else ():
                earlier.unlink()
            keep(self._observations, directory)
        except (OSError, ObservationUnwritable) as error:
            self._complaints.append(f"the observations cannot be kept in {directory}: {error}")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        """Print the table step by framework, and the verdict."""
        if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not self._config.option.collectonly:
            terminalreporter.write_line(_NOTHING_SELECTED, red=True)
        if self._run is not None:
            console = Console(file=terminalreporter._tw._file, width=terminalreporter._tw.fullwidth)
            terminalreporter.ensure_newline()
            terminal.show(self._run, console)
        if self._written is not None:
            terminalreporter.write_line(f"report: {self._written}")
        for complaint in self._complaints:
            terminalreporter.write_line(complaint, red=True)

    def _against_baseline(self, observations: Mapping[Key, Observation]) -> tuple[Check, ...]:
        if self._baseline is None:
            return ()
        from conformance.baseline import absent, against_baseline, cautions

        workloads = {workload.name: workload for workload in self._options.workloads}
        self._cautions += cautions(self._baseline, observations)
        self._not_run |= dict.fromkeys(absent(self._baseline, observations))
        return tuple(
            repeated_by(check, self._repeating(check))
            for check in against_baseline(self._baseline, observations, workloads)
        )

    def _repeating(self, check: Check) -> str:
        """The command that repeats a check against the baseline: the tests that observe what it compares."""
        more = ("--framework", check.framework, "--baseline", str(self._options.baseline))
        return repeating(self._config, SUITE / f"test_{check.step}.py", "", *more)

    def _judged(self, observations: Mapping[Key, Observation]) -> Run:
        compared = self._against_baseline(observations)
        not_run = tuple(self._not_run)
        filtered = is_filtered(self._config, self._options)
        environment = _environment(observations, self._options)
        workloads = {workload.name for workload in self._options.workloads}
        expected = [
            count for count in read_census() if count.workload in workloads and count.device in self._options.devices
        ]
        problems = self._ledger_problems(environment, complete=not (filtered or not_run))
        workload = self._options.workloads[0].name
        broken = [
            ledger.broken_promise(problem, self._options.ledger, workload) for problem in problems if problem.fails
        ]
        checks = [*self._checks, *compared, *(repeated_by(check, repeating(self._config, SUITE)) for check in broken)]
        return Run(
            mode=Mode.RUN,
            checks=tuple(sorted(checks, key=lambda check: check.id)),
            candidate=environment,
            not_run=not_run,
            throughput=tuple(self._throughput),
            ledger=self._ledger_uses(),
            census_comparison=compare_census(census(self._checks), expected, not_run, partial=filtered)
            if self._checks
            else CensusComparison(reason="no checks ran"),
            partial=Partial(len(self._checks), sum(count.checks for count in expected)) if filtered else None,
            started=self._started.isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._clock, 1),
            warnings=(
                *self._cautions,
                *(f"ledger entry {problem.entry}: {problem.message}" for problem in problems if not problem.fails),
            ),
        )

    def _ledger_problems(self, environment: Side, complete: bool) -> tuple[ledger.Problem, ...]:
        facts = ledger.RunFacts.of(self._checks, environment.packages, complete)
        own = ledger.apply(self._options.own_ledger, self._checks, facts, strict=True)[1]
        users = ledger.apply(self._options.user_ledger, self._checks, facts, strict=False)[1]
        return (*own, *users)

    def _ledger_uses(self) -> tuple[LedgerUse, ...]:
        used = {check.ledger_id for check in self._checks}
        return tuple(
            LedgerUse(entry.id, entry.cause, entry.reason, entry.evidence, str(entry.expires or ""))
            for entry in self._options.ledger
            if entry.id in used
        )


def is_filtered(config: pytest.Config, options: Options) -> bool:
    """Whether the command line selects only a part of the suite."""
    chosen = config.option
    selecting = ("keyword", "markexpr", "deselect", "lf", "stepwise", "ignore", "ignore_glob", "benchmark_only")
    parts = [str(argument).partition("::")[0] for argument in config.args]
    return bool(
        options.frameworks_chosen
        or any(getattr(chosen, name, None) for name in selecting)
        or any(part.endswith(".py") for part in parts)
        or (chosen.pyargs and any(_is_module(part) for part in parts))
    )


def _is_module(name: str) -> bool:
    """Whether an argument of `--pyargs` names a module that is no package."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.submodule_search_locations is None


def _environment(observations: Mapping[Key, Observation], options: Options) -> Side:
    """What was judged: the packages of every framework, and the settings in force, as the workers saw them."""
    packages: dict[str, str] = {}
    flags: dict[str, Any] = {}
    for key, observation in sorted(observations.items()):
        if key.operation == "imports":
            packages.update(observation.facts["versions"])
            flags[key.framework] = {"cpu": observation.facts["cpu"], **observation.facts["settings"]}
    label = ", ".join(f"{name} {packages[name]}" for name in ("tensorflow", "keras", "torch") if name in packages)
    return Side(label or "nothing", packages, ",".join(options.devices), flags)


def _read_baseline(directory: Path | None) -> Mapping[Key, Observation] | None:
    if directory is None:
        return None
    from conformance.baseline import read_baseline

    try:
        return read_baseline(directory)
    except ObservationUnreadable as error:
        raise pytest.UsageError(f"--baseline: {error}") from error
