"""Whether a candidate is slower than its baseline, from fresh processes run side by side in rounds.

The process is the sample: processes of identical code differ more than the blocks of one process do. Each
round runs the baseline twice and the candidate once, A, A' and B in random order, each in a fresh process
that times every benchmark. log(B / A) is then symmetric about the true change whatever the noise of a process
looks like, which is all that the signed-rank test asks (Wilcoxon, Biometrics Bulletin 1, 1945); B against the
mean of A and A' would be less noisy, but no longer symmetric. log(A' / A) goes through the same tests: where
it is rejected, the machine makes up differences and the run says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from random import Random

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from conformance.judge.signed_rank import BOUND, Shift, signed_rank
from conformance.verdict import SpeedVerdict

PLANS = {"quick": 12, "full": 80}
ARMS = ("baseline", "again", "candidate")
ALPHA = 0.01
MINIMUM_CHANGE = 0.02
SPEED_LIMIT = 0.05
POWER = 0.80


@dataclass(frozen=True)
class SpeedResult:
    """What a run shows of one benchmark.

    `ratio` is the candidate's time over the baseline's, `low` and `high` its one-sided 95 % bounds.
    `p_slower` and `p_faster` are one-sided and adjusted by Holm over the benchmarks. `detectable` is the
    slowdown (0.25 is +25 %) that a run with this noise calls `slower` four times in five; infinite where the
    rounds are too few for so many benchmarks. `again_ratio` is the A/A arm's.
    """

    name: str
    verdict: SpeedVerdict
    ratio: float
    low: float
    high: float
    p_slower: float
    p_faster: float
    detectable: float
    again_ratio: float
    rounds: int
    reason: str


@dataclass(frozen=True)
class SpeedRun:
    """All benchmarks of a run, and those whose A/A arm was rejected (any makes all of them `unresolved`)."""

    results: tuple[SpeedResult, ...]
    disturbed: tuple[str, ...]

    @property
    def verdict(self) -> SpeedVerdict:
        """The run's verdict: `slower` before `unresolved` before `same` before `faster`."""
        order = (SpeedVerdict.SLOWER, SpeedVerdict.UNRESOLVED, SpeedVerdict.SAME, SpeedVerdict.FASTER)
        return min((result.verdict for result in self.results), key=order.index, default=SpeedVerdict.UNRESOLVED)


def orders(plan: str, seed: int) -> tuple[tuple[str, ...], ...]:
    """The random order of the three arms in each round of a plan, `quick` (12 rounds) or `full` (80)."""
    random = Random(seed)
    return tuple(tuple(random.sample(ARMS, len(ARMS))) for _ in range(PLANS[plan]))


def judge_speed(
    baseline: Mapping[str, ArrayLike],
    again: Mapping[str, ArrayLike],
    candidate: Mapping[str, ArrayLike],
    limit: float = SPEED_LIMIT,
) -> SpeedRun:
    """Judge the times of A, A' and B: for each benchmark an array (rounds,), any unit of time, positive.

    `slower`: the adjusted p is below 1 % and the estimate is a slowdown of 2 % at least; `faster` likewise.
    `same`: the upper 95 % bound lies below +limit, and the estimate is no gain of more than `limit` either
    (so that noise cannot hide a slowdown behind an estimate that is itself beyond belief).
    Else, and wherever the A/A arm is rejected for any benchmark, `unresolved`.

    Raises ValueError for benchmarks or rounds that differ between the arms and times that are not positive.
    """
    if not limit > 0:
        raise ValueError(f"the speed limit must be positive, not {limit}")
    logs = [_logarithms(arm, times) for arm, times in zip(ARMS, (baseline, again, candidate), strict=True)]
    shapes = [{name: values.size for name, values in arm.items()} for arm in logs]
    if not shapes[0] == shapes[1] == shapes[2]:
        raise ValueError("the arms of a timing must have the same benchmarks and rounds")
    level = ALPHA / max(1, len(logs[0]))
    changes = {name: signed_rank(logs[2][name] - logs[0][name], level) for name in logs[0]}
    repeats = {name: signed_rank(logs[1][name] - logs[0][name], level) for name in logs[0]}
    up, down = _holm(repeats, "p_above"), _holm(repeats, "p_below")
    disturbed = tuple(name for name in repeats if min(up[name], down[name]) < ALPHA)
    slower, faster = _holm(changes, "p_above"), _holm(changes, "p_below")
    results = []
    for name, change in changes.items():
        verdict, reason = _verdict(change, slower[name], faster[name], limit)
        if disturbed:
            verdict, reason = (
                SpeedVerdict.UNRESOLVED,
                f"identical processes differed in {', '.join(disturbed)}",
            )
        results.append(
            SpeedResult(
                name=name,
                verdict=verdict,
                ratio=exp(change.estimate),
                low=exp(change.low),
                high=exp(change.high),
                p_slower=slower[name],
                p_faster=faster[name],
                detectable=_detectable(change),
                again_ratio=exp(repeats[name].estimate),
                rounds=change.size,
                reason=reason,
            )
        )
    return SpeedRun(tuple(results), disturbed)


def _logarithms(arm: str, times: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float64]]:
    logs = {}
    for name, values in times.items():
        seconds = np.asarray(values, dtype=np.float64)
        if seconds.ndim != 1 or not seconds.size:
            raise ValueError(f"{name} ({arm}): times must have the shape (rounds,), not {seconds.shape}")
        if not (np.isfinite(seconds) & (seconds > 0)).all():
            raise ValueError(f"{name} ({arm}): every time must be positive and finite")
        logs[name] = np.log(seconds)
    return logs


def _holm(shifts: Mapping[str, Shift], tail: str) -> dict[str, float]:
    """One tail's p values, adjusted over the benchmarks (Holm, Scand. J. Statist. 6, 1979)."""
    p = np.array([getattr(shift, tail) for shift in shifts.values()])
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return dict(zip(shifts, adjusted.tolist(), strict=True))


def _verdict(change: Shift, slower: float, faster: float, limit: float) -> tuple[SpeedVerdict, str]:
    percent = f"{exp(change.estimate) - 1:+.1%}, at most {exp(change.high) - 1:+.1%}"
    if slower < ALPHA and change.estimate >= log(1 + MINIMUM_CHANGE):
        return SpeedVerdict.SLOWER, f"{percent}; adjusted p = {slower:.2g}"
    if faster < ALPHA and change.estimate <= -log(1 + MINIMUM_CHANGE):
        return SpeedVerdict.FASTER, f"{percent}; adjusted p = {faster:.2g}"
    if change.high < log(1 + limit) and change.estimate >= -log(1 + limit):
        return SpeedVerdict.SAME, f"{percent}, below {limit:+.0%}"
    return (
        SpeedVerdict.UNRESOLVED,
        f"{percent}; slowdowns seen four times in five: from {_detectable(change):+.0%}",
    )


def _detectable(change: Shift) -> float:
    """The slowdown seen with POWER: where Holm's first step rejects, and the estimate's own scatter."""
    if change.low_at_level == -inf:
        return inf
    freedom = change.size - 1
    error = (change.high - change.low) / (2 * float(scipy.special.stdtrit(freedom, 1 - BOUND)))
    reach = change.estimate - change.low_at_level
    # The reach is itself an estimate: as for a noncentral t, its scatter adds to that of the shift.
    scatter = error * sqrt(1 + (reach / error) ** 2 / (2 * freedom)) if error else 0.0
    seen = reach + float(scipy.special.ndtri(POWER)) * scatter
    return max(exp(seen) - 1, MINIMUM_CHANGE)
