"""Whether two sets of accuracies are shown equal: two one-sided tests (TOST).

A difference that is merely not significant proves nothing. TOST turns the question round: the null hypothesis
is that the true difference lies on or beyond the margin, so that `equivalent` means "shown equal within the
margin" and too few seeds give `unresolved` (Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from conformance.checks import Verdict

ALPHA = 0.05
MARGIN = 0.01
MINIMUM_SEEDS = 3
# From here on nothing is missed (less than 1e-30, given three seeds), and SciPy's noncentral t may give NaN.
_FAR = 30.0


class Equivalence(StrEnum):
    """What the 90 % interval of the difference says about the margin; exactly one holds."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNRESOLVED = "unresolved"

    def as_verdict(self) -> Verdict:
        """The verdict of a statistical check: only what was shown equal passes.

        `equivalent` is `rounding`, `different` is `break`; `unresolved` is `drift`: nothing was shown.
        """
        return {
            Equivalence.EQUIVALENT: Verdict.ROUNDING,
            Equivalence.UNRESOLVED: Verdict.DRIFT,
            Equivalence.DIFFERENT: Verdict.BREAK,
        }[self]


@dataclass(frozen=True)
class EquivalenceResult:
    """The outcome of a TOST; accuracies and differences are fractions (0.01 is one point).

    `estimate` is the mean accuracy of the first side less that of the second, `low` and `high` its 90 %
    interval. `p_equivalent` is the larger p value of the two one-sided tests against the margin,
    `p_different` that of the test that the difference lies beyond it. `seeds` counts the runs of each
    side. `power` is the chance of `equivalent` for the spread observed if the true difference were 0, and
    `smallest_margin` the narrowest margin within which these runs show the sides equal. Where the spread
    is unknown, these figures are NaN and `reason` says why.
    """

    verdict: Equivalence
    estimate: float
    low: float
    high: float
    p_equivalent: float
    p_different: float
    seeds: tuple[int, int]
    margin: float
    power: float
    smallest_margin: float
    reason: str


def equivalent(first: ArrayLike, second: ArrayLike, margin: float = MARGIN) -> EquivalenceResult:
    """Judge two independent samples of accuracies, each of shape (seeds,), by Welch's t.

    `equivalent`: the 90 % interval of the difference lies inside ±margin (both one-sided tests reject at
    5 %). `different`: it lies wholly outside, on one side (the difference is beyond the margin at 5 %); a
    run that ended in a non-finite accuracy counts as different. `unresolved`: neither; also fewer than three
    seeds on a side, or a side whose runs all ended at one accuracy, as if the seed had no effect (unless
    both sides agree in it). The degrees of freedom are Welch and Satterthwaite's.

    Raises ValueError for samples that are not one-dimensional and a margin that is not positive.
    """
    a, b = _sample(first, margin), _sample(second, margin)
    seeds = (a.size, b.size)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return _without_spread(Equivalence.DIFFERENT, np.nan, seeds, margin, "a run ended in a non-finite accuracy")
    if min(seeds) < MINIMUM_SEEDS:
        return _too_few(float(a.mean() - b.mean()) if min(seeds) else np.nan, seeds, margin)
    estimate = float(a.mean() - b.mean())
    if (np.ptp(a) == 0 or np.ptp(b) == 0) and not (np.ptp(a) == np.ptp(b) == 0 and a[0] == b[0]):
        reason = "every run of a side ended at the same accuracy: its spread over seeds is unknown"
        return _without_spread(Equivalence.UNRESOLVED, estimate, seeds, margin, reason)
    variances = np.array([a.var(ddof=1) / a.size, b.var(ddof=1) / b.size])
    error = float(np.sqrt(variances.sum()))
    freedom = float(variances.sum() ** 2 / (variances**2 / (np.array(seeds) - 1)).sum()) if error else 1.0
    return _decide(estimate, error, freedom, seeds, margin)


def _sample(values: ArrayLike, margin: float) -> NDArray[np.float64]:
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"accuracies must have the shape (seeds,), not {sample.shape}")
    if not margin > 0:
        raise ValueError(f"the margin of an equivalence must be positive, not {margin}")
    return sample


def _too_few(estimate: float, seeds: tuple[int, int], margin: float) -> EquivalenceResult:
    reason = f"{min(seeds)} seeds are too few to know the spread; {MINIMUM_SEEDS} a side are the least"
    return _without_spread(Equivalence.UNRESOLVED, estimate, seeds, margin, reason)


def _without_spread(
    verdict: Equivalence, estimate: float, seeds: tuple[int, int], margin: float, reason: str
) -> EquivalenceResult:
    nan = float("nan")
    return EquivalenceResult(verdict, estimate, nan, nan, nan, nan, seeds, margin, nan, nan, reason)


def _decide(estimate: float, error: float, freedom: float, seeds: tuple[int, int], margin: float) -> EquivalenceResult:
    """The verdict from an estimate with its standard error and degrees of freedom."""
    reach = float(scipy.stats.t.isf(ALPHA, freedom)) * error
    low, high = estimate - reach, estimate + reach
    if error > 0:
        p_equivalent = float(scipy.stats.t.sf((margin - abs(estimate)) / error, freedom))
        # Each test alone misses with P(t' < t_crit), t' noncentral; both together at most with twice that.
        missed = float(scipy.stats.nct.cdf(scipy.stats.t.isf(ALPHA, freedom), freedom, min(margin / error, _FAR)))
        power = max(0.0, 1 - 2 * missed)
    else:
        p_equivalent, power = 0.0, 1.0  # every run of both sides ended at the same accuracy
    p_different = 1 - p_equivalent
    if p_equivalent < ALPHA:
        verdict, said = Equivalence.EQUIVALENT, f"shown equal within {margin:g}"
    elif p_different < ALPHA:
        verdict, said = Equivalence.DIFFERENT, f"shown to differ by more than {margin:g}"
    else:
        verdict, said = Equivalence.UNRESOLVED, f"shown neither within nor beyond {margin:g}"
    return EquivalenceResult(
        verdict=verdict,
        estimate=estimate,
        low=low,
        high=high,
        p_equivalent=p_equivalent,
        p_different=p_different,
        seeds=seeds,
        margin=margin,
        power=power,
        smallest_margin=max(abs(low), abs(high)),
        reason=f"difference {estimate:+.4f}, 90 % interval {low:+.4f} to {high:+.4f}: {said}",
    )
