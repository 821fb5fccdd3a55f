"""Timing both sides of a gate: fresh processes one at a time, in the drawn order, judged and told in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from conformance.benchmarks import named, paired
from conformance.checks import Step
from conformance.commands.gate import GateWords
from conformance.ending import WrongUse
from conformance.gate.false_alarms import slowed, virtual_gates
from conformance.gate.request import SIDES
from conformance.gate.speed import judge_times
from conformance.gate.timing import SIDE_OF, Times, Work, time_process, time_rounds, works
from conformance.judge.timing import ARMS
from conformance.subjects import FRAMEWORKS, Subject
from conformance.verdict import SpeedVerdict
from conformance.worker import stage_code
from reference.workloads import MNIST_MLP

FORWARD = Work(MNIST_MLP, "numpy", named("numpy", "forward"), None)
STEP = Work(MNIST_MLP, "numpy", named("numpy", "train_step-float32"), None)
PREPROCESS = Work(MNIST_MLP, "numpy", named("numpy", "preprocess"), 640)


def made_up(slow: float = 1.0, again: float = 1.0, rounds: int = 12) -> Times:
    """Times of two works on a machine whose processes vary by 1 %, the candidate's update `slow` times as long."""
    rng = np.random.default_rng(0)
    times = Times()
    for arm in ARMS:
        for _ in range(rounds):
            noise = np.exp(0.01 * rng.normal(size=2)) * {"again": again}.get(arm, 1.0)
            step = noise[1] * (slow if SIDE_OF[arm] == "candidate" else 1.0)
            times.add(arm, {FORWARD.name: float(noise[0]), STEP.name: float(step)}, {})
    return times


def verdicts(times: Times, limit: float = 0.05) -> dict[str, SpeedVerdict | None]:
    return {row.name: row.verdict for row in judge_times([FORWARD, STEP], times, limit)[0]}


def test_a_slower_update_is_slower_and_nothing_else_is() -> None:
    rows, warnings = judge_times([FORWARD, STEP], made_up(slow=1.25), 0.05)
    assert [row.name for row in rows] == [FORWARD.name, STEP.name]
    assert [row.verdict for row in rows] == [SpeedVerdict.SAME, SpeedVerdict.SLOWER]
    assert rows[1].low is not None
    assert rows[1].high is not None
    assert 1.2 < rows[1].low < rows[1].high < 1.3
    assert rows[1].resolvable is not None
    assert 1.0 < rows[1].resolvable < 1.1
    assert warnings == []


def test_equal_sides_are_the_same() -> None:
    assert set(verdicts(made_up()).values()) == {SpeedVerdict.SAME}


def test_the_limit_decides_what_is_the_same() -> None:
    assert verdicts(made_up(slow=1.015))[STEP.name] is SpeedVerdict.SAME
    assert verdicts(made_up(slow=1.015), limit=0.01)[STEP.name] is SpeedVerdict.UNRESOLVED


def test_a_disturbed_machine_resolves_nothing_and_says_so() -> None:
    rows, warnings = judge_times([FORWARD, STEP], made_up(slow=1.25, again=1.1), 0.05)
    assert {row.verdict for row in rows} == {SpeedVerdict.UNRESOLVED}
    assert any("quieter machine" in line for line in warnings)


def test_a_work_that_failed_once_is_unresolved_with_its_reason() -> None:
    times = made_up()
    times.add("candidate", {}, {STEP.name: "RuntimeError: no such kernel"})
    times.add("baseline", {STEP.name: 1.0}, {})
    rows, warnings = judge_times([FORWARD, STEP], times, 0.05)
    assert [row.verdict for row in rows] == [SpeedVerdict.SAME, SpeedVerdict.UNRESOLVED]
    assert rows[1].ratio is None
    assert rows[1].reason == "candidate: RuntimeError: no such kernel"
    assert any("no such kernel" in line for line in warnings)


@pytest.mark.parametrize("framework", [*FRAMEWORKS, "numpy"])
def test_every_kind_of_work_rides_in_each_process(framework: str) -> None:
    kinds = {work.benchmark.name for work in works([MNIST_MLP], framework)}
    assert kinds == {"load", "preprocess", "forward", "train_step", "epoch", "evaluate"}
    assert {work.benchmark.step for work in works([MNIST_MLP], framework, Step.TRAIN)} == {Step.TRAIN}
    assert len({benchmark.label for benchmark, _ in paired(framework)}) == len(works([MNIST_MLP], framework))


