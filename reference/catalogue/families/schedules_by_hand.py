"""Schedules that one framework has and the other is taught, and those that wait for a metric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import values
from ..entries import Divergence, Entry, Family, Form
from .schedules import schedule


def one_cycle(a: Any, step: Any) -> Any:
    """Up from 1/16 to 1/2 in 24 steps and down to 1/1024 in 75, along half waves (Smith and Topin 2018)."""
    up = 0.5 - 0.4375 * 0.5 * (1.0 + a.cos(math.pi * (step / 24.0)))
    down = 2.0**-10 + (0.5 - 2.0**-10) * 0.5 * (1.0 + a.cos(math.pi * ((step - 24.0) / 75.0)))
    return a.where(step < 24.0, up, down)


def triangle(a: Any, step: Any) -> Any:
    """Between 1/8 and 1/2, ten steps each way (Smith 2017)."""
    place = a.data(step) % 20
    return 0.125 + 0.375 * (a.constant(np.minimum(place, 20 - place)) / 10.0)


def transformer(a: Any, step: Any) -> Any:
    """Up in a straight line for 16 steps, then with the inverse root (Vaswani et al. 2017)."""
    count = step + 1.0
    return 0.5 * a.minimum(count / 16.0, 4.0 / a.sqrt(count))


ONE_CYCLE_IN_KERAS = """
class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    def wave(self, start, end, fraction):
        return end + (start - end) / 2 * (1 + keras.ops.cos(math.pi * fraction))
    def __call__(self, step):
        step = keras.ops.cast(step, 'float32')
        up, down = self.wave(0.0625, 0.5, step / 24), self.wave(0.5, 2**-10, (step - 24) / 75)
        return keras.ops.where(step < 24, up, down)
OneCycle()
"""
TRIANGLE_IN_KERAS = """
class Triangle(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        place = keras.ops.cast(step % 20, 'float32')
        return 0.125 + 0.375 * keras.ops.minimum(place, 20 - place) / 10
Triangle()
"""
TRANSFORMER_IN_KERAS = """
class Transformer(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        count = keras.ops.cast(step, 'float32') + 1
        return 0.5 * keras.ops.minimum(count / 16, 4 * keras.ops.rsqrt(count))
Transformer()
"""
PLATEAU_IN_KERAS = """
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.compile(keras.optimizers.SGD(0.5))
component.set_model(model)
component.on_train_begin()
rates = []
for epoch, loss in enumerate(losses.numpy()):
    component.on_epoch_end(epoch, {'loss': loss})
    rates.append(model.optimizer.learning_rate.numpy())
tf.stack(rates)
"""
PLATEAU_IN_TORCH = """
component.best, component.num_bad_epochs, component.last_epoch = math.inf, 0, 0
component.optimizer.param_groups[0]['lr'] = 0.5
rates = []
for loss in losses.tolist():
    component.step(loss)
    rates.append(component.optimizer.param_groups[0]['lr'])
torch.tensor(rates)
"""
PLATEAU = "torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD([nn.Parameter(torch.zeros(1))]), {})"

ENTRIES = (
    schedule(
        "OneCycleLR",
        keras=Form(ONE_CYCLE_IN_KERAS),
        torch=Form(
            "torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, total_steps=100, pct_start=0.25, div_factor=8, "
            "final_div_factor=64, cycle_momentum=False)",
            shipped={"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4, "cycle_momentum": True},
        ),
        oracle=one_cycle,
        note="The peak is at step pct_start * total_steps - 1. As shipped it moves the momentum against the rate, "
        "between 0.85 and 0.95, and one step beyond its length raises.",
    ),
    schedule(
        "CyclicLR",
        keras=Form(TRIANGLE_IN_KERAS),
        torch=Form(
            "torch.optim.lr_scheduler.CyclicLR(optimizer, 0.125, 0.5, step_size_up=10, cycle_momentum=False)",
            shipped={"step_size_up": 2000, "cycle_momentum": True},
        ),
        oracle=triangle,
    ),
    schedule(
        "LambdaLR",
        keras=Form(TRANSFORMER_IN_KERAS),
        torch=Form("torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min((t + 1) / 16, 4 / math.sqrt(t + 1)))"),
        oracle=transformer,
        note="torch's function gives a factor of the first rate and counts calls of step(), Keras's gives the rate and "
        "counts batches.",
    ),
    schedule(
        "MultiplicativeLR",
        keras=Form("keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.875)"),
        torch=Form("torch.optim.lr_scheduler.MultiplicativeLR(optimizer, lambda t: 0.875)"),
        oracle=lambda a, step: 0.5 * a.exp(step * math.log(0.875)),
        divergences=(
            Divergence(
                "factor-of-the-first-rate",
                0.34,
                0.53,
                "LambdaLR multiplies the first rate, MultiplicativeLR the last one.",
                torch=Form("torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 0.875)"),
            ),
        ),
    ),
    schedule(
        "ChainedScheduler",
        keras=Form("keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.875 * 0.875)"),
        torch=Form(
            "torch.optim.lr_scheduler.ChainedScheduler([torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.875), "
            "torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.875)])"
        ),
        oracle=lambda a, step: 0.5 * a.exp(step * (2 * math.log(0.875))),
        note="torch's chained schedules multiply; Keras's optimizer takes one schedule.",
    ),
    Entry(
        "ReduceLROnPlateau",
        keras=Form(
            "keras.callbacks.ReduceLROnPlateau(monitor='loss', factor=0.5, patience=2, min_delta=0.125)",
            PLATEAU_IN_KERAS,
            shipped={"monitor": "val_loss", "factor": 0.1, "patience": 10, "min_delta": 1e-4},
        ),
        torch=Form(
            PLATEAU.format("factor=0.5, patience=1, threshold=0.125, threshold_mode='abs'"),
            PLATEAU_IN_TORCH,
            shipped={"factor": 0.1, "patience": 10, "threshold": 1e-4, "threshold_mode": "rel"},
        ),
        inputs={"losses": values([8, 7, 7, 7, 7, 7, 6, 6.5, 6.25, 6, 6, 5.9375, 2, 3, 3, 3, 3, 3.0])},
        oracle=lambda a, losses: a.constant(
            0.5 ** np.asarray([1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 6, 7, 7.0])
        ),
        gradients=(),
        exact=True,
        divergences=(
            Divergence(
                "same-patience",
                0.2,
                0.3,
                "patience=2 cuts after two bad epochs in Keras, after three in torch.",
                torch=Form(
                    PLATEAU.format("factor=0.5, patience=2, threshold=0.125, threshold_mode='abs'"), PLATEAU_IN_TORCH
                ),
            ),
            Divergence(
                "threshold-as-shipped",
                0.2,
                0.3,
                "Keras's min_delta is absolute; torch's threshold is a share of the best value as shipped.",
                torch=Form(PLATEAU.format("factor=0.5, patience=1, threshold=0.125"), PLATEAU_IN_TORCH),
            ),
        ),
    ),
)

FAMILY = Family("schedules_by_hand", "Learning-rate schedules by hand", "train", ENTRIES)
