"""Runs the torch forms of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.transforms import v2

from ..catalogue.entries import TRAINING, Entry, Form
from ..catalogue.running import Cell, WeightsDoNotMap, cotangent, named_outputs
from .data import to_numpy
from .imports import device

FRAMEWORK = "pytorch"
MODULES = {
    "torch": torch,
    "nn": nn,
    "F": torch.nn.functional,
    "torchvision": torchvision,
    "transforms": v2,
}
COMPILERS = ("torch.compile",)


class Component:
    """A form made ready: built, with the entry's weights, to be run on the entry's inputs as often as wanted."""

    def __init__(
        self,
        entry: Entry,
        form: Form,
        inputs: Mapping[str, np.ndarray],
        weights: Mapping[str, np.ndarray],
        mode: str,
        precision: str = "float32",
        compiler: str = "",
    ) -> None:
        self._dtype = getattr(torch, precision)
        self._precision = precision
        self._call = Cell(entry.call_of(FRAMEWORK, form), f"<torch form of {entry.name}>")
        self._channels_first = form.channels_first
        self._inputs = {name: self._tensor(array) for name, array in inputs.items()}
        self._names: dict[str, Any] = {"training": mode == TRAINING}
        self._watched = [] if entry.gradients == () else list(entry.gradients or _floating(self._inputs))
        self._differentiated = entry.gradients != ()
        self._reports_state = mode == TRAINING
        self._weights: dict[str, torch.Tensor] = {}
        with precision_of(precision):
            if form.build:
                component = Cell(form.build, f"<torch form of {entry.name}>")(MODULES)
                self._names["component"] = component
                if isinstance(component, nn.Module):
                    component.to(device()).train(mode == TRAINING)
                    self._weights = _weights(component, weights)
        self._values = {own: torch.tensor(array, dtype=self._dtype) for own, array in weights.items()}
        self._run = self._compiled(compiler)

    def __call__(self) -> dict[str, np.ndarray]:
        """Outputs, `gradient/input/<name>`, `gradient/weight/<own name>`, and in training `state/<own name>`."""
        with torch.no_grad():
            for own, weight in self._weights.items():
                weight.copy_(self._values[own])
        with precision_of(self._precision):
            outputs, gradients = self._differentiate()
        found = {name: self._canonical(tensor) for name, tensor in {**outputs, **gradients}.items()}
        for name in list(found):
            if name.startswith("gradient/weight/"):
                found[name] = to_numpy(gradients[name])
        if self._reports_state:
            found.update(
                {f"state/{own}": to_numpy(w).copy() for own, w in self._weights.items() if not w.requires_grad}
            )
        return found

    def constant_weights(self) -> list[str]:
        """The weights that are not trained, by their own names."""
        return [own for own, weight in self._weights.items() if not weight.requires_grad]

    def _apply(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return named_outputs(self._call({**MODULES, **self._names, **inputs}))

    def _differentiate(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self._differentiated:
            with torch.no_grad():
                return self._run(self._inputs), {}
        trainable = {own: weight for own, weight in self._weights.items() if weight.requires_grad}
        leaves = {name: tensor.detach().requires_grad_(name in self._watched) for name, tensor in self._inputs.items()}
        outputs = self._run(leaves)
        floating = [tensor for tensor in outputs.values() if tensor.requires_grad]
        sources = [leaves[name] for name in self._watched] + list(trainable.values())
        names = [f"gradient/input/{name}" for name in self._watched]
        names += [f"gradient/weight/{own}" for own in trainable]
        found = torch.autograd.grad(floating, sources, [self._seed(t) for t in floating], allow_unused=True)
        given = [torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in zip(sources, found)]
        return outputs, dict(zip(names, given))

    def _compiled(self, compiler: str) -> Any:
        return torch.compile(self._apply, fullgraph=True) if compiler else self._apply

    def _seed(self, output: torch.Tensor) -> torch.Tensor:
        seed = cotangent(self._canonical(output).shape)
        return self._tensor(seed).reshape(output.shape)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        if self._channels_first and array.ndim > 2:
            array = np.ascontiguousarray(np.moveaxis(array, -1, 1))
        dtype = self._dtype if array.dtype.kind == "f" else None
        return torch.tensor(array, dtype=dtype, device=device())

    def _canonical(self, tensor: torch.Tensor) -> np.ndarray:
        array = to_numpy(tensor)
        return np.moveaxis(array, 1, -1) if self._channels_first and array.ndim > 2 else array


@contextmanager
def precision_of(name: str) -> Iterator[None]:
    """Modules that are made in the block calculate in this dtype, "float32" or "float64"."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _weights(component: nn.Module, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Parameters and buffers under the names of the arrays."""
    own = {**dict(component.named_parameters()), **dict(component.named_buffers())}
    for name, array in arrays.items():
        if name not in own:
            raise WeightsDoNotMap(f"none of the component's weights, {', '.join(own)}, is called {name}")
        if tuple(own[name].shape) != array.shape:
            raise WeightsDoNotMap(f"{name} has shape {tuple(own[name].shape)}, and the mapping gives {array.shape}")
    return {name: own[name] for name in arrays}


def _floating(tensors: Mapping[str, torch.Tensor]) -> list[str]:
    return [name for name, tensor in tensors.items() if tensor.is_floating_point()]
