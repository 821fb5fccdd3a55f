"""Optimizers that scale every step by the gradients that came before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..entries import Divergence, Family, Form
from .optimizers import optimizer
from .optimizers_adam import TINY, State


def rmsprop(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Tieleman and Hinton 2012, rho 0.875."""
    state["v"] = 0.875 * state.get("v", 0.0 * g) + 0.125 * a.square(g)
    return p - rate * g / (a.sqrt(state["v"]) + TINY)


def rmsprop_momentum(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The same with Keras's momentum, which holds the learning rate."""
    state["v"] = 0.875 * state.get("v", 0.0 * g) + 0.125 * a.square(g)
    state["b"] = 0.5 * state.get("b", 0.0 * g) + rate * g / (a.sqrt(state["v"]) + TINY)
    return p - state["b"]


def rmsprop_centered(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Graves 2013: the variance in place of the mean square."""
    state["v"] = 0.875 * state.get("v", 0.0 * g) + 0.125 * a.square(g)
    state["m"] = 0.875 * state.get("m", 0.0 * g) + 0.125 * g
    return p - rate * g / a.sqrt(state["v"] - a.square(state["m"]) + 2.0**-10)


def adagrad(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Duchi et al. 2011, from an accumulator of 1/8."""
    state["v"] = state.get("v", 0.0 * g + 0.125) + a.square(g)
    return p - rate * g / a.sqrt(state["v"])


def adadelta(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Zeiler 2012, rho 0.875 and epsilon 1/1024."""
    zero, epsilon = 0.0 * g, 2.0**-10
    state["v"] = 0.875 * state.get("v", zero) + 0.125 * a.square(g)
    step = a.sqrt(state.get("d", zero) + epsilon) / a.sqrt(state["v"] + epsilon) * g
    state["d"] = 0.875 * state.get("d", zero) + 0.125 * a.square(step)
    return p - rate * step


def adafactor(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Shazeer and Stern 2018, algorithms 4 and 6, without epsilon_1; epsilon_2 1/1024, decay t**-0.8, clipped at 1."""
    share = float(t) ** -0.8
    keep, squares = 1.0 - share, a.square(g)
    if p.ndim > 1:
        rows, columns = a.mean(squares, axis=-1), a.mean(squares, axis=-2)
        state["r"] = keep * state["r"] + share * rows if t > 1 else rows
        state["c"] = keep * state["c"] + share * columns if t > 1 else columns
        v = (state["r"] / a.mean(state["r"])).reshape(-1, 1) * state["c"].reshape(1, -1)
    else:
        state["v"] = v = keep * state["v"] + share * squares if t > 1 else squares
    step = g / a.sqrt(v)
    size = a.maximum(a.sqrt(a.mean(a.square(p), axis=None)), 2.0**-10) * min(rate, 1 / math.sqrt(t))
    return p - size / a.maximum(a.sqrt(a.mean(a.square(step), axis=None)), 1.0) * step


def lion(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Chen et al. 2023, beta 0.875 and 0.984375."""
    before = state.get("m", 0.0 * g)
    state["m"] = 0.984375 * before + 0.015625 * g
    return p - rate * a.elementwise(np.sign, lambda x, y: 0.0 * x, 0.875 * before + 0.125 * g)


def ftrl(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """McMahan et al. 2013, algorithm 1, from an accumulator of 1/8, without regularisation."""
    before = state.get("n", 0.0 * g + 0.125)
    state["n"] = before + a.square(g)
    root = a.sqrt(state["n"])
    state["z"] = state.get("z", 0.0 * g) + g - (root - a.sqrt(before)) / rate * p
    return -state["z"] / (root / rate)


RMSPROP_MOMENTUM_IN_TORCH = """
class KerasRMSprop(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                state = self.state[p] or dict(v=torch.zeros_like(p), b=torch.zeros_like(p))
                state['v'] = 0.875 * state['v'] + 0.125 * p.grad ** 2
                state['b'] = 0.5 * state['b'] + group['lr'] * p.grad / (state['v'].sqrt() + 2**-40)
                self.state[p] = state
                p -= state['b']
KerasRMSprop(parameters, dict(lr=0.0625))
"""
CENTERED_IN_TORCH = """
class KerasRMSprop(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                state = self.state[p] or dict(v=torch.zeros_like(p), m=torch.zeros_like(p))
                state['v'] = 0.875 * state['v'] + 0.125 * p.grad ** 2
                state['m'] = 0.875 * state['m'] + 0.125 * p.grad
                self.state[p] = state
                p -= group['lr'] * p.grad / (state['v'] - state['m'] ** 2 + 2**-10).sqrt()
KerasRMSprop(parameters, dict(lr=0.0625))
"""
LION_IN_TORCH = """
class Lion(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                m = self.state[p].get('m', torch.zeros_like(p))
                p -= group['lr'] * (0.875 * m + 0.125 * p.grad).sign()
                self.state[p]['m'] = 0.984375 * m + 0.015625 * p.grad
Lion(parameters, dict(lr=0.0625))
"""
FTRL_IN_TORCH = """
class Ftrl(torch.optim.Optimizer):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                state = self.state[p] or dict(n=torch.full_like(p, 0.125), z=torch.zeros_like(p))
                n = state['n'] + p.grad ** 2
                z = state['z'] + p.grad - (n.sqrt() - state['n'].sqrt()) / group['lr'] * p
                self.state[p] = dict(n=n, z=z)
                p.copy_(-z / (n.sqrt() / group['lr']))
Ftrl(parameters, dict(lr=0.0625))
"""

ENTRIES = (
    optimizer(
        "RMSprop",
        keras=Form(
            "keras.optimizers.RMSprop(learning_rate=0.0625, rho=0.875, epsilon=2**-80)",
            shipped={"learning_rate": 0.001, "rho": 0.9, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.RMSprop(parameters, lr=0.0625, alpha=0.875, eps=2**-40)",
            shipped={"lr": 0.01, "alpha": 0.99, "eps": 1e-8},
        ),
        step=rmsprop,
        note="Keras adds epsilon under the root, torch beside it: take the square of torch's for Keras's.",
        divergences=(
            Divergence(
                "same-epsilon",
                0.076,
                0.12,
                "Under the root epsilon counts as its own root beside it.",
                keras=Form("keras.optimizers.RMSprop(learning_rate=0.0625, rho=0.875, epsilon=2**-10)"),
                torch=Form("torch.optim.RMSprop(parameters, lr=0.0625, alpha=0.875, eps=2**-10)"),
            ),
        ),
    ),
    optimizer(
        "RMSprop-momentum",
        keras=Form(
            "keras.optimizers.RMSprop(learning_rate=0.0625, rho=0.875, momentum=0.5, epsilon=2**-80)",
            shipped={"momentum": 0.0},
        ),
        torch=Form(RMSPROP_MOMENTUM_IN_TORCH),
        step=rmsprop_momentum,
        divergences=(
            Divergence(
                "torch.optim.RMSprop",
                0.11,
                0.17,
                "Keras's momentum holds the learning rate, torch's does not; they part when the rate changes.",
                torch=Form("torch.optim.RMSprop(parameters, lr=0.0625, alpha=0.875, momentum=0.5, eps=2**-40)"),
            ),
        ),
    ),
    optimizer(
        "RMSprop-centered",
        keras=Form(
            "keras.optimizers.RMSprop(learning_rate=0.0625, rho=0.875, centered=True, epsilon=2**-10)",
            shipped={"centered": False},
        ),
        torch=Form(CENTERED_IN_TORCH),
        step=rmsprop_centered,
        divergences=(
            Divergence(
                "torch.optim.RMSprop",
                0.12,
                0.19,
                "The variance is a difference and can be as small as epsilon, which torch adds beside the root: its "
                "square root reconciles them only where the variance is much larger.",
                torch=Form("torch.optim.RMSprop(parameters, lr=0.0625, alpha=0.875, centered=True, eps=2**-5)"),
            ),
        ),
    ),
    optimizer(
        "Adagrad",
        keras=Form(
            "keras.optimizers.Adagrad(learning_rate=0.0625, initial_accumulator_value=0.125, epsilon=2**-40)",
            shipped={"learning_rate": 0.001, "initial_accumulator_value": 0.1, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.Adagrad(parameters, lr=0.0625, initial_accumulator_value=0.125, eps=2**-40)",
            shipped={"lr": 0.01, "initial_accumulator_value": 0, "eps": 1e-10},
        ),
        step=adagrad,
        divergences=(
            Divergence(
                "as-shipped",
                0.03,
                0.047,
                "Keras's accumulator starts at 0.1 and the rate is 0.001, torch's at 0 and 0.01.",
                shipped=True,
            ),
        ),
    ),
    optimizer(
        "Adadelta",
        keras=Form(
            "keras.optimizers.Adadelta(learning_rate=0.0625, rho=0.875, epsilon=2**-10)",
            shipped={"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.Adadelta(parameters, lr=0.0625, rho=0.875, eps=2**-10)",
            shipped={"lr": 1.0, "rho": 0.9, "eps": 1e-6},
        ),
        step=adadelta,
        divergences=(
            Divergence(
                "as-shipped",
                0.054,
                0.083,
                "Zeiler's method has no learning rate, torch's 1.0; Keras's is 0.001: it hardly moves.",
                shipped=True,
            ),
        ),
    ),
    optimizer(
        "Adafactor",
        keras=Form(
            "keras.optimizers.Adafactor(learning_rate=0.0625, epsilon_1=1e-30, epsilon_2=2**-10)",
            shipped={"learning_rate": 0.001, "epsilon_2": 1e-3},
        ),
        torch=Form(
            "torch.optim.Adafactor(parameters, lr=0.0625, eps=(1e-15, 2**-10))",
            shipped={"lr": 0.01, "eps": [None, 1e-3]},
            since="2.5",
        ),
        step=adafactor,
        note="Both factor the last two axes, which for a convolution are not the same ones: HWIO against OIHW.",
    ),
    optimizer(
        "Lion",
        keras=Form(
            "keras.optimizers.Lion(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375)",
            shipped={"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.99},
        ),
        torch=Form(LION_IN_TORCH),
        step=lion,
        note="torch has none.",
    ),
    optimizer(
        "Ftrl",
        keras=Form(
            "keras.optimizers.Ftrl(learning_rate=0.0625, initial_accumulator_value=0.125)",
            shipped={"learning_rate": 0.001, "initial_accumulator_value": 0.1},
        ),
        torch=Form(FTRL_IN_TORCH),
        step=ftrl,
        note="torch has none. The weights are made anew of sums of gradients: the first step throws away where they "
        "started.",
    ),
)

FAMILY = Family("optimizers_adaptive", "Adaptive optimizers", "objective", ENTRIES)
