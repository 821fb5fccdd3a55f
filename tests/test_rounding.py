"""The rounding judge allows what rounding does, over real training steps, and nothing much larger."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from conformance.checks import Verdict
from conformance.judge import predictions
from conformance.judge.predictions import compare_accuracies
from conformance.judge.rounding import FACTOR, Allowance, allowances, compare, compare_pair, ulp32
from reference.oracle.arithmetic import FLOAT32, Arithmetic, RandomRounding
from tests.oracle_runs import Tensors, float32, oracle, run_in

SEEDS = 20
SHORT = 32
LONG = 300
ONE = np.array([1.0])


def worst_ratio(difference: NDArray[np.float64], allowance: Allowance) -> float:
    """The largest difference in proportion to what is allowed; infinite where nothing is."""
    allowed = np.asarray(allowance)
    ratio = np.where(difference > 0, np.inf, 0.0)
    return float(np.max(np.divide(difference, allowed, out=ratio, where=allowed > 0)))


# The allowance


def test_allowance_is_three_times_the_largest_deviation() -> None:
    found = allowances({"x": ONE, "deviation/x": np.array([1e-3, 5e-3, 2e-3])})
    assert found == {"x": pytest.approx(FACTOR * 5e-3)}


def test_a_collapsed_spread_leaves_the_ulp_of_the_largest_element() -> None:
    found = allowances({"x": np.array([0.1, -3.0]), "deviation/x": np.array([1e-12, 2e-12])})
    assert found == {"x": FACTOR * 2.0**-22}


def test_no_deviation_allows_nothing() -> None:
    found = allowances({"x": np.array([0.25, -3.0]), "deviation/x": np.zeros(16)})
    assert found == {"x": 0.0}
    assert compare("x", np.array([0.25, -3.0], np.float32), np.array([0.25, -3.0]), 0.0).verdict is Verdict.IDENTICAL
    off = compare("x", np.array([0.25, -3.0000002], np.float32), np.array([0.25, -3.0]), 0.0)
    assert off.verdict is Verdict.DRIFT
    assert "nothing is allowed" in off.reason


def test_allowance_of_weights_never_falls_with_the_steps() -> None:
    def weights(deviations: dict[int, float]) -> Tensors:
        tensors: Tensors = {}
        for step, deviation in deviations.items():
            tensors[f"train/weights/{step:06d}/hidden/bias"] = ONE
            tensors[f"deviation/train/weights/{step:06d}/hidden/bias"] = np.array([deviation])
        return tensors

    found = allowances({**weights({4: 1e-3, 1: 0.0, 2: 5e-3, 8: 6e-3}), "other": ONE})
    assert [found[f"train/weights/{step:06d}/hidden/bias"] for step in (1, 2, 4, 8)] == pytest.approx(
        [0.0, 15e-3, 15e-3, 18e-3]
    )


@settings(deadline=None)
@given(arrays(np.float64, (3, 10), elements=st.floats(0, 1)), arrays(np.float64, 10, elements=st.floats(-9, 9)))
def test_allowance_of_a_series_never_falls(deviations: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    allowance = allowances({"s": values, "deviation/s": deviations})["s"]
    assert isinstance(allowance, np.ndarray)
    assert (np.diff(allowance) >= 0).all()
    assert (allowance >= FACTOR * deviations.max(axis=0)).all()
    seen = deviations.max(axis=0) > 0
    assert (allowance[seen] >= FACTOR * ulp32(values[seen])).all()


@pytest.mark.parametrize("deviation", [np.array([]), np.array([1.0, np.nan]), np.array([np.inf])])
def test_unusable_deviations_are_refused(deviation: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match="deviations of x"):
        allowances({"x": ONE, "deviation/x": deviation})


@pytest.mark.parametrize(("value", "ulp"), [(1.0, 2.0**-23), (-1.5, 2.0**-23), (2.0, 2.0**-22), (0.9, 2.0**-24)])
def test_ulp32(value: float, ulp: float) -> None:
    assert ulp32(value) == ulp


def test_ulp32_ends_with_float32() -> None:
    """Of the largest float32, and of what float32 no longer holds, the distance to the one below."""
    largest = float(np.finfo(np.float32).max)
    assert ulp32([0.0, largest, -largest, np.inf]).tolist() == [2.0**-149, 2.0**104, 2.0**104, 2.0**104]


def test_each_tensor_has_its_own_allowance_over_time() -> None:
    tensors = {"x": ONE, "deviation/x": np.array([1e-2]), "y": ONE, "deviation/y": np.array([1e-3]), "z": ONE}
    assert allowances(tensors) == {"x": pytest.approx(3e-2), "y": pytest.approx(3e-3)}
    series = {"s": np.array([1.0, 1.0, 8.0, 1.0]), "deviation/s": np.array([[0.0, 0, 1e-9, 1], [0.0, 1e-9, 0, 0.5]])}
    found = allowances({**tensors, **series})["s"]
    assert np.asarray(found).tolist() == [0.0, FACTOR * 2.0**-23, FACTOR * 2.0**-20, FACTOR]


# The comparison


@settings(deadline=None)
@given(
    arrays(np.float32, array_shapes(max_dims=3, max_side=5), elements=st.floats(-100, 100, width=32)),
    st.floats(1e-3, 1.0),
    st.data(),
)
def test_only_a_difference_beyond_the_allowance_drifts(
    values: NDArray[np.float32], allowance: float, drawn: st.DataObject
) -> None:
    exact = np.abs(values.astype(np.float64))
    place = drawn.draw(st.integers(0, values.size - 1))
    for factor, verdict in [(0.0, Verdict.IDENTICAL), (0.9, Verdict.ROUNDING), (1.1, Verdict.DRIFT)]:
        changed = exact.copy()
        changed.flat[place] += factor * allowance
        result = compare("x", changed, exact, allowance)
        assert result.verdict is verdict
        assert result.elements == values.size
        assert (result.first is not None) == (verdict is Verdict.DRIFT)
        if factor:
            assert result.where is not None
            assert result.where.index == np.unravel_index(place, values.shape)
            assert result.measured == pytest.approx(factor * allowance, abs=1e-13)


def test_place_and_values_are_told() -> None:
    oracle_value = np.arange(6.0).reshape(2, 3)
    value = oracle_value.astype(np.float32)
    value[1, 0] += 0.5
    value[1, 2] -= 0.75
    result = compare("w", value, oracle_value, 0.25, training_step=64)
    assert result.verdict is Verdict.DRIFT
    assert (result.measured, result.allowed, result.elements) == (0.75, 0.25, 6)
    assert result.where is not None
    assert (result.where.index, result.where.training_step) == ((1, 2), 64)
    assert (result.where.value, result.where.other, result.where.oracle) == (4.25, 5.0, 5.0)
    assert result.first is not None
    assert result.first.index == (1, 0)
    assert result.reason == "w: differs by 0.75, 3 times the allowance; 2 of 6 elements are outside"


def test_the_worst_place_is_that_of_the_largest_ratio() -> None:
    exact, allowance = np.zeros(3), np.array([10.0, 1.0, 0.5])
    inside = compare("s", np.array([5.0, 0.9, 0.1]), exact, allowance)
    assert inside.where is not None
    assert (inside.where.index, inside.measured, inside.allowed, inside.first) == ((1,), 0.9, 1.0, None)
    outside = compare("s", np.array([15.0, 4.0, 0.1]), exact, allowance)
    assert outside.where is not None
    assert outside.first is not None
    assert (outside.where.index, outside.first.index, outside.measured) == ((1,), (0,), 4.0)


def test_of_what_nothing_is_allowed_the_largest_difference_is_the_worst() -> None:
    value = np.array([9.0, 0.001, 0.002, 0.0])
    result = compare("x", value, np.zeros(4), 0.5, exact=np.array([False, True, True, True]))
    assert result.where is not None
    assert result.first is not None
    assert (result.where.index, result.first.index, result.measured, result.allowed) == ((2,), (0,), 0.002, 0.0)
    assert result.reason == "x: differs by 0.002, where nothing is allowed; 3 of 4 elements are outside"


def test_the_allowance_itself_is_allowed() -> None:
    assert compare("x", np.array([1.5]), ONE, 0.5).verdict is Verdict.ROUNDING
    assert compare("x", np.array([1.5000001]), ONE, 0.5).verdict is Verdict.DRIFT


def test_a_pair_shows_both_sides_and_the_oracle() -> None:
    ours, theirs, oracle_value = np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]]), np.array([[1.0, 3.0]])
    result = compare_pair("x", ours, theirs, oracle_value, 1.0, training_step=7)
    assert result.where is not None
    assert (result.where.tensor, result.where.index, result.where.training_step) == ("x", (0, 1), 7)
    assert (result.where.value, result.where.other, result.where.oracle) == (2.0, 4.0, 3.0)
    assert (result.measured, result.verdict) == (2.0, Verdict.DRIFT)
    masked = compare_pair("x", ours, theirs, oracle_value, 9.0, exact=np.array([[False, True]]))
    assert (masked.verdict, masked.allowed) == (Verdict.DRIFT, 0.0)


def test_the_place_of_what_is_not_finite_is_told() -> None:
    oracle_value = np.arange(6.0).reshape(2, 3)
    other = oracle_value.copy()
    other[1, 0] = np.nan
    other[1, 2] = -np.inf
    result = compare_pair("w", oracle_value, other, oracle_value, 1.0, training_step=64)
    assert result.where is not None
    assert (result.where.tensor, result.where.index, result.where.training_step) == ("w", (1, 0), 64)
    assert (result.where.value, result.where.other, result.elements) == (3.0, "nan", 6)
    assert result.reason == "w: 2 of 6 elements are not finite"
    alone = compare("w", other, oracle_value, 1.0, training_step=np.arange(6).reshape(2, 3))
    assert alone.where is not None
    assert (alone.where.training_step, alone.where.value) == (3, "nan")


def test_whole_numbers_on_either_side_break() -> None:
    whole = compare_pair("x", ONE, np.array([1]), ONE, 1.0)
    assert (whole.verdict, whole.elements) == (Verdict.BREAK, 0)
    assert whole.reason == "x: dtype int64 where floating-point numbers are expected"
    assert whole.where is not None
    assert whole.where.tensor == "x"


def test_a_series_is_judged_against_the_allowance_of_each_step() -> None:
    exact = np.zeros(4)
    allowance = np.array([1.0, 1.0, 10.0, 10.0])
    steps = np.arange(1, 5)
    assert compare("s", np.array([0.5, 0.5, 5.0, 5.0]), exact, allowance).verdict is Verdict.ROUNDING
    result = compare("s", np.array([0.5, 2.0, 5.0, 30.0]), exact, allowance, training_step=steps)
    assert result.verdict is Verdict.DRIFT
    assert result.where is not None
    assert result.first is not None
    assert (result.where.training_step, result.first.training_step) == (4, 2)
    assert (result.measured, result.allowed) == (30.0, 10.0)


def test_where_rounding_makes_no_difference_none_is_allowed() -> None:
    exact = np.array([True, False])
    value = np.array([1.0, 1.0])
    assert compare("x", np.array([1.0, 1.1]), value, 0.5, exact=exact).verdict is Verdict.ROUNDING
    within = compare("x", np.array([1.0, 1.25]), value, 0.5, exact=exact)
    assert within.where is not None
    assert (within.where.index, within.measured, within.allowed) == ((1,), 0.25, 0.5)
    result = compare("x", np.array([1.001, 1.4]), value, 0.5, exact=exact)
    assert result.verdict is Verdict.DRIFT
    assert result.allowed == 0
    assert result.where is not None
    assert result.where.index == (0,)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.full((2, 3), np.nan), "not finite"),
        (np.array([[1, 2, 3], [4, np.inf, 6]]), "1 of 6 elements are not finite"),
        (np.zeros((3, 2)), "shape"),
        (np.zeros((2, 3, 1)), "shape"),
        (np.zeros((2, 3), np.int64), "dtype int64"),
        (np.zeros((2, 3), np.complex64), "dtype complex64"),
    ],
)
def test_what_cannot_be_compared_breaks(value: NDArray[Any], reason: str) -> None:
    oracle_value = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    for result in (
        compare("x", value, oracle_value, 1e9),
        compare_pair("x", value, oracle_value, oracle_value, 1e9),
        compare_pair("x", oracle_value, value, oracle_value, 1e9),
        compare_pair("x", value, value, oracle_value, 1e9),
    ):
        assert result.verdict is Verdict.BREAK
        assert not result.passed
        assert result.reason.startswith("x: ")
        assert reason in result.reason


def test_nothing_compared_is_no_pass() -> None:
    result = compare("x", np.zeros(0), np.zeros(0), 1.0)
    assert result.verdict is Verdict.BREAK
    assert result.elements == 0
    assert "nothing was compared" in result.reason


@pytest.mark.parametrize("allowance", [np.nan, np.inf, -1.0, np.array([-1e-9])])
def test_an_allowance_that_allows_anything_is_refused(allowance: Allowance) -> None:
    with pytest.raises(ValueError, match="allowance of x"):
        compare("x", ONE, ONE, allowance)


def test_bits_make_a_pair_identical() -> None:
    zero, minus = np.array([0.0], np.float32), np.array([-0.0], np.float32)
    assert compare_pair("x", zero, zero, zero, 1.0).verdict is Verdict.IDENTICAL
    assert compare_pair("x", zero, minus, zero, 1.0).verdict is Verdict.ROUNDING
    assert compare_pair("x", np.array([1.0, 0.0]), np.array([1.0, -0.0]), ONE.repeat(2), 0).verdict is Verdict.ROUNDING


def test_slack_is_reported() -> None:
    assert "400 times" in compare("x", ONE + 1 / 256, ONE, 400 / 256).reason
    assert compare("x", ONE + 1 / 256, ONE, 300 / 256).reason == ""
    assert compare("x", ONE, ONE, 400.0).reason == ""


# The allowance over real training steps


def test_float32_is_within_the_allowance_over_hundreds_of_steps() -> None:
    tensors, value = oracle(0, LONG), float32(0, LONG)
    allowed = allowances(tensors)
    assert len(allowed) == 17 + 10 * 4
    for name, allowance in allowed.items():
        result = compare(name, value[name], tensors[name], allowance, exact=tensors.get(f"exact/{name}"))
        assert result.verdict is Verdict.ROUNDING, result.reason
        assert result.elements == np.size(value[name])


@pytest.mark.parametrize("error", [1e-3, 1e-4])
def test_wrong_learning_rate_is_caught_at_the_first_update_of_each_bias(error: float) -> None:
    tensors = oracle(0, SHORT)
    allowed = allowances(tensors)
    wrong = run_in(FLOAT32, 0, 1, learning_rate=0.01 * (1 + error))
    for name in ("objective/updated/hidden/bias", "objective/updated/output/bias"):
        result = compare(name, wrong[name], tensors[name], allowed[name])
        assert result.verdict is Verdict.DRIFT
        assert result.measured is not None
        assert result.allowed is not None
        assert result.measured > 30 * result.allowed * error / 1e-4


@pytest.mark.parametrize("name", ["hidden/kernel", "output/kernel", "hidden/bias", "output/bias"])
def test_transposed_or_swapped_weights_are_caught(name: str) -> None:
    tensors = oracle(0, SHORT)
    name = f"train/weights/{SHORT:06d}/{name}"
    allowance = allowances(tensors)[name]
    value = float32(0, SHORT)[name]
    assert compare(name, value, tensors[name], allowance).passed
    assert not compare(name, value.T[::-1], tensors[name], allowance).passed


def test_members_left_out_of_their_own_ensemble_are_within_it() -> None:
    """For 20 seeds, each of 16 members against the allowance that the others make."""
    worst = 0.0
    for seed in range(SEEDS):
        tensors = oracle(seed, SHORT)
        for member in range(16):
            others = {
                name: np.delete(values, member, axis=0) if name.startswith("deviation/") else values
                for name, values in tensors.items()
            }
            for name, allowance in allowances(others).items():
                worst = max(worst, worst_ratio(tensors[f"deviation/{name}"][member], allowance))
    assert worst < 1, f"a member reached {worst:.2f} of the allowance"
    assert worst > 0.3, "an allowance that wide would show nothing"


def test_pairs_of_members_are_within_one_allowance() -> None:
    """Also members, whose errors are as large as errors in float32 can be, seldom differ by more than one."""
    ratios = []
    for seed in range(3):
        allowed = allowances(oracle(seed, SHORT))
        members = run_in(RandomRounding(16, seed=1000 + seed), seed, SHORT)
        for name, allowance in allowed.items():
            for first in range(15):
                for second in range(first + 1, 16):
                    difference = np.abs(members[name][first] - members[name][second])
                    ratios.append(worst_ratio(difference, allowance))
    assert np.mean(np.array(ratios) > 1) < 1e-3
    assert 0.2 < np.median(ratios) < 0.6


class Sequential(Arithmetic):
    """Float32 with one term after the other in each sum: the order with the largest errors that anyone uses."""

    def __init__(self) -> None:
        super().__init__(np.float32)

    def matmul(self, a: Any, b: Any) -> Any:
        total = np.zeros((a.shape[0], b.shape[1]), np.float32)
        for column, row in zip(a.T, b, strict=True):
            total += column[:, None] * row
        return total

    def sum(self, x: Any, axis: int = -1, keepdims: bool = False) -> Any:
        return np.add.accumulate(x, axis=axis).take([-1] if keepdims else -1, axis=axis)


def test_two_orders_of_summation_are_within_one_allowance_of_each_other_and_of_the_oracle() -> None:
    tensors = oracle(0, SHORT)
    blocked, sequential = float32(0, SHORT), run_in(Sequential(), 0, SHORT)
    for name, allowance in allowances(tensors).items():
        exact = tensors.get(f"exact/{name}")
        alone = compare(name, sequential[name], tensors[name], allowance, exact=exact)
        pair = compare_pair(name, blocked[name], sequential[name], tensors[name], allowance, exact=exact)
        assert alone.verdict is Verdict.ROUNDING, alone.reason
        assert pair.passed, pair.reason


@pytest.mark.parametrize("length", [64, 1024, 4096, 65536])
def test_sequential_float32_sums_are_within_the_allowance(length: int) -> None:
    """The longest errors that float32 makes: one term after the other, in the order of the array."""
    terms = np.random.default_rng(length).normal(size=(8, length)).astype(np.float32)
    arithmetic = RandomRounding(16, seed=length)
    exact = terms.sum(axis=1, dtype=np.float64)
    deviation = np.abs(arithmetic.sum(arithmetic.array(terms)) - exact).max(axis=1)
    allowance = allowances({"sum": exact, "deviation/sum": deviation})["sum"]
    sequential = np.add.accumulate(terms, axis=1)[:, -1]
    result = compare("sum", sequential, exact, allowance)
    assert result.verdict is Verdict.ROUNDING, result.reason
    assert np.abs(sequential - exact).max() > 0.02 * float(allowance)


# Predictions


LOGITS = np.array([[2.0, 1.0, 0.0], [1.0, 1.0 + 1e-6, 0.0], [0.0, 1.0, 3.0], [5.0, 5.0 - 1e-6, 1.0]])
LABELS = np.array([0, 1, 2, 1])
BEST = LOGITS.argmax(axis=1)


def predict(values: list[int], others: NDArray[np.int64] = BEST) -> predictions.PredictionComparison:
    return predictions.compare("evaluate/predictions", np.array(values), others, LABELS, LOGITS, 1e-6)


def test_equal_predictions_are_identical() -> None:
    result = predict([0, 1, 2, 0])
    assert result.comparison.verdict is Verdict.IDENTICAL
    assert (result.differences, result.ties, result.comparison.elements) == (0, 0, 4)


def test_ties_are_counted_per_class() -> None:
    result = predict([0, 0, 2, 1])
    assert result.comparison.verdict is Verdict.ROUNDING
    assert (result.differences, result.ties) == (2, 2)
    assert [(c.label, c.examples, c.differences, c.ties) for c in result.classes] == [
        (0, 1, 0, 0),
        (1, 2, 2, 2),
        (2, 1, 0, 0),
    ]
    assert result.comparison.measured == pytest.approx(1e-6)
    assert result.comparison.allowed == 2e-6


@pytest.mark.parametrize(("values", "place"), [([1, 1, 2, 0], 0), ([0, 2, 2, 0], 1), ([0, 0, 1, 0], 2)])
def test_predictions_that_are_no_tie_drift(values: list[int], place: int) -> None:
    for result in (predict(values), predict(BEST.tolist(), np.array(values))):
        assert result.comparison.verdict is Verdict.DRIFT
        assert result.comparison.where is not None
        assert result.comparison.where.index == (place,)
        assert result.comparison.first is not None
        assert result.differences > result.ties or place != 2


def test_the_worst_and_the_first_wrong_prediction_are_told() -> None:
    # Ties at 1 and 3, and two that are none: 2 is off by 3, 0 by 1.
    result = predict([1, 0, 0, 1]).comparison
    assert result.where is not None
    assert result.first is not None
    assert (result.where.tensor, result.where.index) == ("evaluate/predictions", (2,))
    assert (result.where.value, result.where.other, result.where.oracle) == (0.0, 2.0, 2.0)
    assert (result.first.tensor, result.first.index) == ("evaluate/predictions", (0,))
    assert (result.measured, result.allowed, result.elements) == (3.0, 2e-6, 4)
    assert result.reason == "evaluate/predictions: 4 of 4 predictions differ, 2 of them ties"


def test_a_tie_is_within_twice_the_allowance() -> None:
    logits = np.array([[1.0, 0.5, 0.25]])
    for other, allowance, verdict in [
        (1, 0.25, Verdict.ROUNDING),
        (1, 0.2499, Verdict.DRIFT),
        (2, 0.25, Verdict.DRIFT),
        (2, 0.375, Verdict.ROUNDING),
    ]:
        found = predictions.compare("p", np.array([other]), np.array([0]), np.array([0]), logits, allowance)
        assert found.comparison.verdict is verdict
        assert (found.comparison.first is None) == (verdict is Verdict.ROUNDING)
    # Both sides may be off, and alike: what the oracle says is best is not asked for.
    both = predictions.compare("p", np.array([2]), np.array([2]), np.array([0]), logits, 0.0)
    assert both.comparison.verdict is Verdict.IDENTICAL
    assert (both.comparison.measured, both.comparison.allowed, both.comparison.elements) == (0.0, 0.0, 1)


def test_differences_are_counted_also_where_there_are_none() -> None:
    counts = predict([0, 1, 2, 0]).classes
    assert [(c.label, c.examples, c.differences, c.ties) for c in counts] == [(0, 1, 0, 0), (1, 2, 0, 0), (2, 1, 0, 0)]


@pytest.mark.parametrize("side", ["predictions", "others", "labels"])
def test_an_impossible_class_is_told_with_its_place(side: str) -> None:
    classes = {"predictions": BEST, "others": BEST, "labels": LABELS}
    classes[side] = np.array([0, 2, 3, -1])
    found = predictions.compare("p", **classes, oracle_logits=LOGITS, allowance=1e-6)
    assert (found.differences, found.ties, found.classes) == (0, 0, ())
    result = found.comparison
    assert result.where is not None
    assert (result.where.tensor, result.where.index, result.where.value) == ("p", (2,), 3.0)
    assert (result.elements, result.reason) == (4, "p: class 3 of 3 at 2")


@pytest.mark.parametrize(
    ("values", "reason"),
    [([0, 1, 2], "shape"), ([0, 1, 2, 3], "class 3"), ([0, 1, 2, -1], "class -1"), ([0.0, 1, 2, 0], "dtype")],
)
def test_impossible_predictions_break(values: list[int], reason: str) -> None:
    result = predict(values).comparison
    assert result.verdict is Verdict.BREAK
    assert result.reason.startswith(f"evaluate/predictions: {reason}")


def test_accuracies_may_differ_by_the_ties() -> None:
    reported = float(np.float32(0.8604))  # Keras reports in float32
    assert compare_accuracies("accuracy", reported, 0.8604, 10_000, 0).verdict is Verdict.IDENTICAL
    assert compare_accuracies("accuracy", 0.8605, 0.8604, 10_000, 1).verdict is Verdict.ROUNDING
    assert compare_accuracies("accuracy", 0.8606, 0.8604, 10_000, 1).verdict is Verdict.DRIFT
    for wrong in (0.86045, np.nan, 1.5, 1.0001, -0.5, -0.0001):
        for accuracies in ((wrong, 0.8604), (0.8604, wrong)):
            assert compare_accuracies("accuracy", *accuracies, 10_000, 1).verdict is Verdict.BREAK


def test_a_fraction_may_be_off_by_an_ulp_of_float32() -> None:
    assert compare_accuracies("accuracy", 0.5 + 2.0**-23, 0.5, 8, 0).verdict is Verdict.IDENTICAL
    off = compare_accuracies("accuracy", 0.5 + 2.0**-22, 0.5, 8, 0)
    assert off.verdict is Verdict.BREAK
    assert off.reason == "accuracy: 0.5000002384185791 and 0.5 are not both fractions of 8 examples"


def test_how_far_accuracies_are_apart_is_told() -> None:
    result = compare_accuracies("accuracy", 0.75, 0.5, 8, 3)
    assert (result.measured, result.allowed, result.elements) == (0.25, 0.375, 8)
    assert result.where is not None
    assert (result.where.tensor, result.where.value, result.where.other) == ("accuracy", 0.75, 0.5)
    assert result.reason == "accuracy: 2 of 8 examples apart with 3 ties"
    same = compare_accuracies("accuracy", 1.0, 1.0, 8, 0)
    assert (same.verdict, same.measured, same.allowed, same.reason) == (Verdict.IDENTICAL, 0.0, 0.0, "")
    assert compare_accuracies("accuracy", 0.0, 0.0, 8, 0).verdict is Verdict.IDENTICAL
