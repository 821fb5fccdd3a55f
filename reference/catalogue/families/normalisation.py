"""Normalisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing import normal, uniform, values
from ..entries import TRAINING, Divergence, Entry, Family, Form
from ..formulas import normalised


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


def group_norm(a: Any, x: Any, groups: int) -> Any:
    """Wu and He 2018, over images, before gamma and beta."""
    n, height, width, channels = x.shape
    parts = x.reshape(n, height, width, groups, channels // groups)
    return normalised(a, parts, (1, 2, 4), 0.0009765625).reshape(*x.shape)


def spectral_norm(a: Any, x: Any, kernel: Any, vector: Any, training: bool) -> Any:
    """One power iteration from `vector`, (1, units), then x kernel / sigma (Miyato et al. 2018)."""
    inner = vector @ kernel.transpose()
    inner = inner / a.sqrt(a.sum(inner * inner))
    outer = inner @ kernel
    sigma = a.sqrt(a.sum(outer * outer))
    return {"output": x @ (kernel / sigma), "state/vector": outer / sigma}


def sum_of_neighbours(a: Any, x: Any) -> Any:
    """Each channel with the one before and the one behind it."""
    channels = x.shape[-1]
    wide = a.pad(x, ((0, 0),) * (x.ndim - 1) + ((1, 1),))
    return a.sum(a.stack([wide[..., i : i + channels] for i in range(3)], axis=-1))


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
GROUP_NORM = Form(weights={"weight": "gamma", "bias": "beta"}, channels_first=True)
SPECTRAL_NORM = Form(
    "torch.nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4, bias=False), dim=1)",
    weights={"parametrizations.weight.original": "kernel.T", "parametrizations.weight.0._v": "vector.ravel()"},
)
WEIGHT_NORM = """
class WeightNormalized(keras.layers.Dense):
    def build(self, shape):
        self.direction = self.add_weight(name='direction', shape=(shape[-1], self.units))
        self.length = self.add_weight(name='length', shape=(self.units,))
        self.built = True
    def call(self, x):
        return x @ (self.direction * self.length / keras.ops.norm(self.direction, axis=0))
WeightNormalized(4)
"""
BIASED_RUNNING_VARIANCE = """
with torch.no_grad():
    component.running_mean.lerp_(x.mean((0, 2, 3)), component.momentum)
    component.running_var.lerp_(x.var((0, 2, 3), correction=0), component.momentum)
