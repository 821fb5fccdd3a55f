"""Activations whose slope changes at a bend."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import INFINITE, LARGE, LARGEST, NAN, SMALL, SUBNORMAL, ZEROS, Vary
from .activations import SPREAD, activation, anywhere

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def at_bends(
    name: str, points: list[float], keras: str, torch: str, oracle: Any, since: str = "", note: str = ""
) -> Entry:
    """The entry of a function where its slope changes: both frameworks take the formula's side."""
    x = {"x": values([points])}
    return Entry(name, Form(call=keras, since=since), Form(call=torch), x, oracle, exact=True, note=note)


def apart_at(point: float, size: float, reason: str, **more: Any) -> Divergence:
    """Gradients that lie `size` apart where the slope changes."""
    inputs = {"x": values([[point]])}
    return Divergence(f"gradient-at-{point:g}", size - 1e-6, size + 1e-6, reason, inputs=inputs, gradients=True, **more)


def elu(a: Any, x: Any, alpha: float = 1.0, slope: float = 1.0) -> Any:
    """Clevert et al. 2016; `slope` divides below zero, as CELU does (Barron 2017)."""
    return a.where(x > 0, x, alpha * a.expm1(a.where(x > 0, 0.0, x) / slope))


def hard_sigmoid(a: Any, x: Any) -> Any:
    """Relu6(x + 3) / 6."""
    return a.minimum(a.maximum(x + 3.0, 0.0), 6.0) / 6.0


def hard_silu(a: Any, x: Any) -> Any:
    """X relu6(x + 3) / 6 (Howard et al. 2019)."""
    return a.where(x > -3.0, a.where(x < 3.0, x * (x / 6.0 + 0.5), x * 6.0 / 6.0), 0.0)


