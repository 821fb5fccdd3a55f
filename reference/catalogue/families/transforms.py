"""Data transforms; images are (n, height, width, channels) in Keras, (n, channels, height, width) in torch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import Draw, images, normal, uniform
from ..entries import Divergence, Entry, Family, Form
from ..varying import BATCHES, Vary

IMAGES = {"x": uniform(2, 8, 6, 3)}
MEAN = [0.25, 0.5, 0.125]
DEVIATION = [0.5, 0.25, 2.0]


def all_levels() -> np.ndarray:
    """Grey levels 0 to 255 as fractions, (1, 16, 16, 3)."""
    return np.repeat(np.arange(256, dtype=np.float32).reshape(1, 16, 16, 1) / 255, 3, axis=-1)


def of_images(name: str, keras: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of two expressions of images (2, 8, 6, 3) between 0 and 1; no gradients."""
    forms = Form(call=keras), Form(call=torch, channels_first=True)
    return Entry(name, *forms, **{"inputs": IMAGES, "oracle": oracle, "gradients": (), **more})


def in_torch(call: str) -> Form:
    """A torch form of images."""
    return Form(call=call, channels_first=True)


def standardised(a: Any, x: Any) -> Any:
    """Each image less its mean, divided by its standard deviation."""
    axes = (1, 2, 3)
    return (x - a.mean(x, axes, keepdims=True)) / a.sqrt(a.variance(x, axes, keepdims=True))


