"""The judge of accuracies passes what is equal, fails what differs, and says when it cannot tell."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from conformance.checks import Verdict
from conformance.judge.equivalence import (
    Equivalence,
    EquivalenceResult,
    equivalent,
    equivalent_pairs,
    flips,
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
    assert result.seeds == (22, 22)


def test_a_difference_beyond_the_margin_is_different() -> None:
    result = equivalent(spread(0.87, 0.01, 22), spread(0.84, 0.01, 22, seed=1))
    assert result.verdict is Equivalence.DIFFERENT
    assert result.verdict.as_verdict() is Verdict.BREAK
    assert result.p_different < 0.001


def test_a_difference_on_the_margin_is_unresolved() -> None:
    result = equivalent(spread(0.864, 0.009, 22), spread(0.854, 0.011, 22, seed=1))
    assert result.verdict is Equivalence.UNRESOLVED
    assert result.verdict.as_verdict() is Verdict.DRIFT
    assert result.p_equivalent == pytest.approx(0.5)


def test_not_significant_is_not_equivalent() -> None:
    """Few noisy runs with equal means: a t test finds nothing, and nothing has been shown."""
    first, second = spread(0.86, 0.03, 5), spread(0.86, 0.03, 5, seed=1)
    assert stats.ttest_ind(first, second).pvalue > 0.9
    result = equivalent(first, second)
    assert result.verdict is Equivalence.UNRESOLVED
    assert result.power < 0.2
    assert result.smallest_margin > 0.01


def test_agrees_with_scipy() -> None:
    first, second = spread(0.861, 0.008, 22), spread(0.858, 0.013, 17, seed=1)
    result = equivalent(first, second)
    interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.90)
    assert (result.low, result.high) == pytest.approx((interval.low, interval.high), abs=1e-12)
    below = stats.ttest_ind(first + 0.01, second, equal_var=False, alternative="greater").pvalue
    above = stats.ttest_ind(first - 0.01, second, equal_var=False, alternative="less").pvalue
    assert result.p_equivalent == pytest.approx(max(below, above))


@pytest.mark.parametrize("seeds", [0, 1, 2])
def test_too_few_seeds_are_unresolved(seeds: int) -> None:
    for result in (
        equivalent([0.86] * seeds, spread(0.86, 0.001, 22)),
        equivalent_pairs([0.86] * seeds, [0.86] * seeds),
    ):
        assert result.verdict is Equivalence.UNRESOLVED
        assert f"{seeds} seeds are too few" in result.reason


def test_a_seed_without_effect_is_unresolved() -> None:
    result = equivalent([0.86] * 22, spread(0.86, 0.001, 22))
    assert result.verdict is Equivalence.UNRESOLVED
    assert "same accuracy" in result.reason
    assert equivalent([1.0] * 5, [1.0] * 5).verdict is Equivalence.EQUIVALENT
    assert equivalent([1.0] * 5, [0.5] * 5).verdict is Equivalence.UNRESOLVED


@pytest.mark.parametrize("judge", [equivalent, equivalent_pairs])
def test_a_nan_is_different(judge: Callable[..., EquivalenceResult]) -> None:
    result = judge([0.86, math.nan, 0.87], [0.86, 0.86, 0.87])
    assert result.verdict is Equivalence.DIFFERENT
    assert "non-finite" in result.reason


@pytest.mark.parametrize(
    ("first", "second", "margin", "message"),
    [
        ([[0.86]], [0.86], 0.01, "shape"),
        ([0.86], [0.86], 0.0, "margin"),
    ],
)
def test_wrong_use_is_refused(first: list[float], second: list[float], margin: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        equivalent(first, second, margin)


def test_pairs_need_the_same_seeds() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        equivalent_pairs([0.86, 0.87, 0.88], [0.86, 0.87])


def test_pairing_sees_through_the_spread_of_the_seeds() -> None:
    """Locked runs that agree to a few images are equivalent however far their seeds lie apart."""
    first = spread(0.86, 0.05, 8)
    second = first + spread(0.0001, 0.0002, 8, seed=1)
    assert equivalent(first, second).verdict is Equivalence.UNRESOLVED
    assert equivalent_pairs(first, second).verdict is Equivalence.EQUIVALENT
    assert equivalent_pairs(first, first).verdict is Equivalence.EQUIVALENT
    assert equivalent_pairs(first, first + 0.02).verdict is Equivalence.DIFFERENT


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


def test_flips_are_counted_per_seed_and_class() -> None:
    labels = np.array([0, 1, 2, 2])
    first = np.array([[0, 1, 2, 2]] * 3)
    second = first.copy()
    second[1, 3] = 0
    second[2, 2] = second[2, 0] = 1
    found = flips(first, second, labels, 3)
    assert found.per_seed == (0, 1, 2)
    assert found.per_class == (1, 0, 2)
    assert found.accuracy_differences == (0.0, 0.25, 0.5)
    assert found.elements == 12
    assert found.equivalence.verdict is not Equivalence.EQUIVALENT
    same = flips(first, first, labels, 3)
    assert sum(same.per_class) == 0
    assert same.equivalence.verdict is Equivalence.EQUIVALENT


def test_flips_that_cancel_in_the_accuracy_are_seen() -> None:
    labels = np.array([0, 1] * 50)
    first = np.tile(labels, (3, 1))
    second = first.copy()
    first[:, 0], second[:, 1] = 1, 0
    found = flips(first, second, labels, 2)
    assert found.accuracy_differences == (0.0, 0.0, 0.0)
    assert found.per_class == (3, 3)


def test_flips_refuse_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        flips(np.zeros((2, 3), int), np.zeros((2, 3), int), np.zeros(4, int), 2)
    with pytest.raises(ValueError, match="outside 2 classes"):
        flips(np.zeros((2, 3), int), np.zeros((2, 3), int), np.array([0, 1, 2]), 2)
