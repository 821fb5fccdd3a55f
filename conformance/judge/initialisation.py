"""Whether initial weights follow the law that their framework documents.

Each parameter with a random law faces five tests: Kolmogorov-Smirnov's for the shape, one for the largest
value (a range that is too narrow shows there first), one for the mean square (the variance about 0), one for
values that repeat (two units drawn alike, numbers drawn too coarsely), and one for values that another parameter has as
well, each in proportion to its law (two layers that start from the same random numbers). They share the stated
false-alarm rate equally (Bonferroni), over all parameters judged together. The first two are exact; the third takes the
mean square as normal, which for uniform laws errs by less than a factor 1.5 at sizes from 10 on; the last two take
repeats as Poisson distributed, by the birthday problem of float32 generators, which draw one of 2^23 numbers or more.
That every value lies inside the law's bounds, and zero where the law says so, is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from conformance.judge.comparison import Tested

ALPHA = 1e-6
TESTS = 5
_DRAWN_OF = 2**23
# As far apart may float32 rounding leave the quantiles of one number that is scaled by the limits of two laws.
_SAME_QUANTILE = 1.5 * 2.0**-23


@dataclass(frozen=True)
class Law:
    """A documented initialiser: its name with its bound, and its distribution (None: every value is zero)."""

    name: str
    distribution: Any | None


ZEROS = Law("zeros", None)


def uniform(limit: float) -> Law:
    """Uniform on ±limit. Raises ValueError where the limit is not positive."""
    if not limit > 0:
        raise ValueError(f"a uniform law needs a positive limit, not {limit}")
    return Law(f"uniform ±{limit:.6g}", scipy.stats.uniform(-limit, 2 * limit))


def glorot_uniform(fan_in: int, fan_out: int) -> Law:
    """Uniform on ±sqrt(6 / (fan_in + fan_out)), Keras's default for kernels (Glorot, AISTATS 2010)."""
    return uniform(sqrt(6 / (fan_in + fan_out)))


def torch_linear(fan_in: int) -> Law:
    """Uniform on ±1 / sqrt(fan_in), what `torch.nn.Linear` and convolutions give weights and biases.

    That is `kaiming_uniform_(a=sqrt(5))`: gain sqrt(2 / (1 + 5)) times sqrt(3 / fan_in).
    """
    return uniform(1 / sqrt(fan_in))


@dataclass(frozen=True)
class LawResult(Tested):
    """How one parameter stands to its law.

    `p` is the smallest p value of its tests (1 for zeros; 0 where an exact rule is broken) and `allowed` the
    p value below which the law is rejected. `deviation` is the sample's root mean square, `expected` the
    law's, in the unit of the weights; `elements` counts the values.
    """

    name: str
    law: str
    deviation: float
    expected: float


def judge_initialisation(
    samples: Mapping[str, NDArray[np.floating]], laws: Mapping[str, Law], alpha: float = ALPHA
) -> tuple[LawResult, ...]:
    """Judge every parameter of a model, arrays of any shape, against its law.

    `alpha` is the chance of rejecting any of them when all laws hold. Values of several seeds may be stacked
    into one sample. Raises ValueError where samples and laws name different parameters, or one is empty.
    """
    if samples.keys() != laws.keys():
        odd = ", ".join(sorted(samples.keys() ^ laws.keys()))
        raise ValueError(f"no sample or no documented law for {odd}")
    tested = TESTS * sum(law.distribution is not None for law in laws.values())
    allowed = alpha / tested if tested else 0.0
    quantiles = {name: _quantiles(samples[name], laws[name]) for name in samples}
    return tuple(_judge(name, samples[name], laws[name], _p_shared(name, quantiles), allowed) for name in samples)


def _quantiles(sample: NDArray[np.floating], law: Law) -> NDArray[np.float64]:
    """Where in its law every value lies, from 0 to 1; nothing of a law that draws nothing."""
    if law.distribution is None:
        return np.empty(0)
    found: NDArray[np.float64] = law.distribution.cdf(np.asarray(sample, np.float64).ravel())
    return found


def _judge(name: str, sample: NDArray[np.floating], law: Law, p_shared: float, allowed: float) -> LawResult:
    values = np.asarray(sample, dtype=np.float64).ravel()
    if not values.size:
        raise ValueError(f"{name} has no values to judge")
    expected = 0.0 if law.distribution is None else sqrt(law.distribution.moment(2))
    broken = _broken_rule(values, law)
    if broken or law.distribution is None:
        p, reason = float(not broken), broken or f"{values.size} values are zero"
    else:
        tests = {**_p_values(values, law.distribution), "values of another parameter": p_shared}
        worst = min(tests, key=lambda test: tests[test])
        p = tests[worst]
        reason = f"{worst}: p = {p:.2g} under {law.name}, rejected below {allowed:.2g}"
    deviation = float(np.sqrt(np.mean(values**2)))
    holds = not broken and p >= allowed
    return LawResult(holds, p, allowed, values.size, reason, name, law.name, deviation, expected)


def _broken_rule(values: NDArray[np.float64], law: Law) -> str:
    """The exact rule that the values break, or nothing."""
    if not np.isfinite(values).all():
        return f"{np.count_nonzero(~np.isfinite(values))} values are not finite"
    if law.distribution is None:
        others = np.count_nonzero(values)
        return f"{others} of {values.size} values are not zero" if others else ""
    low, high = law.distribution.support()
    # A bound is reached in float32 arithmetic, which may round it outwards by one unit in the last place.
    low, high = np.nextafter(np.array([low, high], np.float32), np.array([-np.inf, np.inf], np.float32))
    outside = np.count_nonzero((values < low) | (values > high))
    return f"{outside} of {values.size} values lie outside {law.name}" if outside else ""


def _p_values(values: NDArray[np.float64], distribution: Any) -> dict[str, float]:
    largest = np.abs(values).max()
    inside = distribution.cdf(largest) - distribution.cdf(-largest)
    second, fourth = distribution.moment(2), distribution.moment(4)
    z = (np.mean(values**2) - second) / sqrt((fourth - second**2) / values.size)
    repeats = values.size - np.unique(values).size
    pairs = values.size * (values.size - 1) / 2
    return {
        "Kolmogorov-Smirnov": float(scipy.stats.kstest(values, distribution.cdf).pvalue),
        "largest value": float(inside**values.size),
        "mean square": float(2 * scipy.stats.norm.sf(abs(z))),
        "repeated values": float(scipy.stats.poisson.sf(repeats - 1, pairs / _DRAWN_OF)),
    }


def _p_shared(name: str, quantiles: Mapping[str, NDArray[np.float64]]) -> float:
    """The p value of so many values in the same place of their law as a value of another parameter."""
    mine = quantiles[name]
    others = np.sort(np.concatenate([found for other, found in quantiles.items() if other != name] or [np.empty(0)]))
    first = np.searchsorted(others, mine - _SAME_QUANTILE, "left")
    after = np.searchsorted(others, mine + _SAME_QUANTILE, "right")
    expected = mine.size * others.size * (2 * _SAME_QUANTILE + 1 / _DRAWN_OF)
    return float(scipy.stats.poisson.sf((after - first).sum() - 1, expected))
