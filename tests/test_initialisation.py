"""The judge of initial weights accepts each documented law and rejects its near misses."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from conformance.judge.initialisation import (
    ZEROS,
    Law,
    LawResult,
    glorot_uniform,
    judge_initialisation,
    torch_linear,
    uniform,
)

LIMIT = sqrt(6 / 794)
LAWS = {
    "hidden/kernel": glorot_uniform(784, 10),
    "hidden/bias": ZEROS,
    "output/kernel": glorot_uniform(10, 10),
    "output/bias": torch_linear(10),
}


def draw(seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """The weights of `mnist_mlp` under LAWS, in float32."""
    rng = np.random.default_rng(seed)
    return {
        "hidden/kernel": rng.uniform(-LIMIT, LIMIT, (784, 10)).astype(np.float32),
        "hidden/bias": np.zeros(10, np.float32),
        "output/kernel": rng.uniform(-sqrt(0.3), sqrt(0.3), (10, 10)).astype(np.float32),
        "output/bias": rng.uniform(-sqrt(0.1), sqrt(0.1), 10).astype(np.float32),
    }


def judge_one(values: NDArray[np.floating], law: Law) -> LawResult:
    return judge_initialisation({"kernel": values}, {"kernel": law})[0]


def test_documented_laws_hold() -> None:
    for seed in range(100):
        for result in judge_initialisation(draw(seed), LAWS):
            assert result.holds, result
    results = {result.name: result for result in judge_initialisation(draw(), LAWS)}
    assert results["hidden/kernel"].expected == pytest.approx(LIMIT / sqrt(3))
    assert results["hidden/kernel"].allowed == pytest.approx(1e-6 / 15)
    assert [results[name].elements for name in LAWS] == [7840, 10, 100, 10]


def test_laws_have_their_documented_bounds() -> None:
    assert glorot_uniform(784, 10).name == f"uniform ±{LIMIT:.6g}"
    assert torch_linear(784).name == f"uniform ±{1 / 28:.6g}"
    with pytest.raises(ValueError, match="positive limit"):
        uniform(0.0)


def test_the_other_framework_s_law_is_rejected() -> None:
    kernel = draw()["hidden/kernel"]
    assert not judge_one(kernel, torch_linear(784)).holds
    narrow = judge_one(kernel / LIMIT / 28, glorot_uniform(784, 10))
    assert not narrow.holds
    assert narrow.deviation < narrow.expected / 2


@pytest.mark.parametrize("scale", [0.99, 1.01])
def test_a_limit_off_by_a_percent_is_rejected(scale: float) -> None:
    assert not judge_one(draw()["hidden/kernel"] * scale, glorot_uniform(784, 10)).holds


def test_one_value_outside_is_rejected() -> None:
    kernel = draw()["hidden/kernel"]
    kernel[3, 4] = LIMIT * 1.0001
    result = judge_one(kernel, glorot_uniform(784, 10))
    assert not result.holds
    assert "1 of 7840 values lie outside" in result.reason
    kernel[3, 4] = np.float32(LIMIT)
    assert judge_one(kernel, glorot_uniform(784, 10)).holds


def test_a_shape_with_the_right_bound_is_rejected() -> None:
    """Triangular on the same range: inside the bound, wrong in shape and variance."""
    rng = np.random.default_rng(0)
    kernel = rng.triangular(-LIMIT, 0, LIMIT, (784, 10))
    assert not judge_one(kernel, glorot_uniform(784, 10)).holds


def test_the_right_variance_with_the_wrong_shape_is_rejected() -> None:
    rng = np.random.default_rng(0)
    kernel = rng.choice([-1, 1], 7840) * LIMIT / sqrt(3)
    result = judge_one(kernel, glorot_uniform(784, 10))
    assert result.deviation == pytest.approx(result.expected)
    assert not result.holds


def test_two_units_that_start_alike_are_rejected() -> None:
    kernel = draw()["hidden/kernel"]
    kernel[:, 1] = kernel[:, 0]
    result = judge_one(kernel, glorot_uniform(784, 10))
    assert not result.holds
    assert "repeated values" in result.reason


def test_a_layer_that_starts_from_the_numbers_of_another_is_rejected() -> None:
    """The first numbers of a generator that is seeded anew for every layer, scaled to the layer's own limit."""
    weights = draw()
    weights["output/kernel"] = (weights["hidden/kernel"].ravel()[:100] / LIMIT * sqrt(0.3)).reshape(10, 10)
    results = {result.name: result for result in judge_initialisation(weights, LAWS)}
    for name in ("hidden/kernel", "output/kernel"):
        assert not results[name].holds
        assert results[name].reason.startswith("values of another parameter: p = ")
    assert results["output/bias"].holds


