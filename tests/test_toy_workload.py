"""A workload that lives outside `reference/`, in one framework: all that can be checked of it is, the rest is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(find_spec("torch") is None, reason="the toy is written for PyTorch"),
]

ROOT = Path(__file__).resolve().parents[1]
# Everything but what takes a compiler, a DataLoader or 22 seeds.
SELECTED = "not compiled and not loader and not native and not throughput and not counterpart and not variants_agree"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The verdict of a run on the toy, with pytest's own exit status and output."""
    report = tmp_path_factory.mktemp("report")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "conformance", "-k", SELECTED]
    command += ["--workload", "tests/workloads/toy.py", "--framework", "pytorch", "--report", str(report)]
    # Under xdist this would tell the other pytest that it is one of xdist's processes.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert (report / "verdict.json").exists(), done.stdout + done.stderr
    verdict: dict[str, Any] = json.loads((report / "verdict.json").read_text(encoding="utf-8"))
    return {**verdict, "pytest": done.returncode, "output": done.stdout}


def verdicts(ran: dict[str, Any], name: str) -> set[str]:
    """The verdicts of the checks whose `step/contract` starts with the name; there must be some."""
    found = {check["verdict"] for check in ran["checks"] if f"{check['step']}/{check['contract']}".startswith(name)}
    assert found, f"no check {name}"
    return found


def test_the_run_passes(ran: dict[str, Any]) -> None:
    assert ran["pytest"] == 0, ran["output"]
    assert {check["workload"] for check in ran["checks"]} == {"toy"}
    assert {check["framework"] for check in ran["checks"]} == {"pytorch"}


@pytest.mark.parametrize(
    "name",
    [
        "imports/versions",
        "imports/settings",
        "data/shapes/train",
        "data/dtypes/test",
        "data/batches",
        "data/first_epoch",
        "data/preprocessing_inside",
        "model/parameter_count",
        "model/parameter_total",
        "model/parameter_shapes",
        "model/initialisation/glorot/hidden/kernel",
        "objective/configuration/learning_rate",
        "train/loss_decreases/steps",
        "train/repeatable/weights",
        "train/repeatable/losses",
        "evaluate/accuracy_recomputed",
    ],
)
def test_what_needs_no_oracle_is_checked(ran: dict[str, Any], name: str) -> None:
    assert verdicts(ran, name) == {"identical"}


def test_what_needs_one_is_not_made_and_said_to_be_not_made(ran: dict[str, Any]) -> None:
    assert not [check["id"] for check in ran["checks"] if "oracle" in check["subjects"]]
    assert not [check["id"] for check in ran["checks"] if check["kind"] == "rounding"]
    told = [entry for entry in ran["not_run"] if entry["what"] == "toy against the oracle"]
    assert len(told) == 1
    assert "a module of its own stands for reference.pytorch" in told[0]["reason"]
    assert not told[0]["required"]
    assert "toy against the oracle" in ran["output"]


def test_classes_of_a_part_are_not_held_to_the_whole(ran: dict[str, Any]) -> None:
    assert not [check for check in ran["checks"] if check["contract"].startswith("class_counts/")]
