"""Activations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form

SPREAD = {"x": values(np.linspace(-5.95, 6.05, 193).reshape(1, 193))}  # none lies on a bend
SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772


def activation(name: str, keras: Form, torch: Form, oracle: Any, **more: Any) -> Entry:
    """The entry of a function of each element."""
    return Entry(name, keras, torch, SPREAD, oracle, **more)


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


def tanh(a: Any, x: Any) -> Any:
    """By an exponential, as it is calculated: no framework rounds the result only once."""
    e = a.expm1(-2.0 * a.abs(x))
    return a.where(x > 0, -e, e) / (2.0 + e)


def gelu(a: Any, x: Any) -> Any:
    """X Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)."""
    return x * (0.5 * (1.0 + a.erf(x / math.sqrt(2))))


def gelu_tanh(a: Any, x: Any) -> Any:
    """GELU with Phi approximated by a hyperbolic tangent."""
    return x * (0.5 * (1.0 + a.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x)))))


def elu(a: Any, x: Any, alpha: float = 1.0, slope: float = 1.0) -> Any:
    """Clevert et al. 2016; `slope` divides below zero, as CELU does (Barron 2017)."""
    return a.where(x > 0, x, alpha * a.expm1(x / slope))


def hard_sigmoid(a: Any, x: Any) -> Any:
    """Relu6(x + 3) / 6."""
    return a.minimum(a.maximum(x + 3.0, 0.0), 6.0) / 6.0


def hard_silu(a: Any, x: Any) -> Any:
    """X relu6(x + 3) / 6 (Howard et al. 2019)."""
    return a.where(x > -3.0, a.where(x < 3.0, x * (x / 6.0 + 0.5), x * 6.0 / 6.0), 0.0)


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

SMOOTH = (
    activation("tanh", Form(call="keras.activations.tanh(x)"), Form(call="torch.tanh(x)"), tanh),
    activation(
        "sigmoid", Form(call="keras.activations.sigmoid(x)"), Form(call="torch.sigmoid(x)"), lambda a, x: a.sigmoid(x)
    ),
    activation(
        "exponential", Form(call="keras.activations.exponential(x)"), Form(call="x.exp()"), lambda a, x: a.exp(x)
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
)

BENT = (
    Entry(
        "relu",
        keras=Form(call="keras.activations.relu(x)"),
        torch=Form(call="F.relu(x)"),
        inputs=SPREAD,
        oracle=lambda a, x: a.maximum(x, 0.0),
        exact=True,
    ),
    activation(
        "relu-negative-slope-max-value-threshold",
        Form(call="keras.activations.relu(x, negative_slope=0.25, max_value=4.0, threshold=1.0)", since="3"),
        Form(call="torch.where(x >= 1, x, 0.25 * (x - 1)).clamp(max=4)"),
        lambda a, x: a.where(x >= 1.0, a.minimum(x, 4.0), 0.25 * (x - 1.0)),
        note="Below the threshold Keras gives the slope times x less the threshold. keras.layers.ReLU has the same "
        "arguments.",
    ),
    activation(
        "relu6",
        Form(call="keras.activations.relu6(x)"),
        Form(call="F.relu6(x)"),
        lambda a, x: a.minimum(a.maximum(x, 0.0), 6.0),
        exact=True,
    ),
    Entry(
        "LeakyReLU",
        keras=Form("keras.layers.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.3}, since="3"),
        torch=Form("nn.LeakyReLU(negative_slope=0.25)", shipped={"negative_slope": 0.01}),
        inputs=SPREAD,
        oracle=lambda a, x: a.where(x > 0, x, 0.25 * x),
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
    ),
    activation(
        "selu",
        Form(call="keras.activations.selu(x)"),
        Form(call="F.selu(x)"),
        lambda a, x: SELU_SCALE * elu(a, x, alpha=SELU_ALPHA),
        divergences=(
            apart_at(0.0, 0.707398, "At zero Keras takes the slope from above, 1.05, torch that from below, 1.76."),
        ),
    ),
    activation(
        "celu",
        Form(call="keras.activations.celu(x, alpha=0.5)", shipped={"alpha": 1.0}, since="3.7"),
        Form(call="F.celu(x, alpha=0.5)", shipped={"alpha": 1.0}),
        lambda a, x: elu(a, x, alpha=0.5, slope=0.5),
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
        Form(call="keras.activations.hard_silu(x)", since="3.1"),
        Form(call="F.hardswish(x)"),
        hard_silu,
        note="Also called hard_swish.",
    ),
    activation(
        "hard_tanh",
        Form(call="keras.activations.hard_tanh(x)", since="3.7"),
        Form(call="F.hardtanh(x)"),
        lambda a, x: a.minimum(a.maximum(x, -1.0), 1.0),
        exact=True,
        divergences=(apart_at(1.0, 1.0, "At the bounds themselves the gradient is 1 in Keras and 0 in torch."),),
    ),
    activation(
        "soft_shrink",
        Form(call="keras.activations.soft_shrink(x)", since="3.7"),
        Form(call="F.softshrink(x)"),
        lambda a, x: a.where(x > 0.5, x - 0.5, a.where(x < -0.5, x + 0.5, 0.0)),
    ),
    activation(
        "hard_shrink",
        Form(call="keras.activations.hard_shrink(x)", since="3.7"),
        Form(call="F.hardshrink(x)"),
        lambda a, x: a.where(a.abs(x) > 0.5, x, 0.0),
        exact=True,
    ),
    activation(
        "threshold",
        Form(call="keras.activations.threshold(x, 1.0, -2.0)", since="3.8"),
        Form(call="F.threshold(x, 1.0, -2.0)"),
        lambda a, x: a.where(x > 1.0, x, -2.0),
        exact=True,
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
        since="3.1",
        note="Up to 2.6 torch gave -1/2 and 3/2 at the bounds (pytorch/pytorch#143899); both are 0 and 1 since.",
    ),
    activation(
        "sparse_plus",
        Form(call="keras.activations.sparse_plus(x)", since="3.8"),
        Form(call="torch.where(x <= -1, 0, torch.where(x < 1, (x + 1) ** 2 / 4, x))"),
        lambda a, x: a.where(x <= -1.0, 0.0, a.where(x < 1.0, a.square(x + 1.0) / 4.0, x)),
    ),
    activation(
        "sparse_sigmoid",
        Form(call="keras.activations.sparse_sigmoid(x)", since="3.10"),
        Form(call="((x + 1) / 2).clamp(0, 1)"),
        lambda a, x: a.minimum(a.maximum((x + 1.0) / 2.0, 0.0), 1.0),
    ),
)

OVER_AN_AXIS = (
    Entry(
        "softmax",
        keras=Form(call="keras.activations.softmax(x)"),
        torch=Form(call="F.softmax(x, dim=-1)"),
        inputs={"x": normal(4, 3, 5, 6, scale=3.0)},
        oracle=lambda a, x: a.softmax(x),
        divergences=(
            Divergence(
                "no-dim",
                0.85,
                1.2,
                "nn.Softmax() without dim takes axis 1 of four: give dim=-1, which is Keras's axis.",
                torch=Form(call="F.softmax(x, dim=1)"),
            ),
        ),
    ),
    Entry(
        "Softmax-masked",
        keras=Form("keras.layers.Softmax()", "component(x, mask=mask)"),
        torch=Form(call="F.softmax(x.masked_fill(~mask, -torch.inf), dim=-1)"),
        inputs={"x": normal(2, 5), "mask": ALLOWED},
        oracle=lambda a, x, mask: a.softmax(a.where(mask, x, -1e9)),
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
    ),
    Entry(
        "sparsemax",
        keras=Form(call=KERAS_SPARSEMAX, since="3"),
        torch=Form(call=TORCH_SPARSEMAX),
        inputs={"x": normal(4, 6)},
        oracle=sparsemax,
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
        note="The second half of the last axis gates the first.",
    ),
)

FAMILY = Family("activations", "Activations", "model", SMOOTH + BENT + OVER_AN_AXIS)