def test_the_p_value_of_shared_values_is_that_of_the_birthday_problem() -> None:
    """Three of nine pairs share their quantile, two of them at the very edge of what rounding may leave."""
    edge = 1.5 * 2.0**-23
    samples = {
        "a": np.array([0.0, 0.1, 0.25]),
        "b": np.array([edge, 0.1, 0.25 - edge]),
        "c": np.zeros(4),
    }
    laws = {"a": uniform(0.5), "b": uniform(0.5), "c": ZEROS}
    results = {result.name: result for result in judge_initialisation(samples, laws)}
    for name in ("a", "b"):
        assert results[name].p == pytest.approx(stats.poisson(9 * 4 * 2.0**-23).sf(2), rel=1e-9, abs=0)
        assert results[name].reason.startswith("values of another parameter: p = ")
    assert results["c"].holds


def test_ten_numbers_of_another_parameter_are_enough() -> None:
    weights = draw()
    weights["output/bias"] = weights["hidden/kernel"][:1, :].ravel() / np.float32(LIMIT) * np.float32(sqrt(0.1))
    rejected = [result.name for result in judge_initialisation(weights, LAWS) if not result.holds]
    assert rejected == ["hidden/kernel", "output/bias"]


@pytest.mark.parametrize(("bits", "holds"), [(16, False), (23, True), (24, True)])
def test_numbers_that_are_drawn_too_coarsely_are_rejected(bits: int, holds: bool) -> None:
    drawn = np.random.default_rng(0).integers(0, 2**bits, (784, 10)) / 2**bits
    kernel = ((2 * drawn - 1) * LIMIT).astype(np.float32)
    assert judge_one(kernel, glorot_uniform(784, 10)).holds == holds


def test_a_shifted_law_is_rejected() -> None:
    kernel = np.abs(draw()["hidden/kernel"])
    result = judge_one(kernel, glorot_uniform(784, 10))
    assert not result.holds
    assert "Kolmogorov-Smirnov" in result.reason


def test_a_bias_that_is_not_zero_is_rejected() -> None:
    bias = np.zeros(10, np.float32)
    assert judge_one(bias, ZEROS).holds
    bias[7] = 1e-30
    result = judge_one(bias, ZEROS)
    assert not result.holds
    assert result.reason == "1 of 10 values are not zero"


def test_a_nan_is_rejected() -> None:
    kernel = draw()["hidden/kernel"]
    kernel[0, 0] = np.nan
    result = judge_one(kernel, glorot_uniform(784, 10))
    assert not result.holds
    assert "not finite" in result.reason


