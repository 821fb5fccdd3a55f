"""Making images larger and smaller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..drawing import uniform
from ..entries import Divergence, Entry, Family, Form
from ..varying import BATCHES, Vary

IMAGES = {"x": uniform(2, 12, 9, 3, high=255.0)}
Filter = Callable[[np.ndarray], np.ndarray]


def triangle(x: np.ndarray) -> np.ndarray:
    """1 at 0, 0 from 1 on."""
    return np.asarray(np.maximum(1 - np.abs(x), 0))


def cubic(x: np.ndarray) -> np.ndarray:
    """Keys 1981 with a = -1/2."""
    x = np.abs(x)
    inner, outer = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x < 1, inner, np.where(x < 2, outer, 0.0))


def box(x: np.ndarray) -> np.ndarray:
    """1 within half a pixel."""
    return np.where(np.abs(x) < 0.5, 1.0, 0.0)


def weights(size: int, to: int, kernel: Filter, antialias: bool) -> np.ndarray:
    """Rows of weights at pixel centres, (to, size); with `antialias` the filter is as wide as what becomes a pixel."""
    width = max(size / to, 1.0) if antialias else 1.0
    centres = (np.arange(to) + 0.5) * size / to - 0.5
    if not antialias:
        centres = np.clip(centres, 0, size - 1)
    rows = kernel((np.arange(size) - centres[:, None]) / width)
    return np.asarray(rows / rows.sum(-1, keepdims=True))


def resized(a: Any, x: Any, height: int, width: int, kernel: Filter, antialias: bool = True) -> Any:
    """Interpolation by a filter, rows first."""
    n, rows, columns, channels = x.shape
    down = a.constant(weights(rows, height, kernel, antialias)) @ x.reshape(n, rows, columns * channels)
    across = a.constant(weights(columns, width, kernel, antialias)) @ down.reshape(n * height, columns, channels)
    return across.reshape(n, height, width, channels)


def corners(a: Any, x: Any, height: int, width: int) -> Any:
    """Bilinear interpolation in which corners stay corners, to more pixels than there are."""
    n, rows, columns, channels = x.shape
    down, across = (
        a.constant(triangle(np.arange(size) - np.linspace(0, size - 1, to)[:, None]))
        for size, to in ((rows, height), (columns, width))
    )
    mixed = (down @ x.reshape(n, rows, columns * channels)).reshape(n * height, columns, channels)
    return (across @ mixed).reshape(n, height, width, channels)


def nearest(a: Any, x: Any, height: int, width: int) -> Any:
    """The pixel in which each new centre lies."""
    rows = ((np.arange(height) + 0.5) * x.shape[1] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * x.shape[2] / width).astype(int)
    return x[:, rows[:, None], columns]


def resize(name: str, keras: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of two expressions that resize images (2, 12, 9, 3)."""
    return Entry(
        name,
        Form(call=keras, shipped=more.pop("keras_shipped", {})),
        Form(call=torch, shipped=more.pop("torch_shipped", {}), channels_first=True),
        **{"inputs": IMAGES, "oracle": oracle, "gradients": (), **more},
    )


def in_torch(call: str) -> Form:
    """A torch form of images."""
    return Form(call=call, channels_first=True)


