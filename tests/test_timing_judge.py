"""The judge of speed finds real slowdowns, raises no false alarms, and owns up to what it could not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, log

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from conformance.judge.signed_rank import signed_rank
from conformance.judge.timing import ARMS, PLANS, SpeedRun, judge_speed, orders
from conformance.verdict import SpeedVerdict

BENCHMARKS = ("load", "preprocess", "forward", "train_step", "epoch", "evaluate")


def simulate(
    rng: np.random.Generator,
    rounds: int,
    deviation: float,
    slow: float = 1.0,
    again: float = 1.0,
    benchmarks: tuple[str, ...] = BENCHMARKS,
) -> SpeedRun:
    """Judge a run whose processes vary by exp(deviation · normal), its training step `slow` times as long."""
    arms = [{name: np.exp(deviation * rng.normal(size=rounds)) for name in benchmarks} for _ in range(len(ARMS))]
    arms[1]["train_step"] *= again
    arms[2]["train_step"] *= slow
    return judge_arms(arms)


def judge_arms(arms: Sequence[Mapping[str, ArrayLike]], limit: float = 0.05) -> SpeedRun:
    baseline, again, candidate = arms
    return judge_speed(baseline, again, candidate, limit)


def of(run: SpeedRun, name: str = "train_step") -> SpeedVerdict:
    return next(result.verdict for result in run.results if result.name == name)


def rate(found: list[bool]) -> float:
    return float(np.mean(found))


def test_plans_are_fixed_and_their_order_is_random() -> None:
    assert PLANS == {"quick": 12, "full": 80}
    drawn = orders("full", seed=1)
    assert len(drawn) == 80
    assert all(sorted(order) == sorted(ARMS) for order in drawn)
    assert len(set(drawn)) == 6
    assert drawn == orders("full", seed=1) != orders("full", seed=2)


def test_identical_code_on_a_quiet_machine_is_the_same() -> None:
    run = simulate(np.random.default_rng(0), 12, 0.01)
    assert {result.verdict for result in run.results} == {SpeedVerdict.SAME}
    assert run.verdict is SpeedVerdict.SAME
    assert all(result.high < 1.05 and result.detectable < 0.05 for result in run.results)


def test_slower_and_faster_are_told_apart() -> None:
    slower = simulate(np.random.default_rng(0), 12, 0.03, slow=1.25)
    assert of(slower) is SpeedVerdict.SLOWER
    assert of(slower, "load") is not SpeedVerdict.SLOWER
    assert slower.verdict is SpeedVerdict.SLOWER
    result = next(result for result in slower.results if result.name == "train_step")
    assert 1.1 < result.low < result.ratio < result.high < 1.4
    assert result.p_slower < 0.01 < result.p_faster
    assert of(simulate(np.random.default_rng(0), 12, 0.03, slow=0.8)) is SpeedVerdict.FASTER


def test_a_change_below_two_percent_is_not_slower() -> None:
    """It is significant, and too small to matter."""
    run = simulate(np.random.default_rng(0), 80, 0.005, slow=1.015)
    result = next(result for result in run.results if result.name == "train_step")
    assert result.p_slower < 1e-6
    assert result.verdict is SpeedVerdict.SAME


def test_a_rejected_arm_of_identical_code_makes_everything_unresolved() -> None:
    run = simulate(np.random.default_rng(0), 12, 0.03, slow=1.25, again=1.25)
    assert run.disturbed == ("train_step",)
    assert {result.verdict for result in run.results} == {SpeedVerdict.UNRESOLVED}
    assert "identical processes differed in train_step" in run.results[0].reason


def test_too_few_rounds_are_unresolved_and_say_so() -> None:
    run = simulate(np.random.default_rng(0), 4, 0.001, slow=2.0)
    assert of(run) is SpeedVerdict.UNRESOLVED
    assert all(result.detectable == inf for result in run.results)


def test_false_alarms() -> None:
    """Identical code: `slower` for any of six benchmarks in at most 1 % of runs, skewed noise included."""
    rng = np.random.default_rng(1)
    normal = [simulate(rng, 12, deviation) for deviation in (0.05, 0.3) for _ in range(300)]
    alarms = [run.verdict is SpeedVerdict.SLOWER for run in normal]
    skewed = []
    for _ in range(300):
        arms = [{name: np.exp(0.3 * rng.exponential(size=12)) for name in BENCHMARKS} for _ in ARMS]
        skewed.append(judge_arms(arms).verdict is SpeedVerdict.SLOWER)
    assert rate(alarms + skewed) < 0.01 + 3 * np.sqrt(0.01 * 0.99 / 900)


@pytest.mark.parametrize(("rounds", "deviation"), [(12, 0.05), (12, 0.08), (80, 0.2)])
def test_a_quarter_slower_is_found(rounds: int, deviation: float) -> None:
    rng = np.random.default_rng(2)
    found = [of(simulate(rng, rounds, deviation, slow=1.25)) for _ in range(150)]
    assert rate([verdict is SpeedVerdict.SLOWER for verdict in found]) > 0.9
    assert SpeedVerdict.SAME not in found


@pytest.mark.parametrize("deviation", [0.05, 0.1, 0.3])
def test_a_tenth_slower_is_never_the_same(deviation: float) -> None:
    rng = np.random.default_rng(3)
    found = [of(simulate(rng, 12, deviation, slow=1.10)) for _ in range(300)]
    assert rate([verdict is SpeedVerdict.SAME for verdict in found]) <= 0.01


def test_at_the_limit_same_is_wrong_one_time_in_twenty_at_most() -> None:
    rng = np.random.default_rng(4)
    found = [
        judge_arms([{"epoch": np.exp(0.02 * rng.normal(size=12)) * slow} for slow in (1.0, 1.0, 1.05)])
        for _ in range(1000)
    ]
    wrong = rate([run.verdict is SpeedVerdict.SAME for run in found])
    assert wrong < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000)


def test_the_detectable_change_is_detected_four_times_in_five() -> None:
    rng = np.random.default_rng(5)
    stated = float(np.median([simulate(rng, 12, 0.05).results[0].detectable for _ in range(100)]))
    found = [of(simulate(rng, 12, 0.05, slow=1 + stated)) is SpeedVerdict.SLOWER for _ in range(400)]
    assert 0.72 < rate(found) < 0.88


def test_more_benchmarks_need_stronger_evidence() -> None:
    few = simulate(np.random.default_rng(6), 12, 0.05, benchmarks=("train_step",)).results[0]
    many = simulate(np.random.default_rng(6), 12, 0.05, benchmarks=("train_step", *map(str, range(35)))).results[0]
    assert many.detectable > few.detectable
    assert (
        simulate(np.random.default_rng(6), 12, 0.05, benchmarks=("train_step", *map(str, range(50))))
        .results[0]
        .detectable
        == inf
    )


def scaled(**factors: Sequence[float] | NDArray[np.float64]) -> SpeedRun:
    """Judge a run in which the candidate takes these multiples of the baseline's time, round by round."""
    steady = {name: np.full(len(values), 0.25) for name, values in factors.items()}
    return judge_arms([steady, steady, {name: 0.25 * np.asarray(values) for name, values in factors.items()}])