F.batch_norm(x, None, None, component.weight, component.bias, training=True, eps=component.eps)
"""

BATCH = (
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
        note="torch has both or neither.",
    ),
    Entry(
        "BatchNormalization-masked",
        keras=Form(
            "keras.layers.BatchNormalization(epsilon=0.0009765625)",
            "component(x, training=training, mask=mask)",
            since="3.1",
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

OTHERS = (
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
                1.4,
                2.0,
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
                1.2,
                1.7,
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
        divergences=(
            Divergence(
                "keras.ops.normalize",
                0.55,
                0.65,
                "The operation divides by at least 1e-7, the layer and torch by at least 1e-12.",
                keras=Form(call="keras.ops.normalize(x, axis=-1)"),
                inputs={"x": values(np.full((1, 2), 1e-8))},
                versions={"keras": ">=3.3", "torch": ">=2.2"},
            ),
            Divergence(
                "tf.math.l2_normalize",
                0.65,
                0.75,
                "TensorFlow puts at least 1e-12 under the root, Keras and torch divide by at least 1e-12.",
                keras=Form(call="tf.math.l2_normalize(x, axis=-1)"),
                inputs={"x": values(np.full((1, 2), 1e-8))},
            ),
        ),
    ),
    Entry(
        "LayerNormalization-two-axes",
        keras=Form("keras.layers.LayerNormalization(axis=(-2, -1), epsilon=0.0009765625)"),
        torch=Form("nn.LayerNorm((5, 6), eps=0.0009765625)", weights={"weight": "gamma", "bias": "beta"}),
        inputs={"x": normal(4, 5, 6)},
        weights={"gamma": normal(5, 6), "beta": normal(5, 6)},
        oracle=lambda a, x, gamma, beta: normalised(a, x, (1, 2), 0.0009765625) * gamma + beta,
    ),
    Entry(
        "LayerNormalization-without-center",
        keras=Form("keras.layers.LayerNormalization(center=False, epsilon=0.0009765625)"),
        torch=Form("nn.LayerNorm(6, eps=0.0009765625, bias=False)", weights={"weight": "gamma"}),
        inputs={"x": normal(4, 6)},
        weights={"gamma": normal(6)},
        oracle=lambda a, x, gamma: normalised(a, x, -1, 0.0009765625) * gamma,
    ),
    Entry(
        "GroupNormalization",
        keras=Form("keras.layers.GroupNormalization(2, epsilon=0.0009765625)", shipped={"epsilon": 0.001}),
        torch=replace(GROUP_NORM, build="nn.GroupNorm(2, 6, eps=0.0009765625)", shipped={"eps": 1e-5}),
        inputs={"x": normal(2, 5, 4, 6)},
        weights={"gamma": normal(6), "beta": normal(6)},
        oracle=lambda a, x, gamma, beta: group_norm(a, x, 2) * gamma + beta,
        divergences=(
            Divergence(
                "as-shipped",
                0.84,
                1.2,
                "epsilon is 0.001 in Keras and 0.00001 in torch: it matters where the scale is small.",
                shipped=True,
                inputs={"x": normal(2, 5, 4, 6, scale=0.03)},
            ),
        ),
        note="Keras ships 32 groups; torch wants the number said.",
    ),
    Entry(
        "GroupNormalization-instance",
        keras=Form("keras.layers.GroupNormalization(-1, epsilon=0.0009765625)"),
        torch=replace(
            GROUP_NORM,
            build="nn.InstanceNorm2d(6, eps=0.0009765625, affine=True)",
            shipped={"eps": 1e-5, "affine": False},
        ),
        inputs={"x": normal(2, 5, 4, 6)},
        weights={"gamma": normal(6), "beta": normal(6)},
        oracle=lambda a, x, gamma, beta: group_norm(a, x, 6) * gamma + beta,
        note="Keras has no instance normalisation by name: as many groups as channels.",
    ),
    Entry(
        "GroupNormalization-one-group",
        keras=Form("keras.layers.GroupNormalization(1, epsilon=0.0009765625)"),
        torch=replace(GROUP_NORM, build="nn.GroupNorm(1, 6, eps=0.0009765625)"),
        inputs={"x": normal(2, 5, 4, 6)},
        weights={"gamma": normal(6), "beta": normal(6)},
        oracle=lambda a, x, gamma, beta: group_norm(a, x, 1) * gamma + beta,
        note="Over all of an image, with a gamma and beta for each channel: not LayerNormalization.",
    ),
    Entry(
        "SpectralNormalization",
        keras=Form(
            "keras.layers.SpectralNormalization(keras.layers.Dense(4, use_bias=False))",
            weights={"kernel": "kernel", "vector_u": "vector"},
        ),
        torch=SPECTRAL_NORM,
        inputs={"x": normal(3, 5)},
        weights={"kernel": normal(5, 4), "vector": normal(1, 4)},
        oracle=spectral_norm,
        modes=(TRAINING,),
        gradients=(),
        note="torch iterates from the other vector: dim=1 makes it Keras's for a dense layer. Keras overwrites the "
        "kernel with the normalised one, torch keeps both.",
        divergences=(
            Divergence(
                "inference-before-training",
                0.78,
                1.1,
                "Keras normalises in training alone; torch divides in inference, too.",
            ),
        ),
    ),
    Entry(
        "weight-norm",
        keras=Form(WEIGHT_NORM, since="3"),
        torch=Form(
            "torch.nn.utils.parametrizations.weight_norm(nn.Linear(5, 4, bias=False))",
            weights={
                "parametrizations.weight.original0": "length[:, None]",
                "parametrizations.weight.original1": "direction.T",
            },
        ),
        inputs={"x": normal(3, 5)},
        weights={"direction": normal(5, 4), "length": normal(4)},
        oracle=lambda a, x, direction, length: x @ (direction * length / a.sqrt(a.sum(direction * direction, 0))),
        note="Keras has none.",
    ),
    Entry(
        "local-response-normalization",
        keras=Form(
            call="tf.nn.local_response_normalization(x, depth_radius=1, bias=2.0, alpha=0.5, beta=0.75)",
            shipped={"depth_radius": 5, "bias": 1, "alpha": 1, "beta": 0.5},
        ),
        torch=Form(
            call="F.local_response_norm(x, 3, alpha=1.5, beta=0.75, k=2.0)",
            shipped={"alpha": 1e-4, "beta": 0.75, "k": 1.0},
            channels_first=True,
        ),
        inputs={"x": normal(2, 4, 3, 6)},
        oracle=lambda a, x: x / a.power(2.0 + 0.5 * sum_of_neighbours(a, x * x), 0.75),
        note="torch's size is 2 * depth_radius + 1, and its alpha is divided by it: alpha * size.",
    ),
)

FAMILY = Family("normalisation", "Normalisation", "model", BATCH + OTHERS)
