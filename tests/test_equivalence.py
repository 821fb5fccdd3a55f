"""The judge of accuracies passes what is equal, fails what differs, and says when it cannot tell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from conformance.checks import Verdict
from conformance.judge.equivalence import (
    Equivalence,
    EquivalenceResult,
    equivalent,
)


def spread(mean: float, sd: float, seeds: int, seed: int = 0) -> NDArray[np.float64]:
    """A sample whose mean and standard deviation are exactly these, (seeds,)."""
    values = np.random.default_rng(seed).normal(size=seeds)
    standardised: NDArray[np.float64] = (values - values.mean()) / values.std(ddof=1)
    return mean + sd * standardised


def test_equal_accuracies_are_equivalent() -> None:
    result = equivalent(spread(0.8660, 0.01, 22), spread(0.8655, 0.01, 22, seed=1))
    assert result.verdict is Equivalence.EQUIVALENT
    assert result.verdict.as_verdict() is Verdict.ROUNDING
    assert result.estimate == pytest.approx(0.0005)
    assert -0.01 < result.low < result.estimate < result.high < 0.01
    assert result.smallest_margin == pytest.approx(result.high)
    assert (result.seeds, result.margin) == ((22, 22), 0.01)
    assert result.reason == "difference +0.0005, 90 % interval -0.0046 to +0.0056: shown equal within 0.01"


def test_a_difference_beyond_the_margin_is_different() -> None:
    result = equivalent(spread(0.87, 0.01, 22), spread(0.84, 0.01, 22, seed=1))
    assert result.verdict is Equivalence.DIFFERENT
    assert result.verdict.as_verdict() is Verdict.BREAK
    assert result.p_different < 0.001
    assert result.reason.endswith("shown to differ by more than 0.01")


def test_a_difference_on_the_margin_is_unresolved() -> None:
    result = equivalent(spread(0.864, 0.009, 22), spread(0.854, 0.011, 22, seed=1))
    assert result.verdict is Equivalence.UNRESOLVED
    assert result.verdict.as_verdict() is Verdict.DRIFT
    assert result.p_equivalent == pytest.approx(0.5)
    assert result.reason.endswith("shown neither within nor beyond 0.01")


def test_not_significant_is_not_equivalent() -> None:
    """Few noisy runs with equal means: a t test finds nothing, and nothing has been shown."""
    first, second = spread(0.86, 0.03, 5), spread(0.86, 0.03, 5, seed=1)
    assert stats.ttest_ind(first, second).pvalue > 0.9
    result = equivalent(first, second)
    assert result.verdict is Equivalence.UNRESOLVED
    assert result.power == 0
    assert result.smallest_margin > 0.01


def test_agrees_with_scipy() -> None:
    first, second = spread(0.861, 0.008, 22), spread(0.858, 0.013, 17, seed=1)
    result = equivalent(first, second)
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.90)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    below = stats.ttest_ind(first + 0.01, second, equal_var=False, alternative="greater").pvalue
    above = stats.ttest_ind(first - 0.01, second, equal_var=False, alternative="less").pvalue
    assert result.p_equivalent == pytest.approx(max(below, above))
    assert result.p_different == pytest.approx(1 - max(below, above))
    assert result.smallest_margin == pytest.approx(interval.high)
    turned = equivalent(second, first)
    assert (turned.low, turned.high) == pytest.approx((-interval.high, -interval.low), abs=1e-12)
    assert (turned.p_equivalent, turned.smallest_margin) == pytest.approx((result.p_equivalent, interval.high))


@pytest.mark.parametrize("seeds", [0, 1, 2])
def test_too_few_seeds_are_unresolved(seeds: int) -> None:
    result = equivalent([0.87] * seeds, spread(0.86, 0.001, 22), 0.02)
    assert result.verdict is Equivalence.UNRESOLVED
    assert f"{seeds} seeds are too few" in result.reason
    assert (result.seeds, result.margin) == ((seeds, 22), 0.02)
    assert result.estimate == pytest.approx(0.01 if seeds else math.nan, nan_ok=True)
    assert_spread_is_unknown(result)


def test_accuracies_in_float32_are_judged_in_float64() -> None:
    first, second = (spread(0.86, 0.001, 22, seed).astype(np.float32) for seed in (0, 1))
    assert equivalent(first, second) == equivalent(first.astype(np.float64), second.astype(np.float64))


def test_three_seeds_are_enough() -> None:
    assert equivalent([0.86, 0.861, 0.862], [0.86, 0.861, 0.862]).verdict is Equivalence.EQUIVALENT


def test_a_seed_without_effect_is_unresolved() -> None:
    result = equivalent([0.86] * 22, spread(0.87, 0.001, 21), 0.02)
    assert result.verdict is Equivalence.UNRESOLVED
    assert "same accuracy" in result.reason
    assert (result.seeds, result.margin) == ((22, 21), 0.02)
    assert result.estimate == pytest.approx(-0.01)
    assert_spread_is_unknown(result)
    assert equivalent(spread(0.87, 0.001, 22), [0.86] * 22, 0.02).verdict is Equivalence.UNRESOLVED
    assert equivalent([1.0] * 5, [0.5] * 5).verdict is Equivalence.UNRESOLVED


@pytest.mark.parametrize("accuracy", [1.0, 0.86])
def test_sides_that_always_end_at_one_accuracy_are_equivalent(accuracy: float) -> None:
    """Also where the mean of equal numbers is another number in the last bit."""
    result = equivalent([accuracy] * 22, [accuracy] * 22)
    assert result.verdict is Equivalence.EQUIVALENT
    assert (result.power, result.p_equivalent, result.p_different) == pytest.approx((1.0, 0.0, 1.0))
    assert (result.estimate, result.low, result.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("values", [([0.86, math.nan, 0.87], [0.86, 0.86, 0.87]), ([0.86] * 4, [0.86, math.inf] * 2)])
def test_a_run_that_is_not_finite_is_different(values: tuple[list[float], list[float]]) -> None:
    result = equivalent(*values, 0.02)
    assert result.verdict is Equivalence.DIFFERENT
    assert "non-finite" in result.reason
    assert (result.seeds, result.margin) == ((len(values[0]), len(values[1])), 0.02)
    assert math.isnan(result.estimate)
    assert_spread_is_unknown(result)


def assert_spread_is_unknown(result: EquivalenceResult) -> None:
    unknown = (result.low, result.high, result.p_equivalent, result.p_different, result.power, result.smallest_margin)
    assert np.isnan(unknown).all()


@pytest.mark.parametrize(
    ("first", "second", "margin", "message"),
    [
        ([[0.86]], [0.86], 0.01, "shape"),
        ([0.86], [[0.86]], 0.01, "shape"),
        ([0.86], [0.86], 0.0, "margin"),
        ([0.86], [0.86], math.nan, "margin"),
    ],
)
def test_wrong_use_is_refused(first: list[float], second: list[float], margin: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        equivalent(first, second, margin)


@pytest.mark.parametrize(("difference", "expected"), [(0.01, 0.05), (-0.01, 0.05), (0.0, 0.896)])
def test_error_rate_and_power(difference: float, expected: float) -> None:
    """At the margin `equivalent` is wrong 5 % of the time; at 0 it comes with the power that is stated."""
    rng = np.random.default_rng(7)
    runs = 1000
    first = rng.normal(0.86 + difference, 0.01, (runs, 22))
    second = rng.normal(0.86, 0.01, (runs, 22))
    found = np.mean([equivalent(a, b).verdict is Equivalence.EQUIVALENT for a, b in zip(first, second, strict=True)])
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / runs)
    stated = equivalent(spread(0.86, 0.01, 22), spread(0.86, 0.01, 22, seed=1)).power
    assert stated == pytest.approx(0.896, abs=0.01)


@pytest.mark.parametrize("deviation", [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 1e-6])
def test_power_rises_with_agreement(deviation: float) -> None:
    less = equivalent(spread(0.86, 2 * deviation, 22), spread(0.86, 2 * deviation, 22, seed=1)).power
    assert 0 <= less <= equivalent(spread(0.86, deviation, 22), spread(0.86, deviation, 22, seed=1)).power <= 1
    assert deviation > 3e-3 or less == pytest.approx(1.0, abs=0.01)