def test_p_values_are_adjusted_by_holm() -> None:
    """Of 2**12 signs, all up is the one most extreme, all but the smallest up the second, and so on."""
    sizes = np.linspace(1.10, 1.21, 12)
    one_down, two_down = sizes.copy(), sizes.copy()
    one_down[0] = 1 / sizes[0]
    two_down[:2] = 1 / sizes[:2]
    run = scaled(second=one_down, same=np.ones(12), third=two_down, first=sizes)
    adjusted = {result.name: (result.p_slower * 4096, result.p_faster) for result in run.results}
    # Signs whose negative ranks sum to at most 0, 1 and 3: 1, 2 and 5 of them.
    assert adjusted["first"] == pytest.approx((4, 1))
    assert adjusted["second"] == pytest.approx((6, 1))
    assert adjusted["third"] == pytest.approx((10, 1))
    assert adjusted["same"] == pytest.approx((4096, 1))
    assert [result.name for result in run.results] == ["second", "same", "third", "first"]


def test_an_adjusted_p_value_is_never_below_that_of_stronger_evidence() -> None:
    run = scaled(a=[1.1] * 12, b=[1.2] * 12, c=[1.3] * 12)
    assert [result.p_slower * 4096 for result in run.results] == pytest.approx([3, 3, 3])


