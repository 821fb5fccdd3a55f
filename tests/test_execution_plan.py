"""The execution plan: what each framework tells of an update, and what a gate makes of two such tales."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from conformance import ledger_file
from conformance.cases import Case
from conformance.checks import Verdict
from conformance.gate import running
from conformance.gate.accepting import Ledgers
from conformance.gate.execution_plan import PlanComparison, plan_changes, same_devices
from conformance.gate.request import Request, SideRequest
from conformance.gate.sides import ReadySide, ReadySides
from conformance.observations import Key
from conformance.observer.onednn import primitives
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.verdict import Mode, PlanChange, Run, Side
from conformance.worker import Worker, stage_code
from reference.workloads import MNIST_MLP
from tests.own_gates import quiet
from tests.planted_faults import BFLOAT16, plant

CASE = Case(MNIST_MLP, "pytorch", "cuda", "pytorch@baseline", seed=0, side="candidate")
PLAN: dict[str, dict[str, dict[str, int]]] = {
    "forward": {"operators": {"aten::addmm": 2}, "kernels": {}, "dtypes": {"float32": 6}, "devices": {"cuda": 6}},
    "train_step": {
        "operators": {"aten::addmm": 2, "aten::mm": 3},
        "kernels": {"sgemm_32x32": 3},
        "dtypes": {"float32": 38},
        "devices": {"cuda": 38},
    },
}


def changed(operation: str, kind: str, **values: int) -> dict[str, dict[str, dict[str, int]]]:
    """The plan with other values of one kind in one operation."""
    return {**PLAN, operation: {**PLAN[operation], kind: values}}


def observed(framework: str, directory: Path, **environment: str) -> Any:
    """The plan that a worker reports."""
    subject = Subject(framework, sys.executable, environment={"ONEDNN_VERBOSE": "1", **environment})
    request = request_for(Key(MNIST_MLP.name, framework, "plan"), MNIST_MLP)
    with Worker(subject, stage_code(directory / "code"), directory / "stderr") as worker:
        return worker.request(request.operation, request.arguments, request.tensors).facts["plan"]


def test_equal_plans_do_not_differ() -> None:
    assert list(plan_changes("pytorch", "mnist_mlp", PLAN, PLAN)) == []
    assert same_devices(CASE, PLAN, PLAN).verdict is Verdict.IDENTICAL


def test_another_kernel_is_named_on_both_sides() -> None:
    candidate = changed("train_step", "kernels", sgemm_64x64=2, sgemm_32x32=1)
    assert list(plan_changes("pytorch", "mnist_mlp", PLAN, candidate)) == [
        PlanChange("pytorch", "mnist_mlp train_step", "kernel sgemm_32x32", "3 times", "once"),
        PlanChange("pytorch", "mnist_mlp train_step", "kernel sgemm_64x64", "absent", "2 times"),
    ]


def test_a_dtype_is_named_when_it_comes_not_when_it_is_seen_more_often() -> None:
    assert list(plan_changes("pytorch", "mnist_mlp", PLAN, changed("forward", "dtypes", float32=9))) == []
    (change,) = plan_changes("pytorch", "mnist_mlp", PLAN, changed("forward", "dtypes", float32=5, bfloat16=1))
    assert (change.what, change.baseline, change.candidate) == ("dtype bfloat16", "absent", "once")


def test_another_device_is_a_break() -> None:
    check = same_devices(CASE, PLAN, changed("train_step", "devices", cuda=37, cpu=1))
    assert check.verdict is Verdict.BREAK
    assert check.reason == "train_step ran on cpu and cuda, in the baseline on cuda"


@pytest.mark.parametrize(
    "line",
    [
        "onednn_verbose,v1,primitive,exec,cpu,inner_product,x64:gemm:jit,forward_training,"
        "src:f32::blocked:ab::f0 wei:f32::blocked:ba::f0 dst:f32::blocked:ab::f0,"
        "attr-scratchpad:user attr-post-ops:eltwise_logistic,,mb64ic784oc10,0.0659",
        "noise before onednn_verbose,exec,cpu,inner_product,gemm:jit,forward_training,"
        "src_f32::blocked:ab:f0 wei_f32::blocked:ba:f0 dst_f32::blocked:ab:f0,"
        "attr-scratchpad:user attr-post-ops:eltwise_logistic ,,mb64ic784oc10,0.07",
    ],
    ids=["oneDNN 3.9", "oneDNN 3.2"],
)
def test_lines_of_old_and_new_versions_read_alike(line: str) -> None:
    other = line.replace("f32", "bf16").replace("gemm:jit", "brgemm:avx512_core_amx")
    assert primitives([line, line, other, "onednn_verbose,v1,info,cpu,runtime:OpenMP", "unrelated"]) == {
        "oneDNN inner_product gemm:jit f32 + eltwise_logistic": 2,
        "oneDNN inner_product brgemm:avx512_core_amx bf16 + eltwise_logistic": 1,
    }


@pytest.mark.full
def test_pytorch_tells_operators_dtypes_and_devices(tmp_path: Path) -> None:
    plan = observed("pytorch", tmp_path)
    assert plan["forward"]["operators"]["aten::addmm"] == 2
    assert plan["train_step"]["operators"]["aten::mm"] == 3
    assert set(plan["train_step"]["dtypes"]) == {"float32"}
    assert set(plan["train_step"]["devices"]) == {"cpu"}
    lowered = observed("pytorch", tmp_path, PYTHONPATH=str(plant(tmp_path / "fault", BFLOAT16["pytorch"])))
    named = {(change.operation, change.what) for change in plan_changes("pytorch", "mnist_mlp", plan, lowered)}
    assert ("mnist_mlp forward", "dtype bfloat16") in named


@pytest.mark.full
def test_tensorflow_tells_the_executed_graph_and_what_onednn_ran(tmp_path: Path) -> None:
    plan = observed("tensorflow", tmp_path, TF_ENABLE_ONEDNN_OPTS="1")
    assert plan["forward"]["operators"]["_MklNativeFusedMatMul"] == 2
    assert any("oneDNN inner_product" in name for name in plan["train_step"]["kernels"])
    assert set(plan["train_step"]["devices"]) == {"cpu"}
    plain = observed("tensorflow", tmp_path, TF_ENABLE_ONEDNN_OPTS="0")
    assert not any("oneDNN inner_product" in name for name in plain["train_step"]["kernels"])
    named = {change.what for change in plan_changes("tensorflow", "mnist_mlp", plan, plain)}
    assert {"operator _MklNativeFusedMatMul", "operator _FusedMatMul"} <= named


ELSEWHERE = changed("train_step", "devices", cpu=38)


@pytest.mark.parametrize(("version", "accepted"), [("2.15.0", True), ("2.16.0", False)])
def test_a_waiver_for_the_device_holds_in_the_next_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, accepted: bool
) -> None:
    moved = same_devices(CASE, PLAN, ELSEWHERE)
    ledger = tmp_path / "ledger.toml"
    ledger_file.accept(ledger, moved, "known", date.today() + timedelta(days=60), {"torch": version})
    packages = {"torch": "2.15.0"}
    baseline, candidate = (
        ReadySide(name, name, Path(sys.executable), "3.11", packages, ("pytorch",), {}, {})
        for name in ("baseline", "candidate")
    )
    request = Request(SideRequest("baseline"), SideRequest("candidate"), (MNIST_MLP,), device="cuda", ledger=ledger)
    monkeypatch.setattr(running, "compare_execution", lambda *words: PlanComparison(checks=(moved,)))
    before = Run(Mode.GATE, (), Side("baseline"), Side("candidate"))
    sides = ReadySides(baseline, candidate, (), ())
    run = running._with_plan_and_speed(before, request, sides, Ledgers(ledger), quiet())
    assert [check.ledger_id is not None for check in run.checks] == [accepted]
    assert [use.reason for use in run.ledger] == ["known"] * accepted
    assert run.exit_status == (0 if accepted else 1)