@pytest.mark.full
def test_a_process_times_what_it_is_asked_for(tmp_path: Path) -> None:
    code = stage_code(tmp_path / "code")
    short = replace(FORWARD, workload=replace(MNIST_MLP, name="one_more", test_examples=10_001))
    asked = [FORWARD, STEP, PREPROCESS, short]
    seconds, failed = time_process(Subject("numpy"), code, tmp_path / "log", asked, seed=0)
    assert set(seconds) == {FORWARD.name, STEP.name, PREPROCESS.name}
    assert all(value > 0 for value in seconds.values())
    assert failed == {short.name: "only 10000 of 10001 samples went through it"}


def test_a_process_that_does_not_start_fails_all_its_works(tmp_path: Path) -> None:
    subject = Subject("numpy", interpreter=str(tmp_path / "python"))
    seconds, failed = time_process(subject, tmp_path, tmp_path / "log", [FORWARD, STEP], seed=0)
    assert seconds == {}
    assert set(failed) == {FORWARD.name, STEP.name}


def test_rounds_follow_the_orders_and_drop_what_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[tuple[str, list[str]]] = []

    def process(
        subject: Subject, code: Path, log: Path, asked: Sequence[Work], seed: int
    ) -> tuple[dict[str, float], dict[str, str]]:
        seen.append((subject.interpreter, [work.name for work in asked]))
        return {FORWARD.name: float(len(seen))}, {work.name: "broken" for work in asked if work == STEP}

    monkeypatch.setattr("conformance.gate.timing.time_process", process)
    subjects = {side: {"numpy": Subject("numpy", interpreter=side)} for side in SIDES}
    rounds = (("candidate", "baseline", "again"), ("again", "candidate", "baseline"))
    told: list[tuple[int, int]] = []
    times = time_rounds(
        subjects, {"numpy": [FORWARD, STEP]}, {"numpy": rounds}, tmp_path, tmp_path, 0, lambda *at: told.append(at)
    )
    assert [side for side, _ in seen] == [SIDE_OF[arm] for order in rounds for arm in order]
    assert [names for _, names in seen] == [[FORWARD.name, STEP.name], *[[FORWARD.name]] * 5]
    assert times.failed == {STEP.name: "candidate: broken"}
    assert {arm: found[FORWARD.name] for arm, found in times.seconds.items()} == {
        "baseline": [2.0, 6.0],
        "again": [3.0, 4.0],
        "candidate": [1.0, 5.0],
    }
    assert told == [(1, 2), (2, 2)]


@pytest.mark.parametrize(("speed", "limit"), [("fast", "5%"), ("quick", "0"), ("quick", "a lot"), ("quick", "nan")])
def test_words_that_are_no_speed(speed: str, limit: str) -> None:
    with pytest.raises(WrongUse, match="--speed"):
        GateWords("torch==2.14", "torch==2.15", speed=speed, speed_limit=limit).request()


def test_the_plan_and_the_limit_are_read() -> None:
    request = GateWords("torch==2.14", "torch==2.15", speed="full", speed_limit="7.5 %").request()
    assert request.speed == "full"
    assert request.speed_limit == pytest.approx(0.075)


def test_virtual_gates_are_quiet_without_a_change_and_see_a_large_one() -> None:
    rng = np.random.default_rng(1)
    pool = [[{FORWARD.name: f, STEP.name: s} for f, s in np.exp(0.02 * rng.normal(size=(3, 2)))] for _ in range(30)]
    assert SpeedVerdict.SLOWER not in {slowed(run) for run in virtual_gates(pool, 12, 30, seed=0)}
    verdicts = [slowed(run) for run in virtual_gates(pool, 12, 30, seed=0, slowdown=0.25)]
    assert verdicts.count(SpeedVerdict.SLOWER) >= 27
    with pytest.raises(ValueError, match="the pool holds 30"):
        list(virtual_gates(pool, 80, 1, seed=0))
