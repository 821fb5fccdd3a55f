"""Where there is no oracle: what moved runs allow, in float32 and in float64, and what they do not."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from conformance.cases import Case
from conformance.checks import Kind, Step, Verdict
from conformance.contracts import filing, train
from conformance.judge.rounding import DEVIATION, allowances, compare, ulp32
from conformance.judge.self_consistency import FLOAT32, with_float32
from conformance.observations import Key, Observation
from conformance.observer.moving import moved
from reference.oracle import ensemble
from reference.oracle.arithmetic import EXACT
from reference.oracle.arithmetic import FLOAT32 as SINGLE
from reference.workloads import MNIST_MLP
from tests.oracle_runs import Tensors, arguments, run_in

STEPS = 16
CASE = Case(MNIST_MLP, "tensorflow", partner="pytorch")


@cache
def self_ensemble() -> Tensors:
    """A run in float64 and how far 16 others lie from it that start from moved inputs and weights."""
    start = arguments(0, STEPS)
    unmoved = ensemble.observe(EXACT, **start)
    runs = [ensemble.observe(EXACT, **{**start, **_moved(start, member)}) for member in range(16)]
    return {
        **unmoved,
        **{DEVIATION + name: np.stack([_distance(run, unmoved, name) for run in runs]) for name in unmoved},
    }


def _moved(start: dict[str, Any], member: int) -> dict[str, Any]:
    generator = np.random.default_rng(member)
    return {
        "inputs": moved(start["inputs"][: 64 * STEPS], generator),
        "test_inputs": moved(start["test_inputs"], generator),
        "initial_weights": {
            name: moved(values, generator, values.shape[0] if values.ndim == 2 else 0)
            for name, values in start["initial_weights"].items()
        },
    }


def _distance(run: Tensors, unmoved: Tensors, name: str) -> Any:
    difference = np.abs(run[name] - unmoved[name])
    return difference if name in ensemble.SERIES else difference.max()


def observed(tensors: Tensors) -> Observation:
    """The tensors as a framework's `self_ensemble`."""
    return Observation(Key(MNIST_MLP.name, "tensorflow", "self_ensemble"), {}, tensors)


def names() -> list[str]:
    return [name for name in self_ensemble() if not name.startswith(DEVIATION)]


def test_float32_is_allowed_and_a_wrong_learning_rate_is_not() -> None:
    unmoved, allowed = self_ensemble(), allowances(self_ensemble())
    right = run_in(SINGLE, 0, STEPS)
    wrong = run_in(SINGLE, 0, STEPS, learning_rate=0.01 * 1.001)
    for name in names():
        result = compare(name, right[name], unmoved[name], allowed[name])
        assert result.verdict is Verdict.ROUNDING, result.reason
    for name in ("objective/updated/hidden/bias", "objective/updated/output/bias"):
        assert compare(name, wrong[name], unmoved[name], allowed[name]).verdict is Verdict.DRIFT


def test_what_float32_adds_widens_only_what_it_was_seen_in() -> None:
    gradient, loss = "objective/gradient/hidden/bias", "objective/loss"
    strict = self_ensemble()
    seen = {**strict, FLOAT32 + gradient: np.full(16, 1e-3)}
    assert filing.allowance_of(gradient, observed(seen)) == pytest.approx(3e-3)
    assert filing.allowance_of(loss, observed(seen)) == filing.allowance_of(loss, observed(strict))
    assert with_float32({gradient: strict[gradient]}, seen)[gradient] is strict[gradient]


def test_frameworks_agree_in_float64_or_not() -> None:
    ours = observed({"evaluate/labels": np.zeros(3, np.uint8), **self_ensemble()})
    same = list(train.agree_in_float64(CASE, ours, observed({name: self_ensemble()[name] for name in names()})))
    assert {check.verdict for check in same} == {Verdict.IDENTICAL}
    assert {check.kind for check in same} == {Kind.SELF_CONSISTENCY}
    assert [check.where and check.where.tensor for check in same] == names()
    assert [f"{check.step}/{check.contract.removeprefix('in_float64/')}" for check in same] == names()

    wrong = run_in(EXACT, 0, STEPS, learning_rate=0.01 * 1.0001)
    failed = {check.contract for check in train.agree_in_float64(CASE, ours, observed(wrong)) if check.failed}
    assert {"in_float64/updated/hidden/bias", f"in_float64/weights/{STEPS:06d}/output/bias"} <= failed

    lacking = {name: wrong[name] for name in names() if name != "objective/loss"}
    found = list(train.agree_in_float64(CASE, ours, observed(lacking)))
    assert len(found) == len(names())
    (missing,) = (check for check in found if "is missing" in check.reason)
    assert (missing.step, missing.kind, missing.verdict) == (Step.OBJECTIVE, Kind.SELF_CONSISTENCY, Verdict.BREAK)
    assert (missing.contract, missing.where and missing.where.tensor) == ("in_float64/loss", "objective/loss")
    assert missing.reason == "objective/loss: is missing on the other side"


def test_moves_are_half_an_ulp_and_keep_zeros() -> None:
    generator = np.random.default_rng(0)
    values = np.array([0.0, 1.0, -3.0, 1e-20], np.float32).repeat(200)
    result = moved(values, generator)
    assert (result[:200] == 0).all()
    distance = np.abs(result - values)[200:] / ulp32(values[200:])
    assert 0.49 < distance.max() <= 0.5
    assert np.std(result[200:400] - 1) == pytest.approx(2.0**-23 / np.sqrt(12), rel=0.1)


def test_moved_kernels_give_the_random_walk_of_a_float32_sum() -> None:
    length, units = 400, 4000
    inputs = np.random.default_rng(1).normal(size=length)
    kernel = np.repeat(np.random.default_rng(2).normal(size=(length, 1)), units, axis=1).astype(np.float32)
    terms = inputs * kernel[:, 0].astype(np.float64)
    error = inputs @ moved(kernel, np.random.default_rng(3), length) - terms.sum()
    walk = (2.0**-24 / np.sqrt(3)) ** 2 * (length * terms.sum() ** 2 / 3 + length * np.sum(terms**2) / 2)
    assert error.var() == pytest.approx(walk, rel=0.1)
