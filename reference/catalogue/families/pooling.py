"""Pooling."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..formulas import max_pooled, mean_pooled, same_pads
from ..varying import BATCHES, INFINITE, NAN, ZEROS, Vary

SOME_STEPS = values([[True, True, True, False, False], [True, False, True, True, True]], "bool")


def first(build: str = "", call: str = "", **more: Any) -> Form:
    """A torch form of images."""
    return Form(build, call, channels_first=True, **more)


def in_parts(x: Any, sizes: tuple[int, int]) -> Any:
    """The pieces in which adaptive pooling cuts images: from floor(i n / m) to ceil((i + 1) n / m)."""
    height, width = ([(i * n // m, -(-(i + 1) * n // m)) for i in range(m)] for n, m in zip(x.shape[1:3], sizes))
    return [[x[:, up:down, left:right] for left, right in width] for up, down in height]


def means_of_parts(a: Any, x: Any) -> Any:
    """Adaptive average pooling to (3, 2)."""
    return a.stack([a.stack([a.mean(p, (1, 2)) for p in row], 1) for row in in_parts(x, (3, 2))], 1)


def largest_of_parts(a: Any, x: Any) -> Any:
    """Adaptive maximum pooling to (3, 2)."""
    return a.stack([a.stack([a.max(a.max(p, 1), 1) for p in row], 1) for row in in_parts(x, (3, 2))], 1)


MAXIMUM = (
    Entry(
        "MaxPooling2D",
        keras=Form("keras.layers.MaxPooling2D(2)"),
        torch=first("nn.MaxPool2d(2)"),
        inputs={"x": normal(2, 7, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 2, 2),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS,)}),
        divergences=(
            Divergence(
                "NaN",
                float("inf"),
                float("inf"),
                "TensorFlow passes NaN by; of a window of nothing but NaN, or -inf, it gives -3.4e38. torch gives NaN, "
                "and -inf.",
                inputs={"x": values(np.full((1, 2, 2, 1), np.nan))},
            ),
        ),
        note="Both leave out what fills no window. Among equals both give the gradient to the first. "
        "XLA has no gradient of it while operations are to be deterministic.",
    ),
    Entry(
        "MaxPooling2D-same",
        keras=Form("keras.layers.MaxPooling2D(3, strides=2, padding='same')"),
        torch=first("nn.MaxPool2d(3, stride=2)", "component(F.pad(x, (0, 1, 0, 1), value=-math.inf))"),
        inputs={"x": normal(2, 8, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 3, 2, same_pads(x.shape[1:-1], 3, 2)),
        exact=True,
        vary=Vary({"x": ("n", 8, 8, "c")}),
        divergences=(
            Divergence(
                "symmetric-padding",
                1.9,
                2.5,
                "Keras pads behind, padding=1 pads both sides: the windows are one pixel off.",
                torch=first("nn.MaxPool2d(3, stride=2, padding=1)"),
            ),
        ),
    ),
    Entry(
        "MaxPooling2D-same-ceil_mode",
        keras=Form("keras.layers.MaxPooling2D(2, padding='same')"),
        torch=first("nn.MaxPool2d(2, ceil_mode=True)", shipped={"ceil_mode": False}),
        inputs={"x": normal(2, 7, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 2, 2, same_pads(x.shape[1:-1], 2, 2)),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS,)}),
        note="ceil_mode also pads behind: the same where 'same' puts nothing before.",
    ),
    Entry(
        "MaxPooling2D-strides-1",
        keras=Form("keras.layers.MaxPooling2D(3, strides=1, padding='same')"),
        torch=first("nn.MaxPool2d(3, stride=1, padding=1)"),
        inputs={"x": normal(2, 5, 6, 3)},
        oracle=lambda a, x: max_pooled(a, x, 3, 1, same_pads(x.shape[1:-1], 3, 1)),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS,)}),
    ),
    Entry(
        "MaxPooling2D-ties",
        keras=Form("keras.layers.MaxPooling2D(2)"),
        torch=first("nn.MaxPool2d(2)"),
        inputs={"x": values(np.zeros((1, 4, 4, 2)))},
        oracle=lambda a, x: max_pooled(a, x, 2, 2),
        exact=True,
        note="As after a ReLU: the first of the equal ones has the whole gradient.",
    ),
    Entry(
        "MaxPooling1D",
        keras=Form("keras.layers.MaxPooling1D(3, strides=2)"),
        torch=first("nn.MaxPool1d(3, stride=2)"),
        inputs={"x": normal(2, 8, 3)},
        oracle=lambda a, x: max_pooled(a, x, 3, 2),
        exact=True,
        vary=Vary({"x": ("n", "steps", "c")}, {"steps": (3, 9)}, {"x": (ZEROS,)}),
    ),
    Entry(
        "MaxPooling3D",
        keras=Form("keras.layers.MaxPooling3D(2)"),
        torch=first("nn.MaxPool3d(2)"),
        inputs={"x": normal(2, 4, 5, 4, 2)},
        oracle=lambda a, x: max_pooled(a, x, 2, 2),
        exact=True,
        vary=Vary({"x": ("n", "depth", "h", "w", "c")}, {"depth": (3, 5), "h": (3, 6), "w": (3, 6), "c": (1, 2)}),
    ),
    Entry(
        "GlobalMaxPooling2D",
        keras=Form("keras.layers.GlobalMaxPooling2D()"),
        torch=first(call="x.amax((2, 3))"),
        inputs={"x": normal(2, 5, 4, 3)},
        oracle=lambda a, x: a.max(x.reshape(x.shape[0], -1, x.shape[-1]), axis=1),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}),
        divergences=(
            Divergence(
                "adaptive_max_pool2d-ties",
                0.75,
                0.75,
                "Keras and amax share the gradient among equals; F.adaptive_max_pool2d(x, 1) gives it to the first.",
                torch=first(call="F.adaptive_max_pool2d(x, 1).flatten(1)"),
                inputs={"x": values(np.zeros((1, 2, 2, 1)))},
                gradients=True,
            ),
        ),
    ),
    Entry(
        "GlobalMaxPooling1D",
        keras=Form("keras.layers.GlobalMaxPooling1D()"),
        torch=first(call="x.amax(2)"),
        inputs={"x": normal(2, 7, 3)},
        oracle=lambda a, x: a.max(x, axis=1),
        exact=True,
        vary=Vary({"x": ("n", "steps", "c")}),
        note="A mask is not looked at: padded steps may win. Fill them with -inf first.",
    ),
    Entry(
        "max_pool_with_argmax",
        keras=Form(call="tf.nn.max_pool_with_argmax(x, 2, 2, 'VALID')"),
        torch=first(
            call="output, places = F.max_pool2d(x, 2, return_indices=True)\n"
            "output, places * 3 + torch.arange(3)[:, None, None]"
        ),
        inputs={"x": normal(2, 6, 4, 3)},
        oracle=lambda a, x: (max_pooled(a, x, 2, 2), places_of_largest(a.data(x))),
        exact=True,
        vary=BATCHES,
        note="TensorFlow counts places over height, width and channels of an image, torch over height and width.",
    ),
    Entry(
        "AdaptiveMaxPooling2D",
        keras=Form("keras.layers.AdaptiveMaxPooling2D((3, 2))", since="3.13"),
        torch=first("nn.AdaptiveMaxPool2d((3, 2))"),
        inputs={"x": normal(2, 7, 5, 3)},
        oracle=largest_of_parts,
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS,)}),
    ),
)


def places_of_largest(x: np.ndarray) -> np.ndarray:
    """Of windows of two by two, the place of the largest in its image, counted over height, width, channels."""
    n, height, width, channels = x.shape
    place = np.arange(height * width * channels).reshape(1, height, width, channels)
    both = [
        np.broadcast_to(array, x.shape)
        .reshape(n, height // 2, 2, width // 2, 2, channels)
        .transpose(0, 1, 3, 5, 2, 4)
        .reshape(n, height // 2, width // 2, channels, 4)
        for array in (x, place)
    ]
    found: np.ndarray = np.take_along_axis(both[1], both[0].argmax(-1)[..., None], -1)[..., 0]
    return found


AVERAGE = (
    Entry(
        "AveragePooling2D",
        keras=Form("keras.layers.AveragePooling2D(3, strides=2)"),
        torch=first("nn.AvgPool2d(3, stride=2)"),
        compiled=True,
        inputs={"x": normal(2, 9, 8, 3)},
        oracle=lambda a, x: mean_pooled(a, x, 3, 2),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS, INFINITE, NAN)}),
    ),
    Entry(
        "AveragePooling2D-same-odd",
        keras=Form("keras.layers.AveragePooling2D(3, strides=1, padding='same')"),
        torch=first(
            "nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)", shipped={"count_include_pad": True}
        ),
        inputs={"x": normal(2, 7, 5, 3)},
        divergences=(
            Divergence(
                "as-shipped",
                0.5,
                0.75,
                "Keras leaves the padding out of the mean, torch counts it as zeros.",
                shipped=True,
            ),
        ),
    ),
    Entry(
        "AveragePooling2D-same-even",
        keras=Form("keras.layers.AveragePooling2D(3, strides=2, padding='same')"),
        torch=first(
            call="sums, counts = (F.avg_pool2d(F.pad(t, (0, 1, 0, 1)), 3, 2) for t in (x, torch.ones_like(x)))\n"
            "sums / counts"
        ),
        inputs={"x": normal(2, 6, 8, 3)},
        oracle=lambda a, x: mean_pooled(a, x, 3, 2, same_pads(x.shape[1:-1], 3, 2)),
        vary=Vary({"x": ("n", 8, 8, "c")}),
        note="Pad behind, and divide by the mean of ones. For windows of 2, ceil_mode=True does the same.",
        divergences=(
            Divergence(
                "symmetric-padding",
                0.65,
                0.9,
                "padding=1 pads both sides: the windows are one pixel off, whatever count_include_pad is.",
                torch=first("nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)"),
            ),
        ),
    ),
    Entry(
        "AveragePooling2D-same-ceil_mode",
        keras=Form("keras.layers.AveragePooling2D(2, padding='same')"),
        torch=first("nn.AvgPool2d(2, ceil_mode=True)", shipped={"ceil_mode": False}),
        inputs={"x": normal(2, 7, 5, 3)},
        oracle=lambda a, x: mean_pooled(a, x, 2, 2, same_pads(x.shape[1:-1], 2, 2)),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS, INFINITE, NAN)}),
        note="What ceil_mode adds never counts in torch's mean.",
    ),
    Entry(
        "AveragePooling1D",
        keras=Form("keras.layers.AveragePooling1D(3, strides=2)"),
        torch=first("nn.AvgPool1d(3, stride=2)"),
        inputs={"x": normal(2, 8, 3)},
        oracle=lambda a, x: mean_pooled(a, x, 3, 2),
        vary=Vary({"x": ("n", "steps", "c")}, {"steps": (3, 9)}, {"x": (ZEROS, INFINITE, NAN)}),
    ),
    Entry(
        "AveragePooling3D",
        keras=Form("keras.layers.AveragePooling3D((2, 3, 2))"),
        torch=first("nn.AvgPool3d((2, 3, 2))"),
        inputs={"x": normal(2, 4, 6, 5, 2)},
        oracle=lambda a, x: mean_pooled(a, x, (2, 3, 2), (2, 3, 2)),
        vary=Vary({"x": ("n", "depth", "h", "w", "c")}, {"depth": (3, 5), "h": (3, 6), "w": (3, 6), "c": (1, 2)}),
    ),
    Entry(
        "GlobalAveragePooling2D",
        keras=Form("keras.layers.GlobalAveragePooling2D()"),
        torch=first(call="x.mean((2, 3))"),
        inputs={"x": normal(2, 7, 5, 3)},
        oracle=lambda a, x: a.mean(x, axis=(1, 2)),
        vary=Vary({"x": ("n", "h", "w", "c")}, edges={"x": (ZEROS, INFINITE, NAN)}),
    ),
    Entry(
        "GlobalAveragePooling1D-masked",
        keras=Form("keras.layers.GlobalAveragePooling1D()", "component(x, mask=mask)"),
        torch=Form(call="(x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)"),
        inputs={"x": normal(2, 5, 3), "mask": SOME_STEPS},
        oracle=lambda a, x, mask: a.sum(x * a.constant(mask[..., None]), 1) / a.constant(mask.sum(1, keepdims=True)),
        note="A mask, such as an Embedding's with mask_zero, reaches the layer by itself in a Keras model.",
        divergences=(
            Divergence(
                "plain-mean",
                0.3,
                0.4,
                "x.mean(1) counts the padded steps.",
                torch=Form(call="x.mean(1)"),
            ),
        ),
    ),
    Entry(
        "AdaptiveAveragePooling2D",
        keras=Form("keras.layers.AdaptiveAveragePooling2D((3, 2))", since="3.13"),
        torch=first("nn.AdaptiveAvgPool2d((3, 2))"),
        inputs={"x": normal(2, 7, 5, 3)},
        oracle=means_of_parts,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}, {"x": (ZEROS, INFINITE, NAN)}),
    ),
    Entry(
        "power-average-pooling",
        keras=Form(call="(4 * keras.ops.average_pool(keras.ops.abs(x) ** 3, 2)) ** (1 / 3)", since="3"),
        torch=first("nn.LPPool2d(3, 2)"),
        inputs={"x": normal(2, 6, 4, 3, mean=4.0, scale=0.5)},
        oracle=lambda a, x: a.power(4.0 * mean_pooled(a, x * x * x, 2, 2), 1 / 3),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (3, 7), "w": (3, 7)}),
        note="nn.LPPool2d takes the root of the sum, not of the mean. Keras has none.",
    ),
)

FAMILY = Family("pooling", "Pooling", "model", MAXIMUM + AVERAGE)
