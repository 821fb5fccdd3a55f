"""What an entry of the catalogue is: one component in its Keras form and its torch form, and how it is judged.

The code of a form is text, because the text that the phrase book shows must be what is run. It is a few statements of
which the last is an expression, as in a notebook's cell. In it stand, without import: `np`, `math`; in Keras forms
`keras` and `tf`; in torch forms `torch`, `nn`, `F` (torch.nn.functional), `torchvision` and `transforms`
(torchvision.transforms.v2); the entry's inputs by name; and in `call`, `component` (what `build` made) and `training`.

This file also runs inside workers, so it needs NumPy alone and parses on Python 3.9.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .drawing import Draw
from .varying import Vary

SIDES = {"tensorflow": "keras", "pytorch": "torch"}
INFERENCE, TRAINING = "inference", "training"


@dataclass(frozen=True)
class Form:
    """A component in one framework.

    `build` makes the component, `call` applies it (default: to all inputs in their order); a function needs `call`
    alone. `shipped` holds the defaults that differ from what is written here, under the framework's own names.
    `weights` maps the framework's own weight names to NumPy expressions of the entry's weights (in Keras forms by
    default the names themselves); `fixed` does the same for weights whose gradient is not compared. With
    `channels_first`, inputs and outputs of three axes or more have their channels moved between last and first.
    `save` and `load` are for entries that are saved, `path` being the file's.
    `since` and `until` are the first and the last release that has the component and its arguments, such as "3.9";
    without `since`, Keras 3 or torch 2.2.
    """

    build: str = ""
    call: str = ""
    shipped: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    channels_first: bool = False
    save: str = ""
    load: str = ""
    since: str = ""
    until: str = ""

    def as_shipped(self) -> Form:
        """The same form with the framework's own defaults: without the arguments that are listed in `shipped`."""
        build = _without(self.build, self.shipped) if self.build else ""
        return replace(self, build=build, call=self.call if build else _without(self.call, self.shipped))


@dataclass(frozen=True)
class Divergence:
    """Two forms that do not agree: what one writes who does not know, or what nothing reconciles.

    Forms that are not given are the entry's own; with `shipped` both are stripped to the framework's defaults. With
    `training` they run in training mode and their states are compared too; with `gradients`, only gradients are.
    `low` to `high` is the band in which the largest absolute difference of their outputs must lie (infinite where one
    side raises, or the shapes differ, or one gives NaN or infinity). `versions` maps distributions to PEP 440
    specifiers. `inputs` replaces the entry's inputs of the same names.
    """

    id: str
    low: float
    high: float
    reason: str
    keras: Form | None = None
    torch: Form | None = None
    shipped: bool = False
    training: bool = False
    gradients: bool = False
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    cause: str = "framework-default"
    versions: Mapping[str, str] = field(default_factory=lambda: {"keras": ">=3", "torch": ">=2.2"})
    evidence: str = ""


