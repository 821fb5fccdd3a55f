"""Numerics: dtypes, integers, rounding, edges of elementary functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import integers, normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

SIGNED = {"x": values([7, -7, 7, -7, 6, -6], "int64"), "y": values([2, 2, -2, -2, 3, 3], "int64")}
HALVES = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999997, 8388609.0]
HALF_EDGES = [65504.0, 65519.0, 65520.0, 1 + 2.0**-11, 1 + 3 * 2.0**-11, 2.0**-24, 2.0**-25, 1.5 * 2.0**-25, -70000.0]


def whole(name: str, keras: str, torch: str, inputs: Any, oracle: Any, **more: Any) -> Entry:
    """The entry of two expressions that agree to the bit and have no gradients."""
    return Entry(name, Form(call=keras), Form(call=torch), inputs, oracle, gradients=(), exact=True, **more)


def to_bfloat16(array: np.ndarray) -> np.ndarray:
    """Rounded to nearest, ties to even, to the upper 16 bits of float32."""
    bits = array.astype(np.float32).view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32)


ENTRIES = (
    Entry(
        "integer-division",
        keras=Form(call="keras.ops.divide(x, y)"),
        torch=Form(call="x / y"),
        inputs={"x": integers(12, below=100), "y": integers(12, low=1, below=9)},
        oracle=lambda a, x, y: a.constant(x) / a.constant(y),
        gradients=(),
        vary=Vary({"x": ("n",), "y": ("n",)}),
        divergences=(
            Divergence(
                "tensorflow-operator",
                float("inf"),
                float("inf"),
                "The / of TensorFlow's integer tensors gives float64; Keras and torch give float32.",
                keras=Form(call="x / y"),
            ),
        ),
    ),
    whole(
        "floor-division",
        "keras.ops.floor_divide(x, y)",
        "x // y",
        SIGNED,
        lambda a, x, y: x // y,
        vary=Vary({"x": ("n",), "y": ("n",)}),
        divergences=(
            Divergence(
                "towards-zero",
                1.0,
                1.0,
                "torch.div(rounding_mode='trunc') and tf.truncatediv round towards 0 as C does, // downwards.",
                torch=Form(call="torch.div(x, y, rounding_mode='trunc')"),
            ),
        ),
    ),
    whole(
        "remainder",
        "keras.ops.mod(x, y)",
        "x.remainder(y)",
        SIGNED,
        lambda a, x, y: x % y,
        vary=Vary({"x": ("n",), "y": ("n",)}),
        note="The sign is the divisor's, as in Python.",
        divergences=(
            Divergence(
                "fmod",
                2.0,
                2.0,
                "torch.fmod and tf.truncatemod have the dividend's sign, as C does.",
                torch=Form(call="x.fmod(y)"),
            ),
        ),
    ),
    whole(
        "remainder-of-floats",
        "keras.ops.mod(x, y)",
        "x.remainder(y)",
        {"x": values([5.5, -5.5, 5.5, -5.5]), "y": values([2.0, 2.0, -2.0, -2.0])},
        lambda a, x, y: a.constant(np.mod(a.data(x), a.data(y))),
        vary=Vary({"x": ("n",), "y": ("n",)}),
    ),
    whole(
        "promotion-integer-and-float",
        "keras.ops.add(x, y)",
        "x + y",
        {"x": integers(6, below=100), "y": values([0.5, -1.25, 3.0, 0.0, 8.0, 2.5])},
        lambda a, x, y: a.constant(x + a.data(y)),
        note="int64 and float32 give float32 in both.",
        divergences=(
            Divergence(
                "tensorflow-operator",
                float("inf"),
                float("inf"),
                "TensorFlow's operators promote nothing: an integer tensor and a float one raise.",
                keras=Form(call="x + y"),
            ),
        ),
    ),
    whole(
        "promotion-integer-and-number",
        "keras.ops.multiply(x, 0.5)",
        "x * 0.5",
        {"x": integers(6, below=100)},
        lambda a, x: a.constant(x * 0.5),
        divergences=(
            Divergence(
                "tensorflow-operator",
                float("inf"),
                float("inf"),
                "TensorFlow casts the number to the integers' dtype and raises.",
                keras=Form(call="x * 0.5"),
            ),
        ),
    ),
    whole(
        "promotion-of-halves",
        "keras.ops.add(keras.ops.cast(x, 'float16'), keras.ops.cast(x, 'bfloat16'))",
        "x.half() + x.bfloat16()",
        {"x": values([0.5, -1.25, 3.0, 96.0])},
        lambda a, x: a.constant(2 * a.data(x)),
        note="float16 and bfloat16 give float32.",
    ),
    whole(
        "promotion-of-a-NumPy-number",
        "keras.ops.multiply(x, float(np.float64(0.5)))",
        "x * np.float64(0.5)",
        {"x": values([0.5, -1.25, 3.0, 96.0])},
        lambda a, x: a.constant(a.data(x) / 2),
        divergences=(
            Divergence(
                "not-made-a-float",
                float("inf"),
                float("inf"),
                "A float64 number of NumPy makes keras.ops go to float64; torch takes it for a Python number.",
                keras=Form(call="keras.ops.multiply(x, np.float64(0.5))"),
            ),
        ),
    ),
    whole(
        "mean-of-integers",
        "keras.ops.mean(x)",
        "x.float().mean()",
        {"x": values([1, 2], "int64")},
        lambda a, x: a.constant(1.5),
        divergences=(
            Divergence(
                "tensorflow-reduce_mean",
                0.5,
                0.5,
                "tf.reduce_mean of integers is an integer, cut off: 1 for 1 and 2.",
                keras=Form(call="tf.reduce_mean(x)"),
            ),
            Divergence(
                "torch.mean",
                float("inf"),
                float("inf"),
                "torch.mean of integers raises.",
                torch=Form(call="x.mean()"),
            ),
        ),
    ),
    whole(
        "sum-of-small-integers",
        "keras.ops.cast(keras.ops.sum(x), 'int64')",
        "x.sum()",
        {"x": values([100, 100], "int8")},
        lambda a, x: np.asarray(200),
        note="Keras adds in int32, torch in int64.",
        divergences=(
            Divergence(
                "tensorflow-reduce_sum",
                256.0,
                256.0,
                "tf.reduce_sum adds in the dtype that it is given, which overflows.",
                keras=Form(call="tf.reduce_sum(x)"),
            ),
        ),
    ),
    whole(
        "integer-overflow",
        "keras.ops.add(x, y)",
        "x + y",
        {"x": values([250, 0, 128], "uint8"), "y": values([10, 255, 128], "uint8")},
        lambda a, x, y: x + y,
        note="Integers wrap in both, silently.",
    ),
    whole(
        "large-integers-as-float",
        "keras.ops.cast(x, 'float32')",
        "x.float()",
        {"x": values([2**24 - 1, 2**24 + 1, 2**24 + 3, -(2**31) - 129], "int64")},
        lambda a, x: a.constant(x.astype(np.float32)),
    ),
    whole(
        "float-as-integer",
        "keras.ops.cast(x, 'int64')",
        "x.long()",
        {"x": values([1.9, -1.9, 0.5, -0.5, 3e9])},
        lambda a, x: a.data(x).astype(np.int64),
        vary=Vary({"x": ("n",)}),
        note="Cut off towards 0. What lies outside the integers' range is undefined in both.",
    ),
    whole(
        "round",
        "keras.ops.round(x)",
        "x.round()",
        {"x": values(HALVES)},
        lambda a, x: a.constant(np.round(a.data(x))),
        vary=Vary({"x": ("n",)}),
        note="Halves go to the even neighbour.",
    ),
    whole(
        "float16",
        "keras.ops.cast(keras.ops.cast(x, 'float16'), 'float32')",
        "x.half().float()",
        {"x": values(HALF_EDGES)},
        lambda a, x: a.constant(np.asarray([65504.0, 65504, np.inf, 1, 1 + 2.0**-9, 2.0**-24, 0, 2.0**-24, -np.inf])),
        note="From 65520 on infinite; AMP scales losses so that gradients do not become 0 below 2**-25.",
    ),
    whole(
        "bfloat16",
        "keras.ops.cast(keras.ops.cast(x, 'bfloat16'), 'float32')",
        "x.bfloat16().float()",
        {"x": normal(64, scale=1000.0)},
        lambda a, x: a.constant(to_bfloat16(a.data(x))),
        vary=Vary({"x": ("n",)}),
    ),
)

FAMILY = Family("numerics", "Numbers and dtypes", "model", ENTRIES)
