"""Batch normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..drawing import normal, uniform, values
from ..entries import TRAINING, Divergence, Entry, Family, Form
from ..formulas import normalised
from ..varying import ZEROS, Vary


def batch_norm(
    a: Any,
    x: Any,
    gamma: Any,
    beta: Any,
    moving_mean: Any,
    moving_variance: Any,
    training: bool = False,
    axes: Any = (0, 1, 2),
) -> Any:
    """Ioffe and Szegedy 2015; in training, the running statistics take a quarter of the batch's (biased) ones."""
    if not training:
        return (x - moving_mean) / a.sqrt(moving_variance + 0.0009765625) * gamma + beta
    mean, variance = a.mean(x, axes), a.variance(x, axes)
    return {
        "output": normalised(a, x, axes, 0.0009765625) * gamma + beta,
        "state/moving_mean": moving_mean * 0.75 + mean * 0.25,
        "state/moving_variance": moving_variance * 0.75 + variance * 0.25,
    }


def masked_batch_norm(a: Any, x: Any, gamma: Any, beta: Any, mask: Any, training: bool) -> Any:
    """Batch normalisation by the mean and variance of what is not masked."""
    count, inside = float(mask.sum()), a.constant(mask[..., None])
    centred = x - a.sum(x * inside, (0, 1)) / count
    return centred / a.sqrt(a.sum(a.square(centred * inside), (0, 1)) / count + 0.0009765625) * gamma + beta


INFINITE = float("inf")
SOME_STEPS = values([[True, True, False, True, True], [True] * 5, [True, False, False, True, True], [True] * 5], "bool")
BATCH_NORM_WEIGHTS = {
    "gamma": normal(3),
    "beta": normal(3),
    "moving_mean": normal(3),
    "moving_variance": uniform(3, low=0.5, high=2.0),
}
BATCH_NORM_IN_TORCH = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
BATCH_NORM = Form(
    "keras.layers.BatchNormalization(momentum=0.75, epsilon=0.0009765625)",
    shipped={"momentum": 0.99, "epsilon": 0.001},
)
BATCH_NORM_2D = Form(
    "nn.BatchNorm2d(3, momentum=0.25, eps=0.0009765625)",
    shipped={"momentum": 0.1, "eps": 1e-5},
    weights=BATCH_NORM_IN_TORCH,
    channels_first=True,
)
BATCH_NORM_1D = replace(BATCH_NORM_2D, build=BATCH_NORM_2D.build.replace("2d", "1d"))
BIASED_RUNNING_VARIANCE = """
with torch.no_grad():
    component.running_mean.lerp_(x.mean((0, 2, 3)), component.momentum)
    component.running_var.lerp_(x.var((0, 2, 3), correction=0), component.momentum)
F.batch_norm(x, None, None, component.weight, component.bias, training=True, eps=component.eps)
"""

