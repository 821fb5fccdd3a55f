"""Whether a faulty framework is slower than the clean one, by the gate's timing."""

from __future__ import annotations

from pathlib import Path

from conformance.gate.request import BASELINE, CANDIDATE
from conformance.gate.timing import time_rounds, works
from conformance.judge.timing import ARMS, judge_speed, orders
from conformance.subjects import Subject
from conformance.verdict import SpeedVerdict
from reference.workloads import Workload

_PLAN = "quick"


def slower(clean: Subject, faulty: Subject, workload: Workload, code: Path, directory: Path) -> str:
    """What was found slower in 12 rounds of fresh processes, in words; empty where nothing was."""
    framework = clean.framework
    asked = {framework: works([workload], framework)}
    subjects = {BASELINE: {framework: clean}, CANDIDATE: {framework: faulty}}
    drawn = {framework: orders(_PLAN, 0)}
    times = time_rounds(subjects, asked, drawn, code, directory, 0, lambda done, rounds: None)
    baseline, again, candidate = (times.seconds[arm] for arm in ARMS)
    run = judge_speed(baseline, again, candidate)
    found = [result for result in run.results if result.verdict is SpeedVerdict.SLOWER]
    return "; ".join(f"{result.name} takes {result.ratio:.2f} times as long" for result in found)
