"""Activations: smooth functions of each element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import values
from ..entries import Divergence, Entry, Family, Form
from ..varying import EVERYTHING, INFINITE, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary

SPREAD = {"x": values(np.linspace(-5.95, 6.05, 193).reshape(1, 193))}  # none lies on a bend


def anywhere(*edges: tuple[float, ...]) -> Vary:
    """Rows of which each has enough elements for an allowance, with these edge values."""
    return Vary({"x": ("n", "d")}, {"d": (48, 96)}, {"x": edges})


def activation(name: str, keras: Form, torch: Form, oracle: Any, **more: Any) -> Entry:
    """The entry of a function of each element."""
    return Entry(name, keras, torch, SPREAD, oracle, **{"vary": anywhere(*EVERYTHING), **more})


def tanh(a: Any, x: Any) -> Any:
    """By an exponential, as it is calculated: no framework rounds the result only once."""
    e = a.expm1(-2.0 * a.where(x > 0, x, -x))
    return a.where(x > 0, -e, e) / (2.0 + e)


def gelu(a: Any, x: Any) -> Any:
    """X Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)."""
    return x * (0.5 * (1.0 + a.erf(x / math.sqrt(2))))


def gelu_tanh(a: Any, x: Any) -> Any:
    """GELU with Phi approximated by a hyperbolic tangent."""
    return x * (0.5 * (1.0 + a.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


ENTRIES = (
    activation(
        "tanh",
        Form(call="keras.activations.tanh(x)"),
        Form(call="torch.tanh(x)"),
        tanh,
    ),
    activation(
        "sigmoid",
        Form(call="keras.activations.sigmoid(x)"),
        Form(call="torch.sigmoid(x)"),
        lambda a, x: a.sigmoid(x),
    ),
    activation(
        "exponential",
        Form(call="keras.activations.exponential(x)"),
        Form(call="x.exp()"),
        lambda a, x: a.exp(x),
    ),
    activation(
        "softplus",
        Form(call="keras.activations.softplus(x)"),
        Form(call="F.softplus(x)"),
        lambda a, x: a.softplus(x),
        note="torch's beta and threshold have no twin in Keras; its threshold of 20 cuts off less than float32 holds.",
        divergences=(
            Divergence(
                "small-threshold",
                0.0062,
                0.0066,
                "Above the threshold torch gives x itself.",
                torch=Form(call="F.softplus(x, threshold=5)"),
            ),
        ),
    ),
    activation(
        "softsign",
        Form(call="keras.activations.softsign(x)"),
        Form(call="F.softsign(x)"),
        lambda a, x: x / (1.0 + a.abs(x)),
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, NAN),
    ),
    activation(
        "silu",
        Form(call="keras.activations.silu(x)"),
        Form(call="F.silu(x)"),
        lambda a, x: x * a.sigmoid(x),
        note="Also called swish.",
    ),
    activation(
        "mish",
        Form(call="keras.activations.mish(x)"),
        Form(call="F.mish(x)"),
        lambda a, x: x * a.tanh(a.softplus(x)),
        vary=None,
    ),
    activation(
        "log_sigmoid",
        Form(call="keras.activations.log_sigmoid(x)", since="3.7"),
        Form(call="F.logsigmoid(x)"),
        lambda a, x: -a.softplus(-x),
    ),
    activation(
        "squareplus",
        Form(call="keras.activations.squareplus(x)", since="3.7"),
        Form(call="(x + (x * x + 4).sqrt()) / 2"),
        lambda a, x: (x + a.sqrt(x * x + 4.0)) / 2.0,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN),
    ),
    activation(
        "tanh_shrink",
        Form(call="keras.activations.tanh_shrink(x)", since="3.7"),
        Form(call="F.tanhshrink(x)"),
        lambda a, x: x - a.tanh(x),
    ),
    Entry(
        "gelu",
        keras=Form(call="keras.activations.gelu(x)"),
        torch=Form(call="F.gelu(x)"),
        inputs=SPREAD,
        oracle=gelu,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, NAN),
        divergences=(
            Divergence(
                "ops-is-approximate",
                4.6e-4,
                4.8e-4,
                "keras.ops.gelu approximates by a hyperbolic tangent unless told otherwise; "
                "keras.activations.gelu and torch do not.",
                keras=Form(call="keras.ops.gelu(x)"),
            ),
            Divergence(
                "at-infinity",
                float("inf"),
                float("inf"),
                "Of several numbers torch gives NaN at infinity, and infinity at the largest float32; Keras gives x.",
                inputs={"x": values(np.full((1, 8), np.inf))},
                cause="framework-bug",
            ),
        ),
    ),
    Entry(
        "gelu-tanh",
        keras=Form(call="keras.ops.gelu(x, approximate=True)", shipped={"approximate": True}),
        torch=Form(call="F.gelu(x, approximate='tanh')"),
        inputs=SPREAD,
        oracle=gelu_tanh,
    ),
)

FAMILY = Family("activations", "Activations", "model", ENTRIES)
