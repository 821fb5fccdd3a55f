"""Activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form


def gelu(a: Any, x: Any) -> Any:
    """X Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)."""
    return x * (0.5 * (1.0 + a.erf(x / math.sqrt(2))))


def gelu_tanh(a: Any, x: Any) -> Any:
    """GELU with Phi approximated by a hyperbolic tangent."""
    return x * (0.5 * (1.0 + a.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


SPREAD = {"x": values(np.linspace(-6, 6, 193).reshape(1, 193) + 0.0078125)}

ENTRIES = (
    Entry(
        "relu",
        keras=Form(call="keras.activations.relu(x)"),
        torch=Form(call="F.relu(x)"),
        inputs=SPREAD,
        oracle=lambda a, x: a.maximum(x, 0.0),
        exact=True,
    ),
    Entry(
        "gelu",
        keras=Form(call="keras.activations.gelu(x)"),
        torch=Form(call="F.gelu(x)"),
        inputs=SPREAD,
        oracle=gelu,
        divergences=(
            Divergence(
                "ops-is-approximate",
                4.6e-4,
                4.8e-4,
                "keras.ops.gelu approximates by a hyperbolic tangent unless told otherwise; "
                "keras.activations.gelu and torch do not.",
                keras=Form(call="keras.ops.gelu(x)"),
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
    Entry(
        "LeakyReLU",
        keras=Form("keras.layers.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.3}),
        torch=Form("nn.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.01}),
        inputs=SPREAD,
        oracle=lambda a, x: a.where(x > 0, x, 0.25 * x),
        divergences=(
            Divergence("as-shipped", 1.7, 1.75, "The slopes are 0.3 in Keras and 0.01 in torch.", shipped=True),
        ),
        note="keras.activations.leaky_relu and tf.nn.leaky_relu have the slope 0.2.",
    ),
    Entry(
        "softmax",
        keras=Form(call="keras.activations.softmax(x)"),
        torch=Form(call="F.softmax(x, dim=-1)"),
        inputs={"x": normal(4, 3, 5, 6, scale=3.0)},
        oracle=lambda a, x: a.softmax(x),
        divergences=(
            Divergence(
                "no-dim",
                0.5,
                1.0,
                "nn.Softmax() without dim takes axis 1 of four: give dim=-1, which is Keras's axis.",
                torch=Form(call="F.softmax(x, dim=1)"),
            ),
        ),
    ),
)

FAMILY = Family("activations", "Activations", "model", ENTRIES)
