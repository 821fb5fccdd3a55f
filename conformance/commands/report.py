"""`conformance report`: draws a report again from what is kept in its directory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conformance import observations, verdict_file
from conformance.ending import NotPossible, WrongUse
from conformance.gate import kept
from conformance.report.writing import ReportNotWritten, write_report
from conformance.verdict import Mode
from conformance.workload_files import WorkloadUnusable, find_workload
from reference.workloads import WORKLOADS


def draw(directory: Path, names: Sequence[str]) -> int:
    """Write report.html and report.md anew; returns the exit status."""
    if not directory.is_dir():
        raise WrongUse(f"{directory} is no directory: name one that a run or a gate wrote with --report")
    folder = directory / observations.OF_A_REPORT
    try:
        workloads = {**WORKLOADS, **{found.name: found for found in map(find_workload, names)}}
        run = verdict_file.read(directory / "verdict.json")
        if not folder.is_dir():
            raise NotPossible(
                f"{folder} is missing, so no figure can be drawn: {run.mode} again with --report {directory}"
            )
        if run.mode is Mode.GATE:
            write_report(
                directory, run, kept.read_side(folder, "candidate"), kept.read_side(folder, "baseline"), workloads
            )
        else:
            write_report(directory, run, observations.read_all(folder), None, workloads)
    except WorkloadUnusable as error:
        raise WrongUse(str(error)) from error
    except (verdict_file.VerdictUnreadable, observations.ObservationUnreadable, ReportNotWritten) as error:
        raise NotPossible(str(error)) from error
    print(directory / "report.html")
    return 0
