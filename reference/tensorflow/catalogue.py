"""Runs the Keras forms of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from ..catalogue.entries import TRAINING, Entry, Form
from ..catalogue.running import WeightsDoNotMap, cotangent, function_of, named_outputs, recorded_steps, value_of

FRAMEWORK = "tensorflow"
MODULES = {"tf": tf, "keras": tf.keras}
COMPILERS = ("tf.function", "xla")
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
        name = f"<keras form of {entry.name}>"
        self._precision = precision
        self._is_random = entry.kind == "sample" or mode == TRAINING
        self._inputs = {name: self._tensor(array) for name, array in inputs.items()}
        self._names: dict[str, Any] = {"training": mode == TRAINING}
        self._watched = [] if entry.gradients == () else list(entry.gradients or _floating(self._inputs))
        self._differentiated = entry.gradients != ()
        self._reports_state = mode == TRAINING
        with precision_of(precision):
            self.component: Any = value_of(form.build, name, MODULES) if form.build else None
            self._names["component"] = self.component
            call = entry.call_of(FRAMEWORK, form)
            self._call = function_of(call, name, [*self._names, *self._inputs], MODULES)
            if weights:
                self._apply(self._inputs)  # Keras makes a layer's variables at its first call
        self._weights = {own: self._variable(own, array) for own, array in weights.items()}
        self._values = weights
        self._run = self._compiled(compiler)

    def __call__(self, with_gradients: bool = True) -> dict[str, np.ndarray]:
        """Outputs, `gradient/input/<name>`, `gradient/weight/<own name>`, and in training `state/<own name>`."""
        if self._is_random:
            tf.keras.utils.set_random_seed(SEED)  # also throws away every kernel that TensorFlow has made ready
        for own, variable in self._weights.items():
            variable.assign(self._values[own])
        with precision_of(self._precision):
            outputs, gradients = self._run(self._inputs) if with_gradients else (self._apply(self._inputs), {})
        found = {**outputs, **gradients}
        if self._reports_state:
            found.update({f"state/{own}": v for own, v in self._weights.items() if not v.trainable})
        return {name: np.array(tf.convert_to_tensor(tensor)) for name, tensor in found.items()}

    def save(self, form: Form, path: str) -> None:
        """Save the component to a file, as the form does it."""
        value_of(form.save, "<save>", MODULES, component=self.component, path=path)

    def constant_weights(self) -> list[str]:
        """The weights that are not trained, by their own names."""
        return [own for own, variable in self._weights.items() if not variable.trainable]

    def _apply(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return named_outputs(self._call(**self._names, **inputs))

    def _differentiate(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        if not self._differentiated:
            return self._apply(inputs), {}
        trainable = {own: variable for own, variable in self._weights.items() if variable.trainable}
        with tf.GradientTape() as tape:
            tape.watch([inputs[name] for name in self._watched])
            outputs = self._apply(inputs)
        floating = [tensor for tensor in outputs.values() if tensor.dtype.is_floating]
        sources = [inputs[name] for name in self._watched]
        sources += [v if isinstance(v, tf.Variable) else v.value for v in trainable.values()]  # Keras 2, Keras 3
        names = [f"gradient/input/{name}" for name in self._watched]
        names += [f"gradient/weight/{own}" for own in trainable]
        seeds = [tf.cast(cotangent(tuple(tensor.shape)), tensor.dtype) for tensor in floating]
        found = tape.gradient(floating, sources, output_gradients=seeds, unconnected_gradients="zero")
        return outputs, {name: tf.convert_to_tensor(gradient) for name, gradient in zip(names, found)}

    def _compiled(self, compiler: str) -> Any:
        if not compiler:
            return self._differentiate
        return tf.function(self._differentiate, autograph=False, jit_compile=compiler == "xla")

    def _variable(self, own: str, array: np.ndarray) -> Any:
        """The component's variable whose path ends in the name."""
        variables = {_path(variable): variable for variable in self.component.weights}
        named = [path for path in variables if f"/{path}".endswith(f"/{own}")]
        if len(named) != 1:
            raise WeightsDoNotMap(f"{len(named)} of the component's weights, {', '.join(variables)}, are called {own}")
        variable = variables[named[0]]
        if tuple(variable.shape) != array.shape:
            raise WeightsDoNotMap(f"{own} has shape {tuple(variable.shape)}, and the entry's is {array.shape}")
        return variable

    def _tensor(self, array: np.ndarray) -> Any:
        return tf.constant(array, self._precision if array.dtype.kind == "f" else None)