@dataclass(frozen=True)
class Entry:
    """One component, with what it is run on and what decides.

    `oracle` is a formula over reference.oracle.tracing: `oracle(a, **inputs, **weights)`, with `training` where the
    entry has the mode "training"; it returns the output, or a dict of outputs by name (`output`, and
    `state/<weight>` for what training changes). Without it, each framework is judged by its own float64 run.
    `gradients` names the inputs whose gradients are compared (default: all of floating point; empty: none, nor of
    weights). `kind` says how the forms are run, and what `settings` there are:

        call        `build` and `call`, as said under Form
        optimizer   `build` makes an optimizer (of `parameters`, in torch); from step `change_at` on its learning rate
                    is `changed_rate`; in torch `call`, if given, is run before each step (to clip, for instance)
        schedule    `build` makes a schedule (of `optimizer`, in torch, whose rate is `learning_rate`), run for `steps`
        sample      `call` draws random numbers, which must follow `law`: see conformance.catalogue.laws
        saving      as `call`; then `save` writes to `path`, and in a fresh process `load` gives the component again

    `exact` allows no difference of values instead of one for rounding; 0.0 and -0.0 are the same value. `vary` says
    which inputs may have other shapes and hold edge values, which hypothesis then draws; the formula must hold for
    them. `note` is what else a person who ports a model must know. Raises MalformedEntry where a form is missing.
    """

    name: str
    keras: Form = field(default_factory=Form)
    torch: Form = field(default_factory=Form)
    inputs: Mapping[str, Draw] = field(default_factory=dict)
    oracle: Callable[..., Any] | None = None
    weights: Mapping[str, Draw] = field(default_factory=dict)
    modes: tuple[str, ...] = (INFERENCE,)
    gradients: tuple[str, ...] | None = None
    kind: str = "call"
    settings: Mapping[str, Any] = field(default_factory=dict)
    exact: bool = False
    compiled: bool = False
    vary: Vary | None = None
    divergences: tuple[Divergence, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for framework, form in ((SIDES["tensorflow"], self.keras), (SIDES["pytorch"], self.torch)):
            if not form.build and not form.call:
                raise MalformedEntry(
                    f"entry {self.name} has no {framework} form: an entry needs both; write out there what the other "
                    "framework's component does, and say in the note that there is none"
                )

    def form(self, framework: str) -> Form:
        """The entry's form in `tensorflow` or `pytorch`."""
        return self.torch if framework == "pytorch" else self.keras

    def parameters(self) -> list[str]:
        """Of an optimizer's entry, the parameters that it updates; each has its gradients `<name>_gradients`."""
        return [name for name in self.inputs if f"{name}_gradients" in self.inputs]

    def call_of(self, framework: str, form: Form) -> str:
        """The code that applies a form's component to the inputs."""
        arguments = ", ".join(self.inputs)
        training = ", training=training" if framework == "tensorflow" and TRAINING in self.modes else ""
        return form.call or f"component({arguments}{training})"

    def own_weights(self, framework: str, form: Form, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Arrays in the entry's layouts, under a framework's own names and in its layouts, `fixed` ones included."""
        return {**self.mapped(framework, form, arrays), **evaluated(form.fixed, arrays)}

    def mapped(self, framework: str, form: Form, arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The same without the `fixed` ones: also for gradients, states, and what is allowed of them.

        A weight that is made of one that `arrays` lacks is left out.
        """
        names = form.weights or ({} if framework == "pytorch" else {name: _plain(name) for name in self.weights})
        lacking = {_plain(name) for name in self.weights if name not in arrays}
        return evaluated({own: text for own, text in names.items() if not lacking & _names_in(text)}, arrays)

    def canonical(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays under Keras's own weight names, under the entry's: Keras has the entry's layouts."""
        own = dict(self.keras.weights) or {name: name for name in self.weights}
        names = {_plain(name): name for name in self.weights}
        return {names[_plain(own[name])]: array for name, array in arrays.items() if name in own}


@dataclass(frozen=True)
class Family:
    """The entries of one file. `step` is the step of programming a network to which they belong."""

    name: str
    title: str
    step: str
    entries: tuple[Entry, ...]


class MalformedEntry(ValueError):
    """An entry that cannot be used as it is written."""


def evaluated(expressions: Mapping[str, str], arrays: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """NumPy expressions of arrays; a name with a slash, `query/kernel`, is written `query_kernel`."""
    names = {_plain(name): np.asarray(array) for name, array in arrays.items()}
    return {own: np.asarray(eval(text, {"np": np, "math": math}, dict(names))) for own, text in expressions.items()}


def component_called(code: str) -> tuple[str, ast.Call]:
    """The callable of the outermost call in the last statement of a form's code, and the call."""
    value = getattr(ast.parse(code).body[-1], "value", None)
    if not isinstance(value, ast.Call):
        raise MalformedEntry(f"{code!r} does not end in a call, so it has no defaults to read")
    return ast.unparse(value.func), value


def _without(code: str, names: Mapping[str, Any]) -> str:
    """The code with those keyword arguments taken out of its last call."""
    if not names:
        return code
    tree = ast.parse(code)
    call = getattr(tree.body[-1], "value", None)
    if not isinstance(call, ast.Call):
        raise MalformedEntry(f"{code!r} does not end in a call, so it has no defaults to read")
    call.keywords = [keyword for keyword in call.keywords if keyword.arg not in names]
    return ast.unparse(tree)


def _names_in(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def _plain(name: str) -> str:
    return name.replace("/", "_")
