"""Gradient descent with and without momentum, step by step for 200 steps; the learning rate changes at step 101.

Rates, momenta and epsilons are powers of two or sums of few, which Keras's float32 hyper-parameters hold exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def optimizer(
    name: str,
    keras: Form,
    torch: Form,
    step: Step,
    rate: float = 0.0625,
    changed: float = 0.0078125,
    inputs: Mapping[str, Draw] = INPUTS,
    together: bool = False,
    divergences: tuple[Divergence, ...] = (),
    note: str = "",
) -> Entry:
    """The entry of an optimizer whose `step` is for one parameter, or with `together` for all of them."""
    settings = {"learning_rate": rate, "change_at": 101, "changed_rate": changed}
    return Entry(
        name,
        keras,
        torch,
        inputs,
        step if together else each(step),
        gradients=(),
        kind="optimizer",
        settings=settings,
        divergences=divergences,
        note=note,
    )


def sgd(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Plain gradient descent."""
    return p - rate * g


def keras_momentum(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Keras's: the velocity holds the learning rate of the time at which a gradient came in."""
    state["v"] = 0.875 * state["v"] - rate * g if "v" in state else 0.0 - rate * g
    return p + state["v"]


def keras_nesterov(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """Sutskever et al. 2013 at the point looked ahead to, with Keras's velocity."""
    state["v"] = 0.875 * state.get("v", 0.0 * g) - rate * g
    return p + (0.875 * state["v"] - rate * g)


def torch_momentum(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """torch's: the buffer holds gradients alone."""
    state["b"] = 0.875 * state.get("b", 0.0 * g) + g
    return p - rate * state["b"]


def dampened(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """torch's with dampening 0.25, which the first gradient does not have."""
    state["b"] = 0.875 * state["b"] + 0.75 * g if "b" in state else g
    return p - rate * state["b"]


def torch_nesterov(a: Any, p: Any, g: Any, state: dict[str, Any], rate: float, t: int) -> Any:
    """torch's Nesterov: the gradient, and the buffer once more decayed."""
    state["b"] = 0.875 * state.get("b", 0.0 * g) + g
    return p - rate * (g + 0.875 * state["b"])


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
KERAS_NESTEROV_IN_TORCH = """
class KerasNesterov(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                velocity = self.state[p].get('velocity', torch.zeros_like(p))
                self.state[p]['velocity'] = group['momentum'] * velocity - group['lr'] * p.grad
                p += group['momentum'] * self.state[p]['velocity'] - group['lr'] * p.grad
KerasNesterov(parameters, dict(lr=0.0625, momentum=0.875))
"""
TORCH_MOMENTUM_IN_KERAS = """
class TorchMomentum(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        buffer = self.momentums[self._get_variable_index(variable)]
        self.assign(buffer, self.momentum * buffer + gradient)
        self.assign_sub(variable, learning_rate * buffer)
TorchMomentum(learning_rate=0.0625, momentum=0.875)
"""
TORCH_NESTEROV_IN_KERAS = """
class TorchNesterov(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        buffer = self.momentums[self._get_variable_index(variable)]
        self.assign(buffer, self.momentum * buffer + gradient)
        self.assign_sub(variable, learning_rate * (gradient + self.momentum * buffer))
TorchNesterov(learning_rate=0.0625, momentum=0.875)
"""
DAMPENED_IN_KERAS = """
class Dampened(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        buffer = self.momentums[self._get_variable_index(variable)]
        first = keras.ops.equal(self.iterations, 0)
        self.assign(buffer, keras.ops.where(first, gradient, self.momentum * buffer + 0.75 * gradient))
        self.assign_sub(variable, learning_rate * buffer)
Dampened(learning_rate=0.0625, momentum=0.875)
"""
SKIP_ZEROS = "for p in parameters:\n    p.grad = p.grad if p.grad.any() else None\nNone"

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
                0.49,
                0.75,
                "Keras's velocity holds the learning rate, torch's does not: after the rate falls, Keras still moves "
                "at the old one. With a constant rate both agree.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875)"),
            ),
        ),
    ),
    optimizer(
        "SGD-momentum-constant-rate",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, momentum=0.875)"),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875)", shipped={"momentum": 0}),
        step=keras_momentum,
        changed=0.0625,
        note="As long as the learning rate stays, Keras's momentum and torch's are the same.",
        divergences=(
            Divergence(
                "no-gradient",
                0.088,
                0.14,
                "A gradient of zeros lets the momentum run on; with p.grad None, as zero_grad leaves it, torch passes "
                "the parameter by.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875)", SKIP_ZEROS),
            ),
        ),
    ),
    optimizer(
        "SGD-momentum-of-torch",
        keras=Form(TORCH_MOMENTUM_IN_KERAS),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875)"),
        step=torch_momentum,
        note="The momentum of torch in Keras, for schedules.",
    ),
    optimizer(
        "SGD-nesterov",
        keras=Form(
            "keras.optimizers.SGD(learning_rate=0.0625, momentum=0.875, nesterov=True)", shipped={"nesterov": False}
        ),
        torch=Form(KERAS_NESTEROV_IN_TORCH),
        step=keras_nesterov,
        divergences=(
            Divergence(
                "torch.optim.SGD",
                0.52,
                0.8,
                "As with momentum alone: after the learning rate falls, Keras still moves at the old one.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, nesterov=True)"),
            ),
        ),
    ),
    optimizer(
        "SGD-nesterov-constant-rate",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, momentum=0.875, nesterov=True)"),
        torch=Form(
            "torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, nesterov=True)", shipped={"nesterov": False}
        ),
        step=keras_nesterov,
        changed=0.0625,
    ),
    optimizer(
        "SGD-nesterov-of-torch",
        keras=Form(TORCH_NESTEROV_IN_KERAS),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, nesterov=True)"),
        step=torch_nesterov,
        note="The Nesterov momentum of torch in Keras, for schedules.",
    ),
    optimizer(
        "SGD-dampening",
        keras=Form(DAMPENED_IN_KERAS),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, dampening=0.25)", shipped={"dampening": 0}),
        step=dampened,
        note="Keras has no dampening; torch's leaves out the first gradient.",
    ),
    optimizer(
        "SGD-foreach",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625)"),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, foreach=True)", shipped={"foreach": None}),
        step=sgd,
        note="On a CPU torch loops over the parameters unless told foreach=True or fused=True.",
    ),
)

FAMILY = Family("optimizers", "Gradient descent", "objective", ENTRIES)
