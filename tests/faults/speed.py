"""Faults of speed, which give the same numbers: another kernel, which the execution plan shows, and lost time."""

from __future__ import annotations

import time
from typing import Any

from .planting import active, fault, instead


@fault("torch", "train", needs=["plan"], link="https://github.com/pytorch/pytorch/issues/166122")
def torch_takes_another_kernel(torch: Any) -> None:
    """Linear multiplies and adds by einsum and add instead of addmm."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        active()
        return torch.einsum("ni,oi->no", inputs, self.weight) + self.bias


@fault("keras", "train", needs=["plan"], link="https://github.com/tensorflow/tensorflow/issues/90784")
def keras_takes_another_kernel(keras: Any) -> None:
    """Dense multiplies by einsum instead of matmul."""

    @instead(keras.layers.Dense, "call")
    def call(original: Any, self: Any, inputs: Any, training: Any = None) -> Any:
        active()
        return self.activation(keras.ops.einsum("ni,io->no", inputs, self.kernel) + self.bias)


def _longer(seconds: float, share: float) -> None:
    """Wait for a share of the time that something took, by the clock: sleeping is too coarse for a millisecond."""
    active()
    until = time.perf_counter() + seconds * share
    while time.perf_counter() < until:
        pass


@fault("torch", "train", needs=["timing"], size=0.25, link="https://github.com/pytorch/pytorch/issues/146096")
def torch_is_slower(torch: Any, share: float) -> None:
    """Every backward pass takes 25 % longer."""

    @instead(torch.Tensor, "backward")
    def backward(original: Any, self: Any, *args: Any, **options: Any) -> None:
        started = time.perf_counter()
        original(self, *args, **options)
        _longer(time.perf_counter() - started, share)
