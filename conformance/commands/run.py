"""`conformance run`: the suite by pytest, on what is installed, with the exit status of the run's verdict."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import conformance
from conformance import verdict_file
from conformance.ending import NOT_CARRIED_OUT, WRONG_USE

SUITE = Path(conformance.__path__[0])
_STATUS = {0: 0, 1: 1, 4: WRONG_USE}


def run_suite(report: Path, options: Sequence[str]) -> int:
    """Run pytest with the options, the report going to `report`; returns the exit status."""
    document = report / "verdict.json"
    document.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "conformance.plugin", "--report", str(report)]
    ended = subprocess.run([*command, *_parallel(options), *_selection(options), *options], check=False)
    return status_of(ended.returncode, document)


def status_of(pytest_status: int, document: Path) -> int:
    """Our exit status: pytest's own, but 3 where the verdict says that the run could not be carried out."""
    if pytest_status == 1 and document.exists():
        try:
            if verdict_file.read(document).exit_status == NOT_CARRIED_OUT:
                return NOT_CARRIED_OUT
        except verdict_file.VerdictUnreadable:
            return 1
    return _STATUS.get(pytest_status, NOT_CARRIED_OUT)


def _parallel(options: Sequence[str]) -> list[str]:
    """Options for one process per core, unless the user decides, or measures time."""
    decided = ("-n", "--numprocesses", "--benchmark-only", "--dist")
    if importlib.util.find_spec("xdist") is None or any(option.startswith(decided) for option in options):
        return []
    return ["-n", "auto"]


def _selection(options: Sequence[str]) -> list[str]:
    """The suite's directory, unless the user names tests."""
    chosen = any("::" in option or Path(option).match("test_*.py") for option in options)
    return [] if chosen else [str(SUITE)]
