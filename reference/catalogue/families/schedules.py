"""Learning-rate schedules, over their whole length and beyond; torch's step once a batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..entries import Divergence, Entry, Family, Form


def schedule(name: str, keras: Form, torch: Form, oracle: Any, steps: int = 100, **more: Any) -> Entry:
    """The entry of a schedule that starts at 0.5; `oracle(a, step)` takes all steps at once."""
    settings = {"learning_rate": 0.5, "steps": steps}
    return Entry(name, keras, torch, {}, oracle, gradients=(), kind="schedule", settings=settings, **more)


def cosine(a: Any, fraction: Any) -> Any:
    """From 1 at 0 to 0 at 1, along half a wave (Loshchilov and Hutter 2017)."""
    return 0.5 * (1.0 + a.cos(math.pi * fraction))


def restarts(a: Any, step: Any, factor: int) -> tuple[Any, np.ndarray]:
    """How much of its cycle each step has gone, and how many cycles went before; the first one has 16 steps."""
    lengths = 16 * factor ** np.arange(16)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    cycle = np.searchsorted(starts, a.data(step), side="right") - 1
    return (step - a.constant(starts[cycle])) / a.constant(lengths[cycle]), cycle


COSINE = "lambda t: (1 + math.cos(math.pi * min(t, 64) / 64)) / 2"
HALVED = "lambda t: 0.5 ** (t // 16) * (1 + math.cos(math.pi * (t % 16) / 16)) / 2"

ENTRIES = (
    schedule(
        "CosineDecay",
        keras=Form("keras.optimizers.schedules.CosineDecay(0.5, 64)", shipped={"alpha": 0.0, "warmup_steps": 0}),
        torch=Form(f"torch.optim.lr_scheduler.LambdaLR(optimizer, {COSINE})"),
        oracle=lambda a, step: 0.5 * cosine(a, a.minimum(step, 64.0) / 64.0),
        divergences=(
            Divergence(
                "CosineAnnealingLR",
                0.22,
                0.35,
                "Past its length Keras stays at the end, CosineAnnealingLR rises again.",
                torch=Form("torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 64)"),
            ),
        ),
    ),
    schedule(
        "CosineDecay-alpha",
        keras=Form("keras.optimizers.schedules.CosineDecay(0.5, 64, alpha=0.125)", shipped={"alpha": 0.0}),
        torch=Form(
            "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 64, eta_min=0.0625)", shipped={"eta_min": 0.0}
        ),
        oracle=lambda a, step: 0.5 * (0.875 * cosine(a, step / 64.0) + 0.125),
        steps=65,
        note="Up to its length; alpha is a share of the first rate, eta_min a rate.",
        divergences=(
            Divergence(
                "alpha-for-eta_min",
                0.05,
                0.075,
                "eta_min is a rate itself, not a share of the first one.",
                torch=Form("torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 64, eta_min=0.125)"),
            ),
        ),
    ),
    schedule(
        "CosineDecay-warmup",
        keras=Form("keras.optimizers.schedules.CosineDecay(0.0625, 64, warmup_target=0.5, warmup_steps=16)"),
        torch=Form(
            "torch.optim.lr_scheduler.SequentialLR(optimizer, ["
            "torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.125, total_iters=16), "
            "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 64)], milestones=[16])"
        ),
        oracle=lambda a, step: a.where(
            step < 16.0, 0.0625 + 0.4375 * (step / 16.0), 0.5 * cosine(a, (step - 16.0) / 64.0)
        ),
        steps=81,
        note="Keras's decay_steps are counted after the warm-up.",
        divergences=(
            Divergence(
                "initial-is-not-the-peak",
                0.35,
                0.53,
                "Keras's initial_learning_rate is where the warm-up starts; the peak is warmup_target.",
                keras=Form("keras.optimizers.schedules.CosineDecay(0.5, 64, warmup_target=0.5, warmup_steps=16)"),
            ),
        ),
    ),
    schedule(
        "CosineDecayRestarts",
        keras=Form(
            "keras.optimizers.schedules.CosineDecayRestarts(0.5, 16, t_mul=1.0)",
            shipped={"t_mul": 2.0, "m_mul": 1.0, "alpha": 0.0},
        ),
        torch=Form("torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 16)", shipped={"T_mult": 1}),
        oracle=lambda a, step: 0.5 * cosine(a, restarts(a, step, 1)[0]),
        divergences=(
            Divergence(
                "as-shipped",
                0.34,
                0.52,
                "As shipped each of Keras's cycles is twice as long as the one before, torch's are all alike.",
                keras=Form("keras.optimizers.schedules.CosineDecayRestarts(0.5, 16)"),
            ),
        ),
    ),
    schedule(
        "CosineDecayRestarts-doubling",
        keras=Form("keras.optimizers.schedules.CosineDecayRestarts(0.5, 16, t_mul=2.0)"),
        torch=Form("torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 16, T_mult=2)"),
        oracle=lambda a, step: 0.5 * cosine(a, restarts(a, step, 2)[0]),
        steps=260,
    ),
    schedule(
        "CosineDecayRestarts-falling",
        keras=Form("keras.optimizers.schedules.CosineDecayRestarts(0.5, 16, t_mul=1.0, m_mul=0.5)"),
        torch=Form(f"torch.optim.lr_scheduler.LambdaLR(optimizer, {HALVED})"),
        oracle=lambda a, step: 0.5 * cosine(a, restarts(a, step, 1)[0]) * 0.5 ** restarts(a, step, 1)[1],
        note="torch's restarts have no m_mul.",
    ),
    schedule(
        "ExponentialDecay",
        keras=Form("keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.9375)", shipped={"staircase": False}),
        torch=Form("torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9375)"),
        oracle=lambda a, step: 0.5 * a.exp(step * math.log(0.9375)),
        note="torch's falls at every step() of the schedule, Keras's over decay_steps batches.",
        divergences=(
            Divergence(
                "decay-steps",
                0.27,
                0.42,
                "ExponentialLR knows no decay_steps: give it the root, gamma = decay_rate ** (1 / decay_steps).",
                keras=Form("keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9375)"),
            ),
        ),
    ),
    schedule(
        "ExponentialDecay-staircase",
        keras=Form(
            "keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.75, staircase=True)", shipped={"staircase": False}
        ),
        torch=Form("torch.optim.lr_scheduler.StepLR(optimizer, 10, gamma=0.75)", shipped={"gamma": 0.1}),
        oracle=lambda a, step: 0.5 * a.exp(a.constant(a.data(step) // 10) * math.log(0.75)),
    ),
    schedule(
        "PiecewiseConstantDecay",
        keras=Form("keras.optimizers.schedules.PiecewiseConstantDecay([30, 60], [0.5, 0.125, 0.03125])"),
        torch=Form("torch.optim.lr_scheduler.MultiStepLR(optimizer, [31, 61], 0.25)"),
        oracle=lambda a, step: a.where(step > 60, 0.03125, a.where(step > 30, 0.125, 0.0 * step + 0.5)),
        exact=True,
        divergences=(
            Divergence(
                "same-boundaries",
                0.375,
                0.375,
                "Keras changes the rate after the boundary's step, MultiStepLR at the milestone.",
                torch=Form("torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60], 0.25)"),
            ),
        ),
    ),
    schedule(
        "ConstantLR",
        keras=Form("keras.optimizers.schedules.PiecewiseConstantDecay([9], [0.125, 0.5])"),
        torch=Form(
            "torch.optim.lr_scheduler.ConstantLR(optimizer, factor=0.25, total_iters=10)",
            shipped={"factor": 1 / 3, "total_iters": 5},
        ),
        oracle=lambda a, step: a.where(step > 9, 0.0 * step + 0.5, 0.0 * step + 0.125),
        exact=True,
    ),
    schedule(
        "PolynomialDecay",
        keras=Form(
            "keras.optimizers.schedules.PolynomialDecay(0.5, 64, end_learning_rate=0.0, power=2.0)",
            shipped={"end_learning_rate": 0.0001, "power": 1.0, "cycle": False},
        ),
        torch=Form(
            "torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=64, power=2.0)",
            shipped={"total_iters": 5, "power": 1.0},
        ),
        oracle=lambda a, step: 0.5 * a.square(1.0 - a.minimum(step, 64.0) / 64.0),
        divergences=(
            Divergence(
                "end-as-shipped",
                7.9e-05,
                0.00012,
                "Keras's ends at 1e-4 as shipped, torch's at 0.",
                keras=Form("keras.optimizers.schedules.PolynomialDecay(0.5, 64, power=2.0)"),
            ),
        ),
    ),
    schedule(
        "PolynomialDecay-linear",
        keras=Form("keras.optimizers.schedules.PolynomialDecay(0.5, 64, end_learning_rate=0.125)"),
        torch=Form(
            "torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=0.25, total_iters=64)",
            shipped={"start_factor": 1 / 3, "total_iters": 5},
        ),
        oracle=lambda a, step: 0.375 * (1.0 - a.minimum(step, 64.0) / 64.0) + 0.125,
        note="As shipped LinearLR warms up, from a third of the rate in five steps.",
    ),
    schedule(
        "PolynomialDecay-warmup",
        keras=Form("keras.optimizers.schedules.PolynomialDecay(0.0625, 16, end_learning_rate=0.5)"),
        torch=Form("torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.125, total_iters=16)"),
        oracle=lambda a, step: -0.4375 * (1.0 - a.minimum(step, 16.0) / 16.0) + 0.5,
        note="Keras's polynomial may rise, too: a warm-up of its own.",
    ),
    schedule(
        "PolynomialDecay-cycle",
        keras=Form("keras.optimizers.schedules.PolynomialDecay(0.5, 16, end_learning_rate=0.0625, cycle=True)"),
        torch=Form(
            "torch.optim.lr_scheduler.LambdaLR("
            "optimizer, lambda t: 0.875 * (1 - t / (16 * max(math.ceil(t / 16), 1))) + 0.125)"
        ),
        oracle=lambda a, step: (
            0.4375 * (1.0 - step / a.constant(16.0 * np.maximum(np.ceil(a.data(step) / 16), 1))) + 0.0625
        ),
        note="Each cycle starts lower; torch has none.",
    ),
    schedule(
        "InverseTimeDecay",
        keras=Form("keras.optimizers.schedules.InverseTimeDecay(0.5, 1, 0.0625)", shipped={"staircase": False}),
        torch=Form("torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + 0.0625 * t))"),
        oracle=lambda a, step: 0.5 / (1.0 + 0.0625 * step),
    ),
    schedule(
        "InverseTimeDecay-staircase",
        keras=Form("keras.optimizers.schedules.InverseTimeDecay(0.5, 10, 0.0625, staircase=True)"),
        torch=Form("torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + 0.0625 * (t // 10)))"),
        oracle=lambda a, step: 0.5 / (1.0 + 0.0625 * a.constant(a.data(step) // 10)),
    ),
)

FAMILY = Family("schedules", "Learning-rate schedules", "train", ENTRIES)
