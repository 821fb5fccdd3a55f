"""Regularisation: layers that draw at random, penalties, constraints."""

from __future__ import annotations

import math
from typing import Any

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..varying import INFINITE, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary

RATE = 0.25
KEPT = (0.0, 1 / (1 - RATE), 1 - RATE)
SELU_LOW = -1.7580993408473766  # what SELU tends to, to which alpha dropout sets what it drops
ALPHA_SCALE = ((1 - RATE) * (1 + RATE * SELU_LOW**2)) ** -0.5
ALPHA_SHIFT = -ALPHA_SCALE * RATE * SELU_LOW


def drawing(name: str, keras: str, torch: str, law: tuple[str, Any], since: str = "", **more: Any) -> Entry:
    """The entry of a layer that draws at random in training, given ones or zeros."""
    forms = (Form(call=keras, since=since), Form(call=torch))
    return Entry(name, *forms, {}, gradients=(), kind="sample", settings={"law": law}, **more)


def penalty(name: str, keras: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of a regulariser of a kernel (6, 4)."""
    return Entry(name, Form(call=keras), Form(call=torch), {"w": normal(6, 4)}, oracle, **more)


DRAWING = (
    Entry(
        "Dropout",
        keras=Form("keras.layers.Dropout(0.25)"),
        torch=Form("nn.Dropout(p=0.25)", shipped={"p": 0.5}),
        inputs={"x": normal(4, 6)},
        oracle=lambda a, x: a.minimum(x, float("inf")),
        exact=True,
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST)}),
        note="In inference it does nothing. The generators differ: with equal seeds the masks do not agree, and to "
        "compare training step by step, multiply with masks that NumPy has drawn.",
    ),
    drawing(
        "Dropout-training",
        "keras.layers.Dropout(0.25, seed=0)(keras.ops.ones((64, 128)), training=True)",
        "nn.Dropout(0.25)(torch.ones(64, 128))",
        ("two_values", KEPT),
        note="Both scale what is kept by 1 / (1 - rate), in training.",
    ),
    drawing(
        "Dropout-noise_shape",
        "keras.layers.Dropout(0.25, noise_shape=(None, 1, 1), seed=0)(keras.ops.ones((2048, 2, 2)), training=True)"
        "[:, 0, 0]",
        "torchvision.ops.stochastic_depth(torch.ones(2048, 2, 2), 0.25, 'row', training=True)[:, 0, 0]",
        ("two_values", KEPT),
        note="One draw an example: stochastic depth.",
    ),
    drawing(
        "SpatialDropout1D",
        "keras.ops.mean(keras.layers.SpatialDropout1D(0.25, seed=0)(keras.ops.ones((64, 4, 32)), training=True), 1)",
        "nn.Dropout1d(0.25)(torch.ones(64, 32, 4)).mean(-1)",
        ("two_values", KEPT),
        note="Whole channels are dropped. On (batch, steps, channels) nn.Dropout1d drops steps.",
    ),
    drawing(
        "SpatialDropout2D",
        "keras.ops.mean(keras.layers.SpatialDropout2D(0.25, seed=0)(keras.ops.ones((64, 2, 4, 32)), training=True), "
        "(1, 2))",
        "nn.Dropout2d(0.25)(torch.ones(64, 32, 2, 4)).mean((-1, -2))",
        ("two_values", KEPT),
    ),
    drawing(
        "SpatialDropout3D",
        "keras.ops.mean(keras.layers.SpatialDropout3D(0.25, seed=0)(keras.ops.ones((64, 2, 2, 2, 32)), training=True)"
        ", (1, 2, 3))",
        "nn.Dropout3d(0.25)(torch.ones(64, 32, 2, 2, 2)).mean((-1, -2, -3))",
        ("two_values", KEPT),
    ),
    drawing(
        "AlphaDropout",
        "keras.layers.AlphaDropout(0.25, seed=0)(keras.ops.ones((64, 128)), training=True)",
        "nn.AlphaDropout(0.25)(torch.ones(64, 128))",
        ("two_values", (ALPHA_SCALE * SELU_LOW + ALPHA_SHIFT, ALPHA_SCALE + ALPHA_SHIFT, 1 - RATE)),
        since="3.7",
        note="Keeps mean and variance of what SELU gives (Klambauer et al. 2017).",
    ),
    drawing(
        "GaussianNoise",
        "keras.layers.GaussianNoise(0.5, seed=0)(keras.ops.zeros((64, 128)), training=True)",
        "torch.zeros(64, 128) + 0.5 * torch.randn(64, 128)",
        ("normal", 0.5),
        note="torch has none.",
    ),
    drawing(
        "GaussianDropout",
        "keras.layers.GaussianDropout(0.25, seed=0)(keras.ops.ones((64, 128)), training=True) - 1",
        "torch.ones(64, 128) * (1 + math.sqrt(0.25 / 0.75) * torch.randn(64, 128)) - 1",
        ("normal", math.sqrt(0.25 / 0.75)),
        note="torch has none: multiply with normal numbers of mean 1 and variance rate / (1 - rate).",
    ),
)

PENALTIES = (
    penalty(
        "L1",
        "keras.regularizers.L1(0.25)(w)",
        "0.25 * w.abs().sum()",
        lambda a, w: 0.25 * a.sum(a.abs(w), None),
        vary=Vary({"w": ("rows", "columns")}, edges={"w": (ZEROS, SMALL, LARGE, INFINITE)}),
    ),
    penalty(
        "L2",
        "keras.regularizers.L2(0.25)(w)",
        "0.25 * w.square().sum()",
        lambda a, w: 0.25 * a.sum(w * w, None),
        vary=Vary({"w": ("rows", "columns")}, edges={"w": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}),
        note="The gradient is 2 * 0.25 * w: for the same weight decay, torch's weight_decay is twice Keras's l2.",
        divergences=(
            Divergence(
                "weight_decay",
                0.64,
                0.85,
                "torch's weight_decay adds weight_decay * w to the gradient, the derivative of half the squares.",
                torch=Form(call="0.25 * w.square().sum() / 2"),
                gradients=True,
            ),
        ),
    ),
    penalty(
        "L1L2",
        "keras.regularizers.L1L2(0.25, 0.5)(w)",
        "0.25 * w.abs().sum() + 0.5 * w.square().sum()",
        lambda a, w: 0.25 * a.sum(a.abs(w), None) + 0.5 * a.sum(w * w, None),
        vary=Vary({"w": ("rows", "columns")}, edges={"w": (ZEROS, SMALL, LARGE, INFINITE, NAN)}),
    ),
    penalty(
        "OrthogonalRegularizer",
        "keras.regularizers.OrthogonalRegularizer(0.25)(w)",
        "rows = F.normalize(w)\n0.25 * (rows @ rows.T).fill_diagonal_(0).abs().sum() / 30",
        lambda a, w: orthogonal_penalty(a, w),
        note="The mean cosine of different rows, without sign.",
    ),
    Entry(
        "Dense-kernel_regularizer",
        keras=Form(
            "keras.layers.Dense(4, kernel_regularizer='l2')",
            "component(x), sum(component.losses)",
        ),
        torch=Form(
            "nn.Linear(6, 4)",
            "component(x), 0.01 * component.weight.square().sum()",
            weights={"weight": "kernel.T", "bias": "bias"},
        ),
        inputs={"x": normal(3, 6)},
        weights={"kernel": normal(6, 4), "bias": normal(4)},
        oracle=lambda a, x, kernel, bias: (x @ kernel + bias, 0.01 * a.sum(kernel * kernel, None)),
        vary=Vary({"x": ("n", 6)}),
        note="'l2' is L2(0.01). compile and fit add the layers' losses to the loss by themselves; a loop of one's own "
        "must add them, in both frameworks.",
    ),
    Entry(
        "ActivityRegularization",
        keras=Form("keras.layers.ActivityRegularization(l2=0.25)", "component(x), sum(component.losses)"),
        torch=Form(call="x, 0.25 * x.square().sum() / len(x)"),
        inputs={"x": normal(3, 6)},
        oracle=lambda a, x: (x * 1.0, 0.25 * a.sum(x * x, None) / 3.0),
        note="Divided by the size of the batch, other than the regularisers of weights.",
    ),
)


def orthogonal_penalty(a: Any, w: Any) -> Any:
    """A quarter of the mean magnitude of the cosines between different rows of w."""
    rows = w / a.sqrt(a.sum(w * w, keepdims=True))
    count = w.shape[0]
    cosines = [a.sum(rows[i] * rows[j]) for i in range(count) for j in range(count) if i != j]
    return 0.25 * a.sum(a.abs(a.stack(cosines))) / float(len(cosines))


CONSTRAINTS = (
    penalty(
        "MaxNorm",
        "keras.constraints.MaxNorm(2.0)(w)",
        "torch.renorm(w, 2, 1, 2.0)",
        lambda a, w: clipped_norm(a, w, 0.0, 2.0),
        note="Of a dense kernel in Keras's layout the columns are the units; torch's weights have them in rows.",
    ),
    penalty(
        "UnitNorm",
        "keras.constraints.UnitNorm()(w)",
        "F.normalize(w, dim=0)",
        lambda a, w: w / a.sqrt(a.sum(w * w, 0)),
    ),
    penalty(
        "NonNeg",
        "keras.constraints.NonNeg()(w)",
        "w.relu()",
        lambda a, w: a.maximum(w, 0.0),
        exact=True,
        vary=Vary({"w": ("rows", "columns")}, edges={"w": (SMALL, LARGE, LARGEST, INFINITE)}),
    ),
    penalty(
        "MinMaxNorm",
        "keras.constraints.MinMaxNorm(1.0, 2.0)(w)",
        "w * (w.norm(dim=0).clamp(1.0, 2.0) / w.norm(dim=0))",
        lambda a, w: clipped_norm(a, w, 1.0, 2.0),
    ),
)


def clipped_norm(a: Any, w: Any, low: float, high: float) -> Any:
    """The columns of w, their norms clipped to the bounds; Keras divides by 1e-7 more than the norm."""
    norm = a.sqrt(a.sum(w * w, 0))
    return w * (a.minimum(a.maximum(norm, low), high) / (norm + 1e-7))


FAMILY = Family("regularisation", "Regularisation", "model", DRAWING + PENALTIES + CONSTRAINTS)
