"""Data transforms; images are (n, height, width, channels) in Keras, (n, channels, height, width) in torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import images, uniform
from ..entries import Divergence, Entry, Family, Form


def bilinear(size: int, to: int) -> np.ndarray:
    """Rows of weights of bilinear interpolation at pixel centres, (to, size)."""
    centres = np.clip((np.arange(to) + 0.5) * size / to - 0.5, 0, size - 1)
    low = np.floor(centres).astype(int)
    rows = np.zeros((to, size))
    rows[np.arange(to), low] += 1 - (centres - low)
    rows[np.arange(to), np.minimum(low + 1, size - 1)] += centres - low
    return rows


def resized(a: Any, x: Any, height: int, width: int) -> Any:
    """Bilinear interpolation, rows first."""
    n, rows, columns, channels = x.shape
    down = a.constant(bilinear(rows, height)) @ x.reshape(n, rows, columns * channels)
    across = a.constant(bilinear(columns, width)) @ down.reshape(n * height, columns, channels)
    return across.reshape(n, height, width, channels)


ENTRIES = (
    Entry(
        "Rescaling",
        keras=Form("keras.layers.Rescaling(1 / 255)"),
        torch=Form(call="transforms.functional.to_dtype(x, torch.float32, scale=True)", channels_first=True),
        inputs={"x": images(2, 6, 5, 3)},
        oracle=lambda a, x: a.constant(x) / 255.0,
        gradients=(),
        note="Keras multiplies by 1/255 rounded to float32, torch divides: the last bit differs for some levels.",
    ),
    Entry(
        "resize-bilinear",
        keras=Form(call="tf.image.resize(x, (7, 4))", shipped={"antialias": False}),
        torch=Form(
            call="transforms.functional.resize(x, [7, 4], antialias=False)",
            shipped={"antialias": True},
            channels_first=True,
        ),
        inputs={"x": uniform(2, 12, 9, 3, high=255.0)},
        oracle=lambda a, x: resized(a, x, 7, 4),
        gradients=(),
        divergences=(
            Divergence(
                "as-shipped",
                20.0,
                255.0,
                "torchvision smooths when it makes an image smaller (antialias=True since 0.17), TensorFlow does not.",
                shipped=True,
            ),
        ),
    ),
    Entry(
        "center-crop",
        keras=Form("keras.layers.CenterCrop(4, 4)"),
        torch=Form(call="transforms.functional.center_crop(x, [4, 4])", channels_first=True),
        inputs={"x": uniform(2, 8, 6, 3)},
        oracle=lambda a, x: x[:, 2:6, 1:5],
        gradients=(),
        exact=True,
    ),
    Entry(
        "rgb-to-grayscale",
        keras=Form(call="tf.image.rgb_to_grayscale(x)"),
        torch=Form(call="transforms.functional.rgb_to_grayscale(x)", channels_first=True),
        inputs={"x": uniform(2, 8, 6, 3)},
        oracle=lambda a, x: a.sum(x * np.asarray([0.2989, 0.587, 0.114]), keepdims=True),
        gradients=(),
    ),
)

FAMILY = Family("transforms", "Data transforms", "data", ENTRIES)
