"""The exact signed-rank test of a shift, with the estimate and the bounds that belong to it.

SciPy's `wilcoxon` has the exact null distribution only without ties and zeros (a coarse clock makes both) and
gives no interval; the interval needs the distribution itself, which SciPy does not offer. So it is computed
here, for any ranks, and the tests hold it against SciPy's where SciPy's is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf

import numpy as np
from numpy.typing import NDArray

BOUND = 0.05


@dataclass(frozen=True)
class Shift:
    """Where differences lie: Hodges-Lehmann estimate, one-sided 95 % bounds, and p values, in their unit.

    `p_above` is small where the differences lie above zero, `p_below` where they lie below; both one-sided
    and exact. `low_at_level` is the lower bound at the level asked for. A bound is infinite where `size`
    differences are too few for its level.
    """

    estimate: float
    low: float
    high: float
    low_at_level: float
    p_above: float
    p_below: float
    size: int


def signed_rank(differences: NDArray[np.float64], level: float) -> Shift:
    """Test and estimate the shift of `differences`, (n,) with n ≥ 1, finite, symmetric about the shift.

    Zeros are left out of the test and tied sizes share their mean rank, which keeps it exact given the sizes.
    The estimate is the median of the n (n + 1) / 2 pairwise means, its bounds are order statistics of them
    (Hodges & Lehmann, Ann. Math. Statist. 34, 1963; Hollander & Wolfe, chapter 3); with ties they err to the
    safe side.
    """
    size = differences.size
    first, second = _pairs(size)
    means = np.sort((differences[first] + differences[second]) / 2)
    untied = _distribution(tuple(range(2, 2 * size + 2, 2)))[::2]
    low, high = _bounds(means, untied, BOUND)
    others = differences[differences != 0]
    _, places, ties = np.unique(np.abs(others), return_inverse=True, return_counts=True)
    # First plus last rank of each group of ties: twice its mean rank, and a whole number.
    ranks = (2 * np.cumsum(ties) - ties + 1)[places]
    distribution = _distribution(tuple(sorted(ranks.tolist())))
    above, below = int(ranks[others > 0].sum()), int(ranks[others < 0].sum())
    return Shift(
        estimate=float(means[(means.size - 1) // 2] + means[means.size // 2]) / 2,
        low=low,
        high=high,
        low_at_level=_bounds(means, untied, level)[0],
        p_above=float(distribution[below]),
        p_below=float(distribution[above]),
        size=size,
    )


@lru_cache(maxsize=8)
def _pairs(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(size)


@lru_cache(maxsize=64)
def _distribution(ranks: tuple[int, ...]) -> NDArray[np.float64]:
    """P(sum ≤ w) for w = 0, 1, …, where each rank enters the sum with probability 1/2."""
    weights = np.zeros(sum(ranks) + 1)
    weights[0] = 1.0
    for rank in ranks:
        weights[rank:] = (weights[rank:] + weights[:-rank]) / 2
        weights[:rank] /= 2
    return np.minimum(np.cumsum(weights), 1.0)


def _bounds(means: NDArray[np.float64], distribution: NDArray[np.float64], level: float) -> tuple[float, float]:
    """The lower and the upper bound, each missed with a probability of at most `level`."""
    within = np.flatnonzero(distribution <= level)
    if not within.size:
        return -inf, inf
    return float(means[within[-1]]), float(means[means.size - 1 - within[-1]])
