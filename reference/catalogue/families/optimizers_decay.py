"""Weight decay, beside the gradient and within it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..entries import Divergence, Family, Form
from .optimizers import keras_momentum, optimizer
from .optimizers_adam import State, adam


def adamw(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Loshchilov and Hutter 2019: the decay, 1/16, is of the learning rate and passes the moments by."""
    return adam(a, p - p * (0.0625 * rate), g, state, rate, t)


def adam_l2(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The decay added to the gradient."""
    return adam(a, p, g + 0.0625 * p, state, rate, t)


def sgd(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """A sixteenth of the weights added to the gradient."""
    return p - rate * (g + 0.0625 * p)


def momentum(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Weights shrink by a sixteenth of the learning rate, which the momentum does not see."""
    return keras_momentum(a, p - p * (0.0625 * rate), g, state, rate, t)


def momentum_l2(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The decay runs through the momentum."""
    return keras_momentum(a, p, g + 0.0625 * p, state, rate, t)


def without_bias(a: Any, parameters: Any, gradients: Any, states: Any, rate: float, t: int) -> Any:
    """AdamW for the kernel, Adam for the bias."""
    steps: Mapping[str, Any] = {"kernel": adamw, "bias": adam}
    return {name: steps[name](a, p, gradients[name], states[name], rate, t) for name, p in parameters.items()}


DECOUPLED_IN_TORCH = """
class Decoupled(torch.optim.SGD):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                p *= 1 - 0.0625 * group['lr']
        super().step()
Decoupled(parameters, lr=0.0625, momentum=0.875)
"""
SGD_L2_IN_KERAS = """
class L2(keras.optimizers.SGD):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient + 0.0625 * variable, variable, learning_rate)
L2(learning_rate=0.0625, momentum=0.875)
"""
ADAM_L2_IN_KERAS = """
class L2(keras.optimizers.Adam):
    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient + 0.0625 * variable, variable, learning_rate)
L2(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)
"""
WITHOUT_BIAS = """
optimizer = keras.optimizers.AdamW(
    learning_rate=0.0625, weight_decay=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40
)
optimizer.exclude_from_weight_decay(var_names=['bias'])
optimizer
"""
WITHOUT_BIAS_IN_TORCH = """
groups = [dict(params=parameters[:1]), dict(params=parameters[1:], weight_decay=0.0)]
torch.optim.AdamW(groups, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, weight_decay=0.0625)
"""

ENTRIES = (
    optimizer(
        "SGD-weight-decay",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, weight_decay=0.0625)", shipped={"weight_decay": None}),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, weight_decay=0.0625)", shipped={"weight_decay": 0}),
        step=sgd,
        note="Keras shrinks the weights before the step, torch adds them to the gradient: without momentum that is the "
        "same.",
    ),
    optimizer(
        "SGD-momentum-weight-decay",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, momentum=0.875, weight_decay=0.0625)"),
        torch=Form(DECOUPLED_IN_TORCH),
        step=momentum,
        changed=0.0625,
        note="Every weight_decay of Keras is decoupled, as AdamW's: weights shrink by it times the learning rate.",
        divergences=(
            Divergence(
                "torch.optim.SGD",
                2.6,
                4.0,
                "torch's SGD adds the decay to the gradient, so it runs through the momentum.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, weight_decay=0.0625)"),
            ),
        ),
    ),
    optimizer(
        "SGD-momentum-l2",
        keras=Form(SGD_L2_IN_KERAS),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625, momentum=0.875, weight_decay=0.0625)"),
        step=momentum_l2,
        changed=0.0625,
        note="In Keras also by kernel_regularizer=keras.regularizers.L2(w / 2), which shows in the loss.",
    ),
    optimizer(
        "AdamW",
        keras=Form(
            "keras.optimizers.AdamW("
            "learning_rate=0.0625, weight_decay=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)",
            shipped={"weight_decay": 0.004, "learning_rate": 0.001},
        ),
        torch=Form(
            "torch.optim.AdamW(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, weight_decay=0.0625)",
            shipped={"weight_decay": 0.01, "lr": 0.001},
        ),
        step=adamw,
        note="Both decay every parameter, biases included; keras.optimizers.Adam(weight_decay=...) is the same.",
        divergences=(
            Divergence(
                "torch.optim.Adam",
                1.1,
                1.7,
                "weight_decay of torch.optim.Adam is added to the gradient, that of keras.optimizers.Adam is AdamW's.",
                keras=Form(
                    "keras.optimizers.Adam("
                    "learning_rate=0.0625, weight_decay=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)"
                ),
                torch=Form(
                    "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, weight_decay=0.0625)"
                ),
            ),
        ),
    ),
    optimizer(
        "Adam-l2",
        keras=Form(ADAM_L2_IN_KERAS),
        torch=Form(
            "torch.optim.Adam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40, weight_decay=0.0625)",
            shipped={"weight_decay": 0},
        ),
        step=adam_l2,
        note="In Keras also by kernel_regularizer=keras.regularizers.L2(w / 2), which shows in the loss.",
    ),
    optimizer(
        "weight-decay-without-bias",
        keras=Form(WITHOUT_BIAS),
        torch=Form(WITHOUT_BIAS_IN_TORCH),
        step=without_bias,
        together=True,
    ),
)

FAMILY = Family("optimizers_decay", "Weight decay", "objective", ENTRIES)
