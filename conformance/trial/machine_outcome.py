"""What a run made of a fault of the machine: unharmed, told in so many words, or wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import pytest
from scipy.stats import kendalltau

from conformance.trial.watched_run import Ended
from conformance.verdict import Run

GROWTH_P = 0.01

_UNTOLD = ("Traceback (most recent call last)", "INTERNALERROR")


class Outcome(StrEnum):
    """What a run with a fault of the machine may come to."""

    UNHARMED = "unharmed"
    TOLD = "told"
    WRONG = "wrong"


def judge_kill(killed: int, ended: Ended, expected: int) -> tuple[Outcome, str]:
    """What became of a run of which so many processes were killed; a clean one makes `expected` checks.

    `told` is a run that fails, by nothing but what could not be observed, and names the signal or the process.
    """
    broken_off = [line for line in ended.output.splitlines() if "pytest-xdist broke off" in line]
    if killed and broken_off and ended.run is None and ended.status == pytest.ExitCode.INTERNAL_ERROR:
        untidy = _untidy(ended)
        return (Outcome.WRONG, untidy) if untidy else (Outcome.TOLD, broken_off[0])
    if wrong := _wrong(ended, expected):
        return Outcome.WRONG, wrong
    if ended.status == 0:
        return Outcome.UNHARMED, ""
    if not killed:
        return Outcome.WRONG, f"exit status {ended.status}, though nothing was killed"
    assert ended.run is not None
    if not ended.run.exit_status:
        return Outcome.WRONG, f"exit status {ended.status}, but 0 in verdict.json"
    told = [check.reason for check in ended.run.checks if check.failed and "SIGKILL" in check.reason]
    told += [entry.reason for entry in ended.run.not_run if "crashed" in entry.reason]
    told += broken_off
    if not told:
        return Outcome.WRONG, f"exit status {ended.status} without a word about what was killed"
    return Outcome.TOLD, told[0]


def judge_full(ended: Ended, expected: int) -> tuple[Outcome, str]:
    """What became of a run with too little room on a disk; `told` is one that fails and names disk and remedy."""
    failed_early = ended.status not in (0, None) and ended.run is None
    wrong = _untidy(ended) if failed_early else _wrong(ended, expected)
    if wrong:
        return Outcome.WRONG, wrong
    if ended.status == 0:
        return Outcome.UNHARMED, ""
    told = [line for line in ended.output.splitlines() if "No space left on device" in line and "free some" in line]
    if not told:
        return Outcome.WRONG, f"exit status {ended.status} without a word about the disk"
    return Outcome.TOLD, told[0].strip()


def judge_clock(ended: Ended, expected: int, starts: Sequence[datetime], took: float) -> tuple[Outcome, str]:
    """What became of a run whose wall clock was set again and again, while it ran for `took` seconds.

    Nothing excuses a failure; the run must say that it started at one of `starts`, to the hour, which is what the clock
    said then by one setting or another, and that it took no longer than it did.
    """
    if wrong := _wrong(ended, expected):
        return Outcome.WRONG, wrong
    assert ended.run is not None
    if ended.status:
        return Outcome.WRONG, f"exit status {ended.status}"
    said = datetime.fromisoformat(ended.run.started)
    if all(abs(said - start) > timedelta(hours=1) for start in starts):
        return Outcome.WRONG, f"the clock was not set: the run says that it started {ended.run.started}"
    if not 0 < ended.run.seconds <= took:
        return Outcome.WRONG, f"says that it took {ended.run.seconds} s, and took {took:.1f} s"
    return Outcome.UNHARMED, ""


def _wrong(ended: Ended, expected: int) -> str:
    """What no fault of the machine excuses; empty where there is nothing."""
    if ended.status is None:
        return "did not end by itself"
    if untidy := _untidy(ended):
        return untidy
    if ended.run is None:
        return f"exit status {ended.status} and no verdict"
    accused = [check.id for check in ended.run.checks if check.failed and check.contract != "observed"]
    if accused:
        return f"accuses the framework: {accused[0]}"
    if ended.status == 0 and (len(ended.run.checks) != expected or ended.run.exit_status):
        return f"passes with {len(ended.run.checks)} of {expected} checks"
    return ""


def _untidy(ended: Ended) -> str:
    """What a run left behind, or showed its user instead of a line; empty where there is nothing."""
    left = [f"left {name}" for name in (*ended.left, *ended.damaged)]
    shown = [f"shows its user a {words!r}" for words in _UNTOLD if words in ended.output]
    return "; ".join([*left, *shown])


def differences(runs: Sequence[Run]) -> Iterator[str]:
    """The checks in which runs differ from the first."""
    first, *others = [{check.id: (check.verdict, check.measured) for check in run.checks} for run in runs]
    for number, other in enumerate(others, 2):
        different = sorted(name for name in {*first, *other} if first.get(name) != other.get(name))
        yield from (f"run {number}: {name} is {other.get(name)}, in run 1 {first.get(name)}" for name in different)


def grows(values: Sequence[float]) -> bool:
    """Whether a series rises: Kendall's tau against the order of the runs, one-sided, p below 0.01.

    Raises ValueError for fewer than 5 values, of which no order is that unlikely.
    """
    if len(values) < 5:
        raise ValueError(f"{len(values)} runs show no growth: at least 5 are needed")
    if len(set(values)) == 1:
        return False
    return bool(kendalltau(range(len(values)), values, alternative="greater").pvalue < GROWTH_P)
