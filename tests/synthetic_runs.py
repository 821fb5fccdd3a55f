"""Runs as the suite would report them, made by hand: small, complete, and each with one thing to tell."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from conformance.census import CensusComparison, NotRun, census, compare_census
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.verdict import (
    LedgerUse,
    Mode,
    PackageChange,
    Partial,
    PlanChange,
    Run,
    Side,
    SpeedVerdict,
    Throughput,
)

PARAMETERS = ("hidden/kernel", "hidden/bias", "output/kernel", "output/bias")
SIZES = {"hidden/kernel": 7840, "hidden/bias": 10, "output/kernel": 100, "output/bias": 10}


def make_check(step: Step, contract: str, framework: str = "pytorch", **changes: Any) -> Check:
    values: dict[str, Any] = {
        "kind": Kind.ROUNDING,
        "subjects": (framework, "oracle"),
        "verdict": Verdict.ROUNDING,
        "workload": "mnist_mlp",
        "measured": 2.4e-8,
        "allowed": 1.1e-7,
        "elements": 100,
        **changes,
    }
    return Check(step=step, contract=contract, framework=framework, **values)


def exact(step: Step, contract: str, framework: str, elements: int) -> Check:
    return make_check(
        step,
        contract,
        framework,
        kind=Kind.EXACT,
        verdict=Verdict.IDENTICAL,
        measured=0.0,
        allowed=0.0,
        elements=elements,
    )


def conforming_checks() -> tuple[Check, ...]:
    checks = []
    for framework in ("tensorflow", "pytorch"):
        checks += [
            exact(Step.IMPORTS, "versions", framework, 3),
            exact(Step.IMPORTS, "settings", framework, 9),
            exact(Step.DATA, "images", framework, 54_880_000),
            exact(Step.DATA, "labels", framework, 70_000),
            exact(Step.DATA, "inputs", framework, 54_880_000),
            exact(Step.MODEL, "parameter_count", framework, 3),
            make_check(Step.MODEL, "logits", framework, measured=3.1e-7, allowed=1.9e-6, elements=100_000),
            make_check(Step.OBJECTIVE, "loss", framework, measured=2.4e-8, allowed=7.2e-7, elements=1),
        ]
        for name in PARAMETERS:
            where = Where(f"train/weights/009380/{name}", (0,) * name.count("/"), 9380, 0.25, 0.25, 0.25)
            checks += [
                make_check(Step.OBJECTIVE, f"gradient/{name}", framework, elements=SIZES[name]),
                make_check(Step.OBJECTIVE, f"updated/{name}", framework, elements=SIZES[name]),
                make_check(
                    Step.TRAIN,
                    f"weights/{name}",
                    framework,
                    variant="tape" if framework == "tensorflow" else "tensors",
                    seed=0,
                    measured=1.8e-6,
                    allowed=6.6e-6,
                    where=where,
                    elements=SIZES[name] * 15,
                ),
            ]
        checks += [
            make_check(Step.TRAIN, "losses", framework, measured=9.1e-7, allowed=3.9e-6, elements=9_380),
            exact(Step.EVALUATE, "predictions", framework, 10_000),
            make_check(
                Step.EVALUATE,
                "accuracy_threshold",
                framework,
                kind=Kind.STATISTICAL,
                verdict=Verdict.IDENTICAL,
                measured=0.8593,
                allowed=0.80,
                elements=22,
            ),
        ]
    return tuple(checks)


ENVIRONMENT = Side(
    label="installed",
    packages={"tensorflow": "2.21.0", "keras": "3.15.1", "torch": "2.15.0", "numpy": "2.4.6"},
    flags={"threads": 1, "TF_ENABLE_ONEDNN_OPTS": "1"},
)


def conforming() -> Run:
    checks = conforming_checks()
    return Run(
        mode=Mode.RUN,
        checks=checks,
        candidate=ENVIRONMENT,
        throughput=(
            Throughput("epoch", "train", "tensorflow", samples_per_second=428_571.4, peak_memory=9.1e8),
            Throughput("epoch", "train", "pytorch", samples_per_second=315_789.5, peak_memory=5.2e8),
            Throughput("epoch", "train", "numpy", samples_per_second=545_454.5, peak_memory=2.2e8),
            Throughput("tutorial epoch", "train", "pytorch", samples_per_second=28_571.4, peak_memory=6e8),
        ),
        census_comparison=compare_census(census(checks), census(checks)),
        started="2026-03-02T09:14:07+00:00",
        seconds=131.7,
    )


def drifting() -> Run:
    """A learning rate wrong by 0.1 % in PyTorch."""
    found = (
        make_check(
            Step.TRAIN,
            "weights/hidden/kernel",
            variant="tensors",
            seed=0,
            verdict=Verdict.DRIFT,
            measured=2.31e-4,
            allowed=6.6e-6,
            where=Where("train/weights/000016/hidden/kernel", (412, 7), 16, 0.03125118, 0.03102, 0.0310201),
            elements=7_840,
            reason="outside the rounding allowance; equivalence of accuracy shown",
        ),
        make_check(
            Step.OBJECTIVE,
            "updated/output/bias",
            verdict=Verdict.DRIFT,
            measured=5.2e-6,
            allowed=7.3e-9,
            where=Where("objective/updated/output/bias", (3,), None, -0.00116421, -0.00116304, -0.001163041),
            elements=10,
            reason="outside the rounding allowance",
        ),
    )
    return with_checks(conforming(), found)


def broken() -> Run:
    """A worker of TensorFlow that was killed, with its colourful last words."""
    crashed = make_check(
        Step.MODEL,
        "logits",
        "tensorflow",
        kind=Kind.EXACT,
        verdict=Verdict.BREAK,
        measured=None,
        allowed=None,
        elements=0,
        reason="the worker was ended by SIGKILL (exit status -9): \x1b[31m<script>alert(1)</script>|",
    )
    return with_checks(conforming(), (crashed,))


def not_finite() -> Run:
    lost = make_check(
        Step.TRAIN,
        "losses",
        variant="tensors",
        seed=0,
        verdict=Verdict.BREAK,
        measured=math.nan,
        allowed=3.9e-6,
        where=Where("train/losses", (36,), 37, math.nan, 1.9321, 1.9321),
        elements=9_380,
        reason="1 of 9,380 values is not finite",
    )
    return with_checks(conforming(), (lost,))


def partial() -> Run:
    run = conforming()
    return replace(
        run, partial=Partial(12, 214), census_comparison=compare_census((), census(run.checks), partial=True)
    )


def with_ledger() -> Run:
    accepted = make_check(
        Step.OBJECTIVE,
        "edge_case/zero_probability",
        verdict=Verdict.DRIFT,
        measured=11.5,
        allowed=1e-6,
        elements=1,
        ledger_id="loss-of-a-zero-probability",
    )
    use = LedgerUse(
        "loss-of-a-zero-probability",
        "framework-default",
        "Keras clips probabilities at 1e-7 before the logarithm; PyTorch's NLLLoss does not",
        "https://keras.io/api/losses",
    )
    return replace(with_checks(conforming(), (accepted,)), ledger=(use,))


def lacking_a_framework() -> Run:
    run = conforming()
    missing = NotRun("tensorflow", "No module named 'tensorflow'; install it", required=True, framework="tensorflow")
    return replace(
        run,
        checks=tuple(check for check in run.checks if check.framework == "pytorch"),
        not_run=(
            missing,
            NotRun("pytorch compiled", "no C++ compiler", framework="pytorch", variant="compiled"),
        ),
        census_comparison=CensusComparison(reason="something that the suite requires could not be run"),
    )


def gate() -> Run:
    """Torch 2.14.1 against 2.15.0, slower in one benchmark."""
    checks = tuple(
        replace(
            check,
            subjects=("candidate", "baseline"),
            verdict=Verdict.IDENTICAL,
            measured=0.0,
        )
        for check in conforming_checks()
        if check.framework == "pytorch"
    )
    return Run(
        mode=Mode.GATE,
        checks=checks,
        baseline=Side("torch==2.14.1 torchvision==0.29.1", {"torch": "2.14.1", "torchvision": "0.29.1"}),
        candidate=Side("torch==2.15.0 torchvision==0.29.2", {"torch": "2.15.0", "torchvision": "0.29.2"}),
        packages_changed=(
            PackageChange("torch", "2.14.1", "2.15.0", "named"),
            PackageChange("torchvision", "0.29.1", "0.29.2", "named"),
            PackageChange("triton", "3.6.0", "3.7.0", "forced"),
            PackageChange("sympy", "1.13.1", None, "dropped"),
        ),
        plan_changes=(
            PlanChange("pytorch", "train step", "aten::addmm", "2 calls, float32", "2 calls, bfloat16"),
        ),
        throughput=(
            Throughput(
                "pytorch train step", "train", "pytorch",
                ratio=1.247, low=1.214, high=1.283, verdict=SpeedVerdict.SLOWER, resolvable=1.09,
            ),
            Throughput(
                "pytorch forward", "model", "pytorch",
                ratio=1.004, low=0.981, high=1.027, verdict=SpeedVerdict.SAME, resolvable=1.06,
            ),
            Throughput(
                "pytorch load", "data", "pytorch",
                ratio=1.031, low=0.912, high=1.161, verdict=SpeedVerdict.UNRESOLVED, resolvable=1.31,
            ),
        ),
        started="2026-03-02T09:14:07+00:00",
        seconds=148.2,
    )  # fmt: skip


def empty() -> Run:
    return Run(mode=Mode.RUN, checks=(), candidate=ENVIRONMENT)


def with_checks(run: Run, found: tuple[Check, ...]) -> Run:
    """The run with these checks in the place of those of the same id."""
    replaced = {check.id for check in found}
    kept = tuple(check for check in run.checks if check.id not in replaced)
    return replace(run, checks=(*kept, *found))


RUNS = {
    "conforming": conforming,
    "drifting": drifting,
    "broken": broken,
    "not_finite": not_finite,
    "partial": partial,
    "with_ledger": with_ledger,
    "lacking_a_framework": lacking_a_framework,
    "gate": gate,
    "empty": empty,
}
