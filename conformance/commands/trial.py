"""`conformance trial`: plants faults into the frameworks and shows which of them the suite finds, and where."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from conformance.ending import NotPossible, WrongUse
from conformance.report.writing import ReportNotWritten, require_place, write_text
from conformance.requests import DataMissing
from conformance.subjects import framework_named
from conformance.trial import report
from conformance.trial.bench import prepared
from conformance.trial.faults import DIRECTORY, TIMING, Fault, chosen, load
from conformance.trial.limits import find_limit, with_sizes
from conformance.trial.running import run_trial, side_by_side, try_fault
from conformance.worker import ObservationFailed, WorkerFailed

_MOST_JOBS = 4


def trial(names: Sequence[str], frameworks: str, directory: Path | None, target: Path) -> int:
    """Try the faults of these names, or all but the lengthy ones; returns the exit status.

    An interrupt is raised again once there is a report of what had been tried before.
    """
    directory = directory or DIRECTORY
    faults = chosen(load(directory), names, _frameworks(frameworks))
    with _possible():
        _require_place(target)
        report.remove(target)
        found = run_trial(faults, directory, _jobs(faults), _tell)
        if found.rows:
            report.show(found, _wide_console())
            report.write(target, found)
            _tell(f"report: {target / 'trial.html'}")
    if found.untried:
        raise KeyboardInterrupt
    return 0 if found.passed else 1


def limits(names: Sequence[str], frameworks: str, directory: Path | None, target: Path) -> int:
    """Find how small the faults may be that have a size; returns the exit status."""
    directory = directory or DIRECTORY
    faults = with_sizes(chosen(load(directory), names, _frameworks(frameworks)))
    with _possible(), prepared(directory) as bench:
        _require_place(target)
        found = side_by_side(
            bench,
            faults,
            lambda fault: find_limit(fault, lambda sized: try_fault(bench, sized)),
            _jobs(faults),
            lambda limit: _tell(f"{limit.fault.name}: {report.limit_text(limit)}"),
        )
        report.show_limits(found, _wide_console())
        write_text(target / "limits.md", report.limits_markdown(found))
    return 1 if any(limit.caught is None for limit in found) else 0


def _frameworks(text: str) -> tuple[str, ...]:
    try:
        return tuple(framework_named(name) for name in text.split(",") if name.strip())
    except ValueError as error:
        raise WrongUse(str(error)) from error


def _require_place(target: Path) -> None:
    """Raises WrongUse where a file is in the way of the report, ReportNotWritten where the disk is."""
    if target.exists() and not target.is_dir():
        raise WrongUse(f"--report {target}: a file is there already, give a directory")
    require_place(target)


def _tell(line: str) -> None:
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)


def _wide_console() -> Console:
    """stdout, wide enough for the matrix where nothing says how wide it is."""
    console = Console()
    return console if console.is_terminal else Console(width=140)


@contextmanager
def _possible() -> Iterator[None]:
    try:
        yield
    except (DataMissing, ReportNotWritten) as error:
        raise NotPossible(str(error)) from error
    except (ObservationFailed, WorkerFailed) as error:
        raise NotPossible(f"a framework without a fault cannot be observed: {error}") from error


def _jobs(faults: Sequence[Fault]) -> int:
    """How many faults to try at a time: one more than the cores that this process may use, for each waits at times.

    One alone where time counts.
    """
    if any(TIMING in fault.needs for fault in faults):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, _MOST_JOBS, len(faults))
