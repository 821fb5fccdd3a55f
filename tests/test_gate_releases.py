"""Real upgrades between releases, and whole gates of what is installed: minutes each, run where they are asked for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from conformance.checks import Check, Verdict
from conformance.commands.bisect import bisect
from conformance.commands.gate import GateWords
from conformance.gate.progress import Progress
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.gate.running import run_gate
from conformance.gate.speed import judge_times
from conformance.gate.timing import time_rounds, works
from conformance.judge.timing import SPEED_LIMIT, orders
from conformance.report.summary import components
from conformance.subjects import Subject
from conformance.verdict import Run, SpeedVerdict
from conformance.verdict_file import to_document
from conformance.worker import stage_code
from reference.workloads import MNIST_MLP
from tests.planted_faults import BFLOAT16, HUBER, LABEL, LEARNING_RATE, LOSS, plant, slowed

HERE = f"python:{sys.executable}"
AGREE = (Verdict.IDENTICAL, Verdict.ROUNDING)


def gate(words: GateWords) -> Run:
    return run_gate(words.request(), Progress(Console(quiet=True))).run


def named(run: Run, contract: str) -> list[Check]:
    found = [check for check in run.checks if check.contract == contract]
    assert found, f"no check is called {contract}"
    return found


@pytest.mark.environments
@pytest.mark.parametrize(
    ("baseline", "candidate"),
    [
        ("torch==2.14.1 torchvision==0.29.1", "torch==2.15.0 torchvision==0.29.2"),
        ("tensorflow-cpu==2.20.0", "tensorflow-cpu==2.21.0"),
    ],
)
def test_an_upgrade_that_only_rounds_and_is_not_run_twice(
    baseline: str, candidate: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # brings code that no key covers
    words = GateWords(baseline, candidate, verdicts=tmp_path)
    run = gate(words)
    assert run.verdict in AGREE
    assert run.complete
    assert run.exit_status == 0
    again = gate(words)
    assert to_document(again)["checks"] == to_document(run)["checks"]
    assert again.started == run.started


@pytest.mark.environments
def test_keras_3_breaks_the_old_spelling_of_the_learning_rate() -> None:
    run = gate(GateWords("tensorflow-cpu==2.15.1", "tensorflow-cpu==2.16.2"))
    assert run.verdict is Verdict.BREAK
    assert run.exit_status == 1
    keras = next(change for change in run.packages_changed if change.name == "keras")
    assert (keras.baseline or "").startswith("2.15")
    assert (keras.candidate or "").startswith("3.")
    assert keras.cause == "forced"
    (tutorial,) = named(run, "tutorial/lr")
    assert "baseline: SGD(lr=0.25) trains at 0.01, the argument is ignored" in tutorial.reason
    assert "candidate: SGD(lr=0.25) raises ValueError" in tutorial.reason
    legacy = {check.subjects[0]: check for check in named(run, "legacy_arguments/lr")}
    assert legacy["tensorflow@baseline"].ledger_id == "sgd-lr-ignored"
    assert legacy["tensorflow@baseline"].measured == pytest.approx(0.24, abs=1e-6)
    assert legacy["tensorflow@candidate"].ledger_id == "sgd-lr-refused"
    weights = [check for check in run.checks if check.contract.startswith("weights/")]
    assert {check.verdict for check in weights} <= {*AGREE}


@pytest.mark.environments
def test_bisection_finds_the_first_release_with_keras_3(tmp_path: Path) -> None:
    words = GateWords("tensorflow-cpu==2.14.1", "tensorflow-cpu==2.18.0", only="objective", report=tmp_path)
    status = bisect("tensorflow-cpu", "2.14.1", "2.18.0", words, beside="", include_pre=False, include_yanked=False)
    answer = json.loads((tmp_path / "bisect.json").read_text())
    assert status == 1
    assert answer["found"]["first_bad"] == "2.16.1"
    assert "keras" in {change["name"] for change in answer["packages_changed"]}


@pytest.mark.full
@pytest.mark.parametrize(
    "words",
    [
        GateWords(HERE, HERE),
        GateWords(
            HERE,
            HERE,
            frameworks="tensorflow",
            baseline_environment=("TF_ENABLE_ONEDNN_OPTS=0",),
            candidate_environment=("TF_ENABLE_ONEDNN_OPTS=1",),
        ),
        GateWords(HERE, HERE, frameworks="pytorch", candidate_environment=("OMP_NUM_THREADS=2",)),
    ],
    ids=["equal sides", "oneDNN", "threads"],
)
def test_a_flag_only_rounds(words: GateWords) -> None:
    run = gate(words)
    flagged = words.baseline_environment or words.candidate_environment
    assert run.verdict is (Verdict.ROUNDING if flagged else Verdict.IDENTICAL)
    assert run.complete
    assert run.exit_status == 0


@pytest.mark.full
@pytest.mark.parametrize(
    ("framework", "fault", "step"),
    [
        ("tensorflow", LABEL, "data"),
        ("tensorflow", BFLOAT16, "model"),
        ("pytorch", LEARNING_RATE, "objective"),
        ("pytorch", LOSS, "objective"),
    ],
    ids=["label", "bfloat16", "learning rate", "loss"],
)
def test_a_whole_gate_names_the_step_of_a_fault_first(
    tmp_path: Path, framework: str, fault: dict[str, str], step: str
) -> None:
    planted = (f"PYTHONPATH={plant(tmp_path, fault[framework])}",)
    run = gate(GateWords(HERE, HERE, frameworks=framework, candidate_environment=planted))
    assert run.verdict in (Verdict.DRIFT, Verdict.BREAK)
    assert run.exit_status == 1
    assert run.first_divergence is not None
    assert run.first_divergence.step == step


@pytest.mark.full
def test_a_fault_in_a_component_is_named_by_component(tmp_path: Path) -> None:
    planted = (f"PYTHONPATH={plant(tmp_path, HUBER)}",)
    run = gate(GateWords(HERE, HERE, frameworks="torch", only="objective/catalogue", candidate_environment=planted))
    assert run.verdict is Verdict.DRIFT
    assert [component.name for component in components(run)] == ["Huber"]
    oracle = {check.subjects for check in run.checks if check.failed and "oracle" in check.subjects}
    assert oracle == {("pytorch@candidate", "oracle")}


def timed_update(tmp_path: Path, candidate: Subject) -> SpeedVerdict | None:
    """The verdict of the whole quick plan on PyTorch's update, the baseline's being as it is installed here."""
    (update,) = (work for work in works([MNIST_MLP], "pytorch") if work.benchmark.name == "train_step")
    times = time_rounds(
        {BASELINE: {"pytorch": Subject("pytorch")}, CANDIDATE: {"pytorch": candidate}},
        {"pytorch": [update]},
        {"pytorch": orders("quick", 0)},
        stage_code(tmp_path / "code"),
        tmp_path,
        0,
        lambda done, rounds: None,
    )
    (row,), _ = judge_times([update], times, SPEED_LIMIT)
    return row.verdict


@pytest.mark.timing
@pytest.mark.parametrize("share", [0.25, 0.10])
def test_a_slowed_update_is_never_called_the_same(tmp_path: Path, share: float) -> None:
    """Whether it is resolved depends on how quiet the machine is."""
    slow = Subject("pytorch", environment={"PYTHONPATH": str(plant(tmp_path / "slow", slowed(share)))})
    assert timed_update(tmp_path, slow) in (SpeedVerdict.SLOWER, SpeedVerdict.UNRESOLVED)


@pytest.mark.timing
def test_an_update_is_never_called_slower_or_faster_than_itself(tmp_path: Path) -> None:
    assert timed_update(tmp_path, Subject("pytorch")) in (SpeedVerdict.SAME, SpeedVerdict.UNRESOLVED)
