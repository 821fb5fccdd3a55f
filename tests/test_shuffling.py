"""The judge of shuffled orders accepts random ones and rejects what shuffles badly."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from conformance.judge.shuffling import judge_order

COUNT = 6_000


def drawn(seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(COUNT)


def in_a_buffer(size: int) -> NDArray[np.int64]:
    """Every example is drawn from a buffer that holds the next `size` ones, as tf.data.Dataset.shuffle does."""
    rng = np.random.default_rng(0)
    buffer, order = list(range(size)), []
    for number in range(size, COUNT):
        at = rng.integers(size)
        order.append(buffer[at])
        buffer[at] = number
    return np.array([*order, *rng.permutation(buffer)])


def test_random_orders_pass() -> None:
    for seed in range(200):
        result = judge_order(drawn(seed))
        assert result.holds, result.reason
    assert (result.elements, result.allowed) == (COUNT, 5e-7)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (np.arange(COUNT), "rank correlation with the order of the data set 1:"),
        (np.arange(COUNT)[::-1], "rank correlation with the order of the data set -1:"),
        (in_a_buffer(COUNT // 10), "rank correlation"),
        (np.r_[np.random.default_rng(0).permutation(COUNT // 2), COUNT // 2 + drawn()[drawn() < COUNT // 2]], "rank"),
        (np.roll(np.arange(COUNT), 1_268), "5998 examples beside a neighbour"),
        (
            drawn()[drawn() < COUNT // 8].repeat(8) * 8 + np.tile(np.arange(8), COUNT // 8),
            "examples beside a neighbour",
        ),
    ],
    ids=["in order", "reversed", "small buffer", "in halves", "rotated", "in blocks of eight"],
)
def test_orders_that_are_not_random_are_rejected(order: NDArray[np.int64], reason: str) -> None:
    result = judge_order(order)
    assert not result.holds
    assert reason in result.reason


def test_the_smaller_of_two_p_values_is_told() -> None:
    """Both by SciPy in other words, on orders that either test finds the less likely."""
    backwards = np.array([7, 9, 8, 5, 6, 3, 4, 1, 2, 0])
    correlation = stats.spearmanr(backwards, np.arange(10)).statistic
    assert judge_order(backwards).p == pytest.approx(2 * stats.norm.cdf(-3 * abs(correlation)), rel=1e-9)
    pairs = np.array([6, 7, 2, 3, 8, 9, 0, 1, 4, 5])
    assert judge_order(pairs).p == pytest.approx(1 - stats.poisson.cdf(4, 2), rel=1e-9)
    assert judge_order(np.array([1, 0])).p == pytest.approx(2 * stats.norm.cdf(-1), rel=1e-9)


def test_small_orders_have_their_p_values_at_most_overstated() -> None:
    """All orders of six numbers: the two p values are told, and no more orders lie below a level than it says."""
    found = np.array([judge_order(np.array(order)).p for order in permutations(range(6))])
    for level in (0.01, 0.05, 0.2):
        assert (found <= level / 2).mean() <= level


@pytest.mark.parametrize("order", [[0], [], [0, 0, 1], [1, 2, 3]])
def test_what_is_no_order_is_refused(order: list[int]) -> None:
    with pytest.raises(ValueError, match="each number below"):
        judge_order(np.array(order, int))


def test_a_p_value_at_the_level_holds() -> None:
    order = drawn()
    p = judge_order(order).p
    assert judge_order(order, alpha=2 * p).holds
    assert not judge_order(order, alpha=2.001 * p).holds
