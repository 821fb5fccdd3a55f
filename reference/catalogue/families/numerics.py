"""Numerics: dtypes, reductions, gradients at ties and bounds."""

from __future__ import annotations

import numpy as np

from ..drawing import integers, normal, values
from ..entries import Divergence, Entry, Family, Form

ENTRIES = (
    Entry(
        "integer-division",
        keras=Form(call="keras.ops.divide(x, y)"),
        torch=Form(call="x / y"),
        inputs={"x": integers(12, below=100), "y": integers(12, low=1, below=9)},
        oracle=lambda a, x, y: a.constant(x) / a.constant(y),
        gradients=(),
        divergences=(
            Divergence(
                "tensorflow-operator",
                float("inf"),
                float("inf"),
                "The / of TensorFlow's integer tensors gives float64; Keras and torch give float32.",
                keras=Form(call="x / y"),
            ),
        ),
    ),
    Entry(
        "std",
        keras=Form(call="keras.ops.std(x, axis=-1)"),
        torch=Form(call="x.std(-1, correction=0)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.sqrt(a.variance(x)),
        divergences=(
            Divergence(
                "unbiased",
                0.01,
                0.2,
                "torch divides by n - 1 unless told correction=0; Keras and TensorFlow divide by n.",
                torch=Form(call="x.std(-1)"),
            ),
        ),
    ),
    Entry(
        "median-even",
        keras=Form(call="keras.ops.median(x, axis=-1)"),
        torch=Form(call="x.quantile(0.5, -1)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.mean(x[np.arange(5)[:, None], np.argsort(a.data(x), -1)[:, 5:7]]),
        divergences=(
            Divergence(
                "torch.median",
                0.01,
                2.0,
                "Of an even count torch.median takes the lower of the two in the middle, Keras their mean.",
                torch=Form(call="x.median(-1).values"),
            ),
        ),
    ),
    Entry(
        "clip",
        keras=Form(call="keras.ops.clip(x, -0.5, 0.5)"),
        torch=Form(call="x.clamp(-0.5, 0.5)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.minimum(a.maximum(x, -0.5), 0.5),
        exact=True,
        divergences=(
            Divergence(
                "gradient-at-the-bound",
                1.0,
                1.0,
                "At the bound itself the gradient is 1 in TensorFlow and 0 in torch.",
                inputs={"x": values([[0.5]])},
                gradients=True,
            ),
        ),
    ),
    Entry(
        "norm",
        keras=Form(call="tf.norm(x, axis=-1)"),
        torch=Form(call="x.norm(dim=-1)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.sqrt(a.sum(a.square(x))),
        divergences=(
            Divergence(
                "gradient-at-zero",
                float("inf"),
                float("inf"),
                "The gradient of the norm of a zero vector is NaN in TensorFlow and 0 in torch.",
                inputs={"x": values(np.zeros((2, 3)))},
                gradients=True,
            ),
        ),
    ),
)

FAMILY = Family("numerics", "Numerics", "model", ENTRIES)
