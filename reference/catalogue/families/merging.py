"""Layers that join several inputs."""

from __future__ import annotations

from typing import Any

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, LARGEST, SMALL, SUBNORMAL, ZEROS, Vary

TWO = {"x": normal(3, 5), "y": normal(3, 5)}


def joined(name: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of a layer that takes a list of two."""
    return Entry(name, Form(f"keras.layers.{name}()", "component([x, y])"), Form(call=torch), TWO, oracle, **more)


def tied(gradient: str) -> tuple[Divergence, ...]:
    """The gradients where both inputs are equal."""
    return (
        Divergence(
            "gradient-of-ties",
            0.5,
            0.5,
            f"Where both are equal, {gradient}; torch halves it.",
            inputs={"x": values([[1.0]]), "y": values([[1.0]])},
            gradients=True,
        ),
    )


PAIRS = Vary({"x": ("n", "d"), "y": ("n", "d")}, edges={"x": EVERYTHING})
ENTRIES = (
    joined(
        "Add",
        "x + y",
        lambda a, x, y: x + y,
        vary=PAIRS,
    ),
    joined(
        "Subtract",
        "x - y",
        lambda a, x, y: x - y,
        vary=PAIRS,
    ),
    joined(
        "Multiply",
        "x * y",
        lambda a, x, y: x * y,
        vary=PAIRS,
    ),
    joined(
        "Average",
        "(x + y) / 2",
        lambda a, x, y: (x + y) / 2.0,
        vary=PAIRS,
    ),
    joined(
        "Maximum",
        "torch.maximum(x, y)",
        lambda a, x, y: a.maximum(x, y),
        exact=True,
        vary=Vary({"x": ("n", "d"), "y": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE)}),
        divergences=tied("TensorFlow gives the whole gradient to one"),
    ),
    joined(
        "Minimum",
        "torch.minimum(x, y)",
        lambda a, x, y: a.minimum(x, y),
        exact=True,
        vary=Vary({"x": ("n", "d"), "y": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE)}),
        divergences=tied("TensorFlow gives the whole gradient to one"),
    ),
    Entry(
        "Concatenate",
        keras=Form("keras.layers.Concatenate(axis=1)", "component([x, y])", shipped={"axis": -1}),
        torch=Form(call="torch.cat([x, y], 1)"),
        inputs={"x": normal(3, 2, 4), "y": normal(3, 5, 4)},
        oracle=lambda a, x, y: a.concatenate([x, y], 1),
        exact=True,
        vary=Vary({"x": ("n", "one", "d"), "y": ("n", "two", "d")}),
        note="Channels are Keras's last axis, its default; torch's default is axis 0, the batch.",
    ),
    Entry(
        "Dot",
        keras=Form("keras.layers.Dot(axes=(2, 1))", "component([x, y])"),
        torch=Form(call="torch.bmm(x, y)"),
        inputs={"x": normal(3, 2, 4), "y": normal(3, 4, 5)},
        oracle=lambda a, x, y: x @ y,
        vary=Vary({"x": ("n", "rows", 4), "y": ("n", 4, "columns")}),
    ),
    Entry(
        "Dot-normalize",
        keras=Form("keras.layers.Dot(axes=-1, normalize=True)", "component([x, y])"),
        torch=Form(call="F.cosine_similarity(x, y, dim=-1)[:, None]"),
        inputs=TWO,
        oracle=lambda a, x, y: (
            a.sum(x * y, keepdims=True) / a.sqrt(a.sum(x * x, keepdims=True)) / a.sqrt(a.sum(y * y, keepdims=True))
        ),
        vary=Vary({"x": ("n", "d"), "y": ("n", "d")}, {"d": (2, 6)}),
        note="The cosine of the angle; Keras keeps the axis.",
    ),
)

FAMILY = Family("merging", "Merging layers", "model", ENTRIES)
