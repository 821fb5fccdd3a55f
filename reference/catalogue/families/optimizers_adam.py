"""Adam and its kin."""

from __future__ import annotations

import math
from typing import Any

from ..entries import Divergence, Family, Form
from .optimizers import gradients, optimizer

TINY = 2.0**-40
State = dict[str, Any]


def moments(a: Any, g: Any, state: State) -> tuple[Any, Any]:
    """The moving averages of the gradient and of its square, beta 0.875 and 0.984375, not corrected."""
    zero = 0.0 * g
    state["m"] = 0.875 * state.get("m", zero) + 0.125 * g
    state["v"] = 0.984375 * state.get("v", zero) + 0.015625 * a.square(g)
    return state["m"], state["v"]


def adam(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Kingma and Ba 2015, algorithm 1."""
    m, v = moments(a, g, state)
    return p - rate * (m / (1 - 0.875**t)) / (a.sqrt(v / (1 - 0.984375**t)) + TINY)


def adam_epsilon_hat(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The same as its authors speed it up, section 2: epsilon, 1/16, beside the uncorrected root."""
    m, v = moments(a, g, state)
    return p - rate * math.sqrt(1 - 0.984375**t) / (1 - 0.875**t) * m / (a.sqrt(v) + 0.0625)


def amsgrad(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Reddi et al. 2018, with the bias corrected afterwards."""
    m, v = moments(a, g, state)
    state["largest"] = a.maximum(state.get("largest", 0.0 * g), v)
    return p - rate * (m / (1 - 0.875**t)) / (a.sqrt(state["largest"] / (1 - 0.984375**t)) + TINY)


def adamax(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Kingma and Ba 2015, algorithm 2."""
    state["m"] = 0.875 * state.get("m", 0.0 * g) + 0.125 * g
    state["u"] = a.maximum(0.984375 * state.get("u", 0.0 * g), a.abs(g))
    return p - rate / (1 - 0.875**t) * state["m"] / (state["u"] + TINY)


def nadam(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Dozat 2016, with the momentum's schedule 0.875 (1 - 0.96**t / 2)."""
    now, later = (0.875 * (1 - 0.5 * 0.96**step) for step in (t, t + 1))
    state["product"] = state.get("product", 1.0) * now
    m, v = moments(a, g, state)
    ahead = m * (later / (1 - state["product"] * later)) + g * ((1 - now) / (1 - state["product"]))
    return p - rate * ahead / (a.sqrt(v / (1 - 0.984375**t)) + TINY)


ADAM = "keras.optimizers.Adam(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)"
ADAM_IN_TORCH = "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40)"
EPSILON_HAT = """
class EpsilonHat(torch.optim.Adam):
    steps = 0
    def step(self):
        self.steps += 1
        for group in self.param_groups:
            group['eps'] = 0.0625 / math.sqrt(1 - group['betas'][1] ** self.steps)
        super().step()
EpsilonHat(parameters, lr=0.0625, betas=(0.875, 0.984375))
"""

ENTRIES = (
    optimizer(
        "Adam",
        keras=Form(ADAM, shipped={"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
        torch=Form(ADAM_IN_TORCH, shipped={"lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8}),
        step=adam,
        note="Keras adds epsilon to the root of the uncorrected second moment, torch to that of the corrected one: "
        "where gradients are as small as epsilon see Adam-epsilon-hat.",
        divergences=(
            Divergence(
                "as-shipped-small-gradients",
                0.031,
                0.047,
                "epsilon is 1e-7 in Keras and 1e-8 in torch, and enters at another place.",
                shipped=True,
                inputs={"kernel_gradients": gradients(5, 4, scale=1e-6)},
            ),
        ),
    ),
    optimizer(
        "Adam-epsilon-hat",
        keras=Form("keras.optimizers.Adam(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=0.0625)"),
        torch=Form(EPSILON_HAT),
        step=adam_epsilon_hat,
        note="Keras's Adam in torch to the letter, whatever the size of epsilon.",
        divergences=(
            Divergence(
                "same-epsilon",
                0.16,
                0.25,
                "torch corrects the second moment before it adds epsilon, Keras does not correct epsilon's share.",
                torch=Form("torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=0.0625)"),
            ),
        ),
    ),
    optimizer(
        "Adam-fused",
        keras=Form(ADAM),
        torch=Form(
            "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, fused=True)",
            shipped={"fused": None},
            since="2.4",
        ),
        step=adam,
    ),
    optimizer(
        "Adam-amsgrad",
        keras=Form(
            "keras.optimizers.Adam(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40, amsgrad=True)",
            shipped={"amsgrad": False},
        ),
        torch=Form(
            "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, amsgrad=True)",
            shipped={"amsgrad": False},
        ),
        step=amsgrad,
        note="Both keep the largest uncorrected second moment and correct it afterwards.",
    ),
    optimizer(
        "Adamax",
        keras=Form(
            "keras.optimizers.Adamax(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)",
            shipped={"learning_rate": 0.001, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.Adamax(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40)",
            shipped={"lr": 0.002, "eps": 1e-8},
        ),
        step=adamax,
        divergences=(
            Divergence(
                "same-epsilon",
                0.017,
                0.027,
                "Keras adds epsilon to the largest magnitude, torch to every gradient's before the largest is taken: "
                "old ones lose it with time.",
                keras=Form("keras.optimizers.Adamax(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=0.5)"),
                torch=Form("torch.optim.Adamax(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=0.5)"),
            ),
        ),
    ),
    optimizer(
        "Nadam",
        keras=Form(
            "keras.optimizers.Nadam(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)",
            shipped={"learning_rate": 0.001, "epsilon": 1e-7},
        ),
        torch=Form(
            "torch.optim.NAdam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, momentum_decay=1.0)",
            shipped={"lr": 0.002, "momentum_decay": 0.004, "eps": 1e-8},
        ),
        step=nadam,
        note="Keras's momentum_decay is 1: its momentum rises to beta_1 within a hundred steps.",
        divergences=(
            Divergence(
                "momentum-decay-as-shipped",
                0.12,
                0.2,
                "torch's momentum rises 250 times as slowly as Keras's unless told momentum_decay=1.",
                torch=Form("torch.optim.NAdam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40)"),
            ),
        ),
    ),
)

FAMILY = Family("optimizers_adam", "Adam and its kin", "objective", ENTRIES)
