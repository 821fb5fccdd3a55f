"""Gradients at ties, at bounds, and at bends."""

from __future__ import annotations

from typing import Any

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, LARGEST, SMALL, SUBNORMAL, ZEROS, Vary

X = {"x": normal(5, 12)}


def at(name: str, keras: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of two expressions of `x`, (5, 12) unless said otherwise."""
    return Entry(name, Form(call=keras), Form(call=torch), **{"inputs": X, "oracle": oracle, **more})


def gradient(name: str, low: float, high: float, reason: str, numbers: Any, **more: Any) -> Divergence:
    """The divergence of the gradients at these numbers."""
    return Divergence(name, low, high, reason, inputs={"x": values(numbers)}, gradients=True, **more)


ENTRIES = (
    at(
        "clip",
        "keras.ops.clip(x, -0.5, 0.5)",
        "x.clamp(-0.5, 0.5)",
        lambda a, x: a.minimum(a.maximum(x, -0.5), 0.5),
        exact=True,
        vary=Vary({"x": ("n", "d")}, edges={"x": EVERYTHING}),
        divergences=(
            gradient(
                "gradient-at-the-bound",
                1.0,
                1.0,
                "At the bound itself the gradient is 1 in TensorFlow and in torch up to 2.12, and 0 in torch 2.15.",
                [[0.5]],
                versions={"keras": ">=3", "torch": ">=2.13"},
                evidence="measured: torch 2.2, 2.11.0 and 2.12.1 give 1, 2.15.0 gives 0; pytorch#184574",
            ),
        ),
    ),
    at(
        "maximum",
        "keras.ops.maximum(x, y)",
        "torch.maximum(x, y)",
        lambda a, x, y: a.maximum(x, y),
        inputs={"x": normal(5, 12), "y": normal(5, 12)},
        exact=True,
        vary=Vary({"x": ("n", "d"), "y": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE)}),
        divergences=(
            Divergence(
                "gradient-of-equals",
                0.4,
                0.6,
                "Of two equal numbers the first has the whole gradient in TensorFlow, each half of it in torch.",
                inputs={"x": values([1.0]), "y": values([1.0])},
                gradients=True,
            ),
        ),
    ),
    at(
        "minimum",
        "keras.ops.minimum(x, y)",
        "torch.minimum(x, y)",
        lambda a, x, y: a.minimum(x, y),
        inputs={"x": normal(5, 12), "y": normal(5, 12)},
        exact=True,
        vary=Vary({"x": ("n", "d"), "y": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE)}),
        divergences=(
            Divergence(
                "gradient-of-equals",
                0.4,
                0.6,
                "Of two equal numbers the first has the whole gradient in TensorFlow, each half of it in torch.",
                inputs={"x": values([1.0]), "y": values([1.0])},
                gradients=True,
            ),
        ),
    ),
    at(
        "max",
        "keras.ops.max(x, axis=-1)",
        "x.amax(-1)",
        lambda a, x: a.max(x),
        exact=True,
        vary=Vary({"x": ("n", "d")}, edges={"x": (LARGE,)}),
        note="Equals share the gradient in TensorFlow and in torch.amax.",
        divergences=(
            gradient(
                "torch.max",
                0.4,
                0.6,
                "torch.max(dim) gives the whole gradient to the one that it names, TensorFlow to all equals alike.",
                [[2.0, 2.0, 1.0]],
                torch=Form(call="x.max(-1).values"),
            ),
        ),
    ),
    at(
        "max-of-equals",
        "keras.ops.max(x, axis=-1)",
        "x.amax(-1)",
        lambda a, x: (x[:, 0] + x[:, 1]) / 2.0,
        inputs={"x": values([[2.0, 2.0, 1.0]])},
        exact=True,
    ),
    at(
        "abs-at-zero",
        "keras.ops.abs(x)",
        "x.abs()",
        lambda a, x: a.abs(x),
        inputs={"x": values([-2.0, -0.0, 0.0, 3.0])},
        exact=True,
        note="The gradient at 0 is 0.",
    ),
    at(
        "relu-at-zero",
        "keras.ops.relu(x)",
        "F.relu(x)",
        lambda a, x: a.where(x > 0.0, x, 0.0),
        inputs={"x": values([-2.0, -0.0, 0.0, 3.0])},
        exact=True,
        note="The gradient at 0 is 0; maximum(x, 0) has another one there.",
        divergences=(
            gradient(
                "as-a-maximum",
                0.4,
                0.6,
                "tf.maximum(x, 0) has the gradient 1 at 0, torch.maximum with a tensor of zeros 1/2, relu 0.",
                [0.0],
                keras=Form(call="tf.maximum(x, 0.0)"),
                torch=Form(call="torch.maximum(x, torch.zeros(()))"),
            ),
        ),
    ),
    at(
        "relu6-at-its-bounds",
        "keras.ops.relu6(x)",
        "F.relu6(x)",
        lambda a, x: a.where((x > 0.0), a.where(x < 6.0, x, 6.0), 0.0),
        inputs={"x": values([-2.0, 0.0, 3.0, 6.0, 7.0])},
        exact=True,
        note="The gradient at 0 and at 6 is 0.",
    ),
)

FAMILY = Family("gradients", "Gradients at ties and bounds", "train", ENTRIES)
