"""Normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..drawing import normal, uniform
from ..entries import TRAINING, Divergence, Entry, Family, Form
from ..formulas import normalised


def batch_norm(
    a: Any, x: Any, gamma: Any, beta: Any, moving_mean: Any, moving_variance: Any, training: bool = False
) -> Any:
    """Ioffe and Szegedy 2015; in training, the running statistics take a quarter of the batch's (biased) ones."""
    if not training:
        return (x - moving_mean) / a.sqrt(moving_variance + 0.0009765625) * gamma + beta
    mean, variance = a.mean(x, (0, 1, 2)), a.variance(x, (0, 1, 2))
    return {
        "output": normalised(a, x, (0, 1, 2), 0.0009765625) * gamma + beta,
        "state/moving_mean": moving_mean * 0.75 + mean * 0.25,
        "state/moving_variance": moving_variance * 0.75 + variance * 0.25,
    }


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
        note="momentum in torch is 1 - momentum in Keras. Keras's default mode is inference, torch's is training. "
        "trainable=False means inference mode in Keras; requires_grad=False still moves torch's statistics.",
        divergences=(
            Divergence(
                "as-shipped",
                1e-4,
                5e-3,
                "epsilon is 0.001 in Keras and 0.00001 in torch.",
                shipped=True,
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
        divergences=(
            Divergence(
                "running-variance",
                1e-3,
                5e-2,
                "torch takes the unbiased variance into the running one, n / (n - 1) times the batch's; Keras the "
                "biased one.",
                torch=BATCH_NORM_2D,
                training=True,
            ),
        ),
    ),
    Entry(
        "LayerNormalization",
        keras=Form("keras.layers.LayerNormalization(epsilon=0.0009765625)", shipped={"epsilon": 0.001}),
        torch=Form(
            "nn.LayerNorm(24, eps=0.0009765625)",
            shipped={"eps": 1e-5},
            weights={"weight": "gamma", "bias": "beta"},
        ),
        inputs={"x": normal(4, 5, 24, scale=2.0, mean=0.5)},
        weights={"gamma": normal(24), "beta": normal(24)},
        oracle=lambda a, x, gamma, beta: normalised(a, x, -1, 0.0009765625) * gamma + beta,
        compiled=True,
        divergences=(
            Divergence(
                "as-shipped",
                1.0,
                10.0,
                "epsilon is 0.001 in Keras and 0.00001 in torch: it matters where the scale is small.",
                shipped=True,
                inputs={"x": normal(4, 5, 24, scale=0.03)},
            ),
        ),
    ),
    Entry(
        "RMSNormalization",
        keras=Form("keras.layers.RMSNormalization(epsilon=0.0009765625)", shipped={"epsilon": 1e-6}, since="3.9"),
        torch=Form("nn.RMSNorm(24, eps=0.0009765625)", shipped={"eps": None}, weights={"weight": "scale"}, since="2.4"),
        inputs={"x": normal(4, 5, 24, scale=2.0)},
        weights={"scale": normal(24)},
        oracle=lambda a, x, scale: x / a.sqrt(a.mean(a.square(x), keepdims=True) + 0.0009765625) * scale,
        divergences=(
            Divergence(
                "as-shipped",
                0.5,
                3.0,
                "epsilon is 1e-6 in Keras; None in torch means the machine epsilon, 1.2e-7.",
                shipped=True,
                inputs={"x": normal(4, 5, 24, scale=1e-3)},
            ),
        ),
    ),
    Entry(
        "UnitNormalization",
        keras=Form("keras.layers.UnitNormalization()"),
        torch=Form(call="F.normalize(x, dim=-1)"),
        inputs={"x": normal(4, 24)},
        oracle=lambda a, x: x / a.sqrt(a.sum(a.square(x), keepdims=True)),
    ),
)

FAMILY = Family("normalisation", "Normalisation", "model", ENTRIES)
