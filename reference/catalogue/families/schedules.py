"""Learning-rate schedules, over their whole length and beyond; torch's step once a batch."""

from __future__ import annotations

import math
from typing import Any

from ..entries import Divergence, Entry, Family, Form


def schedule(name: str, keras: Form, torch: Form, oracle: Any, steps: int = 100, **more: Any) -> Entry:
    """The entry of a schedule that starts at 0.5; `oracle(a, step)` takes all steps at once."""
    settings = {"learning_rate": 0.5, "steps": steps}
    return Entry(name, keras, torch, {}, oracle, gradients=(), kind="schedule", settings=settings, **more)


ENTRIES = (
    schedule(
        "CosineDecay",
        keras=Form("keras.optimizers.schedules.CosineDecay(0.5, 64)", shipped={"alpha": 0.0}),
        torch=Form(
            "torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: (1 + math.cos(math.pi * min(t, 64) / 64)) / 2)"
        ),
        oracle=lambda a, step: 0.25 * (1.0 + a.cos(math.pi * (a.minimum(step, 64.0) / 64.0))),
        divergences=(
            Divergence(
                "CosineAnnealingLR",
                0.2,
                0.5,
                "Past its length Keras stays at the end, CosineAnnealingLR rises again.",
                torch=Form("torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 64)"),
            ),
        ),
    ),
    schedule(
        "ExponentialDecay",
        keras=Form("keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.9375)", shipped={"staircase": False}),
        torch=Form("torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9375)"),
        oracle=lambda a, step: 0.5 * a.exp(step * math.log(0.9375)),
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
)

FAMILY = Family("schedules", "Learning-rate schedules", "train", ENTRIES)
