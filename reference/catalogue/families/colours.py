"""Colours of images: (n, height, width, channels) in Keras, (n, channels, height, width) in torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..entries import Divergence, Family
from ..varying import Vary
from .transforms import in_torch, of_images


def grey(a: Any, x: Any) -> Any:
    """The mean of the channels, with which formulas round every channel, as the way through HSV does."""
    return a.mean(x, keepdims=True)


def scaled_saturation(a: Any, x: Any) -> Any:
    """Half of the saturation of hue, saturation and value: half-way to the largest channel."""
    halved = 0.5 * (x + a.max(x, keepdims=True))
    return grey(a, x) + (halved - grey(a, x))


def turned_hue(a: Any, x: Any) -> Any:
    """The hue a third further: the channels change places, each by its share of a sixth of a turn, held as a turn."""
    least = -a.max(-x, keepdims=True)
    chroma = a.max(x, keepdims=True) - least
    share = (x[..., [2, 0, 1]] - least) / chroma
    return least + chroma * ((share + 5.0) / 6.0 * 6.0 - 5.0)


def contrasted(a: Any, x: Any) -> Any:
    """Half-way to the mean of each channel."""
    mean = a.mean(x, (1, 2), keepdims=True)
    return mean + 0.5 * (x - mean)


ENTRIES = (
    of_images(
        "rgb-to-grayscale",
        "tf.image.rgb_to_grayscale(x)",
        "transforms.functional.rgb_to_grayscale(x)",
        lambda a, x: a.sum(x * np.asarray([0.2989, 0.587, 0.114]), keepdims=True),
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
    of_images(
        "brightness",
        "tf.image.adjust_brightness(x, 0.25)",
        "x + 0.25",
        lambda a, x: x + 0.25,
        vary=Vary({"x": ("n", "h", "w", 3)}),
        divergences=(
            Divergence(
                "adjust_brightness",
                0.19,
                0.3,
                "TensorFlow adds, torchvision multiplies, and cuts off at 1.",
                torch=in_torch("transforms.functional.adjust_brightness(x, 1.25)"),
            ),
        ),
    ),
    of_images(
        "contrast",
        "tf.image.adjust_contrast(x, 0.5)",
        "mean = x.mean((2, 3), keepdim=True)\nmean + 0.5 * (x - mean)",
        contrasted,
        vary=Vary({"x": ("n", "h", "w", 3)}),
        divergences=(
            Divergence(
                "adjust_contrast",
                0.028,
                0.043,
                "TensorFlow goes to the mean of each channel, torchvision to that of the grey image.",
                torch=in_torch("transforms.functional.adjust_contrast(x, 0.5)"),
            ),
        ),
    ),
    of_images(
        "saturation",
        "tf.image.adjust_saturation(x, 0.5)",
        "largest = x.amax(1, keepdim=True)\nlargest + 0.5 * (x - largest)",
        scaled_saturation,
        vary=Vary({"x": ("n", "h", "w", 3)}),
        divergences=(
            Divergence(
                "adjust_saturation",
                0.28,
                0.43,
                "TensorFlow scales the S of HSV, which keeps the largest channel; torchvision mixes with grey.",
                torch=in_torch("transforms.functional.adjust_saturation(x, 0.5)"),
            ),
        ),
    ),
    of_images(
        "hue",
        "tf.image.adjust_hue(x, 1 / 3)",
        "transforms.functional.adjust_hue(x, 1 / 3)",
        turned_hue,
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
    of_images(
        "gamma",
        "tf.image.adjust_gamma(x, 2.0, gain=0.5)",
        "transforms.functional.adjust_gamma(x, 2.0, gain=0.5)",
        lambda a, x: 0.5 * a.square(x),
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
)

FAMILY = Family("colours", "Colours of images", "data", ENTRIES)
