"""Whether an order of examples could have been drawn at random from all orders of them.

Two tests that the usual ways of shuffling badly do not pass: Spearman's rank correlation between an example's number
and its place, which a buffer that is too small leaves, and the number of examples that still stand beside a neighbour,
which shuffling in blocks leaves. They share the stated false-alarm rate equally (Bonferroni). Not seen is an order
that a formula makes, such as every 200th example, nor a buffer of nine tenths of 60,000 examples or more.

Of n numbers in random order the rank correlation has mean 0 and variance 1 / (n - 1) (Kendall, Rank Correlation
Methods, 1948); it is taken as normal, which for few examples overstates p. How many are followed by the number before
or after them is Poisson distributed with mean 2 in the limit (Kaplansky, Annals of Mathematical Statistics 16, 1945).
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import scipy
from numpy.typing import NDArray

from conformance.judge.comparison import Tested

ALPHA = 1e-6
TESTS = 2


def judge_order(order: NDArray[np.integer], alpha: float = ALPHA) -> Tested:
    """Judge an order, the numbers 0 to n - 1 with shape (n,), each once; one number alone is in no order.

    Raises ValueError where a number is missing or repeated, or there are fewer than two.
    """
    count = len(order)
    if count < 2 or not np.array_equal(np.sort(order), np.arange(count)):
        raise ValueError(f"an order of {count} examples has each number below {count} once, and more than one number")
    allowed = alpha / TESTS
    correlation = float(np.corrcoef(order, np.arange(count))[0, 1])
    beside = int(np.count_nonzero(np.abs(np.diff(order)) == 1))
    tests = {
        f"rank correlation with the order of the data set {correlation:.3g}": 2
        * float(scipy.stats.norm.sf(abs(correlation) * sqrt(count - 1))),
        f"{beside} examples beside a neighbour": float(scipy.stats.poisson.sf(beside - 1, 2)),
    }
    worst = min(tests, key=lambda test: tests[test])
    p = tests[worst]
    return Tested(p >= allowed, p, allowed, count, f"{worst}: p = {p:.2g}, rejected below {allowed:.2g}")
