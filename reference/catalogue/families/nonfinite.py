"""NaN, infinity, and rows that are masked altogether."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form

INF, NAN = float("inf"), float("nan")
WITH_NAN = {"x": values([[1.0, NAN, 3.0], [2.0, 1.0, 0.0]])}
MASK = values([[1, 1, 0, 0], [1, 0, 1, 1]], "bool")


def plain(name: str, keras: str, torch: str, inputs: Any, expected: Any, **more: Any) -> Entry:
    """The entry of two expressions without gradients; `expected` is the value, by hand, or a formula."""
    formula = expected if callable(expected) else lambda a, **unused: a.constant(expected)
    return Entry(name, Form(call=keras), Form(call=torch), inputs, formula, gradients=(), exact=True, **more)


def masked_softmax(a: Any, x: Any, mask: Any) -> Any:
    """Softmax over what the mask lets through."""
    return a.softmax(a.where(mask, x, -1e9))


ENTRIES = (
    plain(
        "max-of-NaN",
        "keras.ops.max(x, axis=-1)",
        "x.amax(-1)",
        WITH_NAN,
        [NAN, 2.0],
        note="NaN wins.",
    ),
    plain(
        "maximum-of-NaN",
        "keras.ops.maximum(x, y)",
        "torch.maximum(x, y)",
        {"x": values([NAN, 1.0, NAN]), "y": values([1.0, NAN, NAN])},
        [NAN, NAN, NAN],
        note="NaN wins in both; torch.fmax takes the other one.",
    ),
    plain(
        "argmax-of-NaN",
        "keras.ops.cast(keras.ops.argmax(x, axis=-1), 'int64')",
        "x.argmax(-1)",
        {"x": values([[1.0, INF, 3.0], [2.0, 1.0, -INF]])},
        lambda a, x: np.asarray([1, 0]),
        divergences=(Divergence("with-NaN", 1.0, 1.0, "TensorFlow passes NaN by, torch does not.", inputs=WITH_NAN),),
    ),
    plain(
        "top-k-of-NaN",
        "keras.ops.top_k(x, 2)[0]",
        "x.topk(2).values",
        WITH_NAN,
        [[NAN, 3.0], [2.0, 1.0]],
        note="NaN counts as the largest, for keras.ops.top_k, too, though not for its argmax.",
    ),
    plain(
        "sort-of-NaN",
        "keras.ops.sort(x, axis=-1)",
        "x.sort(-1).values",
        {"x": values([[1.0, INF, 3.0], [2.0, 1.0, -INF]])},
        [[1.0, 3.0, INF], [-INF, 1.0, 2.0]],
        divergences=(
            Divergence(
                "with-NaN",
                float("inf"),
                float("inf"),
                "torch sorts NaN behind all numbers; in TensorFlow what lies around it stays unsorted.",
                inputs=WITH_NAN,
            ),
        ),
    ),
    plain(
        "relu-of-NaN",
        "keras.ops.relu(x)",
        "F.relu(x)",
        {"x": values([NAN, -1.0, INF, -INF])},
        [NAN, 0.0, INF, 0.0],
    ),
    plain(
        "clip-of-NaN",
        "keras.ops.clip(x, -1.0, 1.0)",
        "x.clamp(-1.0, 1.0)",
        {"x": values([NAN, -3.0, INF, 0.5])},
        [NAN, -1.0, 1.0, 0.5],
    ),
    plain(
        "nan-to-num",
        "keras.ops.nan_to_num(x)",
        "x.nan_to_num()",
        {"x": values([NAN, 1.5, INF, -INF])},
        lambda a, x: a.constant(np.nan_to_num(a.data(x).astype(np.float32))),
        note="NaN becomes 0, infinity float32's largest.",
    ),
    plain(
        "mean-without-NaN",
        "tf.reduce_mean(tf.boolean_mask(x, ~tf.math.is_nan(x)))",
        "x.nanmean()",
        WITH_NAN,
        lambda a, x: a.constant(np.float32(7.0) / np.float32(5.0)),
    ),
    plain(
        "comparison-with-NaN",
        "keras.ops.equal(x, x)",
        "x == x",
        WITH_NAN,
        lambda a, x: ~np.isnan(a.data(x)),
    ),
    plain(
        "division-by-zero",
        "keras.ops.divide(x, y)",
        "x / y",
        {"x": values([1.0, -1.0, 0.0, 1.0]), "y": values([0.0, 0.0, 0.0, -0.0])},
        [INF, -INF, NAN, -INF],
        divergences=(
            Divergence(
                "divide_no_nan",
                INF,
                INF,
                "tf.math.divide_no_nan and keras.ops.divide_no_nan give 0; torch has no such function.",
                keras=Form(call="keras.ops.divide_no_nan(x, y)"),
            ),
        ),
    ),
    plain(
        "logarithm-of-negatives",
        "keras.ops.log(x)",
        "x.log()",
        {"x": values([-1.0, -0.0, 0.0, 1.0, INF])},
        [NAN, -INF, -INF, 0.0, INF],
    ),
    plain(
        "exp-overflow",
        "keras.ops.exp(x)",
        "x.exp()",
        {"x": values([89.0, -104.0, NAN])},
        [INF, 0.0, NAN],
    ),
    plain(
        "logsumexp-of-minus-infinity",
        "keras.ops.logsumexp(x, axis=-1)",
        "x.logsumexp(-1)",
        {"x": values([[-INF, -INF], [-INF, 0.0], [INF, 0.0]])},
        [-INF, 0.0, INF],
    ),
    Entry(
        "softmax-masked",
        keras=Form("keras.layers.Softmax()", "component(x, mask=mask)"),
        torch=Form(call="F.softmax(x.masked_fill(~mask, -1e9), -1)"),
        inputs={"x": normal(2, 4), "mask": MASK},
        gradients=("x",),
        oracle=masked_softmax,
        divergences=(
            Divergence(
                "row-fully-masked",
                float("inf"),
                float("inf"),
                "Of a row without anything left Keras's layer makes zeros; with -inf in place of what is masked torch "
                "makes NaN.",
                torch=Form(call="F.softmax(x.masked_fill(~mask, -torch.inf), -1)"),
                inputs={"mask": values([[0, 0, 0, 0], [1, 0, 1, 1]], "bool")},
            ),
        ),
    ),
    plain(
        "softmax-of-infinities",
        "keras.ops.softmax(x, axis=-1)",
        "F.softmax(x, -1)",
        {"x": values([[-INF, 0.0], [-INF, -INF]])},
        [[0.0, 1.0], [NAN, NAN]],
        note="A row of -inf alone is NaN in both.",
        divergences=(
            Divergence(
                "plus-infinity",
                INF,
                INF,
                "Beside an infinite logit TensorFlow gives the others 0, torch NaN.",
                inputs={"x": values([[INF, 0.0]])},
            ),
        ),
    ),
    Entry(
        "mean-masked",
        keras=Form(call="tf.reduce_sum(tf.where(mask, x, 0.0), -1) / tf.reduce_sum(tf.cast(mask, 'float32'), -1)"),
        torch=Form(call="x.where(mask, 0.0).sum(-1) / mask.sum(-1)"),
        inputs={"x": normal(2, 4), "mask": MASK},
        gradients=("x",),
        oracle=lambda a, x, mask: a.sum(a.where(mask, x, 0.0)) / a.constant(mask.sum(-1)),
        divergences=(
            Divergence(
                "multiplied-by-the-mask",
                INF,
                INF,
                "A mask that is multiplied in does not hide NaN or infinity: 0 times them is NaN.",
                torch=Form(call="(x * mask).sum(-1) / mask.sum(-1)"),
                inputs={"x": values([[1.0, 2.0, INF, NAN]] * 2), "mask": values([[1, 1, 0, 0]] * 2, "bool")},
            ),
        ),
    ),
    Entry(
        "one-hot",
        keras=Form(call="keras.ops.one_hot(x, 4)"),
        torch=Form(call="F.one_hot(x, 4).float()"),
        inputs={"x": values([0, 3, 1], "int64")},
        oracle=lambda a, x: a.constant(np.eye(4)[x]),
        gradients=(),
        exact=True,
        note="torch's are integers.",
        divergences=(
            Divergence(
                "out-of-range",
                INF,
                INF,
                "A class that does not exist is a row of zeros in TensorFlow; torch raises.",
                inputs={"x": values([4, -1], "int64")},
            ),
        ),
    ),
)

FAMILY = Family("nonfinite", "NaN, infinity and masks", "train", ENTRIES)
