"""Reductions: sums, moments, order statistics, scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import INFINITE, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary

TIED = values([[1, 3, 3, 0], [2, 2, 2, 2], [0, 1, 0, 1.0]])


def ranked(a: Any, x: Any) -> Any:
    """The rows in order, smallest first."""
    return x[np.arange(x.shape[0])[:, None], np.argsort(a.data(x), axis=-1, kind="stable")]


def log_sum_exp(a: Any, x: Any) -> Any:
    """log(sum(exp)) shifted by the largest."""
    largest = np.max(a.data(x), axis=-1, keepdims=True)
    return a.log(a.sum(a.exp(x - largest))) + largest[:, 0]


def scanned(a: Any, x: Any) -> Any:
    """Sums of everything before and at each place."""
    return x @ a.constant(np.triu(np.ones((12, 12))))


def multiplied(a: Any, x: Any) -> Any:
    """Products of everything before and at each place."""
    parts = [x[:, 0]]
    for place in range(1, 6):
        parts.append(parts[-1] * x[:, place])
    return a.stack(parts, axis=1)


ENTRIES = (
    Entry(
        "sum-long",
        keras=Form(call="keras.ops.sum(x, axis=-1)"),
        torch=Form(call="x.sum(-1)"),
        inputs={"x": normal(2, 16384)},
        oracle=lambda a, x: a.sum(x),
        vary=Vary({"x": ("n", "d")}, {"d": (1, 99)}, {"x": (ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN)}),
        note="The order in which terms are added is neither's promise, and hangs on the number of threads.",
    ),
    Entry(
        "std",
        keras=Form(call="keras.ops.std(x, axis=-1)"),
        torch=Form(call="x.std(-1, correction=0)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.sqrt(a.variance(x)),
        vary=Vary({"x": ("n", "d")}, {"d": (2, 12)}, {"x": (INFINITE, NAN)}),
        divergences=(
            Divergence(
                "unbiased",
                0.045,
                0.069,
                "torch divides by n - 1 unless told correction=0; Keras and TensorFlow divide by n.",
                torch=Form(call="x.std(-1)"),
            ),
            Divergence(
                "of-one-value",
                float("inf"),
                float("inf"),
                "Of one value alone Keras gives 0, torch NaN.",
                torch=Form(call="x.std(-1)"),
                inputs={"x": normal(5, 1)},
            ),
        ),
    ),
    Entry(
        "var",
        keras=Form(call="keras.ops.var(x, axis=-1)"),
        torch=Form(call="x.var(-1, correction=0)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.variance(x),
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, NAN)}),
        divergences=(
            Divergence(
                "unbiased",
                0.063,
                0.095,
                "torch divides by n - 1 unless told correction=0; Keras and TensorFlow divide by n.",
                torch=Form(call="x.var(-1)"),
            ),
        ),
    ),
    Entry(
        "median-even",
        keras=Form(call="keras.ops.median(x, axis=-1)"),
        torch=Form(call="x.quantile(0.5, -1)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.mean(ranked(a, x)[:, 5:7]),
        vary=Vary({"x": ("n", 12)}),
        divergences=(
            Divergence(
                "torch.median",
                0.19,
                0.29,
                "Of an even count torch.median takes the lower of the two in the middle, Keras their mean.",
                torch=Form(call="x.median(-1).values"),
            ),
        ),
    ),
    Entry(
        "quantile",
        keras=Form(call="keras.ops.quantile(x, 0.25, axis=-1)"),
        torch=Form(call="x.quantile(0.25, -1)"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: ranked(a, x)[:, 2] * 0.25 + ranked(a, x)[:, 3] * 0.75,
        vary=Vary({"x": ("n", 12)}),
        note="Both interpolate between the two neighbours in a straight line.",
    ),
    Entry(
        "quantile-nearest",
        keras=Form(call="keras.ops.quantile(x, 0.25, axis=-1, method='nearest')"),
        torch=Form(call="x.quantile(0.25, -1, interpolation='nearest')"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: ranked(a, x)[:, 3],
        exact=True,
        vary=Vary({"x": ("n", 12)}),
    ),
    Entry(
        "logsumexp",
        keras=Form(call="keras.ops.logsumexp(x, axis=-1)"),
        torch=Form(call="x.logsumexp(-1)"),
        inputs={"x": normal(5, 12, scale=3.0)},
        oracle=log_sum_exp,
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SUBNORMAL, SMALL, NAN)}),
        divergences=(
            Divergence(
                "gradient-of-large-values",
                0.015,
                0.024,
                "torch's gradient is exp(x - result), with the error to which the result was rounded: at 1e6 some per "
                "cent. TensorFlow differentiates the shifted sum.",
                inputs={"x": values([[1e6, 999999.0, 999998.0]])},
                gradients=True,
            ),
        ),
    ),
    Entry(
        "cumsum",
        keras=Form(call="keras.ops.cumsum(x, axis=-1)"),
        torch=Form(call="x.cumsum(-1)"),
        inputs={"x": normal(5, 12)},
        oracle=scanned,
        vary=Vary({"x": ("n", 12)}, edges={"x": (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST)}),
    ),
    Entry(
        "cumprod",
        keras=Form(call="keras.ops.cumprod(x, axis=-1)"),
        torch=Form(call="x.cumprod(-1)"),
        inputs={"x": normal(5, 6)},
        oracle=multiplied,
        vary=Vary({"x": ("n", 6)}, edges={"x": (LARGE,)}),
    ),
    Entry(
        "argmax-ties",
        keras=Form(call="keras.ops.cast(keras.ops.argmax(x, axis=-1), 'int64')"),
        torch=Form(call="x.argmax(-1)"),
        inputs={"x": TIED},
        oracle=lambda a, x: np.argmax(a.data(x), -1),
        gradients=(),
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, LARGE, INFINITE)}),
        note="The first of the largest in both; keras.ops.argmax gives int32.",
    ),
    Entry(
        "top-k-ties",
        keras=Form(call="keras.ops.cast(tf.math.top_k(x, 2).indices, 'int64')"),
        torch=Form(call="torch.sort(x, stable=True, descending=True).indices[:, :2]"),
        inputs={"x": TIED},
        oracle=lambda a, x: np.argsort(-a.data(x), -1, kind="stable")[:, :2],
        gradients=(),
        vary=Vary({"x": ("n", "d")}, {"d": (2, 6)}, {"x": (ZEROS, LARGE, INFINITE)}),
        note="TensorFlow takes the lower index of equals, which torch promises of a stable sort alone.",
        divergences=(
            Divergence(
                "torch.topk",
                0.8,
                1.2,
                "Which of equals torch.topk takes is undefined.",
                torch=Form(call="x.topk(2).indices"),
                inputs={"x": values([[1.0, 1, 1, 0]])},
            ),
        ),
    ),
    Entry(
        "argsort-stable",
        keras=Form(call="keras.ops.cast(keras.ops.argsort(x, axis=-1), 'int64')"),
        torch=Form(call="x.argsort(dim=-1, stable=True)"),
        inputs={"x": values(np.arange(200)[None] % 3)},
        oracle=lambda a, x: np.argsort(a.data(x), -1, kind="stable"),
        gradients=(),
        vary=Vary({"x": ("n", "d")}, {"d": (1, 99)}),
        note="keras.ops.argsort and tf.argsort keep the order of equals; torch unless told does not promise to.",
    ),
    Entry(
        "sort-descending",
        keras=Form(call="tf.sort(x, direction='DESCENDING')"),
        torch=Form(call="x.sort(descending=True).values"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: ranked(a, x)[:, ::-1],
        exact=True,
        vary=Vary({"x": ("n", "d")}),
    ),
    Entry(
        "unique",
        keras=Form(call="tf.sort(tf.unique(x).y)"),
        torch=Form(call="x.unique()"),
        inputs={"x": values([3, 1, 3, 2, 1], "int64")},
        oracle=lambda a, x: np.unique(x),
        gradients=(),
        vary=Vary({"x": ("n",)}),
        divergences=(
            Divergence(
                "order-of-appearance",
                2.0,
                2.0,
                "tf.unique keeps the order in which values appear, torch.unique sorts.",
                keras=Form(call="tf.unique(x).y"),
            ),
        ),
    ),
    Entry(
        "searchsorted",
        keras=Form(call="keras.ops.cast(keras.ops.searchsorted(edges, x), 'int64')", since="3.5"),
        torch=Form(call="torch.searchsorted(edges, x)"),
        inputs={"edges": values([0.0, 1.0, 2.0]), "x": values([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])},
        oracle=lambda a, edges, x: np.searchsorted(a.data(edges), a.data(x)),
        gradients=(),
        vary=Vary({"x": ("n",)}, edges={"x": (ZEROS, LARGE, INFINITE)}),
    ),
    Entry(
        "digitize",
        keras=Form(call="keras.ops.cast(keras.ops.digitize(x, edges), 'int64')"),
        torch=Form(call="torch.bucketize(x, edges, right=True)"),
        inputs={"x": values([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), "edges": values([0.0, 1.0, 2.0])},
        oracle=lambda a, x, edges: np.digitize(a.data(x), a.data(edges)),
        gradients=(),
        vary=Vary({"x": ("n",)}, edges={"x": (ZEROS, LARGE, INFINITE)}),
        divergences=(
            Divergence(
                "bucketize-as-shipped",
                1.0,
                1.0,
                "torch's right=False puts a value on an edge into the bin below, Keras into the one above.",
                torch=Form(call="torch.bucketize(x, edges)"),
            ),
        ),
    ),
    Entry(
        "segment-sum",
        keras=Form(call="keras.ops.segment_sum(x, labels, num_segments=4)"),
        torch=Form(call="torch.zeros(4, 3).index_add(0, labels, x)"),
        inputs={"x": normal(12, 3), "labels": integers(12, below=3)},
        oracle=lambda a, x, labels: a.constant(np.eye(4)[labels].T) @ x,
        vary=Vary({"x": ("n", 3), "labels": ("n",)}),
        note="A segment that no row belongs to is 0.",
    ),
    Entry(
        "scatter",
        keras=Form(call="keras.ops.scatter(labels[:, None], x, (4,))"),
        torch=Form(call="torch.zeros(4).index_put((labels,), x, accumulate=True)"),
        inputs={"x": values([1.0, 2.0, 4.0]), "labels": values([1, 3, 1], "int64")},
        oracle=lambda a, x, labels: a.constant([0.0, 5.0, 0.0, 2.0]),
        gradients=(),
        exact=True,
        divergences=(
            Divergence(
                "without-accumulate",
                1.0,
                4.0,
                "Of two values for one place Keras takes the sum, torch's assignment one of them.",
                torch=Form(call="torch.zeros(4).index_put((labels,), x)"),
            ),
        ),
    ),
)

FAMILY = Family("reductions", "Reductions", "model", ENTRIES)