def test_what_is_measured_is_told() -> None:
    baseline = {"epoch": np.full(12, 2.0)}
    run = judge_speed(baseline, {"epoch": np.full(12, 2.5)}, {"epoch": np.full(12, 3.0)})
    (result,) = run.results
    assert (result.ratio, result.low, result.high, result.again_ratio) == pytest.approx((1.5, 1.5, 1.5, 1.25))
    assert (result.name, result.rounds, result.detectable) == ("epoch", 12, 0.02)
    (steady,) = scaled(epoch=[1.5] * 12).results
    assert steady.verdict is SpeedVerdict.SLOWER
    assert steady.reason == "+50.0%, at most +50.0%; adjusted p = 0.00024"
    assert scaled(epoch=[0.5] * 12).results[0].reason == "-50.0%, at most -50.0%; adjusted p = 0.00024"
    assert scaled(epoch=[1.01] * 12).results[0].reason == "+1.0%, at most +1.0%, below +5%"


def test_significance_alone_is_neither_slower_nor_faster() -> None:
    """Two per cent is the least that counts, one per cent the p value that must be undercut."""
    for factor, verdict in [
        (1.021, SpeedVerdict.SLOWER),
        (1.019, SpeedVerdict.SAME),
        (1 / 1.019, SpeedVerdict.SAME),
        (1 / 1.021, SpeedVerdict.FASTER),
    ]:
        assert of(scaled(train_step=[factor] * 12)) is verdict
    # Seven rounds that agree have p = 1/128, six 1/64.
    assert of(scaled(train_step=[1.5] * 7)) is SpeedVerdict.SLOWER
    assert of(scaled(train_step=[1.5] * 6)) is SpeedVerdict.UNRESOLVED
    assert [scaled(train_step=[1.5] * rounds).results[0].detectable for rounds in (7, 6)] == [0.02, inf]


def test_a_gain_beyond_belief_is_not_the_same() -> None:
    """Six rounds cannot show a gain, and one of a third may well hide a slowdown."""
    assert of(scaled(train_step=[0.67] * 6)) is SpeedVerdict.UNRESOLVED
    for change, verdict in [(1.049, SpeedVerdict.SAME), (1.051, SpeedVerdict.UNRESOLVED)]:
        assert of(scaled(train_step=[change] * 6)) is of(scaled(train_step=[1 / change] * 6)) is verdict


def test_a_machine_that_slows_down_or_speeds_up_between_arms_says_nothing() -> None:
    steady = {"epoch": np.full(12, 2.0), "load": np.full(12, 1.0)}
    for factor in (1.1, 0.9):
        run = judge_speed(steady, {**steady, "load": steady["load"] * factor}, steady)
        assert run.disturbed == ("load",)
        assert run.verdict is SpeedVerdict.UNRESOLVED
    both = judge_speed(steady, {name: times * 1.1 for name, times in steady.items()}, steady)
    assert both.results[0].reason == "identical processes differed in epoch, load"


def test_times_in_float32_are_judged_in_float64() -> None:
    arms = [{"epoch": np.exp(0.1 * noise(seed, 12)).astype(np.float32)} for seed in range(3)]
    assert judge_arms(arms) == judge_arms([{"epoch": arm["epoch"].astype(np.float64)} for arm in arms])


def test_the_worst_verdict_is_the_run_s() -> None:
    slow, same, fast = [1.5] * 12, [1.0] * 12, [0.5] * 12
    unclear = [1.5, 0.5] * 6
    assert scaled(a=fast, b=fast).verdict is SpeedVerdict.FASTER
    assert scaled(a=fast, b=same).verdict is SpeedVerdict.SAME
    assert scaled(a=same, b=unclear).verdict is SpeedVerdict.UNRESOLVED
    assert scaled(a=unclear, b=slow, c=fast).verdict is SpeedVerdict.SLOWER
    assert judge_speed({}, {}, {}).verdict is SpeedVerdict.UNRESOLVED


def test_the_bounds_are_order_statistics_of_the_pairwise_means() -> None:
    """Of seven differences the sum of negative ranks is at most 3 in 5 of 128 cases, at most 4 in 7 (5.5 %)."""
    differences = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    means = sorted((a + b) / 2 for place, a in enumerate(differences) for b in differences[place:])
    shift = signed_rank(differences, 1 / 128)
    assert (shift.low, shift.high) == (means[3], means[-4])
    assert (shift.low_at_level, shift.size) == (means[0], 7)
    assert signed_rank(differences, 0.99 / 128).low_at_level == -inf


