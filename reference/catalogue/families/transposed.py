"""Transposed convolutions."""

from __future__ import annotations

from typing import Any

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..formulas import transposed
from ..varying import BATCHES

MAPPED = {"weight": "kernel.transpose(3, 2, 0, 1)", "bias": "bias"}
MAPPED_1D = {"weight": "kernel.transpose(2, 1, 0)", "bias": "bias"}
MAPPED_3D = {"weight": "kernel.transpose(4, 3, 0, 1, 2)", "bias": "bias"}


def first(build: str, call: str = "", mapped: Any = None) -> Form:
    """A torch form of images."""
    return Form(build, call, weights=mapped or MAPPED, channels_first=True)


def weights(*kernel: int) -> dict[str, Any]:
    """A kernel (*window, filters, channels) and a bias."""
    return {"kernel": normal(*kernel), "bias": normal(kernel[-2])}


ENTRIES = (
    Entry(
        "Conv2DTranspose",
        keras=Form("keras.layers.Conv2DTranspose(4, 3, strides=2)"),
        torch=first("nn.ConvTranspose2d(3, 4, 3, stride=2)"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(3, 3, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 0, (9, 11)) + bias,
        compiled=True,
        vary=BATCHES,
        note="Keras's kernels are height, width, out, in; torch's in, out, height, width.",
    ),
    Entry(
        "Conv2DTranspose-same-even-window",
        keras=Form("keras.layers.Conv2DTranspose(4, 4, strides=2, padding='same')"),
        torch=first("nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1)"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(4, 4, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 1, (8, 10)) + bias,
        vary=BATCHES,
        note="Keras cuts the full output to n * stride. Where kernel - stride is even, torch's padding is half of it.",
    ),
    Entry(
        "Conv2DTranspose-same-odd-window",
        keras=Form("keras.layers.Conv2DTranspose(4, 3, strides=2, padding='same')"),
        torch=first("nn.ConvTranspose2d(3, 4, 3, stride=2)", "component(x)[..., :-1, :-1]"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(3, 3, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 0, (8, 10)) + bias,
        vary=BATCHES,
        note="Where kernel - stride is odd, Keras cuts one more behind than before. Slice torch's full output.",
        divergences=(
            Divergence(
                "padding-and-output_padding",
                13.0,
                19.0,
                "padding=1 with output_padding=1 has the shape and lies one pixel off.",
                torch=first("nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)"),
            ),
        ),
    ),
    Entry(
        "Conv2DTranspose-same-window-5",
        keras=Form("keras.layers.Conv2DTranspose(4, 5, strides=2, padding='same')"),
        torch=first("nn.ConvTranspose2d(3, 4, 5, stride=2)", "component(x)[..., 1:-2, 1:-2]"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(5, 5, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 1, (8, 10)) + bias,
        vary=BATCHES,
    ),
    Entry(
        "Conv2DTranspose-window-below-stride",
        keras=Form("keras.layers.Conv2DTranspose(4, 2, strides=3)"),
        torch=first("nn.ConvTranspose2d(3, 4, 2, stride=3, output_padding=1)"),
        inputs={"x": normal(2, 3, 4, 3)},
        weights=weights(2, 2, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 3, 0, (9, 12)) + bias,
        vary=BATCHES,
        note="Keras makes n * stride even where the last pixels get nothing but the bias.",
    ),
    Entry(
        "Conv2DTranspose-output_padding",
        keras=Form("keras.layers.Conv2DTranspose(4, 3, strides=2, padding='same', output_padding=0)", since="3.11"),
        torch=first("nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1)"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(3, 3, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 1, (7, 9)) + bias,
        vary=BATCHES,
        note="With output_padding=0 'same' cuts kernel // 2 on both sides, as torch's padding does; None, the "
        "default, cuts to n * stride.",
        divergences=(
            Divergence(
                "output_padding-1",
                10.0,
                15.0,
                "With 1 Keras on TensorFlow moves the whole image by a pixel; torch adds a row and a column behind.",
                keras=Form("keras.layers.Conv2DTranspose(4, 3, strides=2, padding='same', output_padding=1)"),
                torch=first("nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)"),
            ),
        ),
    ),
    Entry(
        "Conv2DTranspose-dilated",
        keras=Form("keras.layers.Conv2DTranspose(4, 3, dilation_rate=2)"),
        torch=first("nn.ConvTranspose2d(3, 4, 3, dilation=2)"),
        inputs={"x": normal(2, 4, 5, 3)},
        weights=weights(3, 3, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 1, 0, (8, 9), dilation=2) + bias,
        vary=BATCHES,
    ),
    Entry(
        "Conv1DTranspose",
        keras=Form("keras.layers.Conv1DTranspose(4, 4, strides=2, padding='same')"),
        torch=first("nn.ConvTranspose1d(3, 4, 4, stride=2, padding=1)", mapped=MAPPED_1D),
        inputs={"x": normal(2, 6, 3)},
        weights=weights(4, 4, 3),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 1, (12,)) + bias,
        vary=BATCHES,
    ),
    Entry(
        "Conv3DTranspose",
        keras=Form("keras.layers.Conv3DTranspose(3, 2, strides=2)"),
        torch=first("nn.ConvTranspose3d(2, 3, 2, stride=2)", mapped=MAPPED_3D),
        inputs={"x": normal(2, 3, 2, 3, 2)},
        weights=weights(2, 2, 2, 3, 2),
        oracle=lambda a, x, kernel, bias: transposed(a, x, kernel, 2, 0, (6, 4, 6)) + bias,
        vary=BATCHES,
    ),
)

FAMILY = Family("transposed", "Transposed convolutions", "model", ENTRIES)
