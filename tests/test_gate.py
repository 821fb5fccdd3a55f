"""The gate on the frameworks installed here: a side against itself, and against itself with a fault planted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from conformance.checks import Verdict
from conformance.ending import NotPossible, WrongUse
from conformance.gate.request import Request, SideRequest
from conformance.gate.running import run_gate
from conformance.verdict import Run
from tests.own_gates import HERE, quiet
from tests.planted_faults import ABORT, BFLOAT16, LABEL, LEARNING_RATE, LOSS, RAISE, WARN, plant

Gate = Callable[..., Run]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    """A gate of this interpreter against itself; what does not change is observed once for all tests."""
    shared = tmp_path_factory.mktemp("shared")

    def carry_out(only: str, framework: str = "pytorch", **candidate: str) -> Run:
        request = Request(
            SideRequest(HERE),
            SideRequest(HERE, environment=candidate),
            frameworks=(framework,),
            only=only,
            shared=shared,
        )
        return run_gate(request, quiet()).run

    return carry_out


def first(run: Run) -> str:
    """The step and contract of the first divergence."""
    assert run.first_divergence is not None
    return run.first_divergence.id.partition("[")[0]


def test_equal_sides_are_identical(gate: Gate) -> None:
    run = gate("objective")
    assert run.verdict is Verdict.IDENTICAL
    assert {check.subjects for check in run.checks} == {
        ("pytorch@baseline",),
        ("pytorch@candidate",),
        ("pytorch@baseline", "oracle"),
        ("pytorch@candidate", "oracle"),
        ("pytorch@candidate", "pytorch@baseline"),
    }
    assert run.partial is not None
    assert run.exit_status == 3  # a part of a gate permits no upgrade


@pytest.mark.full
def test_checkpoints_travel_both_ways(gate: Gate) -> None:
    run = gate("model/checkpoint")
    assert run.verdict is Verdict.IDENTICAL
    between = {check.subjects for check in run.checks if len(check.subjects) == 2}
    assert between == {("pytorch@candidate", "pytorch@baseline"), ("pytorch@baseline", "pytorch@candidate")}
    assert {check.contract.split("/")[1] for check in run.checks} == {"state.pt", "training.pt"}
    assert all(check.elements for check in run.checks)


_FAULTS = {
    "label": (LABEL, "data/equality/train/labels"),
    "bfloat16": (BFLOAT16, "model/logits"),
    "learning rate": (LEARNING_RATE, "objective/configuration/learning_rate"),
    "loss": (LOSS, "objective/loss"),
}


@pytest.mark.parametrize(
    ("framework", "fault"),
    [
        ("pytorch", "learning rate"),
        *(pytest.param("pytorch", name, marks=pytest.mark.full) for name in _FAULTS if name != "learning rate"),
        *(pytest.param("tensorflow", name, marks=pytest.mark.full) for name in _FAULTS),
    ],
)
def test_a_planted_fault_fails_at_its_step(gate: Gate, tmp_path: Path, framework: str, fault: str) -> None:
    sources, contract = _FAULTS[fault]
    run = gate(contract.partition("/")[0], framework, PYTHONPATH=str(plant(tmp_path, sources[framework])))
    assert run.verdict in (Verdict.DRIFT, Verdict.BREAK)
    assert run.exit_status == 1
    assert first(run) == contract
    failed = {check.subjects for check in run.checks if check.failed}
    assert (f"{framework}@candidate", f"{framework}@baseline") in failed
    assert not any(subjects[0] == f"{framework}@baseline" for subjects in failed), "the baseline is blameless"


@pytest.mark.full
def test_an_exception_on_one_side_is_a_break(gate: Gate, tmp_path: Path) -> None:
    run = gate("objective", PYTHONPATH=str(plant(tmp_path, RAISE)))
    failed = [check for check in run.checks if check.failed]
    assert {check.subjects for check in failed if check.contract.startswith("observed/")} == {("pytorch@candidate",)}
    assert any("raised NotImplementedError: SGD is gone" in check.reason for check in failed)
    tutorial = next(check for check in failed if check.contract == "tutorial/lr")
    assert "baseline: SGD(lr=0.25) trains at 0.25" in tutorial.reason
    assert "candidate: SGD(lr=0.25) raises NotImplementedError" in tutorial.reason


def test_an_abort_on_import_names_status_and_stderr(gate: Gate, tmp_path: Path) -> None:
    run = gate("objective", PYTHONPATH=str(plant(tmp_path, ABORT)))
    assert run.verdict is Verdict.BREAK
    assert first(run) == "imports/observed/imports"
    (check,) = (check for check in run.checks if check.failed)
    assert "SIGABRT" in check.reason
    assert "LLVM ERROR: planted" in check.reason


def test_sides_that_crash_alike_are_still_a_break(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(plant(tmp_path, ABORT))}
    side = SideRequest(HERE, environment=environment)
    run = run_gate(Request(side, side, frameworks=("pytorch",), only="data"), quiet()).run
    assert run.verdict is Verdict.BREAK
    assert run.exit_status == 1
    assert {check.subjects for check in run.checks if check.failed} == {("pytorch@baseline",), ("pytorch@candidate",)}


@pytest.mark.full
def test_a_new_warning_is_told_and_does_not_fail(gate: Gate, tmp_path: Path) -> None:
    run = gate("objective", PYTHONPATH=str(plant(tmp_path, WARN)))
    (check,) = (check for check in run.checks if check.contract == "warnings")
    assert check.verdict is Verdict.ROUNDING
    assert check.reason == "DeprecationWarning: SGD will be removed"
    assert any("DeprecationWarning: SGD will be removed" in line for line in run.warnings)
    assert run.verdict is Verdict.ROUNDING


def test_a_side_without_the_framework_asked_for(tmp_path: Path) -> None:
    bare = tmp_path / "bin" / "python"
    with pytest.raises(NotPossible, match="there is no Python at"):
        run_gate(Request(SideRequest(HERE), SideRequest(f"python:{bare}")), quiet())


def test_words_that_make_no_side() -> None:
    with pytest.raises(WrongUse, match="no framework in"):
        run_gate(Request(SideRequest("numpy==2.0"), SideRequest(HERE)), quiet())


@pytest.mark.full
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_leave_no_process_and_no_file(tmp_path: Path, number: signal.Signals, status: int) -> None:
    mark = f"mark-{uuid.uuid4()}"
    gate = subprocess.Popen(
        [sys.executable, "-m", "conformance", "gate", HERE, HERE, "--framework", "pytorch", "--only", "train"],
        env={**os.environ, "CONFORMANCE_TEST_MARK": mark, "TMPDIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert gate.stderr is not None
    for line in gate.stderr:
        if line.startswith("observing"):
            break
    gate.send_signal(number)
    error = gate.communicate(timeout=120)[1]
    assert gate.returncode == status, error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
    assert marked(mark) == []


def marked(mark: str) -> list[psutil.Process]:
    """The processes that carry the mark in their environment."""
    processes = psutil.process_iter()
    return [process for process in processes if _environment(process).get("CONFORMANCE_TEST_MARK") == mark]


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}
