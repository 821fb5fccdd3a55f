"""Runs the Keras forms of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from ..catalogue.entries import TRAINING, Entry, Form
from ..catalogue.running import Cell, WeightsDoNotMap, cotangent, named_outputs

FRAMEWORK = "tensorflow"
MODULES = {"tf": tf, "keras": tf.keras}
COMPILERS = ("tf.function", "xla")


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
        self._precision = precision
        self._call = Cell(entry.call_of(FRAMEWORK, form), f"<keras form of {entry.name}>")
        self._inputs = {name: self._tensor(array) for name, array in inputs.items()}
        self._names: dict[str, Any] = {"training": mode == TRAINING}
        self._watched = [] if entry.gradients == () else list(entry.gradients or _floating(self._inputs))
        self._differentiated = entry.gradients != ()
        self._reports_state = mode == TRAINING
        with precision_of(precision):
            if form.build:
                self._names["component"] = Cell(form.build, f"<keras form of {entry.name}>")(MODULES)
            if weights:
                self._apply(self._inputs)  # Keras makes a layer's variables at its first call
        self._weights = {own: self._variable(own, array) for own, array in weights.items()}
        self._values = weights
        self._run = self._compiled(compiler)

    def __call__(self) -> dict[str, np.ndarray]:
        """Outputs, `gradient/input/<name>`, `gradient/weight/<own name>`, and in training `state/<own name>`."""
        for own, variable in self._weights.items():
            variable.assign(self._values[own])
        with precision_of(self._precision):
            outputs, gradients = self._run(self._inputs)
        found = {**outputs, **gradients}
        if self._reports_state:
            found.update({f"state/{own}": v for own, v in self._weights.items() if not v.trainable})
        return {name: np.array(tensor) for name, tensor in found.items()}

    def constant_weights(self) -> list[str]:
        """The weights that are not trained, by their own names."""
        return [own for own, variable in self._weights.items() if not variable.trainable]

    def _apply(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return named_outputs(self._call({**MODULES, **self._names, **inputs}))

    def _differentiate(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self._differentiated:
            return self._apply(inputs), {}
        trainable = {own: variable for own, variable in self._weights.items() if variable.trainable}
        with tf.GradientTape() as tape:
            tape.watch([inputs[name] for name in self._watched])
            outputs = self._apply(inputs)
        floating = [tensor for tensor in outputs.values() if tensor.dtype.is_floating]
        sources = [inputs[name] for name in self._watched]
        sources += [getattr(variable, "value", variable) for variable in trainable.values()]
        names = [f"gradient/input/{name}" for name in self._watched]
        names += [f"gradient/weight/{own}" for own in trainable]
        seeds = [tf.cast(cotangent(tuple(tensor.shape)), tensor.dtype) for tensor in floating]
        found = tape.gradient(floating, sources, output_gradients=seeds, unconnected_gradients="zero")
        return outputs, {name: tf.convert_to_tensor(gradient) for name, gradient in zip(names, found)}

    def _compiled(self, compiler: str) -> Any:
        if not compiler:
            return self._differentiate
        return tf.function(self._differentiate, jit_compile=compiler == "xla")

    def _variable(self, own: str, array: np.ndarray) -> Any:
        """The component's variable whose path ends in the name."""
        variables = {_path(variable): variable for variable in self._names["component"].weights}
        named = [path for path in variables if f"/{path}".endswith(f"/{own}")]
        if len(named) != 1:
            raise WeightsDoNotMap(f"{len(named)} of the component's weights, {', '.join(variables)}, are called {own}")
        variable = variables[named[0]]
        if tuple(variable.shape) != array.shape:
            raise WeightsDoNotMap(f"{own} has shape {tuple(variable.shape)}, and the entry's is {array.shape}")
        return variable

    def _tensor(self, array: np.ndarray) -> Any:
        return tf.constant(array, self._precision if array.dtype.kind == "f" else None)


@contextmanager
def precision_of(name: str) -> Iterator[None]:
    """Layers that are made in the block calculate in this dtype, "float32" or "float64"."""
    before = tf.keras.backend.floatx()
    tf.keras.backend.set_floatx(name)
    try:
        yield
    finally:
        tf.keras.backend.set_floatx(before)


def _floating(tensors: Mapping[str, Any]) -> list[str]:
    return [name for name, tensor in tensors.items() if tensor.dtype.is_floating]


def _path(variable: Any) -> str:
    """The variable's path in its component; Keras 2 writes `dense/kernel:0` in its name."""
    return str(getattr(variable, "path", variable.name)).partition(":")[0]
