"""What PyTorch ran: operators and kernels by name, the dtypes and devices of their results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

_NOT_OPERATORS = ("autograd::", "torch::", "profiler::")


def executed(build: Callable[[], Callable[[], Any]]) -> dict[str, dict[str, int]]:
    """How often what ran in one call of the function that `build` returns: `operators`, `kernels`, `dtypes`, `devices`.

    `kernels` are those on a GPU; dtypes and devices are those of the tensors that operators returned.
    """
    function = build()
    function()  # what is made once, at the first call, is no part of the plan
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * torch.cuda.is_available()
    with profile(activities=activities) as profiled:
        function()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    with Results() as results:
        function()
    operators: Counter[str] = Counter()
    kernels: Counter[str] = Counter()
    for event in profiled.key_averages():
        if event.device_type != torch.autograd.DeviceType.CPU:
            kernels[event.key] += event.count
        elif "::" in event.key and not event.key.startswith(_NOT_OPERATORS):
            operators[event.key] += event.count
    return {
        "operators": dict(operators),
        "kernels": dict(kernels),
        "dtypes": dict(results.dtypes),
        "devices": dict(results.devices),
    }


class Results(TorchDispatchMode):  # type: ignore[misc]
    """Counts the dtypes and devices of every tensor that an operator returns, in the backward pass too."""

    def __init__(self) -> None:
        super().__init__()
        self.dtypes: Counter[str] = Counter()
        self.devices: Counter[str] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operator and look at what it returns."""
        returned = function(*args, **(kwargs or {}))
        for tensor in _tensors(returned):
            self.dtypes[str(tensor.dtype).replace("torch.", "")] += 1
            self.devices[tensor.device.type] += 1
        return returned


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