ENTRIES = (
    Entry(
        "Rescaling",
        keras=Form("keras.layers.Rescaling(1 / 255)"),
        torch=in_torch("transforms.functional.to_dtype(x, torch.float32, scale=True)"),
        inputs={"x": images(2, 6, 5, 3)},
        oracle=lambda a, x: a.constant(x) / 255.0,
        gradients=(),
        vary=Vary({"x": ("n", "h", "w", 3)}),
        note="Keras multiplies by 1/255 rounded to float32, torch divides: the last bit differs for some levels.",
        divergences=(
            Divergence(
                "of-floats",
                200.0,
                310.0,
                "to_dtype and ToTensor scale integers only: levels that are floats already stay as they are.",
                inputs={"x": uniform(2, 6, 5, 3, high=255.0)},
            ),
        ),
    ),
    Entry(
        "Rescaling-both-signs",
        keras=Form("keras.layers.Rescaling(1 / 0.5, offset=-1.0)", shipped={"offset": 0.0}),
        torch=Form("transforms.Normalize([0.5] * 3, [0.5] * 3)", channels_first=True),
        inputs=IMAGES,
        oracle=lambda a, x: (x - 0.5) / 0.5,
        gradients=(),
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
    Entry(
        "Normalization",
        keras=Form(f"keras.layers.Normalization(mean={MEAN}, variance=[0.25, 0.0625, 4.0])"),
        torch=Form(f"transforms.Normalize({MEAN}, {DEVIATION})", channels_first=True),
        inputs=IMAGES,
        oracle=lambda a, x: (x - np.asarray(MEAN)) / np.asarray(DEVIATION),
        gradients=(),
        vary=Vary({"x": ("n", "h", "w", 3)}),
        divergences=(
            Divergence(
                "variance-for-deviation",
                4.7,
                7.2,
                "Keras's layer takes variances, torchvision's standard deviations.",
                torch=Form(f"transforms.Normalize({MEAN}, [0.25, 0.0625, 4.0])", channels_first=True),
            ),
        ),
    ),
    Entry(
        "Normalization-adapted",
        keras=Form("keras.layers.Normalization()", "component.adapt(x)\ncomponent(x)"),
        torch=Form(call="(x - x.mean(0)) / x.std(0, correction=0)"),
        inputs={"x": normal(20, 3, scale=2.0)},
        oracle=lambda a, x: (x - a.mean(x, 0)) / a.sqrt(a.variance(x, 0)),
        gradients=(),
        divergences=(
            Divergence(
                "unbiased",
                0.05,
                0.076,
                "adapt() divides by n, torch's std by n - 1.",
                torch=Form(call="(x - x.mean(0)) / x.std(0)"),
            ),
        ),
    ),
    of_images(
        "per-image-standardization",
        "tf.image.per_image_standardization(x)",
        "(x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), correction=0, keepdim=True)",
        standardised,
        vary=BATCHES,
        note="TensorFlow's deviation is at least 1 / sqrt(pixels), for images of one colour.",
    ),
    of_images(
        "preprocess-input",
        "keras.applications.imagenet_utils.preprocess_input(x, data_format='channels_last', mode='torch')",
        "transforms.functional.normalize(x / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])",
        lambda a, x: (x / 255.0 - np.asarray([0.485, 0.456, 0.406])) / np.asarray([0.229, 0.224, 0.225]),
        inputs={"x": uniform(2, 8, 6, 3, high=255.0)},
        vary=Vary({"x": ("n", "h", "w", 3)}),
        note="Which mode a model of keras.applications wants is its own module's preprocess_input.",
        divergences=(
            Divergence(
                "mode-as-shipped",
                110.0,
                180.0,
                "As shipped the mode is 'caffe': blue first, means subtracted, not scaled.",
                keras=Form(call="keras.applications.imagenet_utils.preprocess_input(tf.identity(x))"),
            ),
        ),
    ),
    of_images(
        "fraction-to-level",
        "tf.image.convert_image_dtype(x, 'uint8')",
        "transforms.functional.to_dtype(x, torch.uint8, scale=True)",
        lambda a, x: np.round(255 * a.data(x)).astype(np.uint8),
        inputs={"x": Draw("all 256 levels", lambda generator: all_levels())},
        note="All levels come back in both.",
        divergences=(
            Divergence(
                "between-levels",
                1.0,
                1.0,
                "TensorFlow multiplies by 255.5, torchvision by 255.999, and both cut off.",
                inputs=IMAGES,
            ),
        ),
    ),
    of_images(
        "flip-left-right",
        "tf.image.flip_left_right(x)",
        "transforms.functional.horizontal_flip(x)",
        lambda a, x: x[:, :, ::-1],
        exact=True,
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
    of_images(
        "flip-up-down",
        "tf.image.flip_up_down(x)",
        "transforms.functional.vertical_flip(x)",
        lambda a, x: x[:, ::-1],
        exact=True,
        vary=Vary({"x": ("n", "h", "w", 3)}),
    ),
    of_images(
        "rotate-90",
        "tf.image.rot90(x)",
        "torch.rot90(x, 1, (-2, -1))",
        lambda a, x: x.transpose(0, 2, 1, 3)[:, ::-1],
        exact=True,
        vary=Vary({"x": ("n", "h", "w", 3)}),
        note="Against the clock in both, as transforms.functional.rotate(x, 90).",
    ),
    of_images(
        "crop",
        "tf.image.crop_to_bounding_box(x, 1, 2, 4, 3)",
        "transforms.functional.crop(x, 1, 2, 4, 3)",
        lambda a, x: x[:, 1:5, 2:5],
        exact=True,
        vary=Vary({"x": ("n", 8, 6, 3)}),
        note="Both: top, left, height, width.",
    ),
    Entry(
        "center-crop",
        keras=Form("keras.layers.CenterCrop(4, 4)"),
        torch=in_torch("transforms.functional.center_crop(x, [4, 4])"),
        inputs=IMAGES,
        oracle=lambda a, x: x[:, 2:6, 1:5],
        gradients=(),
        exact=True,
        vary=Vary({"x": ("n", 8, 6, 3)}),
        divergences=(
            Divergence(
                "odd-margin",
                0.73,
                1.2,
                "Of an odd margin Keras leaves the smaller half before the crop; torchvision rounds the half to even.",
                inputs={"x": uniform(2, 7, 7, 3)},
            ),
        ),
    ),
    of_images(
        "pad-constant",
        "tf.pad(x, [[0, 0], [1, 2], [3, 4], [0, 0]])",
        "transforms.functional.pad(x, [3, 1, 4, 2])",
        lambda a, x: a.pad(x, ((0, 0), (1, 2), (3, 4), (0, 0))),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", 3)}),
        note="torchvision counts left, top, right, bottom; F.pad starts with the last axis: left, right, top, bottom.",
        divergences=(
            Divergence(
                "F.pad",
                float("inf"),
                float("inf"),
                "In F.pad the same four numbers mean left, right, top, bottom.",
                torch=in_torch("F.pad(x, [3, 1, 4, 2])"),
            ),
        ),
    ),
    of_images(
        "pad-reflect",
        "tf.pad(x, [[0, 0], [1, 2], [1, 2], [0, 0]], mode='REFLECT')",
        "F.pad(x, [1, 2, 1, 2], mode='reflect')",
        lambda a, x: x[:, [1, *range(8), 6, 5]][:, :, [1, *range(6), 4, 3]],
        exact=True,
        divergences=(
            Divergence(
                "symmetric",
                0.78,
                1.2,
                "'symmetric' repeats the edge, 'reflect' does not; F.pad has no such mode.",
                keras=Form(call="tf.pad(x, [[0, 0], [1, 2], [1, 2], [0, 0]], mode='SYMMETRIC')"),
            ),
        ),
    ),
    of_images(
        "pad-symmetric",
        "tf.pad(x, [[0, 0], [1, 2], [1, 2], [0, 0]], mode='SYMMETRIC')",
        "transforms.functional.pad(x, [1, 1, 2, 2], padding_mode='symmetric')",
        lambda a, x: x[:, [0, *range(8), 7, 6]][:, :, [0, *range(6), 5, 4]],
        exact=True,
    ),
)

FAMILY = Family("transforms", "Data transforms", "data", ENTRIES)
