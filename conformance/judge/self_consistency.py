"""The allowance where there is no oracle: how far a framework strays from itself when its start is moved.

Sixteen runs of the same framework, in float64 where it has one, start from inputs and weights moved at random
by up to half a float32 ulp: one rounding of each number. What an accumulation in float32 adds is moved too.
With u = 2**-24, a sum s of n terms t varies in float32 by (u / sqrt(3))**2 * (n s**2 / 3 + n sum(t**2) / 2):
the second part comes of a relative error of each weight in the sum, the first of one common to them all.

That covers the sums of a forward pass. Those of a backward pass run over batches and places (the gradient of a
convolution's bias sums 18,432 terms for 32 images of 24 by 24), which no shape of a parameter tells; there, as
many runs in float32 show what they add. So for gradients and all that follows from them the allowance knows what
float32 costs this framework, and a fault that is one of precision alone must show in the forward pass.
Checks with such an allowance are of kind `self-consistency`, and say nothing about being right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.judge.rounding import DEVIATION

FLOAT32 = f"{DEVIATION}float32/"


def with_float32(deviations: Mapping[str, NDArray[Any]], observed: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The same tensors, to each one's deviations added those that the framework showed in float32, if any."""
    return {
        name: np.concatenate([values, observed[float32]])
        if (float32 := name.replace(DEVIATION, FLOAT32, 1)) in observed and name.startswith(DEVIATION)
        else values
        for name, values in deviations.items()
    }
