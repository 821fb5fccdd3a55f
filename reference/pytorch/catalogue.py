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
from ..catalogue.running import WeightsDoNotMap, cotangent, function_of, named_outputs, recorded_steps, value_of
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
SEED = 0

Arrays = Mapping[str, np.ndarray]


class Component:
    """A form made ready: built, with the entry's weights, to be run on the entry's inputs as often as wanted."""

    CALLS = 20

    def __init__(
        self,
        entry: Entry,
        form: Form,
        inputs: Arrays,
        weights: Arrays,
        mode: str,
        precision: str = "float32",
        compiler: str = "",
    ) -> None:
        name = f"<torch form of {entry.name}>"
        self._dtype = getattr(torch, precision)
        self._precision = precision
        self._channels_first = form.channels_first
        self._inputs = {name: self._tensor(array) for name, array in inputs.items()}
        self._names: dict[str, Any] = {"training": mode == TRAINING}
        self._watched = [] if entry.gradients == () else list(entry.gradients or _floating(self._inputs))
        self._differentiated = entry.gradients != ()
        self._reports_state = mode == TRAINING
        with precision_of(precision):
            self.component = value_of(form.build, name, MODULES) if form.build else None
        self._names["component"] = self.component
        call = function_of(entry.call_of(FRAMEWORK, form), name, [*self._names, *self._inputs], MODULES)
        self._call = torch.compile(call, fullgraph=True) if compiler else call
        self._weights: dict[str, torch.Tensor] = {}
        if isinstance(self.component, nn.Module):
            self.component.to(device()).train(mode == TRAINING)
            self._weights = _weights(self.component, weights)
        self._values = {own: torch.tensor(array, dtype=self._dtype) for own, array in weights.items()}

    def __call__(self, with_gradients: bool = True) -> dict[str, np.ndarray]:
        """Outputs, `gradient/input/<name>`, `gradient/weight/<own name>`, and in training `state/<own name>`."""
        torch.manual_seed(SEED)
        with torch.no_grad():
            for own, weight in self._weights.items():
                weight.copy_(self._values[own])
        with precision_of(self._precision):
            outputs, gradients = self._differentiate() if with_gradients else (self._plainly(), {})
        of_weights = {name: tensor for name, tensor in gradients.items() if name.startswith("gradient/weight/")}
        of_inputs = {name: tensor for name, tensor in gradients.items() if name not in of_weights}
        found = {name: self._canonical(tensor) for name, tensor in {**outputs, **of_inputs}.items()}
        found.update({name: to_numpy(tensor) for name, tensor in of_weights.items()})
        if self._reports_state:
            constant = self.constant_weights()
            found.update({f"state/{own}": to_numpy(self._weights[own]).copy() for own in constant})
        return found

    def save(self, form: Form, path: str) -> None:
        """Save the component to a file, as the form does it."""
        value_of(form.save, "<save>", MODULES, component=self.component, path=path)

    def constant_weights(self) -> list[str]:
        """The weights that are not trained, by their own names."""
        return [own for own, weight in self._weights.items() if not weight.requires_grad]

    def _apply(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        outputs = named_outputs(self._call(**self._names, **inputs))
        return {name: torch.as_tensor(part) for name, part in outputs.items()}

    def _plainly(self) -> dict[str, Any]:
        # Recorded for gradients as ever: without, some modules take another way, which rounds otherwise.
        with torch.set_grad_enabled(self._differentiated):
            return self._apply(self._leaves())

    def _leaves(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().requires_grad_(name in self._watched) for name, tensor in self._inputs.items()}

    def _differentiate(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self._differentiated:
            return self._plainly(), {}
        trainable = {own: weight for own, weight in self._weights.items() if weight.requires_grad}
        leaves = self._leaves()
        outputs = self._apply(leaves)
        floating = [tensor for tensor in outputs.values() if tensor.requires_grad]
        sources = [leaves[name] for name in self._watched] + list(trainable.values())
        names = [f"gradient/input/{name}" for name in self._watched]
        names += [f"gradient/weight/{own}" for own in trainable]
        found = torch.autograd.grad(floating, sources, [self._seed(t) for t in floating], allow_unused=True)
        given = [torch.zeros_like(leaf) if gradient is None else gradient for leaf, gradient in zip(sources, found)]
        return outputs, dict(zip(names, given))

    def _seed(self, output: torch.Tensor) -> torch.Tensor:
        return self._tensor(cotangent(self._canonical(output).shape)).reshape(output.shape).to(output.dtype)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        if self._channels_first and array.ndim > 2:
            array = np.ascontiguousarray(np.moveaxis(array, -1, 1))
        dtype = self._dtype if array.dtype.kind == "f" else None
        return torch.tensor(array, dtype=dtype, device=device())

    def _canonical(self, tensor: torch.Tensor) -> np.ndarray:
        array = to_numpy(tensor)
        return np.moveaxis(array, 1, -1) if self._channels_first and array.ndim > 2 else array


class Optimizing:
    """Steps of an optimizer from given parameters with given gradients, its learning rate changed on the way."""

    CALLS = 2

    def __init__(self, entry: Entry, form: Form, inputs: Arrays, *unused: Any, **also_unused: Any) -> None:
        self._entry, self._form, self._inputs = entry, form, inputs

    def __call__(self, with_gradients: bool = False) -> dict[str, np.ndarray]:
        """`output/<step:06d>/<parameter>` after the steps recorded."""
        names = self._entry.parameters()
        parameters = [nn.Parameter(torch.tensor(self._inputs[name], device=device())) for name in names]
        gradients = [torch.tensor(self._inputs[f"{name}_gradients"], device=device()) for name in names]
        name = f"<torch form of {self._entry.name}>"
        optimizer = value_of(self._form.build, name, MODULES, parameters=parameters)
        prepare = function_of(self._form.call or "None", name, ["parameters"], MODULES)
        found: dict[str, np.ndarray] = {}
        steps = len(gradients[0])
        for step in range(1, steps + 1):
            if step == self._entry.settings["change_at"]:
                for group in optimizer.param_groups:
                    group["lr"] = self._entry.settings["changed_rate"]
            for parameter, series in zip(parameters, gradients):
                parameter.grad = series[step - 1].clone()
            prepare(parameters=parameters)
            optimizer.step()
            if step in recorded_steps(steps, self._entry.settings["change_at"]):
                found.update({f"output/{step:06d}/{n}": to_numpy(p).copy() for n, p in zip(names, parameters)})
        return found

    def constant_weights(self) -> list[str]:
        """None: an optimizer has no weights of its own."""
        return []


class Scheduling:
    """The learning rate of every step of a schedule."""

    CALLS = 2

    def __init__(self, entry: Entry, form: Form, *unused: Any, **also_unused: Any) -> None:
        self._entry, self._form = entry, form

    def __call__(self, with_gradients: bool = False) -> dict[str, np.ndarray]:
        """`output`, float32 (steps,), from step 0."""
        optimizer = _optimizer(self._entry.settings["learning_rate"])
        schedule = value_of(self._form.build, f"<torch form of {self._entry.name}>", MODULES, optimizer=optimizer)
        rates = []
        for _ in range(self._entry.settings["steps"]):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        return {"output": np.asarray(rates, np.float32)}

    def constant_weights(self) -> list[str]:
        """None."""
        return []


KINDS = {"call": Component, "saving": Component, "sample": Component, "optimizer": Optimizing, "schedule": Scheduling}


def loaded_outputs(entry: Entry, form: Form, inputs: Arrays, path: str) -> dict[str, np.ndarray]:
    """The outputs of the component that was saved at the path, for a process that knows nothing else of it."""
    component = value_of(form.load, "<load>", MODULES, path=path, component=value_of(form.build, "<build>", MODULES))
    call = function_of(entry.call_of(FRAMEWORK, form), "<call>", ["component", *inputs], MODULES)
    tensors = {name: torch.tensor(array, device=device()) for name, array in inputs.items()}
    with torch.no_grad():
        outputs = named_outputs(call(component=component.to(device()).eval(), **tensors))
    return {name: to_numpy(part) for name, part in outputs.items()}


@contextmanager
def precision_of(name: str) -> Iterator[None]:
    """Modules that are made in the block calculate in this dtype, "float32" or "float64"."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, name))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def names_for_defaults(kind: str) -> dict[str, Any]:
    """What the code of a form of this kind finds beside the modules when it is built for its defaults."""
    if kind == "optimizer":
        return {"parameters": [nn.Parameter(torch.zeros(1))]}
    return {"optimizer": _optimizer(1.0)} if kind == "schedule" else {}


def _optimizer(learning_rate: float) -> torch.optim.Optimizer:
    """An optimizer for a schedule to act on."""
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=learning_rate)


def _weights(component: nn.Module, arrays: Arrays) -> dict[str, torch.Tensor]:
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