def noise(seed: int, rounds: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.3, 1, rounds)


@pytest.mark.parametrize("rounds", [1, 5, 12, 80])
def test_p_values_are_scipy_s_where_scipy_is_exact(rounds: int) -> None:
    for seed in range(5):
        differences = noise(seed, rounds)
        shift = signed_rank(differences, 0.01)
        above = stats.wilcoxon(differences, alternative="greater", method="exact").pvalue
        below = stats.wilcoxon(differences, alternative="less", method="exact").pvalue
        assert (shift.p_above, shift.p_below) == pytest.approx((above, below), rel=1e-9)


def test_p_values_with_ties_and_zeros_are_those_of_all_sign_flips() -> None:
    differences = np.array([0.0, 0.1, 0.1, -0.1, 0.2, 0.2, 0.3, 0.0, 0.3, -0.2])
    shift = signed_rank(differences, 0.01)
    exact = stats.wilcoxon(differences, alternative="greater", method=stats.PermutationMethod(n_resamples=10_000))
    assert shift.p_above == pytest.approx(exact.pvalue, rel=1e-9)
    nothing = signed_rank(np.zeros(12), 0.01)
    assert (nothing.estimate, nothing.p_above, nothing.p_below) == (0.0, 1.0, 1.0)


def test_the_bounds_cover_at_their_level() -> None:
    rng = np.random.default_rng(7)
    shifts = [signed_rank(rng.normal(size=12), 0.01) for _ in range(2000)]
    for missed, level in (
        ([shift.low > 0 for shift in shifts], 0.05),
        ([shift.high < 0 for shift in shifts], 0.05),
        ([shift.low_at_level > 0 for shift in shifts], 0.01),
    ):
        assert 0.4 * level < rate(missed) < level + 3 * np.sqrt(level / 2000)
    agree = [(shift.low > 0) == (shift.p_above <= 0.05) for shift in shifts]
    assert all(agree)


@pytest.mark.parametrize("size", range(1, 8))
def test_the_estimate_is_the_median_whether_their_number_is_odd_or_even(size: int) -> None:
    differences = np.array([2.0**power for power in range(size)])
    means = [(a + b) / 2 for place, a in enumerate(differences) for b in differences[place:]]
    assert signed_rank(differences, 0.01).estimate == np.median(means)


def test_the_estimate_is_the_median_of_the_pairwise_means() -> None:
    shift = signed_rank(np.array([1.0, 2.0, 10.0]), 0.01)
    assert shift.estimate == pytest.approx(np.median([1, 2, 10, 1.5, 5.5, 6]))
    assert (shift.low, shift.high) == (-inf, inf)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (({"a": [1.0]}, {"a": [1.0]}, {"b": [1.0]}), "same benchmarks"),
        (({"a": [1.0]}, {"a": [1.0]}, {"a": [1.0, 1.0]}), "same benchmarks and rounds"),
        (({"a": [1.0, 1.0]}, {"a": [1.0]}, {"a": [1.0]}), "same benchmarks and rounds"),
        (({"a": [1.0]}, {"a": [1.0], "b": [1.0]}, {"a": [1.0]}), "same benchmarks and rounds"),
        (({"a": [0.0]}, {"a": [1.0]}, {"a": [1.0]}), r"a \(baseline\): every time must be positive"),
        (({"a": [1.0]}, {"a": [1.0]}, {"a": [inf]}), r"a \(candidate\): every time must be positive"),
        (({"a": [[1.0]]}, {"a": [1.0]}, {"a": [1.0]}), "shape"),
    ],
)
def test_wrong_times_are_refused(arms: tuple[dict[str, list[float]], ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge_arms(arms)


def test_the_limit_can_be_moved() -> None:
    times = {"epoch": np.exp(0.01 * noise(0, 12))}
    slow = {"epoch": np.exp(0.01 * noise(1, 12)) * 1.015}
    loose, tight = (judge_speed(times, times, slow, limit).results[0] for limit in (0.05, 0.001))
    assert loose.ratio == tight.ratio
    assert tight.high > 1.001
    assert tight.verdict is not SpeedVerdict.SAME
    assert abs(log(loose.ratio) - log(1.015)) < 0.02
    with pytest.raises(ValueError, match="positive"):
        judge_speed(times, times, slow, limit=0)
