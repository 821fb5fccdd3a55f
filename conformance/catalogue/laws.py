"""Whether what an entry draws at random follows the law that it names."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from conformance.judge import initialisation, rounding
from conformance.judge.initialisation import Law, LawResult


def judged(words: tuple[str, Any], samples: Mapping[str, NDArray[Any]]) -> tuple[LawResult, ...]:
    """Each sample against the law that an entry names: one of `law_of`, or `two_values`.

    `two_values` gives the lower value, the higher one, and the chance of the higher one, as dropout has them.
    """
    name, numbers = words
    if name == "two_values":
        return tuple(_two_values(sample, samples[sample], *numbers) for sample in samples)
    return initialisation.judge_initialisation(samples, dict.fromkeys(samples, law_of(words)))


def law_of(words: tuple[str, Any]) -> Law:
    """The law that an entry names: `uniform` within a limit, `normal` or `truncated_normal` of a deviation, `zeros`.

    Truncated at two deviations of the normal that is cut, as in Keras and in `torch.nn.init.trunc_normal_(a=-2 std,
    b=2 std)`; the deviation is that of the normal before it is cut.
    """
    name, size = words
    if name == "uniform":
        return initialisation.uniform(size)
    if name == "zeros":
        return initialisation.ZEROS
    distributions = {"normal": scipy.stats.norm(0, size), "truncated_normal": scipy.stats.truncnorm(-2, 2, 0, size)}
    return Law(f"{name} of deviation {size:.6g}", distributions[name])


def _two_values(name: str, sample: NDArray[Any], low: float, high: float, chance: float) -> LawResult:
    """Nothing but the two values, up to rounding, and as many of the higher one as its chance makes likely."""
    values = np.asarray(sample, np.float64).ravel()
    slack = rounding.FACTOR * rounding.ulp32(max(abs(low), abs(high)))
    is_high = np.abs(values - high) <= slack
    others = int(np.count_nonzero(~is_high & ~(np.abs(values - low) <= slack)))
    p = 0.0 if others else float(scipy.stats.binomtest(int(is_high.sum()), values.size, chance).pvalue)
    law = f"{low:.6g} or, with chance {chance:g}, {high:.6g}"
    return LawResult(
        name=name,
        law=law,
        holds=p >= initialisation.ALPHA,
        p=p,
        allowed=initialisation.ALPHA,
        deviation=float(sqrt(np.mean(values**2))),
        expected=sqrt(chance * high**2 + (1 - chance) * low**2),
        elements=values.size,
        reason=f"{others} of {values.size} values are neither {low:.6g} nor {high:.6g}"
        if others
        else f"{np.mean(is_high):.3f} of the values are {high:.6g}: p = {p:.2g} under {law}",
    )
