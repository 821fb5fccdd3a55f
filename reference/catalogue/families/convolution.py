"""Convolutions."""

from __future__ import annotations

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..formulas import convolved, same_pads, windows

MAPPED = {"weight": "kernel.transpose(3, 2, 0, 1)", "bias": "bias"}

ENTRIES = (
    Entry(
        "Conv2D",
        keras=Form("keras.layers.Conv2D(6, 3)"),
        torch=Form("nn.Conv2d(3, 6, 3)", weights=MAPPED, channels_first=True),
        inputs={"x": normal(2, 8, 7, 3)},
        weights={"kernel": normal(3, 3, 3, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel) + bias,
        compiled=True,
        note="Keras images are height, width, channels and its kernels height, width, in, out; torch has channels "
        "first in both.",
    ),
    Entry(
        "Conv2D-same-stride-2-even",
        keras=Form("keras.layers.Conv2D(6, 3, strides=2, padding='same')"),
        torch=Form(
            "nn.Conv2d(3, 6, 3, stride=2)",
            "component(F.pad(x, (0, 1, 0, 1)))",
            weights=MAPPED,
            channels_first=True,
        ),
        inputs={"x": normal(2, 8, 8, 3)},
        weights={"kernel": normal(3, 3, 3, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, 2, same_pads((8, 8), 3, 2)) + bias,
        divergences=(
            Divergence(
                "symmetric-padding",
                5.0,
                30.0,
                "Keras puts the odd row and column of padding behind; padding=1 pads both sides: "
                "the shapes agree, the windows are one pixel off.",
                torch=Form("nn.Conv2d(3, 6, 3, stride=2, padding=1)", weights=MAPPED, channels_first=True),
            ),
            Divergence(
                "same-raises",
                float("inf"),
                float("inf"),
                "nn.Conv2d(padding='same') raises for strides above 1.",
                torch=Form("nn.Conv2d(3, 6, 3, stride=2, padding='same')", weights=MAPPED, channels_first=True),
            ),
        ),
    ),
    Entry(
        "Conv2D-dilated",
        keras=Form("keras.layers.Conv2D(4, 3, dilation_rate=2)"),
        torch=Form("nn.Conv2d(3, 4, 3, dilation=2)", weights=MAPPED, channels_first=True),
        inputs={"x": normal(2, 9, 8, 3)},
        weights={"kernel": normal(3, 3, 3, 4), "bias": normal(4)},
        oracle=lambda a, x, kernel, bias: convolved(a, x, kernel, dilation=2) + bias,
        note="Keras raises for a stride above 1 together with a dilation above 1; torch allows it.",
    ),
    Entry(
        "DepthwiseConv2D",
        keras=Form("keras.layers.DepthwiseConv2D(3, depth_multiplier=2)"),
        torch=Form(
            "nn.Conv2d(4, 8, 3, groups=4)",
            weights={"weight": "kernel.transpose(2, 3, 0, 1).reshape(8, 1, 3, 3)", "bias": "bias"},
            channels_first=True,
        ),
        inputs={"x": normal(2, 6, 7, 4)},
        weights={"kernel": normal(3, 3, 4, 2), "bias": normal(8)},
        oracle=lambda a, x, kernel, bias: (
            a.sum(
                a.stack(
                    [
                        (part.reshape(2, 4, 5, 4, 1) * kernel[i // 3, i % 3]).reshape(2, 4, 5, 8)
                        for i, part in enumerate(windows(x, 3, 3, 1))
                    ],
                    axis=-1,
                )
            )
            + bias
        ),
    ),
)

FAMILY = Family("convolution", "Convolutions", "model", ENTRIES)