ENTRIES = (
    Entry(
        "relu",
        keras=Form(call="keras.activations.relu(x)"),
        torch=Form(call="F.relu(x)"),
        inputs=SPREAD,
        oracle=lambda a, x: a.maximum(x, 0.0),
        exact=True,
        vary=anywhere(SMALL, LARGE, LARGEST, INFINITE),
    ),
    activation(
        "relu-negative-slope-max-value-threshold",
        Form(call="keras.activations.relu(x, negative_slope=0.25, max_value=4.0, threshold=1.0)", since="3"),
        Form(call="torch.where(x >= 1, x, 0.25 * (x - 1)).clamp(max=4)"),
        lambda a, x: a.where(x >= 1.0, a.minimum(x, 4.0), 0.25 * (x - 1.0)),
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
        note="Below the threshold Keras gives the slope times x less the threshold. keras.layers.ReLU has the same "
        "arguments.",
    ),
    activation(
        "relu6",
        Form(call="keras.activations.relu6(x)"),
        Form(call="F.relu6(x)"),
        lambda a, x: a.minimum(a.maximum(x, 0.0), 6.0),
        exact=True,
        vary=anywhere(SMALL, LARGE, LARGEST, INFINITE),
    ),
    Entry(
        "LeakyReLU",
        keras=Form("keras.layers.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.3}, since="3"),
        torch=Form("nn.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.01}),
        inputs=SPREAD,
        oracle=lambda a, x: a.where(x > 0, x, 0.25 * x),
        vary=anywhere(ZEROS, SMALL, LARGE, LARGEST, INFINITE, NAN),
        divergences=(
            Divergence("as-shipped", 1.7, 1.75, "The slopes are 0.3 in Keras and 0.01 in torch.", shipped=True),
        ),
        note="keras.activations.leaky_relu and tf.nn.leaky_relu have the slope 0.2. In Keras 2 the argument is alpha.",
    ),
    activation(
        "leaky_relu",
        Form(call="keras.activations.leaky_relu(x, negative_slope=0.25)", shipped={"negative_slope": 0.2}),
        Form(call="F.leaky_relu(x, negative_slope=0.25)", shipped={"negative_slope": 0.01}),
        lambda a, x: a.where(x > 0, x, 0.25 * x),
        vary=anywhere(ZEROS, SMALL, LARGE, LARGEST, INFINITE, NAN),
        divergences=(
            Divergence("as-shipped", 1.1, 1.2, "The slopes are 0.2 in Keras and 0.01 in torch.", shipped=True),
        ),
        note="keras.layers.LeakyReLU has another slope, 0.3.",
    ),
    Entry(
        "PReLU",
        keras=Form("keras.layers.PReLU(shared_axes=(1, 2))", shipped={"alpha_initializer": "Zeros"}),
        torch=Form("nn.PReLU(3)", weights={"weight": "alpha.ravel()"}, shipped={"init": 0.25}, channels_first=True),
        inputs={"x": normal(2, 4, 5, 3)},
        weights={"alpha": normal(1, 1, 3)},
        oracle=lambda a, x, alpha: a.where(x > 0, x, alpha * x),
        vary=Vary({"x": ("n", "h", "w", 3)}, edges={"x": (SMALL, LARGE)}),
        note="Without shared_axes Keras has a slope for every element; torch has one in all, or one for each channel.",
        divergences=(
            Divergence(
                "gradient-at-0",
                1.0,
                1.4,
                "At zero itself Keras's gradient is 0, torch's the slope.",
                inputs={"x": values(np.zeros((1, 1, 1, 3)))},
                gradients=True,
            ),
        ),
    ),
    activation(
        "elu",
        Form(call="keras.activations.elu(x, alpha=0.5)", shipped={"alpha": 1.0}),
        Form(call="F.elu(x, alpha=0.5)", shipped={"alpha": 1.0}),
        lambda a, x: elu(a, x, alpha=0.5),
        note="Just below 0 Keras subtracts 1 from an exponential on TensorFlow, also in selu: at -1e-7 it is 19 % off.",
        vary=anywhere(ZEROS, LARGE, LARGEST, INFINITE),
    ),
    activation(
        "selu",
        Form(call="keras.activations.selu(x)"),
        Form(call="F.selu(x)"),
        lambda a, x: SELU_SCALE * elu(a, x, alpha=SELU_ALPHA),
        vary=anywhere(LARGE, LARGEST, INFINITE),
        divergences=(
            apart_at(0.0, 0.707398, "At zero Keras takes the slope from above, 1.05, torch that from below, 1.76."),
        ),
    ),
    activation(
        "celu",
        Form(call="keras.activations.celu(x, alpha=0.5)", shipped={"alpha": 1.0}, since="3.7"),
        Form(call="F.celu(x, alpha=0.5)", shipped={"alpha": 1.0}),
        lambda a, x: elu(a, x, alpha=0.5, slope=0.5),
        vary=anywhere(SMALL, LARGE, LARGEST, INFINITE),
        divergences=(
            apart_at(
                0.0,
                1.0,
                "At zero Keras adds the gradients of both its halves and gives 2; the derivative is 1, as in torch.",
                cause="framework-bug",
                versions={"keras": ">=3.7", "torch": ">=2.2"},
            ),
        ),
    ),
    activation(
        "hard_sigmoid",
        Form(call="keras.activations.hard_sigmoid(x)"),
        Form(call="F.hardsigmoid(x)"),
        hard_sigmoid,
        note="relu6(x + 3) / 6. Keras 2 had another slope: x / 5 + 1/2, cut off at 0 and 1.",
    ),
    activation(
        "hard_silu",
        Form(call="keras.activations.hard_silu(x)", since="3"),
        Form(call="F.hardswish(x)"),
        hard_silu,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE),
        note="Also called hard_swish.",
    ),
    activation(
        "hard_tanh",
        Form(call="keras.activations.hard_tanh(x)", since="3.7"),
        Form(call="F.hardtanh(x)"),
        lambda a, x: a.minimum(a.maximum(x, -1.0), 1.0),
        exact=True,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
        divergences=(apart_at(1.0, 1.0, "At the bounds themselves the gradient is 1 in Keras and 0 in torch."),),
    ),
    activation(
        "soft_shrink",
        Form(call="keras.activations.soft_shrink(x)", since="3.7"),
        Form(call="F.softshrink(x)"),
        lambda a, x: a.where(x > 0.5, x - 0.5, a.where(x < -0.5, x + 0.5, 0.0)),
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
    ),
    activation(
        "hard_shrink",
        Form(call="keras.activations.hard_shrink(x)", since="3.7"),
        Form(call="F.hardshrink(x)"),
        lambda a, x: a.where(a.abs(x) > 0.5, x, 0.0),
        exact=True,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
    ),
    activation(
        "threshold",
        Form(call="keras.activations.threshold(x, 1.0, -2.0)", since="3.8"),
        Form(call="F.threshold(x, 1.0, -2.0)"),
        lambda a, x: a.where(x > 1.0, x, -2.0),
        exact=True,
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
        note="keras.layers.ThresholdedReLU went with Keras 2: threshold(x, theta, 0) is the same.",
    ),
    at_bends("relu-at-0", [0.0], "keras.activations.relu(x)", "F.relu(x)", lambda a, x: a.where(x > 0.0, x, 0.0)),
    at_bends(
        "relu6-at-bounds",
        [0.0, 6.0],
        "keras.activations.relu6(x)",
        "F.relu6(x)",
        lambda a, x: a.where(x > 0.0, a.where(x < 6.0, x, 6.0), 0.0),
    ),
    at_bends(
        "leaky_relu-at-0",
        [0.0],
        "keras.activations.leaky_relu(x, negative_slope=0.25)",
        "F.leaky_relu(x, 0.25)",
        lambda a, x: a.where(x > 0.0, x, 0.25 * x),
    ),
    at_bends(
        "elu-at-0",
        [0.0],
        "keras.activations.elu(x, alpha=0.5)",
        "F.elu(x, alpha=0.5)",
        lambda a, x: elu(a, x, alpha=0.5),
    ),
    at_bends(
        "hard_silu-at-bounds",
        [-3.0, 3.0],
        "keras.activations.hard_silu(x)",
        "F.hardswish(x)",
        lambda a, x: a.where(x > -3.0, a.where(x < 3.0, x * (x + 3.0) / 6.0, x), 0.0),
        since="3",
        note="Up to 2.6 torch gave -1/2 and 3/2 at the bounds (pytorch/pytorch#143899); both are 0 and 1 since.",
    ),
    activation(
        "sparse_plus",
        Form(call="keras.activations.sparse_plus(x)", since="3.8"),
        Form(call="torch.where(x <= -1, 0, torch.where(x < 1, (x + 1) ** 2 / 4, x))"),
        lambda a, x: a.where(x <= -1.0, 0.0, a.where(x < 1.0, a.square(x + 1.0) / 4.0, x)),
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, INFINITE, NAN),
    ),
    activation(
        "sparse_sigmoid",
        Form(call="keras.activations.sparse_sigmoid(x)", since="3.10"),
        Form(call="((x + 1) / 2).clamp(0, 1)"),
        lambda a, x: a.minimum(a.maximum((x + 1.0) / 2.0, 0.0), 1.0),
        vary=anywhere(ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE),
    ),
)

FAMILY = Family("activations_bent", "Activations with bends", "model", ENTRIES)