def test_the_smallest_of_the_p_values_of_one_parameter_is_told() -> None:
    """All by SciPy, on samples each of which another test finds the least likely."""
    rng = np.random.default_rng(1)
    law = stats.uniform(-0.5, 1.0)
    named = {
        "Kolmogorov-Smirnov": np.abs(rng.uniform(-0.5, 0.5, 40)),
        "largest value": rng.uniform(-0.3, 0.3, 40),
        "mean square": np.r_[rng.uniform(-0.5, 0.5, 4), rng.choice([-1, 1], 40) * rng.uniform(0.44, 0.499, 40)],
        "repeated values": np.repeat(rng.uniform(-0.5, 0.5, 20), 2),
    }
    for name, values in named.items():
        squares, size = values**2, values.size
        spread = sqrt((law.moment(4) - law.moment(2) ** 2) / size)
        p_values = {
            "Kolmogorov-Smirnov": stats.kstest(values, law.cdf).pvalue,
            "largest value": (2 * np.abs(values).max()) ** size,
            "mean square": 2 * stats.norm.cdf(-abs(squares.mean() - 1 / 12) / spread),
            "repeated values": stats.poisson(size * (size - 1) / 2 / 2**23).sf(size - len({*values}) - 1),
        }
        result = judge_one(values, uniform(0.5))
        assert min(p_values, key=lambda test: p_values[test]) == name
        assert result.p == pytest.approx(p_values[name], rel=1e-9, abs=0)
        assert result.reason.startswith(f"{name}: p = {result.p:.2g} under uniform ±0.5, rejected below 2e-07")
        assert result.deviation == pytest.approx(sqrt(squares.mean()))
        assert (result.name, result.law, result.elements) == ("kernel", "uniform ±0.5", size)


def test_weights_in_float32_are_judged_in_float64() -> None:
    for name, kernel in draw().items():
        assert judge_one(kernel, LAWS[name]) == judge_one(kernel.astype(np.float64), LAWS[name])


def test_a_p_value_at_the_level_holds() -> None:
    kernel = draw()["hidden/kernel"]
    p = judge_one(kernel, LAWS["hidden/kernel"]).p
    assert judge_initialisation({"k": kernel}, {"k": LAWS["hidden/kernel"]}, alpha=5 * p)[0].holds
    assert not judge_initialisation({"k": kernel}, {"k": LAWS["hidden/kernel"]}, alpha=5.001 * p)[0].holds


def test_an_exact_rule_tells_its_own_numbers() -> None:
    zero, off = judge_one(np.zeros(10), ZEROS), judge_one(np.r_[np.zeros(3), 0.5], ZEROS)
    assert (zero.p, zero.allowed, zero.deviation, zero.expected, zero.law) == (1, 0, 0, 0, "zeros")
    assert (off.p, off.deviation, off.reason) == (0, 0.25, "1 of 4 values are not zero")
    assert zero.reason == "10 values are zero"
    outside = judge_one(np.array([0.1, -0.6, 0.7, 0.2]), uniform(0.5))
    assert (outside.p, outside.holds) == (0, False)
    assert outside.reason == "2 of 4 values lie outside uniform ±0.5"
    assert judge_one(np.array([np.inf, np.nan, 0.1]), uniform(0.5)).reason == "2 values are not finite"


@pytest.mark.parametrize("side", [-1, 1])
def test_a_bound_may_be_rounded_outwards_by_one_ulp(side: int) -> None:
    kernel = draw()["hidden/kernel"]
    kernel[3, 4] = np.nextafter(np.float32(side * LIMIT), np.float32(side))
    assert judge_one(kernel, LAWS["hidden/kernel"]).holds
    kernel[3, 4] = np.nextafter(kernel[3, 4], np.float32(side))
    assert not judge_one(kernel, LAWS["hidden/kernel"]).holds


def test_false_alarms_come_at_the_stated_rate() -> None:
    """At alpha = 10 %, shared by Bonferroni, 500 honest models give at most about 50 alarms."""
    law = {name: law for name, law in LAWS.items() if name != "hidden/kernel"}
    alarms = 0
    for seed in range(500):
        weights = {name: values for name, values in draw(seed).items() if name in law}
        alarms += not all(result.holds for result in judge_initialisation(weights, law, alpha=0.10))
    assert 15 < alarms < 50 + 3 * sqrt(45)


def test_samples_and_laws_must_match() -> None:
    with pytest.raises(ValueError, match="documented law for output/bias"):
        judge_initialisation({}, {"output/bias": ZEROS})
    with pytest.raises(ValueError, match="documented law for a, c"):
        judge_initialisation({"c": np.zeros(1), "b": np.zeros(1)}, {"b": ZEROS, "a": ZEROS})
    with pytest.raises(ValueError, match="no values"):
        judge_initialisation({"bias": np.zeros(0)}, {"bias": ZEROS})
