"""Optimizers, step by step for 200 steps; the learning rate changes at step 101.

Rates, momenta and epsilons are powers of two or sums of few, which Keras's float32 hyper-parameters hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..drawing import Draw, normal
from ..entries import Divergence, Entry, Family, Form

STEPS = 200


def gradients(*shape: int, scale: float = 1.0) -> Draw:
    """Gradients of all steps, of sizes from 1/64 to 1; one step in ten is all zeros, and half of the rows of others."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        sizes = 2.0 ** -generator.integers(0, 7, STEPS).astype(np.float64)
        sizes[5::10] = 0.0
        drawn = generator.standard_normal((STEPS, *shape)) * sizes.reshape(-1, *(1,) * len(shape))
        drawn[7::10] *= generator.integers(0, 2, shape[:1]).reshape(-1, *(1,) * (len(shape) - 1))
        return (scale * drawn).astype(np.float32)

    return Draw(f"gradients of {STEPS} steps {shape}, some zero, scale {scale:g}", draw)


INPUTS = {
    "kernel": normal(5, 4),
    "bias": normal(4),
    "kernel_gradients": gradients(5, 4),
    "bias_gradients": gradients(4),
}
Step = Callable[..., Any]


def each(step: Step) -> Step:
    """The formula of one parameter, `step(a, p, g, state, rate, t)`, for all of them."""

    def all_of_them(a: Any, parameters: Any, gradients: Any, states: Any, rate: float, t: int) -> Any:
        return {name: step(a, p, gradients[name], states[name], rate, t) for name, p in parameters.items()}

    return all_of_them


def optimizer(name: str, keras: Form, torch: Form, step: Step, rate: float = 0.0625, **more: Any) -> Entry:
    """The entry of an optimizer whose `step` is for one parameter."""
    settings = {"learning_rate": rate, "change_at": 101, "changed_rate": rate / 8}
    return Entry(name, keras, torch, INPUTS, each(step), gradients=(), kind="optimizer", settings=settings, **more)


def sgd(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Plain gradient descent."""
    return p - rate * g


def keras_momentum(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Keras's: the velocity holds the learning rate of the time at which a gradient came in."""
    state["v"] = 0.875 * state["v"] - rate * g if "v" in state else 0.0 - rate * g
    return p + state["v"]


def adam(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Kingma and Ba 2015, algorithm 1, beta 0.875 and 0.984375."""
    zero = 0.0 * g
    state["m"] = 0.875 * state.get("m", zero) + 0.125 * g
    state["v"] = 0.984375 * state.get("v", zero) + 0.015625 * a.square(g)
    corrected = a.sqrt(state["v"] / (1 - 0.984375**t)) + 2.0**-40
    return p - rate * (state["m"] / (1 - 0.875**t)) / corrected


KERAS_MOMENTUM_IN_TORCH = """
class KerasMomentum(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                velocity = self.state[p].get('velocity', torch.zeros_like(p))
                self.state[p]['velocity'] = group['momentum'] * velocity - group['lr'] * p.grad
                p += self.state[p]['velocity']
KerasMomentum(parameters, dict(lr=0.0625, momentum=0.875))
"""

ENTRIES = (
    optimizer(
        "SGD",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625)", shipped={"learning_rate": 0.01}),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625)", shipped={"lr": 0.001}),
        step=sgd,
    ),
    optimizer(
        "SGD-momentum",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, momentum=0.875)", shipped={"momentum": 0.0}),
        torch=Form(KERAS_MOMENTUM_IN_TORCH),
        step=keras_momentum,
        divergences=(
            Divergence(
                "torch.optim.SGD",
                0.1,
                5.0,
                "Keras's velocity holds the learning rate, torch's does not: after the rate falls, Keras still moves "
                "at the old one. With a constant rate both agree.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875)"),
            ),
        ),
    ),
    optimizer(
        "Adam",
        keras=Form(
            "keras.optimizers.Adam(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)",
            shipped={"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40)",
            shipped={"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8},
        ),
        step=adam,
        note="Keras adds epsilon to the root of the uncorrected second moment, torch to that of the corrected one: "
        "where gradients are as small as epsilon no setting makes them agree.",
        divergences=(
            Divergence(
                "as-shipped-small-gradients",
                1e-4,
                1e-1,
                "epsilon is 1e-7 in Keras and 1e-8 in torch, and enters at another place.",
                shipped=True,
                inputs={"kernel_gradients": gradients(5, 4, scale=1e-6)},
            ),
        ),
    ),
)

FAMILY = Family("optimizers", "Optimizers", "objective", ENTRIES)
