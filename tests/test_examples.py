"""The examples of docs/your-model.md: they run as they stand, and what a port gets wrong shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance.checks import Kind, Verdict
from conformance.gate.request import Request, SideRequest
from conformance.gate.running import run_gate
from conformance.workload_files import find_workload
from tests.own_gates import HERE, quiet
from tests.planted_faults import LEARNING_RATE, plant

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"

pytestmark = pytest.mark.full


def run(workload: Path, report: Path, *arguments: str) -> dict[str, Any]:
    """The verdict of the suite on a workload, with pytest's exit status and output."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "conformance"]
    command += ["--workload", str(workload), "--report", str(report), *arguments]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (report / "verdict.json").exists(), done.stdout + done.stderr
    verdict: dict[str, Any] = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    return {**verdict, "pytest": done.returncode, "output": done.stdout}


def test_the_convolutional_network_is_the_same_in_both_frameworks(tmp_path: Path) -> None:
    ran = run(EXAMPLES / "small_cnn" / "workload.py", tmp_path / "report")
    assert ran["pytest"] == 0, ran["output"]
    assert (ran["verdict"], ran["partial"]) == ("rounding", None)
    between = [check for check in ran["checks"] if check["subjects"] == ["tensorflow", "pytorch"]]
    in_float64 = [check for check in between if check["contract"].startswith("in_float64/weights/")]
    assert len(in_float64) == 4 * 9, "four parameters after steps 1, 2, 4, ..., 63, 64 and 126"
    assert {check["kind"] for check in in_float64} == {"self-consistency"}


@pytest.mark.parametrize(
    ("right", "wrong", "contract"),
    [
        ("            channels_last=ChannelsLast(),\n", "", "model/logits"),
        ("nn.AvgPool2d(4)", "nn.LPPool2d(1, 4)", "model/logits"),
        ("tanh=nn.Tanh()", "tanh=nn.Hardtanh()", "model/logits"),
        ("images[: EXAMPLES[split]]", "images.flip(2)[: EXAMPLES[split]]", "data/equality/train/images"),
    ],
    ids=["flattened in another order", "sum for average", "another activation", "mirrored images"],
)
def test_a_wrong_port_is_named_at_its_first_step(tmp_path: Path, right: str, wrong: str, contract: str) -> None:
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLES / "small_cnn", copy)
    port = copy / "in_pytorch.py"
    text = port.read_text(encoding="utf-8")
    assert right in text
    port.write_text(text.replace(right, wrong), encoding="utf-8")
    ran = run(copy / "workload.py", tmp_path / "report", "-k", "data_equality or outputs")
    assert ran["exit_status"] == 1
    assert ran["first_divergence"]["id"].startswith(f"{contract}["), ran["first_divergence"]


@pytest.mark.parametrize("fault", [None, LEARNING_RATE["pytorch"]], ids=["sound", "learning rate"])
def test_the_recurrent_network_is_judged_across_environments(tmp_path: Path, fault: str | None) -> None:
    environment = {} if fault is None else {"PYTHONPATH": str(plant(tmp_path, fault))}
    request = Request(
        SideRequest(HERE, environment={"OMP_NUM_THREADS": "2"}),
        SideRequest(HERE, environment=environment),
        workloads=(find_workload(str(EXAMPLES / "torch_gru" / "workload.py")),),
        only="train",
    )
    checks = run_gate(request, quiet()).run.checks
    judged = [check for check in checks if check.contract.startswith("weights/")]
    assert {check.kind for check in judged} == {Kind.SELF_CONSISTENCY}
    failed = {check.verdict for check in checks if check.failed}
    assert failed <= ({Verdict.DRIFT} if fault else set())
    assert bool(failed) == bool(fault)