ENTRIES = (
    Entry(
        "BatchNormalization",
        keras=BATCH_NORM,
        torch=BATCH_NORM_2D,
        inputs={"x": normal(2, 6, 5, 3)},
        weights=BATCH_NORM_WEIGHTS,
        oracle=batch_norm,
        compiled=True,
        vary=Vary({"x": ("n", "h", "w", 3)}, edges={"x": (ZEROS,)}),
        note="momentum in torch is 1 - momentum in Keras. Keras's default mode is inference, torch's is training. "
        "trainable=False means inference mode in Keras; requires_grad=False still moves torch's statistics.",
        divergences=(
            Divergence(
                "as-shipped",
                0.00083,
                0.0012,
                "epsilon is 0.001 in Keras and 0.00001 in torch.",
                shipped=True,
            ),
            Divergence(
                "mode-as-made",
                1.7,
                2.4,
                "Called without a word of the mode, Keras's layers infer; a torch module trains until .eval().",
                torch=replace(BATCH_NORM_2D, call="component.train()(x)"),
            ),
        ),
    ),
    Entry(
        "BatchNormalization-training",
        keras=BATCH_NORM,
        torch=replace(BATCH_NORM_2D, call=BIASED_RUNNING_VARIANCE),
        inputs={"x": normal(2, 6, 5, 3)},
        weights=BATCH_NORM_WEIGHTS,
        oracle=batch_norm,
        modes=(TRAINING,),
        vary=Vary({"x": ("n", "h", "w", 3)}, {"h": (2, 5)}, {"x": (ZEROS,)}),
        divergences=(
            Divergence(
                "running-variance",
                0.0043,
                0.0058,
                "torch takes the unbiased variance into the running one, n / (n - 1) times the batch's; Keras the "
                "biased one.",
                torch=BATCH_NORM_2D,
                training=True,
            ),
        ),
    ),
    Entry(
        "BatchNormalization-rank-2",
        keras=BATCH_NORM,
        torch=replace(BATCH_NORM_1D, call=BIASED_RUNNING_VARIANCE.replace("(0, 2, 3)", "0")),
        inputs={"x": normal(2, 3)},
        weights=BATCH_NORM_WEIGHTS,
        oracle=lambda a, x, **w: batch_norm(a, x, axes=0, **w),
        modes=(TRAINING,),
        vary=Vary({"x": ("n", 3)}, {"n": (2, 9)}),
        divergences=(
            Divergence(
                "running-variance",
                0.09,
                0.12,
                "Of a batch of two the unbiased variance is twice the biased one.",
                torch=BATCH_NORM_1D,
                training=True,
            ),
            Divergence(
                "one-value-a-channel",
                INFINITE,
                INFINITE,
                "torch raises for a batch of one, such as a last one left over (see drop_last); Keras gives beta.",
                torch=BATCH_NORM_1D,
                training=True,
                inputs={"x": normal(1, 3)},
            ),
        ),
    ),
    Entry(
        "BatchNormalization-axis-1",
        keras=Form("keras.layers.BatchNormalization(axis=1, momentum=0.75, epsilon=0.0009765625)"),
        torch=replace(BATCH_NORM_2D, channels_first=False, shipped={}),
        inputs={"x": normal(2, 3, 6, 5)},
        weights=BATCH_NORM_WEIGHTS,
        oracle=lambda a, x, **w: batch_norm(a, x.transpose(0, 2, 3, 1), **w).transpose(0, 3, 1, 2),
        vary=Vary({"x": ("n", 3, "h", "w")}, edges={"x": (ZEROS,)}),
        note="For images that have their channels first in Keras, too.",
    ),
    Entry(
        "BatchNormalization-frozen",
        keras=Form("keras.layers.BatchNormalization(epsilon=0.0009765625, trainable=False)"),
        torch=Form(
            "nn.BatchNorm2d(3, eps=0.0009765625).requires_grad_(False)",
            "component.eval()(x)",
            weights=BATCH_NORM_IN_TORCH,
            channels_first=True,
        ),
        inputs={"x": normal(2, 6, 5, 3)},
        weights=BATCH_NORM_WEIGHTS,
        oracle=lambda a, x, training, **w: batch_norm(a, x, **w),
        modes=(TRAINING,),
        vary=Vary({"x": ("n", "h", "w", 3)}, edges={"x": (ZEROS,)}),
        divergences=(
            Divergence(
                "requires_grad-alone",
                1.4,
                2.0,
                "trainable=False means the running statistics in Keras, in training too; requires_grad=False does not.",
                torch=Form(
                    "nn.BatchNorm2d(3, eps=0.0009765625).requires_grad_(False)",
                    weights=BATCH_NORM_IN_TORCH,
                    channels_first=True,
                ),
                training=True,
            ),
        ),
    ),
    Entry(
        "BatchNormalization-without-scale-and-center",
        keras=Form("keras.layers.BatchNormalization(scale=False, center=False, epsilon=0.0009765625)"),
        torch=Form(
            "nn.BatchNorm2d(3, eps=0.0009765625, affine=False)",
            weights={"running_mean": "moving_mean", "running_var": "moving_variance"},
            channels_first=True,
        ),
        inputs={"x": normal(2, 6, 5, 3)},
        weights={name: BATCH_NORM_WEIGHTS[name] for name in ("moving_mean", "moving_variance")},
        oracle=lambda a, x, **w: batch_norm(a, x, 1.0, 0.0, **w),
        vary=Vary({"x": ("n", "h", "w", 3)}, edges={"x": (ZEROS,)}),
        note="torch has both or neither.",
    ),
    Entry(
        "BatchNormalization-masked",
        keras=Form(
            "keras.layers.BatchNormalization(epsilon=0.0009765625)",
            "component(x, training=training, mask=mask)",
            since="3",
        ),
        torch=Form(
            "nn.BatchNorm1d(3, eps=0.0009765625)",
            "inside = x[mask]\n"
            "deviation = (inside.var(0, correction=0) + component.eps).sqrt()\n"
            "(x - inside.mean(0)) / deviation * component.weight + component.bias",
            weights={"weight": "gamma", "bias": "beta"},
        ),
        inputs={"x": normal(4, 5, 3), "mask": SOME_STEPS},
        weights={name: BATCH_NORM_WEIGHTS[name] for name in ("gamma", "beta")},
        oracle=masked_batch_norm,
        modes=(TRAINING,),
        note="What is masked does not count in the statistics; in torch it does.",
    ),
)

FAMILY = Family("normalisation_batch", "Batch normalisation", "model", ENTRIES)
