"""Where gradients go, and where they are made to go."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, values
from ..entries import Divergence, Family, Form
from ..varying import EVERYTHING, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary
from .gradients import at


def straight_through(a: Any, x: Any) -> Any:
    """Rounded, with the gradient of the identity (Bengio et al. 2013)."""
    return x + a.constant(np.round(a.data(x)) - a.data(x))


STRAIGHT_IN_TORCH = "x + (x.round() - x).detach()"
REVERSED_IN_KERAS = """
@tf.custom_gradient
def reverse(x):
    return tf.identity(x), lambda upstream: -upstream
reverse(x)
"""
REVERSED_IN_TORCH = """
class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(context, x):
        return x.view_as(x)
    @staticmethod
    def backward(context, upstream):
        return -upstream
Reverse.apply(x)
"""

ENTRIES = (
    at(
        "round-has-no-gradient",
        "keras.ops.round(x)",
        "x.round()",
        lambda a, x: a.constant(np.round(a.data(x))) + 0.0 * x,
        exact=True,
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, NAN)}),
        note="0 in torch; in TensorFlow none, which GradientTape gives as None unless told unconnected_gradients.",
    ),
    at(
        "straight-through",
        "x + tf.stop_gradient(tf.round(x) - x)",
        STRAIGHT_IN_TORCH,
        straight_through,
        vary=Vary({"x": ("n", "d")}, edges={"x": EVERYTHING}),
        note="tf.stop_gradient is detach(): what is rounded going forward passes gradients as they are.",
    ),
    at(
        "custom-gradient",
        REVERSED_IN_KERAS,
        REVERSED_IN_TORCH,
        lambda a, x: a.constant(2.0 * a.data(x)) - x,
        exact=True,
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, NAN)}),
        note="A reversed gradient; tf.custom_gradient is torch.autograd.Function.",
    ),
    at(
        "gather",
        "keras.ops.take(x, rows, axis=0)",
        "x[rows]",
        lambda a, x, rows: x[rows],
        inputs={"x": normal(5, 3), "rows": integers(12, below=5)},
        note="Rows taken more than once add up their gradients.",
        divergences=(
            Divergence(
                "negative-rows",
                float("inf"),
                float("inf"),
                "tf.gather counts no rows from the end: on a CPU it raises, on a GPU it gives zeros.",
                keras=Form(call="tf.gather(x, rows)"),
                inputs={"rows": values([-1], "int64")},
            ),
        ),
    ),
    at(
        "sort",
        "keras.ops.sort(x, axis=-1)",
        "x.sort(-1).values",
        lambda a, x: x[np.arange(x.shape[0])[:, None], np.argsort(a.data(x), -1)],
        exact=True,
        vary=Vary({"x": ("n", "d")}),
        note="The gradient goes back to where each value came from.",
    ),
)

FAMILY = Family("gradient_paths", "Where gradients go", "train", ENTRIES)
