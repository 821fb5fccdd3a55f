"""`conformance trial`: plants faults into the frameworks and shows which of them the suite finds, and where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from conformance.ending import NotPossible
from conformance.report.writing import ReportNotWritten
from conformance.requests import DataMissing
from conformance.trial import report
from conformance.trial.faults import DIRECTORY, TIMING, chosen, load
from conformance.trial.running import run_trial

_MOST_JOBS = 4


def trial(names: Sequence[str], directory: Path | None, target: Path) -> int:
    """Try the faults of these names, or all that need no timing; returns the exit status."""
    directory = directory or DIRECTORY
    faults = chosen(load(directory), names)
    timed = any(TIMING in fault.needs for fault in faults)
    stderr = Console(stderr=True)

    def tell(line: str) -> None:
        stderr.print(line, highlight=False, markup=False, soft_wrap=True)

    try:
        found = run_trial(faults, directory, 1 if timed else min(_cores(), _MOST_JOBS, len(faults)), tell)
        report.write(target, found)
    except (DataMissing, ReportNotWritten) as error:
        raise NotPossible(str(error)) from error
    report.show(found, Console())
    return 0 if found.passed else 1


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
