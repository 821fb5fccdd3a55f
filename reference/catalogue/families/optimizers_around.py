"""What stands around an optimizer's step: clipping, averaging, accumulation, sparse gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import Draw, values
from ..entries import Divergence, Entry, Family, Form
from .optimizers import INPUTS, STEPS, optimizer, sgd
from .optimizers_adam import ADAM_IN_TORCH, State, adam


def sparse_gradients(*shape: int) -> Draw:
    """Gradients of all steps, in each of which four rows of five are zero."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        kept = generator.integers(0, 5, (STEPS, shape[0])) == 0
        drawn = generator.standard_normal((STEPS, *shape)) * kept.reshape(STEPS, -1, *(1,) * (len(shape) - 1))
        return np.asarray(drawn, np.float32)

    return Draw(f"gradients of {STEPS} steps {shape}, four rows of five zero", draw)


def with_infinity(generator: np.random.Generator) -> np.ndarray:
    """Gradients of a bias (4), infinite in one element at every step."""
    drawn = np.asarray(generator.standard_normal((STEPS, 4)), np.float32)
    drawn[:, 0] = np.inf
    return drawn


def clipped_by_value(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Every element of the gradient within a quarter."""
    return p - rate * a.minimum(a.maximum(g, -0.25), 0.25)


def clipped_by_norm(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """Every parameter's gradient no longer than a half."""
    norm = a.sqrt(a.sum(a.square(g), axis=None))
    return p - rate * (0.5 * g / a.maximum(norm, 0.5))


def clipped_together(a: Any, parameters: Any, gradients: Any, states: Any, rate: float, t: int) -> Any:
    """All gradients as one vector no longer than a half."""
    norm = a.sqrt(sum(a.sum(a.square(g), axis=None) for g in gradients.values()))
    return {name: p - rate * (0.5 * gradients[name] / a.maximum(norm, 0.5)) for name, p in parameters.items()}


def averaged(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The moving average of the weights, which takes their place at every fourth step."""
    moved = p - rate * g
    state["average"] = 0.875 * state["average"] + 0.125 * moved if t > 1 else moved
    return state["average"] if t % 4 == 0 else moved


def accumulated(a: Any, p: Any, g: Any, state: State, rate: float, t: int) -> Any:
    """The mean of two gradients at every second step."""
    if t % 2:
        state["first"] = g
        return p
    return p - rate * ((state["first"] + g) / 2.0)


SPARSE = {
    **INPUTS,
    "kernel_gradients": sparse_gradients(5, 4),
    "bias_gradients": sparse_gradients(4),
}
CLIP_EACH = """
for p in parameters:
    p.grad *= 0.5 / p.grad.norm().clamp(min=0.5)
"""
AVERAGED_IN_TORCH = """
class Averaged(torch.optim.SGD):
    steps = 0
    @torch.no_grad()
    def step(self):
        super().step()
        self.steps += 1
        for p in self.param_groups[0]['params']:
            average = self.state[p].setdefault('average', p.clone())
            average.lerp_(p, 0.125)
            if self.steps % 4 == 0:
                p.copy_(average)
Averaged(parameters, lr=0.0625)
"""
ACCUMULATED_IN_TORCH = """
class Accumulated(torch.optim.SGD):
    steps, divisor = 0, 2
    @torch.no_grad()
    def step(self):
        self.steps += 1
        for p in self.param_groups[0]['params']:
            self.state[p]['sum'] = self.state[p].get('sum', 0) + p.grad / self.divisor
            p.grad = self.state[p]['sum']
        if self.steps % 2 == 0:
            super().step()
            self.state.clear()
Accumulated(parameters, lr=0.0625)
"""
SPARSE_ADAM = """
class SparseGradients(keras.optimizers.Adam):
    def apply_gradients(self, pairs):
        return super().apply_gradients([(self.rows(gradient), variable) for gradient, variable in pairs])
    def rows(self, gradient):
        kept = tf.where(tf.reduce_any(tf.reshape(gradient, (gradient.shape[0], -1)) != 0, axis=-1))[:, 0]
        return tf.IndexedSlices(tf.gather(gradient, kept), kept, dense_shape=gradient.shape)
SparseGradients(learning_rate=0.0625, beta_1=0.875, beta_2=0.984375, epsilon=2**-40)
"""
TO_SPARSE = """
for p in parameters:
    p.grad = p.grad.to_sparse(1)
"""

ENTRIES = (
    optimizer(
        "clip-by-value",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, clipvalue=0.25)", shipped={"clipvalue": None}),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625)", "nn.utils.clip_grad_value_(parameters, 0.25)"),
        step=clipped_by_value,
    ),
    optimizer(
        "clip-by-norm",
        keras=Form("keras.optimizers.SGD(learning_rate=0.0625, clipnorm=0.5)", shipped={"clipnorm": None}),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625)", f"{CLIP_EACH}None"),
        step=clipped_by_norm,
        divergences=(
            Divergence(
                "clip_grad_norm_",
                0.052,
                0.079,
                "Keras's clipnorm clips every variable by itself, torch's clip_grad_norm_ all together.",
                torch=Form("torch.optim.SGD(parameters, lr=0.0625)", "nn.utils.clip_grad_norm_(parameters, 0.5)"),
            ),
        ),
    ),
    optimizer(
        "clip-by-global-norm",
        keras=Form(
            "keras.optimizers.SGD(learning_rate=0.0625, global_clipnorm=0.5)", shipped={"global_clipnorm": None}
        ),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625)", "nn.utils.clip_grad_norm_(parameters, 0.5)"),
        step=clipped_together,
        together=True,
        note="torch divides by the norm and 1e-6, which shows where the limit is no larger than that.",
        divergences=(
            Divergence(
                "infinite-gradient",
                float("inf"),
                float("inf"),
                "With one infinite gradient all of Keras's become NaN; torch's become 0, and the infinite one NaN.",
                inputs={"bias_gradients": Draw("one infinite element", with_infinity)},
            ),
        ),
    ),
    optimizer(
        "EMA",
        keras=Form(
            "keras.optimizers.SGD(learning_rate=0.0625, use_ema=True, ema_momentum=0.875, ema_overwrite_frequency=4)",
            shipped={"use_ema": False, "ema_momentum": 0.99, "ema_overwrite_frequency": None},
        ),
        torch=Form(AVERAGED_IN_TORCH),
        step=averaged,
        note="Keras averages within the optimizer, and puts the average in the weights' place at the end of fit; "
        "torch in a second model, torch.optim.swa_utils.AveragedModel.",
    ),
    Entry(
        "EMA-update",
        keras=Form(call="0.875 * average + (1 - 0.875) * weight"),
        torch=Form("torch.optim.swa_utils.get_ema_avg_fn(decay=0.875)", "component(average, weight, 1)"),
        inputs={"average": values([1.0, 2.0, -3.0]), "weight": values([0.5, 5.0, 8.0])},
        oracle=lambda a, average, weight: 0.875 * average + 0.125 * weight,
        gradients=(),
        exact=True,
        note="The decay is 0.99 in Keras (ema_momentum) and 0.999 in torch.",
    ),
    optimizer(
        "gradient-accumulation",
        keras=Form(
            "keras.optimizers.SGD(learning_rate=0.0625, gradient_accumulation_steps=2)",
            shipped={"gradient_accumulation_steps": None},
        ),
        torch=Form(ACCUMULATED_IN_TORCH),
        step=accumulated,
        note="Keras takes the mean; in torch divide the loss by the number of batches.",
        divergences=(
            Divergence(
                "sum",
                0.23,
                0.36,
                "backward() adds gradients up: without the division the steps are as many times as large.",
                torch=Form(ACCUMULATED_IN_TORCH.replace("divisor = 0, 2", "divisor = 0, 1")),
            ),
        ),
    ),
    optimizer(
        "Adam-sparse-gradients",
        keras=Form(SPARSE_ADAM),
        torch=Form(ADAM_IN_TORCH),
        step=adam,
        inputs=SPARSE,
        note="Keras's Adam treats tf.IndexedSlices, an embedding's gradient, as zeros elsewhere: moments decay and "
        "weights move in rows that were not looked up.",
        divergences=(
            Divergence(
                "SparseAdam",
                0.73,
                1.2,
                "torch.optim.SparseAdam leaves alone the rows that have no gradient.",
                torch=Form(
                    "torch.optim.SparseAdam(parameters, lr=0.0625, betas=(0.875, 0.984375), eps=2**-40)",
                    f"{TO_SPARSE}None",
                ),
            ),
        ),
    ),
    optimizer(
        "SGD-sparse-gradients",
        keras=Form(
            SPARSE_ADAM.replace("keras.optimizers.Adam)", "keras.optimizers.SGD)").replace(
                ", beta_1=0.875, beta_2=0.984375, epsilon=2**-40", ""
            )
        ),
        torch=Form("torch.optim.SGD(parameters, lr=0.0625)", f"{TO_SPARSE}None"),
        step=sgd,
        inputs=SPARSE,
    ),
    Entry(
        "loss-scale",
        keras=Form(
            "keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=1024.0)",
            "component.build([tf.Variable(0.0)])\ncomponent.scale_loss(loss)",
            shipped={"initial_scale": 2.0**15, "dynamic_growth_steps": 2000},
        ),
        torch=Form(
            "torch.amp.GradScaler('cpu', init_scale=1024.0)",
            "component.scale(loss)",
            since="2.3",
        ),
        inputs={"loss": values([0.75])},
        oracle=lambda a, loss: 1024.0 * loss,
        exact=True,
        note="As shipped the scale starts at 2**15 in Keras and at 2**16 in torch; both double it after 2000 steps "
        "without overflow.",
    ),
)

FAMILY = Family("optimizers_around", "Around the optimizer", "objective", ENTRIES)
