"""Judging against recorded observations: what these lack is told, and malformed ones crash nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.baseline import absent, against_baseline, cautions
from conformance.observations import Key, Observation
from reference.workloads import MNIST_MLP

FACTS = {"cpu": "one", "settings": {"device": "cpu"}, "versions": {"torch": "2.15.0"}}
IMPORTS = Key("mnist_mlp", "pytorch", "imports")


def observations(*keys: Key) -> dict[Key, Observation]:
    return {key: Observation(key, FACTS, {}) for key in keys}


TODAY = observations(IMPORTS, replace(IMPORTS, operation="train"), Key("mnist_mlp", "oracle", "ensemble"))


@pytest.mark.parametrize(
    ("baseline", "lacks"),
    [
        (
            observations(replace(IMPORTS, workload="fashion_mlp")),
            "it lacks 2 of this run's observations (imports, train)",
        ),
        (observations(IMPORTS), "it lacks 1 of this run's observations (train)"),
        (observations(IMPORTS, replace(IMPORTS, operation="train", seed=1)), "it lacks 1 of"),
    ],
)
def test_what_a_baseline_lacks_makes_the_run_no_pass(baseline: dict[Key, Observation], lacks: str) -> None:
    (told,) = absent(baseline, TODAY)
    assert told.required
    assert told.what == "pytorch against the baseline"
    assert told.reason.startswith(lacks)


def test_a_baseline_that_has_more_lacks_nothing() -> None:
    assert not list(absent(TODAY, observations(IMPORTS)))
    assert not list(absent(TODAY, TODAY))


def test_a_baseline_without_facts_is_a_break_and_no_crash() -> None:
    hostile = {IMPORTS: Observation(IMPORTS, {}, {})}
    assert list(cautions(hostile, TODAY)) == [
        "the baseline was recorded on another CPU (unknown; here one): rounding is expected"
    ]
    (check,) = against_baseline(hostile, observations(IMPORTS), {"mnist_mlp": MNIST_MLP})
    assert check.failed
    assert "cannot be judged: KeyError: 'settings'" in check.reason
