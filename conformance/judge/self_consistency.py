"""The allowance where there is no oracle: how far a framework strays from itself when its start is moved.

Sixteen runs of the same framework, in float64 where it has one, start from inputs and weights moved at random
by up to half a float32 ulp: one rounding of each number. What an accumulation in float32 adds is moved too.
With u = 2**-24, a sum s of n terms t varies in float32 by (u / sqrt(3))**2 * (n s**2 / 3 + n sum(t**2) / 2):
the second part comes of a relative error of each weight in the sum, the first of one common to them all.
Checks with such an allowance are of kind `self-consistency`, and say nothing about being right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.judge.rounding import DEVIATION, Allowance, allowances, ulp32

UNIT_ROUNDOFF = 2.0**-24
RUNS = 16


def moved(values: NDArray[np.float32], generator: np.random.Generator, length: int = 0) -> NDArray[np.float64]:
    """The values moved at random within half a float32 ulp; zeros stay zero.

    For a kernel, (..., units), `length` is the number of terms that each unit sums up (784 for 784 inputs):
    the kernel then carries the errors of those sums as well. It is 0 for inputs and biases.
    """
    exact = values.astype(np.float64)
    result = exact + generator.uniform(-0.5, 0.5, values.shape) * ulp32(values)
    if length:
        each = generator.standard_normal(values.shape) * np.sqrt(length / 2)
        common = generator.standard_normal(values.shape[-1:]) * np.sqrt(length / 3)
        result += exact * (each + common) * (UNIT_ROUNDOFF / np.sqrt(3))
    return np.where(exact == 0, 0.0, result)


def allowances_from_runs(
    unmoved: Mapping[str, NDArray[Any]],
    runs: Sequence[Mapping[str, NDArray[Any]]],
    series: Sequence[str] = ("train/losses", "train/epoch_losses"),
) -> dict[str, Allowance]:
    """The allowance of every tensor of the unmoved run, with the moved runs for an ensemble's members.

    Raises ValueError for fewer than 16 runs (they would understate it), for a tensor that a run lacks or has
    in another shape, and for one that is empty or not finite.
    """
    if len(runs) < RUNS:
        raise ValueError(f"{len(runs)} runs where {RUNS} are needed for an allowance")
    deviations = {}
    for name, values in unmoved.items():
        if any(name not in run or run[name].shape != values.shape for run in runs):
            raise ValueError(f"{name} is missing, or has another shape, in one of the moved runs")
        if not values.size:
            raise ValueError(f"{name} is empty: no allowance can be made from it")
        differences = np.stack([np.abs(np.asarray(run[name], np.float64) - values) for run in runs])
        if name not in series:
            differences = differences.reshape(len(runs), -1).max(axis=1)
        deviations[DEVIATION + name] = differences
    return allowances({**unmoved, **deviations})
