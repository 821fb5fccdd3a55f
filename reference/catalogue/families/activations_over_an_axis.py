"""Activations over an axis: softmax and its kin."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, LARGE, LARGEST, SMALL, SUBNORMAL, ZEROS, Vary


def sparsemax(a: Any, x: Any) -> Any:
    """The projection on the simplex (Martins and Astudillo 2016)."""
    z = a.data(x)
    ordered = -np.sort(-z, axis=-1)
    ranks = np.arange(1, z.shape[-1] + 1)
    count = (1.0 + ranks * ordered > np.cumsum(ordered, axis=-1)).sum(axis=-1, keepdims=True)
    inside = z >= np.take_along_axis(ordered, count - 1, axis=-1)
    threshold = (a.sum(a.where(inside, x, 0.0), keepdims=True) - 1.0) / a.constant(count)
    return a.where(inside, x - threshold, 0.0)


KERAS_SPARSEMAX = """
ordered = keras.ops.flip(keras.ops.sort(x, axis=-1), axis=-1)
ranks = keras.ops.arange(1, x.shape[-1] + 1, dtype=x.dtype)
sums = keras.ops.cumsum(ordered, axis=-1)
count = keras.ops.sum(keras.ops.cast(1 + ranks * ordered > sums, 'int32'), axis=-1, keepdims=True)
threshold = (keras.ops.take_along_axis(sums, count - 1, axis=-1) - 1) / keras.ops.cast(count, x.dtype)
keras.ops.maximum(x - threshold, 0)
"""
TORCH_SPARSEMAX = """
ordered = x.sort(-1, descending=True).values
ranks = torch.arange(1, x.shape[-1] + 1)
count = (1 + ranks * ordered > ordered.cumsum(-1)).sum(-1, keepdim=True)
threshold = (ordered.cumsum(-1).gather(-1, count - 1) - 1) / count
(x - threshold).clamp(min=0)
"""
ALLOWED = values([[True, True, False, True, False], [True, False, True, True, True]], "bool")

ENTRIES = (
    Entry(
        "softmax",
        keras=Form(call="keras.activations.softmax(x)"),
        torch=Form(call="F.softmax(x, dim=-1)"),
        inputs={"x": normal(4, 3, 5, 6, scale=3.0)},
        oracle=lambda a, x: a.softmax(x),
        vary=Vary({"x": ("n", "h", "w", "d")}, {"d": (2, 9)}, {"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST)}),
        divergences=(
            Divergence(
                "no-dim",
                0.85,
                1.2,
                "nn.Softmax() without dim takes axis 1 of four: give dim=-1, which is Keras's axis.",
                torch=Form(call="F.softmax(x, dim=1)"),
            ),
            Divergence(
                "NaN-in-a-row",
                float("inf"),
                float("inf"),
                "TensorFlow gives 0 for the others of the row, torch NaN for all of it.",
                inputs={"x": values([[[[np.nan, 1.0, 2.0]]]])},
            ),
        ),
    ),
    Entry(
        "Softmax-masked",
        keras=Form("keras.layers.Softmax()", "component(x, mask=mask)"),
        torch=Form(call="F.softmax(x.masked_fill(~mask, -torch.inf), dim=-1)"),
        inputs={"x": normal(2, 5), "mask": ALLOWED},
        oracle=lambda a, x, mask: a.softmax(a.where(mask, x, -1e9)),
        vary=Vary({"x": (2, 5)}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE)}),
        divergences=(
            Divergence(
                "row-fully-masked",
                float("inf"),
                float("inf"),
                "Keras sets what is masked to a large negative number, so that a row without any place is uniform; "
                "with -inf in torch it is NaN.",
                inputs={"mask": values(np.zeros((2, 5)), "bool")},
            ),
        ),
    ),
    Entry(
        "log_softmax",
        keras=Form(call="keras.activations.log_softmax(x)"),
        torch=Form(call="F.log_softmax(x, dim=-1)"),
        inputs={"x": normal(4, 24, scale=3.0)},
        oracle=lambda a, x: a.log_softmax(x),
        vary=Vary({"x": ("n", "d")}, {"d": (2, 12)}, {"x": EVERYTHING}),
    ),
    Entry(
        "sparsemax",
        keras=Form(call=KERAS_SPARSEMAX, since="3"),
        torch=Form(call=TORCH_SPARSEMAX),
        inputs={"x": normal(4, 6)},
        oracle=sparsemax,
        vary=Vary({"x": ("n", "d")}, {"d": (2, 9)}, {"x": (ZEROS, SMALL, LARGE)}),
        note="torch has none; Keras's own is wrong.",
        divergences=(
            Divergence(
                "keras.activations.sparsemax",
                0.52,
                0.69,
                "Keras adds up the cumulative sums where it should take the last one: the threshold is too high, "
                "and rows with more than one place above zero do not sum to 1.",
                keras=Form(call="keras.activations.sparsemax(x)", since="3.8"),
                cause="framework-bug",
                versions={"keras": ">=3.8,<3.16", "torch": ">=2.2"},
                evidence="keras-team/keras#23425, corrected by #23469 after 3.15.1",
            ),
        ),
    ),
    Entry(
        "glu",
        keras=Form(call="keras.activations.glu(x)", since="3.7"),
        torch=Form(call="F.glu(x)"),
        inputs={"x": normal(4, 6)},
        oracle=lambda a, x: x[:, :3] * a.sigmoid(x[:, 3:]),
        vary=Vary({"x": ("n", 6)}, edges={"x": EVERYTHING}),
        note="The second half of the last axis gates the first.",
    ),
)

FAMILY = Family("activations_over_an_axis", "Activations over an axis", "model", ENTRIES)
