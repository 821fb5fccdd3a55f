"""Functions of one name, or nearly, that arrange elements differently."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

X = {"x": normal(2, 6)}
INF = float("inf")
# Channels before places, as torch has them, to places before channels.
REORDERED = "reshape(2, 3, 4, 2, 3).permute(0, 3, 4, 2, 1).reshape(2, 2, 3, 12)"


def arranged(name: str, keras: str, torch: str, oracle: Any, **more: Any) -> Entry:
    """The entry of two expressions that only move elements of `x`, (2, 6) unless said otherwise."""
    return Entry(name, Form(call=keras), Form(call=torch), **{"inputs": X, "oracle": oracle, "exact": True, **more})


ENTRIES = (
    arranged(
        "repeat",
        "keras.ops.repeat(x, 2, axis=0)",
        "x.repeat_interleave(2, 0)",
        lambda a, x: x[[0, 0, 1, 1]],
        divergences=(
            Divergence(
                "torch.repeat",
                2.2,
                3.4,
                "torch's repeat is tile: the whole again, not each row twice.",
                torch=Form(call="x.repeat(2, 1)"),
            ),
        ),
    ),
    arranged("tile", "keras.ops.tile(x, (2, 1))", "x.tile(2, 1)", lambda a, x: x[[0, 1, 0, 1]]),
    arranged(
        "split",
        "keras.ops.split(x, 3, axis=-1)",
        "torch.chunk(x, 3, dim=-1)",
        lambda a, x: (x[:, 0:2], x[:, 2:4], x[:, 4:6]),
        gradients=(),
        vary=Vary({"x": ("n", 6)}),
        divergences=(
            Divergence(
                "torch.split",
                INF,
                INF,
                "The number is that of the parts in Keras and TensorFlow, the length of each in torch.split.",
                torch=Form(call="torch.split(x, 3, dim=-1)"),
            ),
        ),
    ),
    arranged(
        "transpose",
        "keras.ops.transpose(x)",
        "x.permute(2, 1, 0)",
        lambda a, x: x.transpose(2, 1, 0),
        inputs={"x": normal(2, 3, 4)},
        vary=Vary({"x": ("n", "h", "w")}),
        note="Without axes Keras and TensorFlow reverse all of them.",
        divergences=(
            Divergence(
                "mT",
                INF,
                INF,
                "torch's mT exchanges the last two axes; T is for matrices alone.",
                torch=Form(call="x.mT"),
            ),
        ),
    ),
    arranged(
        "argmax-without-axis",
        "keras.ops.cast(keras.ops.argmax(x), 'int64')",
        "x.argmax()",
        lambda a, x: np.argmax(a.data(x)),
        gradients=(),
        vary=Vary({"x": ("n", "d")}),
        note="Of the flattened array.",
        divergences=(
            Divergence(
                "tf.argmax",
                INF,
                INF,
                "tf.argmax without an axis takes the first one.",
                keras=Form(call="tf.argmax(x)"),
            ),
        ),
    ),
    arranged(
        "meshgrid",
        "keras.ops.meshgrid(x, y)[0]",
        "torch.meshgrid(x, y, indexing='xy')[0]",
        lambda a, x, y: a.constant(np.meshgrid(a.data(x), a.data(y))[0]),
        inputs={"x": values([1.0, 2.0, 3.0]), "y": values([4.0, 5.0, 6.0])},
        gradients=(),
        divergences=(
            Divergence(
                "indexing-as-shipped",
                2.0,
                2.0,
                "As shipped Keras and TensorFlow index 'xy', torch 'ij'.",
                torch=Form(call="torch.meshgrid(x, y)[0]"),
            ),
        ),
    ),
    arranged(
        "take-along-axis",
        "keras.ops.take_along_axis(x, rows, axis=0)",
        "torch.gather(x, 0, rows)",
        lambda a, x, rows: x[rows, np.arange(6)],
        inputs={**X, "rows": values([[1, 0, 1, 0, 1, 0]], "int64")},
        note="torch.gather picks one element at each place; tf.gather and keras.ops.take pick whole slices, as "
        "torch.index_select does.",
    ),
    arranged(
        "flatten",
        "keras.ops.reshape(x, (2, -1))",
        "x.flatten(1)",
        lambda a, x: x.reshape(2, 12),
        inputs={"x": normal(2, 3, 4)},
        note="The last axis runs fastest in both; with channels first that is another order of features.",
        divergences=(
            Divergence(
                "torch.flatten-as-shipped",
                INF,
                INF,
                "torch.flatten flattens the batch, too, unless told start_dim=1; the layers do not.",
                torch=Form(call="x.flatten()"),
            ),
        ),
    ),
    arranged(
        "roll",
        "keras.ops.roll(x, 2, axis=-1)",
        "x.roll(2, -1)",
        lambda a, x: x[:, [4, 5, 0, 1, 2, 3]],
    ),
    arranged(
        "triangles",
        "keras.ops.tril(x) + keras.ops.triu(x, k=1)",
        "x.tril() + x.triu(diagonal=1)",
        lambda a, x: 1.0 * x,
        vary=Vary({"x": ("n", "d")}),
    ),
    arranged(
        "space-to-depth",
        "tf.nn.space_to_depth(x, 2)",
        f"F.pixel_unshuffle(x.permute(0, 3, 1, 2), 2).{REORDERED}",
        lambda a, x: x.reshape(2, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2, 3, 12),
        inputs={"x": normal(2, 4, 6, 3)},
        note="TensorFlow puts a block's places before the channels, torch the channels before the places.",
        divergences=(
            Divergence(
                "order-of-channels",
                2.8,
                4.3,
                "pixel_unshuffle alone gives the channels in another order.",
                torch=Form(call="F.pixel_unshuffle(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)"),
            ),
        ),
    ),
    arranged(
        "unfold",
        "tf.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], 'VALID')",
        f"F.unfold(x.permute(0, 3, 1, 2), 2, stride=2).{REORDERED}",
        lambda a, x: x.reshape(2, 2, 2, 3, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2, 3, 12),
        inputs={"x": normal(2, 4, 6, 3)},
    ),
    Entry(
        "einsum",
        keras=Form(call="keras.ops.einsum('bij,bjk->bik', x, y)"),
        torch=Form(call="torch.einsum('bij,bjk->bik', x, y)"),
        inputs={"x": normal(2, 3, 4), "y": normal(2, 4, 5)},
        oracle=lambda a, x, y: x @ y,
        vary=Vary({"x": ("n", "rows", 4), "y": ("n", 4, "columns")}),
    ),
    Entry(
        "matmul-float16",
        keras=Form(
            call="keras.ops.cast(keras.ops.matmul(keras.ops.cast(x, 'float16'), keras.ops.cast(y, 'float16')), "
            "'float32')"
        ),
        torch=Form(call="(x.half() @ y.half()).float()"),
        inputs={"x": values(np.ones((1, 4096))), "y": values(np.full((4096, 1), 0.25))},
        oracle=lambda a, x, y: a.constant([[1024.0]]),
        gradients=(),
        exact=True,
        note="Both add up in float32; a sum in float16 would stand still at 512.",
    ),
)

FAMILY = Family("shapes", "Arranging elements", "model", ENTRIES)
