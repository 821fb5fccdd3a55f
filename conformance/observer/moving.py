"""Moves numbers at random by as much as float32 rounding does."""

from __future__ import annotations

import numpy as np

UNIT_ROUNDOFF = 2.0**-24


def moved(values: np.ndarray, generator: np.random.Generator, length: int = 0) -> np.ndarray:
    """The float32 values moved at random within half an ulp, in float64; zeros stay zero.

    For a kernel, (..., units), `length` is the number of terms that each unit sums up (784 for 784 inputs):
    the kernel then carries the errors of those sums as well. It is 0 for inputs and biases.
    """
    exact = values.astype(np.float64)
    ulps = np.spacing(np.abs(values.astype(np.float32))).astype(np.float64)
    result = exact + generator.uniform(-0.5, 0.5, values.shape) * ulps
    if length:
        each = generator.standard_normal(values.shape) * np.sqrt(length / 2)
        common = generator.standard_normal(values.shape[-1:]) * np.sqrt(length / 3)
        result += exact * (each + common) * (UNIT_ROUNDOFF / np.sqrt(3))
    return np.where(exact == 0, 0.0, result)