class Optimizing:
    """Steps of an optimizer from given parameters with given gradients, its learning rate changed on the way."""

    CALLS = 2

    def __init__(self, entry: Entry, form: Form, inputs: Arrays, *unused: Any, **also_unused: Any) -> None:
        self._entry, self._form, self._inputs = entry, form, inputs

    def __call__(self, with_gradients: bool = False) -> dict[str, np.ndarray]:
        """`output/<step:06d>/<parameter>` after the steps recorded."""
        names = self._entry.parameters()
        optimizer = value_of(self._form.build, f"<keras form of {self._entry.name}>", MODULES)
        variables = [tf.Variable(self._inputs[name], name=name) for name in names]
        gradients = [tf.constant(self._inputs[f"{name}_gradients"]) for name in names]
        optimizer.build(variables)
        update = tf.function(lambda now: optimizer.apply_gradients(list(zip(now, variables))), autograph=False)
        found: dict[str, np.ndarray] = {}
        steps = len(gradients[0])
        for step in range(1, steps + 1):
            if step == self._entry.settings["change_at"]:
                optimizer.learning_rate = self._entry.settings["changed_rate"]
            update([series[step - 1] for series in gradients])
            if step in recorded_steps(steps, self._entry.settings["change_at"]):
                found.update({f"output/{step:06d}/{name}": v.numpy() for name, v in zip(names, variables)})
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
        schedule = value_of(self._form.build, f"<keras form of {self._entry.name}>", MODULES)
        rates = [float(schedule(step)) for step in range(self._entry.settings["steps"])]
        return {"output": np.asarray(rates, np.float32)}

    def constant_weights(self) -> list[str]:
        """None."""
        return []


KINDS = {"call": Component, "saving": Component, "sample": Component, "optimizer": Optimizing, "schedule": Scheduling}


def loaded_outputs(entry: Entry, form: Form, inputs: Arrays, path: str) -> dict[str, np.ndarray]:
    """The outputs of the component that was saved at the path, for a process that knows nothing else of it."""
    component = value_of(form.load, "<load>", MODULES, path=path, component=value_of(form.build, "<build>", MODULES))
    call = function_of(entry.call_of(FRAMEWORK, form), "<call>", ["component", *inputs], MODULES)
    tensors = {name: tf.constant(array) for name, array in inputs.items()}
    return {name: np.array(part) for name, part in named_outputs(call(component=component, **tensors)).items()}


@contextmanager
def precision_of(name: str) -> Iterator[None]:
    """Layers that are made in the block calculate in this dtype, "float32" or "float64"."""
    before = tf.keras.backend.floatx()
    tf.keras.backend.set_floatx(name)
    try:
        yield
    finally:
        tf.keras.backend.set_floatx(before)


def names_for_defaults(kind: str) -> dict[str, Any]:
    """What the code of a form of this kind finds beside the modules when it is built for its defaults."""
    return {}


def _floating(tensors: Mapping[str, Any]) -> list[str]:
    return [name for name, tensor in tensors.items() if tensor.dtype.is_floating]


def _path(variable: Any) -> str:
    """The variable's path in its component; Keras 2 writes `dense/kernel:0` in its name."""
    return str(getattr(variable, "path", variable.name)).partition(":")[0]
