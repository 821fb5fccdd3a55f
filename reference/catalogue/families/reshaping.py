"""Layers that move, cut, repeat and encode without weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, values
from ..entries import Divergence, Entry, Family, Form
from ..formulas import windows
from ..varying import BATCHES, Vary


def moving(name: str, keras: str, torch: str, shape: tuple[int, ...], oracle: Any, **more: Any) -> Entry:
    """The entry of a layer that moves numbers and changes none; images have their channels first in torch."""
    first = more.pop("channels_first", False)
    call = "" if torch.startswith("nn.") else torch
    form = Form(torch if not call else "", call, channels_first=first)
    return Entry(name, Form(keras), form, {"x": normal(*shape)}, oracle, exact=True, **more)


def repeated(x: Any, times: int, *axes: int) -> Any:
    """Every element of the axes as often as `times`, one after the other."""
    for axis in axes:
        index = [np.arange(size) for size in x.shape]
        index[axis] = np.repeat(index[axis], times)
        x = x[np.ix_(*index)]
    return x


def depth_to_space(x: Any) -> Any:
    """Blocks of two by two made of four times the channels, the block's place counted before the channel."""
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, 2 * height, 2 * width, channels // 4)


def space_to_depth(x: Any) -> Any:
    """The inverse."""
    n, height, width, channels = x.shape
    blocks = x.reshape(n, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    return blocks.reshape(n, height // 2, width // 2, 4 * channels)


def bilinear_matrix(size: int) -> np.ndarray:
    """Twofold linear interpolation as a matrix (2 size, size): centres of pixels at halves, clamped at the ends."""
    places = np.clip((np.arange(2 * size) + 0.5) / 2 - 0.5, 0, size - 1)
    below = np.floor(places).astype(int)
    matrix = np.zeros((2 * size, size))
    matrix[np.arange(2 * size), below] += 1 - (places - below)
    matrix[np.arange(2 * size), np.minimum(below + 1, size - 1)] += places - below
    return matrix


def bilinear(a: Any, x: Any) -> Any:
    """Images twice as high and wide."""
    n, height, width, channels = x.shape
    down, across = a.constant(bilinear_matrix(height)), a.constant(bilinear_matrix(width))
    tall = (down @ x.reshape(n, height, width * channels)).reshape(n, 2 * height, width, channels)
    return across @ tall


SHAPES = (
    moving("Reshape", "keras.layers.Reshape((4, 3))", "x.reshape(-1, 4, 3)", (2, 12), lambda a, x: x.reshape(2, 4, 3)),
    moving(
        "Flatten",
        "keras.layers.Flatten()",
        "x.flatten(1)",
        (2, 3, 4),
        lambda a, x: x.reshape(2, 12),
        note="Images with channels first must be permuted before: see Flatten-Dense.",
    ),
    moving(
        "Permute",
        "keras.layers.Permute((2, 1))",
        "x.permute(0, 2, 1)",
        (2, 3, 4),
        lambda a, x: x.transpose(0, 2, 1),
        vary=Vary({"x": ("n", "h", "w")}),
        note="Keras counts from 1 and leaves the batch out.",
    ),
    moving(
        "RepeatVector",
        "keras.layers.RepeatVector(3)",
        "x[:, None].expand(-1, 3, -1)",
        (2, 4),
        lambda a, x: a.stack([x, x, x], 1),
        vary=Vary({"x": ("n", "d")}),
    ),
)

BORDERS = (
    moving(
        "ZeroPadding1D",
        "keras.layers.ZeroPadding1D((1, 2))",
        "nn.ZeroPad1d((1, 2))",
        (2, 4, 3),
        lambda a, x: a.pad(x, ((0, 0), (1, 2), (0, 0))),
        channels_first=True,
        vary=Vary({"x": ("n", "steps", "c")}),
    ),
    moving(
        "ZeroPadding2D",
        "keras.layers.ZeroPadding2D(((1, 2), (3, 0)))",
        "nn.ZeroPad2d((3, 0, 1, 2))",
        (2, 4, 5, 3),
        lambda a, x: a.pad(x, ((0, 0), (1, 2), (3, 0), (0, 0))),
        channels_first=True,
        vary=Vary({"x": ("n", "h", "w", "c")}),
        note="torch's numbers are left, right, top, bottom: the last axis first.",
    ),
    moving(
        "ZeroPadding3D",
        "keras.layers.ZeroPadding3D((1, 0, 2))",
        "F.pad(x, (2, 2, 0, 0, 1, 1))",
        (2, 2, 3, 2, 3),
        lambda a, x: a.pad(x, ((0, 0), (1, 1), (0, 0), (2, 2), (0, 0))),
        channels_first=True,
    ),
    moving(
        "Cropping1D",
        "keras.layers.Cropping1D((1, 2))",
        "x[:, 1:-2]",
        (2, 6, 3),
        lambda a, x: x[:, 1:4],
        vary=BATCHES,
    ),
    moving(
        "Cropping2D",
        "keras.layers.Cropping2D(((1, 2), (0, 1)))",
        "F.pad(x, (0, -1, -1, -2))",
        (2, 6, 5, 3),
        lambda a, x: x[:, 1:4, 0:4],
        channels_first=True,
        vary=BATCHES,
        note="Negative padding crops.",
    ),
    moving(
        "Cropping3D",
        "keras.layers.Cropping3D(1)",
        "x[..., 1:-1, 1:-1, 1:-1]",
        (2, 3, 4, 4, 2),
        lambda a, x: x[:, 1:2, 1:3, 1:3],
        channels_first=True,
    ),
    Entry(
        "reflection-padding",
        keras=Form(call="keras.ops.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), 'reflect')"),
        torch=Form("nn.ReflectionPad2d(2)", channels_first=True),
        inputs={"x": normal(2, 4, 4, 3)},
        oracle=lambda a, x: x[:, [2, 1, 0, 1, 2, 3, 2, 1]][:, :, [2, 1, 0, 1, 2, 3, 2, 1]],
        vary=Vary({"x": ("n", 4, 4, "c")}),
        note="'reflect' leaves the border out, 'symmetric' repeats it, which torch lacks.",
    ),
)

SIZES = (
    moving(
        "UpSampling1D",
        "keras.layers.UpSampling1D(3)",
        "nn.Upsample(scale_factor=3)",
        (2, 4, 3),
        lambda a, x: repeated(x, 3, 1),
        channels_first=True,
        vary=Vary({"x": ("n", "steps", "c")}),
    ),
    moving(
        "UpSampling2D",
        "keras.layers.UpSampling2D(2)",
        "nn.Upsample(scale_factor=2)",
        (2, 3, 4, 3),
        lambda a, x: repeated(x, 2, 1, 2),
        channels_first=True,
        vary=Vary({"x": ("n", "h", "w", "c")}),
    ),
    moving(
        "UpSampling3D",
        "keras.layers.UpSampling3D(2)",
        "nn.Upsample(scale_factor=2)",
        (2, 2, 3, 2, 2),
        lambda a, x: repeated(x, 2, 1, 2, 3),
        channels_first=True,
    ),
    Entry(
        "UpSampling2D-bilinear",
        keras=Form("keras.layers.UpSampling2D(2, interpolation='bilinear')", shipped={"interpolation": "nearest"}),
        torch=Form("nn.Upsample(scale_factor=2, mode='bilinear')", shipped={"mode": "nearest"}, channels_first=True),
        inputs={"x": normal(2, 3, 4, 3)},
        oracle=bilinear,
        vary=Vary({"x": ("n", "h", "w", "c")}),
        divergences=(
            Divergence(
                "align_corners",
                0.49,
                0.66,
                "align_corners=True lays the corner pixels' centres on each other; Keras cannot.",
                torch=Form("nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)", channels_first=True),
            ),
        ),
    ),
    Entry(
        "UpSampling2D-bicubic",
        keras=Form("keras.layers.UpSampling2D(2, interpolation='bicubic')"),
        torch=Form(
            call="F.interpolate(x, scale_factor=2, mode='bicubic', antialias=True)",
            shipped={"antialias": False},
            channels_first=True,
        ),
        inputs={"x": normal(2, 5, 4, 3)},
    ),
    Entry(
        "PixelShuffle",
        keras=Form(call="tf.nn.depth_to_space(x, 2)"),
        torch=Form(
            "nn.PixelShuffle(2)",
            "component(x.unflatten(1, (4, 3)).transpose(1, 2).flatten(1, 2))",
            channels_first=True,
        ),
        inputs={"x": normal(2, 3, 2, 12)},
        oracle=lambda a, x: depth_to_space(x),
        exact=True,
        vary=Vary({"x": ("n", "h", "w", 12)}),
        note="Keras has no layer of it.",
        divergences=(
            Divergence(
                "channels-as-they-are",
                3.7,
                4.9,
                "TensorFlow's channels count the place in the block first, torch's the channel first.",
                torch=Form("nn.PixelShuffle(2)", channels_first=True),
            ),
        ),
    ),
    Entry(
        "PixelUnshuffle",
        keras=Form(call="tf.nn.space_to_depth(x, 2)"),
        torch=Form(
            "nn.PixelUnshuffle(2)",
            "component(x).unflatten(1, (3, 4)).transpose(1, 2).flatten(1, 2)",
            channels_first=True,
        ),
        inputs={"x": normal(2, 4, 6, 3)},
        oracle=lambda a, x: space_to_depth(x),
        exact=True,
    ),
    Entry(
        "ChannelShuffle",
        keras=Form(
            "keras.Sequential([keras.layers.Reshape((3, 4, 2, 3)), keras.layers.Permute((1, 2, 4, 3)), "
            "keras.layers.Reshape((3, 4, 6))])"
        ),
        torch=Form("nn.ChannelShuffle(2)", channels_first=True),
        inputs={"x": normal(2, 3, 4, 6)},
        oracle=lambda a, x: x.reshape(2, 3, 4, 2, 3).transpose(0, 1, 2, 4, 3).reshape(2, 3, 4, 6),
        exact=True,
        gradients=(),
        note="Keras has none. torch 2.2 cannot differentiate it, 2.15 can.",
    ),
    Entry(
        "extract_patches",
        keras=Form(call="keras.ops.image.extract_patches(x, (2, 2))", since="3"),
        torch=Form(
            call="columns = F.unfold(x, 2, stride=2).unflatten(1, (3, 4)).transpose(1, 2).flatten(1, 2)\n"
            "columns.unflatten(2, (2, 3))",
            channels_first=True,
        ),
        inputs={"x": normal(2, 4, 6, 3)},
        oracle=lambda a, x: a.concatenate(list(windows(x, (2, 2), 2))),
        note="Keras's patches count rows, columns, channels; F.unfold's channels, rows, columns, all patches in one "
        "axis. F.unfold sums up overlaps in its gradient, as does Keras's.",
    ),
)

ENCODINGS = (
    Entry(
        "CategoryEncoding-one_hot",
        keras=Form("keras.layers.CategoryEncoding(6, output_mode='one_hot')", shipped={"output_mode": "multi_hot"}),
        torch=Form(call="F.one_hot(indices, 6).float()"),
        inputs={"indices": integers(5, below=6)},
        oracle=lambda a, indices: a.constant(np.eye(6)[indices]),
        exact=True,
        gradients=(),
        vary=Vary({"indices": ("n",)}),
        note="F.one_hot gives int64.",
    ),
    Entry(
        "CategoryEncoding-multi_hot",
        keras=Form("keras.layers.CategoryEncoding(6)"),
        torch=Form(call="F.one_hot(indices, 6).amax(1).float()"),
        inputs={"indices": integers(5, 4, below=6)},
        oracle=lambda a, indices: a.constant(np.eye(6)[indices].max(1)),
        exact=True,
        gradients=(),
        vary=Vary({"indices": ("n", "d")}),
    ),
    Entry(
        "CategoryEncoding-count",
        keras=Form("keras.layers.CategoryEncoding(6, output_mode='count')"),
        torch=Form(call="F.one_hot(indices, 6).sum(1).float()"),
        inputs={"indices": integers(5, 4, below=6)},
        oracle=lambda a, indices: a.constant(np.eye(6)[indices].sum(1)),
        exact=True,
        gradients=(),
        vary=Vary({"indices": ("n", "d")}),
    ),
    Entry(
        "Discretization",
        keras=Form("keras.layers.Discretization(bin_boundaries=[-1.0, 0.0, 0.5])"),
        torch=Form(call="torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5]), right=True, out_int32=True)"),
        inputs={"x": values([[-2.0, -1.0, -0.5, 0.0], [0.25, 0.5, 0.75, 3.0]])},
        oracle=lambda a, x: np.digitize(a.data(x), [-1.0, 0.0, 0.5]),
        gradients=(),
        vary=Vary({"x": ("n", "d")}),
        note="torch.bucketize gives int64 unless told out_int32=True.",
        divergences=(
            Divergence(
                "right-as-shipped",
                1.0,
                1.0,
                "A number on a boundary belongs above it in Keras, below it in torch.",
                torch=Form(call="torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5]), out_int32=True)"),
            ),
        ),
    ),
)

FAMILY = Family("reshaping", "Shapes, borders, sizes, encodings", "model", SHAPES + BORDERS + SIZES + ENCODINGS)