ENTRIES = (
    resize(
        "resize-bilinear",
        "tf.image.resize(x, (7, 4), antialias=False)",
        "transforms.functional.resize(x, [7, 4], antialias=False)",
        lambda a, x: resized(a, x, 7, 4, triangle, antialias=False),
        keras_shipped={"antialias": False},
        torch_shipped={"antialias": True},
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
        divergences=(
            Divergence(
                "as-shipped",
                66.0,
                110.0,
                "torchvision smooths when it makes an image smaller (antialias=True since 0.17), TensorFlow does not.",
                shipped=True,
            ),
        ),
    ),
    resize(
        "resize-bilinear-antialias",
        "tf.image.resize(x, (7, 4), antialias=True)",
        "transforms.functional.resize(x, [7, 4], antialias=True)",
        lambda a, x: resized(a, x, 7, 4, triangle),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
    ),
    resize(
        "resize-bilinear-larger",
        "tf.image.resize(x, (17, 14))",
        "F.interpolate(x, (17, 14), mode='bilinear')",
        lambda a, x: resized(a, x, 17, 14, triangle, antialias=False),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
        note="Both take pixels for squares with centres (half-pixel centres, align_corners=False).",
        divergences=(
            Divergence(
                "align-corners",
                27.0,
                42.0,
                "With align_corners=True the corners' centres stay where they are.",
                torch=in_torch("F.interpolate(x, (17, 14), mode='bilinear', align_corners=True)"),
            ),
        ),
    ),
    resize(
        "resize-align-corners",
        "tf.compat.v1.image.resize(x, (17, 14), align_corners=True)",
        "F.interpolate(x, (17, 14), mode='bilinear', align_corners=True)",
        lambda a, x: corners(a, x, 17, 14),
        keras_shipped={"align_corners": False},
        torch_shipped={"align_corners": None},
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
    ),
    resize(
        "resize-nearest",
        "tf.image.resize(x, (7, 4), method='nearest')",
        "F.interpolate(x, (7, 4), mode='nearest-exact')",
        lambda a, x: nearest(a, x, 7, 4),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
        divergences=(
            Divergence(
                "nearest",
                190.0,
                290.0,
                "torch's 'nearest' takes the pixel at the new one's upper left corner, not at its centre.",
                torch=in_torch("F.interpolate(x, (7, 4), mode='nearest')"),
            ),
        ),
    ),
    resize(
        "resize-bicubic-antialias",
        "tf.image.resize(x, (7, 4), method='bicubic', antialias=True)",
        "F.interpolate(x, (7, 4), mode='bicubic', antialias=True)",
        lambda a, x: resized(a, x, 7, 4, cubic),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
        divergences=(
            Divergence(
                "without-antialias",
                14.0,
                23.0,
                "Without antialias torch's cubic has a = -0.75, TensorFlow's -0.5.",
                keras=Form(call="tf.image.resize(x, (17, 14), method='bicubic')"),
                torch=in_torch("F.interpolate(x, (17, 14), mode='bicubic')"),
            ),
        ),
    ),
    resize(
        "resize-area",
        "tf.image.resize(x, (4, 3), method='area')",
        "F.interpolate(x, (4, 3), mode='area')",
        lambda a, x: resized(a, x, 4, 3, box),
        vary=BATCHES,
        note="The mean of what becomes a pixel, where that is a whole number of pixels.",
        divergences=(
            Divergence(
                "not-a-whole-number",
                34.0,
                52.0,
                "Otherwise TensorFlow weighs pixels that are cut, torch takes whole ones.",
                keras=Form(call="tf.image.resize(x, (7, 4), method='area')"),
                torch=in_torch("F.interpolate(x, (7, 4), mode='area')"),
            ),
        ),
    ),
    Entry(
        "Resizing",
        keras=Form("keras.layers.Resizing(7, 4)"),
        torch=Form("transforms.Resize([7, 4], antialias=False)", shipped={"antialias": True}, channels_first=True),
        inputs=IMAGES,
        oracle=lambda a, x: resized(a, x, 7, 4, triangle, antialias=False),
        gradients=(),
        vary=Vary({"x": ("n", "h", "w", "c")}, {"h": (4, 14), "w": (4, 14)}),
        divergences=(
            Divergence(
                "one-number",
                float("inf"),
                float("inf"),
                "Given one number torchvision's Resize makes the shorter side that long and keeps the proportions.",
                keras=Form("keras.layers.Resizing(8, 8)"),
                torch=Form("transforms.Resize(8)", channels_first=True),
            ),
        ),
    ),
)

FAMILY = Family("resizing", "Resizing images", "data", ENTRIES)
