"""The exact judge passes the same bits and fails everything else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from conformance.checks import Verdict, Where
from conformance.judge.exact import compare

DTYPES = st.sampled_from([np.uint8, np.int64, np.float32, np.float64, np.bool_])
ARRAYS = DTYPES.flatmap(lambda dtype: arrays(dtype, array_shapes(max_dims=3, max_side=6)))


@settings(deadline=None)
@given(ARRAYS)
def test_an_array_is_identical_to_its_copy(values: NDArray[Any]) -> None:
    result = compare("x", values, values.copy())
    assert result.verdict is Verdict.IDENTICAL
    assert (result.measured, result.elements) == (0.0, values.size)
    assert result.passed


@settings(deadline=None)
@given(ARRAYS, st.data())
def test_one_changed_element_breaks(values: NDArray[Any], drawn: st.DataObject) -> None:
    place = drawn.draw(st.integers(0, values.size - 1))
    changed = values.copy()
    bits = changed.reshape(-1).view(np.uint8).reshape(values.size, -1)
    bits[place, 0] ^= 1
    if np.isnan(values.flat[place]) and np.isnan(changed.flat[place]):
        assert compare("x", changed, values).verdict is Verdict.IDENTICAL
        return
    result = compare("x", changed, values)
    assert result.verdict is Verdict.BREAK
    assert result.where is not None
    assert result.where.index == np.unravel_index(place, values.shape)
    assert result.where == result.first
    assert result.elements == values.size
    assert f"1 of {values.size} elements differ" in result.reason


def test_first_place_count_and_size_are_told() -> None:
    labels = np.arange(60_000) % 10
    wrong = labels.astype(np.int64).copy()
    wrong[[777, 5]] = [0, 9]
    result = compare("data/train/labels", wrong, labels)
    assert result.verdict is Verdict.BREAK
    assert (result.measured, result.allowed) == (7, 0)
    assert result.where is not None
    assert (result.where.index, result.where.value, result.where.other) == ((5,), 9.0, 5.0)
    assert result.reason == "data/train/labels: 2 of 60000 elements differ, the first at (5,)"


@pytest.mark.parametrize(
    ("value", "other", "reason"),
    [
        (np.zeros(3, np.float32), np.zeros(3, np.float64), "dtype float32 where float64"),
        (np.zeros(3, np.uint8), np.zeros(3, np.int8), "dtype"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "shape"),
        (np.zeros(3), np.zeros((3, 1)), "shape"),
        (np.zeros(3), np.zeros(1), "shape"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "nothing was compared"),
        (np.array(["a"]), np.array(["a"]), "no real numbers"),
        (np.array([0.0]), np.array([-0.0]), "1 of 1 elements differ"),
        (np.array([np.nan]), np.array([1.0]), "1 of 1 elements differ"),
        (np.array([np.inf]), np.array([-np.inf]), "1 of 1 elements differ"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]).T, np.array([[1.0, 2.0], [3.0, 4.0]]), "2 of 4"),
    ],
)
def test_whatever_differs_breaks(value: NDArray[Any], other: NDArray[Any], reason: str) -> None:
    result = compare("x", value, other)
    assert result.verdict is Verdict.BREAK
    assert reason in result.reason


@pytest.mark.parametrize(
    ("value", "other", "reason"),
    [
        (np.zeros(3, np.float32), np.zeros(3, np.float64), "x: dtype float32 where float64 is expected"),
        (np.zeros((2, 3)), np.zeros((3, 2)), "x: shape (2, 3) where (3, 2) is expected"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "x: is empty: nothing was compared"),
        (np.zeros(3, np.complex64), np.zeros(3, np.complex64), "x: dtype complex64 holds no real numbers"),
    ],
)
def test_what_has_no_numbers_to_compare_is_told(value: NDArray[Any], other: NDArray[Any], reason: str) -> None:
    result = compare("x", value, other)
    assert (result.verdict, result.reason, result.elements) == (Verdict.BREAK, reason, 0)
    assert (result.where, result.measured, result.allowed) == (Where("x"), None, None)
    assert not result.passed


def test_the_largest_difference_is_that_of_finite_elements() -> None:
    value, other = np.array([np.inf, 1.0, -5.0, 2.0]), np.array([7.0, np.nan, 3.0, 1.0])
    assert compare("x", value, other).measured == 8.0
    # Whole numbers without a sign do not wrap around.
    levels = compare("x", np.array([0, 9], np.uint8), np.array([255, 9], np.uint8))
    assert (levels.measured, levels.elements) == (255.0, 2)
    truths = compare("x", np.array([True, False]), np.array([True, True]))
    assert truths.where == Where("x", (1,), value=0.0, other=1.0)
    assert truths.measured == 1.0


def test_what_is_identical_has_no_place() -> None:
    result = compare("x", np.ones((2, 3)), np.ones((2, 3)))
    assert (result.measured, result.allowed, result.where, result.first) == (0.0, 0.0, None, None)
    assert (result.elements, result.reason) == (6, "")


def test_zeros_of_either_sign_are_told_apart_from_numbers() -> None:
    negative = compare("x", np.array([-0.0, -1.5]), np.array([0.0, -1.5])).where
    assert negative == Where("x", (0,), value="-0.0", other=0.0)
    assert compare("x", np.array([-1.5]), np.array([1.0])).where == Where("x", (0,), value=-1.5, other=1.0)
    assert compare("x", np.array([-np.inf]), np.array([1.0])).where == Where("x", (0,), value="-inf", other=1.0)


def test_nan_equals_nan_whatever_its_payload() -> None:
    quiet = np.array([np.nan, 1.0], np.float32)
    other = quiet.copy()
    other.view(np.uint32)[0] = 0xFFC00001
    assert compare("x", quiet, other).verdict is Verdict.IDENTICAL


def test_byte_order_is_no_difference() -> None:
    values = np.arange(5, dtype="<i4")
    assert compare("x", values.astype(">i4"), values).verdict is Verdict.IDENTICAL


def test_non_finite_values_are_told_by_name() -> None:
    result = compare("x", np.array([np.nan]), np.array([np.inf]))
    assert result.where is not None
    assert (result.where.value, result.where.other) == ("nan", "inf")
    assert result.measured is None


def test_a_negative_zero_is_spelt_out() -> None:
    result = compare("x", np.array([0.0]), np.array([-0.0]))
    assert result.where is not None
    assert (result.where.value, result.where.other) == (0.0, "-0.0")
    assert result.measured == 0


def test_scalars_and_lists_are_compared_too() -> None:
    assert compare("count", 7960, 7960).verdict is Verdict.IDENTICAL
    assert compare("counts", [7850, 110], [7850, 111]).verdict is Verdict.BREAK
