"""Metrics of numbers, and how metrics keep their state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, uniform, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary
from .losses_regression import cosine
from .metrics import KERAS

UPDATED = KERAS.format("target", "prediction")
PAIR = {"prediction": normal(64, 3), "target": normal(64, 3)}
TWICE = """
component.reset_state()
component.update_state(target[:48], prediction[:48])
component.update_state(target[48:], prediction[48:])
component.result()
"""
NOT_RESET = """
component.reset_state()
component.update_state(target[:48], prediction[:48])
component.result()
component.update_state(target[48:], prediction[48:])
component.result()
"""


def of_pair(name: str, keras: Form, torch: Form, oracle: Any, **more: Any) -> Entry:
    """The entry of a metric of predictions and targets (64, 3)."""
    return Entry(name, keras, torch, **{"inputs": PAIR, "oracle": oracle, "gradients": (), **more})


def r2(a: Any, prediction: Any, target: Any) -> Any:
    """1 less the squared error's share of the variance, of every column, and the mean of that."""
    error = a.sum(a.square(target - prediction), axis=0)
    spread = a.sum(a.square(target - a.mean(target, axis=0)), axis=0)
    return a.mean(1.0 - error / spread)


def correlation(a: Any, prediction: Any, target: Any) -> Any:
    """Pearson's coefficient of every row, and the mean of that."""
    x, y = (values - a.mean(values, keepdims=True) for values in (prediction, target))
    return a.mean(cosine(a, x, y))


R2 = "(1 - (target - prediction).square().sum(0) / (target - target.mean(0)).square().sum(0)).mean()"
CORRELATION = """
x, y = prediction - prediction.mean(-1, keepdim=True), target - target.mean(-1, keepdim=True)
F.cosine_similarity(x, y).mean()
"""

ENTRIES = (
    of_pair(
        "metric-MeanSquaredError",
        keras=Form("keras.metrics.MeanSquaredError()", TWICE),
        torch=Form(call="F.mse_loss(prediction, target)"),
        oracle=lambda a, prediction, target: a.mean(a.square(prediction - target), axis=None),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, {"n": (1, 30)}),
        note="Over two batches of unequal size.",
    ),
    of_pair(
        "metric-MeanAbsoluteError",
        keras=Form("keras.metrics.MeanAbsoluteError()", UPDATED),
        torch=Form(call="F.l1_loss(prediction, target)"),
        oracle=lambda a, prediction, target: a.mean(a.abs(prediction - target), axis=None),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, {"n": (1, 30)}),
    ),
    of_pair(
        "RootMeanSquaredError",
        keras=Form("keras.metrics.RootMeanSquaredError()", TWICE),
        torch=Form(call="F.mse_loss(prediction, target).sqrt()"),
        oracle=lambda a, prediction, target: a.sqrt(a.mean(a.square(prediction - target), axis=None)),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, {"n": (1, 30)}),
        divergences=(
            Divergence(
                "mean-of-roots",
                0.01,
                0.016,
                "The mean of the batches' roots is not the root of the mean.",
                torch=Form(
                    call="(F.mse_loss(prediction[:48], target[:48]).sqrt() "
                    "+ F.mse_loss(prediction[48:], target[48:]).sqrt()) / 2"
                ),
            ),
        ),
    ),
    of_pair(
        "metric-CosineSimilarity",
        keras=Form("keras.metrics.CosineSimilarity()", UPDATED),
        torch=Form(call="F.cosine_similarity(prediction, target).mean()"),
        oracle=lambda a, prediction, target: a.mean(cosine(a, prediction, target)),
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d")}, {"n": (1, 30)}),
        divergences=(
            Divergence(
                "loss-of-the-same-name",
                0.091,
                0.14,
                "keras.losses.CosineSimilarity is minus the metric.",
                keras=Form(call="keras.losses.CosineSimilarity()(target, prediction)"),
            ),
        ),
    ),
    of_pair(
        "R2Score",
        keras=Form("keras.metrics.R2Score()", UPDATED, shipped={"class_aggregation": "uniform_average"}),
        torch=Form(call=R2),
        oracle=r2,
        divergences=(
            Divergence(
                "targets-far-from-zero",
                0.85,
                1.3,
                "Keras takes the variance as a difference of sums in float32, of which nothing is left where the "
                "targets' mean is a thousand times their spread.",
                inputs={"target": normal(64, 3, mean=3000.0), "prediction": normal(64, 3, mean=3000.0)},
                cause="framework-bug",
            ),
        ),
    ),
    of_pair(
        "PearsonCorrelation",
        keras=Form("keras.metrics.PearsonCorrelation()", UPDATED, since="3.7"),
        torch=Form(call=CORRELATION),
        oracle=correlation,
        inputs={"prediction": normal(16, 8), "target": normal(16, 8)},
        note="Keras correlates along the last axis of every row and takes the mean, torch.corrcoef all rows with all.",
    ),
    of_pair(
        "metric-reset",
        keras=Form(
            "keras.metrics.MeanSquaredError()",
            "component.reset_state()\ncomponent.update_state(target[48:], prediction[48:])\ncomponent.result()",
        ),
        torch=Form(call="F.mse_loss(prediction[48:], target[48:])"),
        oracle=lambda a, prediction, target: a.mean(a.square(prediction[48:] - target[48:]), axis=None),
        divergences=(
            Divergence(
                "not-reset",
                0.28,
                0.43,
                "result() does not start anew: without reset_state() earlier batches count on. fit and evaluate reset.",
                keras=Form("keras.metrics.MeanSquaredError()", NOT_RESET),
            ),
        ),
    ),
    of_pair(
        "metric-weighted",
        keras=Form(
            "keras.metrics.MeanSquaredError()",
            "component.reset_state()\ncomponent.update_state(target, prediction, sample_weight=weight)\n"
            "component.result()",
        ),
        torch=Form(call="(weight * F.mse_loss(prediction, target, reduction='none').mean(-1)).sum() / weight.sum()"),
        oracle=lambda a, prediction, target, weight: (
            a.sum(weight * a.mean(a.square(prediction - target))) / a.sum(weight)
        ),
        inputs={**PAIR, "weight": uniform(64, high=4.0)},
        vary=Vary({"prediction": ("n", "d"), "target": ("n", "d"), "weight": ("n",)}, {"n": (1, 30)}),
        note="A metric divides by the sum of the weights, where the loss of the same name divides by the number of "
        "samples.",
        divergences=(
            Divergence(
                "loss-of-the-same-name",
                1.8,
                2.8,
                "The loss that Keras shows and the metric beside it part under weights.",
                keras=Form(call="keras.losses.MeanSquaredError()(target, prediction, sample_weight=weight)"),
            ),
        ),
    ),
    Entry(
        "Mean",
        keras=Form(
            "keras.metrics.Mean()",
            "component.reset_state()\nfor value in x:\n    component.update_state(value)\ncomponent.result()",
        ),
        torch=Form(call="x.mean()"),
        inputs={"x": values(np.arange(10) / 4)},
        oracle=lambda a, x: a.mean(x),
        gradients=(),
        exact=True,
        note="fit shows the mean of the batches' losses so far, taken before each update; evaluate that of the weights "
        "at the end.",
    ),
)

FAMILY = Family("metrics_regression", "Metrics of numbers", "evaluate", ENTRIES)
