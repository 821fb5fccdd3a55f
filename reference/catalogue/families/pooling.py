"""Pooling."""

from __future__ import annotations

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..formulas import max_pooled, mean_pooled, same_pads

ENTRIES = (
    Entry(
        "MaxPooling2D",
        keras=Form("keras.layers.MaxPooling2D(2)"),
        torch=Form("nn.MaxPool2d(2)", channels_first=True),
        inputs={"x": normal(2, 7, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 2, 2),
        exact=True,
        compiled=True,
    ),
    Entry(
        "MaxPooling2D-same",
        keras=Form("keras.layers.MaxPooling2D(3, strides=2, padding='same')"),
        torch=Form(
            "nn.MaxPool2d(3, stride=2)", "component(F.pad(x, (0, 1, 0, 1), value=-math.inf))", channels_first=True
        ),
        inputs={"x": normal(2, 8, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 3, 2, same_pads((8, 8), 3, 2)),
        exact=True,
        divergences=(
            Divergence(
                "symmetric-padding",
                1.0,
                4.0,
                "Keras pads behind, padding=1 pads both sides: the windows are one pixel off.",
                torch=Form("nn.MaxPool2d(3, stride=2, padding=1)", channels_first=True),
            ),
        ),
    ),
    Entry(
        "AveragePooling2D",
        keras=Form("keras.layers.AveragePooling2D(3, strides=2)"),
        torch=Form("nn.AvgPool2d(3, stride=2)", channels_first=True),
        inputs={"x": normal(2, 9, 8, 3)},
        oracle=lambda a, x: mean_pooled(a, x, 3, 2),
    ),
    Entry(
        "AveragePooling2D-same-odd",
        keras=Form("keras.layers.AveragePooling2D(3, strides=1, padding='same')"),
        torch=Form(
            "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)",
            shipped={"count_include_pad": True},
            channels_first=True,
        ),
        inputs={"x": normal(2, 7, 5, 3)},
        divergences=(
            Divergence(
                "as-shipped",
                0.3,
                2.0,
                "Keras leaves the padding out of the mean, torch counts it as zeros.",
                shipped=True,
            ),
        ),
    ),
    Entry(
        "GlobalAveragePooling2D",
        keras=Form("keras.layers.GlobalAveragePooling2D()"),
        torch=Form(call="x.mean((2, 3))", channels_first=True),
        inputs={"x": normal(2, 7, 5, 3)},
        oracle=lambda a, x: a.mean(x, axis=(1, 2)),
    ),
)

FAMILY = Family("pooling", "Pooling", "model", ENTRIES)
