"""Normalisation of each example by itself, and of weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import TRAINING, Divergence, Entry, Family, Form
from ..formulas import normalised
from ..varying import ZEROS, Vary


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

ENTRIES = (
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
        vary=Vary({"x": ("n", "steps", 24)}, edges={"x": (ZEROS,)}),
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
        vary=Vary({"x": ("n", "steps", 24)}, edges={"x": (ZEROS,)}),
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
        vary=Vary({"x": ("n", "d")}),
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
        vary=Vary({"x": ("n", 5, 6)}),
    ),
    Entry(
        "LayerNormalization-without-center",
        keras=Form("keras.layers.LayerNormalization(center=False, epsilon=0.0009765625)"),
        torch=Form("nn.LayerNorm(6, eps=0.0009765625, bias=False)", weights={"weight": "gamma"}),
        inputs={"x": normal(4, 6)},
        weights={"gamma": normal(6)},
        oracle=lambda a, x, gamma: normalised(a, x, -1, 0.0009765625) * gamma,
        vary=Vary({"x": ("n", 6)}, edges={"x": (ZEROS,)}),
    ),
    Entry(
        "GroupNormalization",
        keras=Form("keras.layers.GroupNormalization(2, epsilon=0.0009765625)", shipped={"epsilon": 0.001}),
        torch=replace(GROUP_NORM, build="nn.GroupNorm(2, 6, eps=0.0009765625)", shipped={"eps": 1e-5}),
        inputs={"x": normal(2, 5, 4, 6)},
        weights={"gamma": normal(6), "beta": normal(6)},
        oracle=lambda a, x, gamma, beta: group_norm(a, x, 2) * gamma + beta,
        vary=Vary({"x": ("n", "h", "w", 6)}, {"h": (2, 5), "w": (2, 5)}, {"x": (ZEROS,)}),
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
        vary=Vary({"x": ("n", "h", "w", 6)}, {"h": (2, 5), "w": (2, 5)}, {"x": (ZEROS,)}),
        note="Keras has no instance normalisation by name: as many groups as channels.",
    ),
    Entry(
        "GroupNormalization-one-group",
        keras=Form("keras.layers.GroupNormalization(1, epsilon=0.0009765625)"),
        torch=replace(GROUP_NORM, build="nn.GroupNorm(1, 6, eps=0.0009765625)"),
        inputs={"x": normal(2, 5, 4, 6)},
        weights={"gamma": normal(6), "beta": normal(6)},
        oracle=lambda a, x, gamma, beta: group_norm(a, x, 1) * gamma + beta,
        vary=Vary({"x": ("n", "h", "w", 6)}, {"h": (2, 5), "w": (2, 5)}, {"x": (ZEROS,)}),
        note="Over all of an image, with a gamma and beta for each channel: not LayerNormalization.",
    ),
    Entry(
        "SpectralNormalization",
        keras=Form(
            "keras.layers.SpectralNormalization(keras.layers.Dense(4, use_bias=False))",
            weights={"kernel": "kernel", "vector_u": "vector"},
            since="3.1",
        ),
        torch=SPECTRAL_NORM,
        inputs={"x": normal(3, 5)},
        weights={"kernel": normal(5, 4), "vector": normal(1, 4)},
        oracle=spectral_norm,
        modes=(TRAINING,),
        gradients=(),
        vary=Vary({"x": ("n", 5)}),
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
        vary=Vary({"x": ("n", 5)}),
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
        vary=Vary({"x": ("n", "h", "w", "c")}, edges={"x": (ZEROS,)}),
        note="torch's size is 2 * depth_radius + 1, and its alpha is divided by it: alpha * size.",
    ),
)

FAMILY = Family("normalisation", "Normalisation", "model", ENTRIES)
