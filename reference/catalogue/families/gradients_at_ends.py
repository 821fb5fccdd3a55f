"""Gradients where a function ends, has a pole, or is the root of zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Family, Form
from ..varying import INFINITE, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary
from .gradients import at, gradient

INF = float("inf")


def product(a: Any, x: Any) -> Any:
    """The product along the last axis."""
    result = x[:, 0]
    for place in range(1, x.shape[1]):
        result = result * x[:, place]
    return result


ENTRIES = (
    at(
        "sqrt-at-zero",
        "keras.ops.sqrt(x)",
        "x.sqrt()",
        lambda a, x: a.sqrt(x),
        inputs={"x": values([0.0, 0.25, 4.0])},
        vary=Vary({"x": ("n",)}, edges={"x": (ZEROS, SMALL, LARGE, LARGEST, INFINITE, NAN)}),
        note="The gradient at 0 is infinite in both.",
    ),
    at(
        "where-does-not-save",
        "keras.ops.where(x > 0, keras.ops.log(x), 0.0)",
        "torch.where(x > 0, x.log(), 0.0)",
        lambda a, x: a.where(x > 0.0, a.log(x), 0.0),
        inputs={"x": values([0.0, 0.25, 4.0])},
        note="The gradient at 0 is NaN in both: the branch not taken has an infinite one, and 0 times that is NaN.",
        divergences=(
            gradient(
                "of-a-root",
                INF,
                INF,
                "TensorFlow's gradient of a root is 0 where what comes back is 0, which hides the mistake; torch's is "
                "NaN.",
                [0.0],
                keras=Form(call="keras.ops.where(x > 0, keras.ops.sqrt(x), 0.0)"),
                torch=Form(call="torch.where(x > 0, x.sqrt(), 0.0)"),
            ),
        ),
    ),
    at(
        "where-that-saves",
        "keras.ops.where(x > 0, keras.ops.sqrt(keras.ops.where(x > 0, x, 1.0)), 0.0)",
        "torch.where(x > 0, torch.where(x > 0, x, 1.0).sqrt(), 0.0)",
        lambda a, x: a.where(x > 0.0, a.sqrt(a.where(x > 0.0, x, 1.0)), 0.0),
        inputs={"x": values([0.0, 0.25, 4.0])},
        vary=Vary({"x": ("n",)}, edges={"x": (ZEROS, SMALL, LARGE, LARGEST, INFINITE, NAN)}),
        note="Guard what goes into the function, not only what comes out.",
    ),
    at(
        "norm",
        "tf.norm(x, axis=-1)",
        "x.norm(dim=-1)",
        lambda a, x: a.sqrt(a.sum(a.square(x))),
        vary=Vary({"x": ("n", "d")}, edges={"x": (LARGE, INFINITE, NAN)}),
        divergences=(
            gradient(
                "gradient-at-zero",
                INF,
                INF,
                "The gradient of the norm of a zero vector is NaN in TensorFlow and 0 in torch.",
                np.zeros((2, 3)),
            ),
            gradient(
                "gradient-at-zero-in-keras.ops",
                float("inf"),
                float("inf"),
                "keras.ops.norm gives NaN on TensorFlow, too.",
                np.zeros((2, 3)),
                keras=Form(call="keras.ops.norm(x, axis=-1)"),
            ),
        ),
    ),
    at(
        "std-of-equals",
        "keras.ops.std(x, axis=-1)",
        "x.std(-1, correction=0)",
        lambda a, x: a.sqrt(a.variance(x)),
        divergences=(
            gradient(
                "gradient",
                float("inf"),
                float("inf"),
                "Where all values are equal, as in a dead channel, the gradient is NaN in TensorFlow and 0 in torch.",
                [[1.0, 1.0, 1.0]],
            ),
        ),
    ),
    at(
        "l2-normalize",
        "keras.ops.normalize(x, axis=-1)",
        "F.normalize(x, dim=-1)",
        lambda a, x: x / a.sqrt(a.sum(a.square(x), keepdims=True)),
        vary=Vary({"x": ("n", "d")}, edges={"x": (LARGE, INFINITE, NAN)}),
        note="F.normalize takes the second axis unless told, Keras the last one.",
        divergences=(
            Divergence(
                "short-vectors",
                0.48,
                0.73,
                "keras.ops.normalize floors the norm at 1e-7, torch's at 1e-12.",
                inputs={"x": values([[1e-8, 1e-8]])},
            ),
            Divergence(
                "tf.math.l2_normalize",
                0.55,
                0.84,
                "tf.math.l2_normalize floors the square of the norm at 1e-12.",
                keras=Form(call="tf.math.l2_normalize(x, axis=-1)"),
                inputs={"x": values([[1e-8, 1e-8]])},
            ),
        ),
    ),
    at(
        "prod",
        "keras.ops.prod(x, axis=-1)",
        "x.prod(-1)",
        product,
        inputs={"x": values([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0], [1.5, 2.0, -4.0]])},
        exact=True,
        vary=Vary({"x": ("n", "d")}),
        note="The gradient is right where factors are 0, too.",
    ),
    at(
        "power-at-zero",
        "keras.ops.power(x, 2.0)",
        "x.pow(2.0)",
        lambda a, x: a.square(x),
        inputs={"x": values([0.0, -1.5, 2.0])},
        exact=True,
        vary=Vary({"x": ("n",)}, edges={"x": (ZEROS, SUBNORMAL, LARGE, INFINITE, NAN)}),
        note="The gradient at 0 is 0; that of x**0.5 is infinite in both.",
    ),
    at(
        "exponent-at-zero",
        "keras.ops.power(x, y)",
        "x.pow(y)",
        lambda a, x, y: a.constant([0.0, 1.0]) + 0.0 * y,
        inputs={"x": values([0.0, 1.0]), "y": values([2.0, 3.0])},
        gradients=("y",),
        exact=True,
        note="The gradient of 0**y with respect to y is 0, not that of a logarithm of 0.",
    ),
    at(
        "log-at-zero",
        "keras.ops.log(x)",
        "x.log()",
        lambda a, x: a.constant([-np.inf, 0.0]) + x - a.constant(np.asarray([0.0, 1.0])),
        inputs={"x": values([0.0, 1.0])},
        gradients=(),
        exact=True,
    ),
    at(
        "x-log-y",
        "tf.math.xlogy(x, y)",
        "torch.special.xlogy(x, y)",
        lambda a, x, y: x * a.log(a.where(x > 0.0, y, 1.0)),
        inputs={"x": values([0.0, 0.0, 2.0]), "y": values([0.0, 3.0, 0.5])},
        gradients=(),
        note="0 log 0 is 0 in both.",
    ),
    at(
        "arctan2",
        "keras.ops.arctan2(x, y)",
        "torch.atan2(x, y)",
        lambda a, x, y: a.elementwise(np.arctan, lambda x, y: 1.0 / (1.0 + x * x), x / y),
        inputs={"x": normal(5, 12), "y": values(np.linspace(0.5, 4.0, 60).reshape(5, 12))},
        divergences=(
            Divergence(
                "gradient-at-the-origin",
                float("inf"),
                float("inf"),
                "At (0, 0) the gradient is NaN in TensorFlow and 0 in torch.",
                inputs={"x": values([0.0]), "y": values([0.0])},
                gradients=True,
                versions={"keras": ">=3", "torch": ">=2.11"},
                evidence="measured: torch 2.2 gives NaN, 2.11.0 and later 0",
            ),
        ),
    ),
)

FAMILY = Family("gradients_at_ends", "Gradients at ends and poles", "train", ENTRIES)
