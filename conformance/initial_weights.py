"""The initial weights of locked runs: drawn once, by the parent, and handed to every side."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from reference.workloads import Workload


def draw(workload: Workload, seed: int) -> dict[str, NDArray[np.float32]]:
    """The workload's parameters, float32, under its own names and in its own layouts.

    One generator per seed serves the parameters in their order: kernels uniform within
    sqrt(6 / (inputs + units)) of 0 (Glorot and Bengio 2010), biases zero.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for parameter in workload.parameters:
        limit = math.sqrt(6 / sum(parameter.fans)) if parameter.initializer == "glorot_uniform" else 0.0
        weights[parameter.name] = generator.uniform(-limit, limit, parameter.shape).astype(np.float32)
    return weights
