"""Weights from which a model shows more than from its initial ones; in terms that belong to no framework."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

import numpy as np

from reference.workloads import Workload


def with_biases(workload: Workload, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights, but every parameter that starts at zero spread evenly from -1/2 to 1/2, in its own dtype.

    A bias of zero hides what is done with it.
    """
    moved = dict(weights)
    for parameter in workload.parameters:
        if parameter.initializer == "zeros":
            spread = np.linspace(-0.5, 0.5, prod(parameter.shape), dtype=np.float32)
            moved[parameter.name] = spread.reshape(parameter.shape).astype(weights[parameter.name].dtype)
    return moved
