"""`conformance run`: the suite by pytest, on what is installed, with the exit status of the run's verdict."""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

import conformance
from conformance import verdict_file
from conformance.ending import NOT_CARRIED_OUT, WRONG_USE

SUITE = Path(conformance.__path__[0])
_STATUS = {0: 0, 1: 1, 4: WRONG_USE}
_TAKE_A_VALUE = {"-c", "-k", "-m", "-o", "-p", "-W", "--config-file", "--deselect", "--ignore", "--ignore-glob"}
_TAKE_A_VALUE |= {"--baseline", "--junit-xml", "--junitxml", "--ledger", "--record", "--workload"}


class _Counter:
    """Counts the reports of tests that ran, or were skipped."""

    def __init__(self) -> None:
        self.reports = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count one."""
        self.reports += 1


def run_suite(report: str, options: Sequence[str]) -> int:
    """Run pytest with the options, the report going to `report`; returns the exit status.

    In this process, so that an interrupt has one addressee, who cleans up.
    """
    arguments = ["-p", "conformance.plugin", "--report", report]
    counter = _Counter()
    status = pytest.main([*arguments, *parallel(options), *selection(options), *options], plugins=[counter])
    document = Path(report, "verdict.json")
    if status == pytest.ExitCode.OK and counter.reports and not document.exists():
        print("conformance: nothing was compared: the tests that were selected compare nothing here", file=sys.stderr)
        return NOT_CARRIED_OUT
    return status_of(status, document)


def status_of(pytest_status: int, document: Path) -> int:
    """Our exit status: pytest's own, but 3 where the verdict says that the run could not be carried out."""
    if pytest_status == 1 and document.exists():
        try:
            if verdict_file.read(document).exit_status == NOT_CARRIED_OUT:
                return NOT_CARRIED_OUT
        except verdict_file.VerdictUnreadable:
            return 1
    return _STATUS.get(pytest_status, NOT_CARRIED_OUT)


def parallel(options: Sequence[str]) -> list[str]:
    """Options for one process per core, unless the user decides, measures time, or does without pytest-xdist."""
    words = [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *options]
    decided = any(word.startswith(("-n", "--numprocesses", "--benchmark-only", "--dist")) for word in words)
    without = "no:xdist" in " ".join(words) or "PYTEST_DISABLE_PLUGIN_AUTOLOAD" in os.environ
    if decided or without or importlib.util.find_spec("xdist") is None:
        return []
    return ["-n", "auto"]


def selection(options: Sequence[str]) -> list[str]:
    """The suite's directory, unless the user names tests: a file `test_*.py`, or a test in one after `::`."""
    for before, word in pairwise(["", *options]):
        name = Path(word.partition("::")[0]).name
        if before not in _TAKE_A_VALUE and name.startswith("test_") and name.endswith(".py"):
            return []
    return [str(SUITE)]
