"""Elementary functions, at their edges too."""

from __future__ import annotations

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, LARGEST, NAN, SMALL, ZEROS, Vary
from .numerics import whole

POWERS = {
    "x": values([0.0, 0.0, -2.0, -2.0, np.inf, np.nan, 1.0, -np.inf]),
    "y": values([0.0, -1.0, 3.0, 0.5, 0.0, 0.0, np.nan, 3.0]),
}


def quiet_power(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """NumPy's, without warnings."""
    with np.errstate(all="ignore"):
        return np.asarray(np.power(x, y))


ENTRIES = (
    whole(
        "power",
        "keras.ops.power(x, y)",
        "x.pow(y)",
        POWERS,
        lambda a, x, y: a.constant(quiet_power(a.data(x), a.data(y))),
        vary=Vary({"x": ("n",), "y": ("n",)}),
        note="0**0, inf**0, NaN**0 and 1**NaN are 1 in both.",
    ),
    whole(
        "sign",
        "keras.ops.sign(x)",
        "x.sign()",
        {"x": values([-2.0, -0.0, 0.0, 3.0, np.inf])},
        lambda a, x: a.constant(np.sign(a.data(x))),
        vary=Vary({"x": ("n", "d")}, edges={"x": (ZEROS, SMALL, LARGE, LARGEST, INFINITE)}),
        divergences=(
            Divergence(
                "of-NaN",
                float("inf"),
                float("inf"),
                "The sign of NaN is NaN in TensorFlow and 0 in torch.",
                inputs={"x": values([np.nan])},
            ),
        ),
    ),
    whole(
        "clip-with-bounds-crossed",
        "keras.ops.minimum(keras.ops.maximum(x, 1.0), -1.0)",
        "x.clamp(1.0, -1.0)",
        {"x": values([-2.0, 0.0, 2.0])},
        lambda a, x: a.constant([-1.0, -1.0, -1.0]),
        divergences=(
            Divergence(
                "keras.ops.clip",
                2.0,
                2.0,
                "Where the lower bound lies above the upper one, TensorFlow's clip gives the lower, torch's the upper.",
                keras=Form(call="keras.ops.clip(x, 1.0, -1.0)"),
            ),
        ),
    ),
    whole(
        "isclose",
        "keras.ops.isclose(x, y)",
        "torch.isclose(x, y)",
        {
            "x": values([1.0, 1.0, 0.0, np.inf, np.nan, 1e5]),
            "y": values([1.000009, 1.00002, 1e-8, 1.0, np.nan, 1e5 + 0.5]),
        },
        lambda a, x, y: np.isclose(a.data(x), a.data(y)),
        vary=Vary({"x": ("n",), "y": ("n",)}),
        note="Within 1e-8 and 1e-5 of the second one's size in both.",
        divergences=(
            Divergence(
                "infinities",
                1.0,
                1.0,
                "keras.ops.isclose on TensorFlow takes infinity for not close to itself, torch and NumPy for close.",
                inputs={"x": values([np.inf]), "y": values([np.inf])},
                cause="framework-bug",
            ),
        ),
    ),
    Entry(
        "expm1-log1p",
        keras=Form(call="keras.ops.expm1(x) + keras.ops.log1p(x)"),
        torch=Form(call="x.expm1() + x.log1p()"),
        inputs={"x": values([1e-7, -1e-7, 1e-3, 0.5, -0.5, 3.0])},
        oracle=lambda a, x: a.expm1(x) + a.log1p(x),
        vary=Vary({"x": ("n",)}, {"n": (8, 24)}, {"x": EVERYTHING}),
    ),
    Entry(
        "erf",
        keras=Form(call="keras.ops.erf(x)"),
        torch=Form(call="x.erf()"),
        inputs={"x": normal(5, 12)},
        oracle=lambda a, x: a.erf(x),
        vary=Vary({"x": ("n", "d")}, {"d": (8, 24)}, {"x": EVERYTHING}),
    ),
    Entry(
        "rsqrt",
        keras=Form(call="keras.ops.rsqrt(x)"),
        torch=Form(call="x.rsqrt()"),
        inputs={"x": values([1e-3, 0.5, 3.0, 1e3])},
        oracle=lambda a, x: 1.0 / a.sqrt(x),
        vary=Vary({"x": ("n",)}, {"n": (8, 24)}, {"x": (SMALL, LARGE, LARGEST, NAN)}),
    ),
)

FAMILY = Family("elementary", "Elementary functions", "model", ENTRIES)
