"""What running a form has in common in all frameworks: its code, the names of its outputs, its defaults."""

from __future__ import annotations

import ast
import enum
import inspect
import linecache
import math
import traceback
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from .entries import Form, MalformedEntry, component_called


class Absent(Exception):
    """The installed release lacks something that a form names."""


class WeightsDoNotMap(ValueError):
    """A weight of the entry has another shape, or another name, than the framework's component."""


def function_of(code: str, name: str, parameters: Iterable[str], modules: Mapping[str, Any]) -> Callable[..., Any]:
    """A form's code as a function of keyword arguments, whose value is that of its last expression.

    Tracebacks show the code's lines under `name`.
    """
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    statements = ast.parse(code, name).body
    last = statements[-1]
    if not isinstance(last, ast.Expr):
        raise MalformedEntry(f"{name}: the last statement of {code!r} is no expression")
    tree = ast.parse(f"def form({', '.join(parameters)}): pass", name)
    assert isinstance(tree.body[0], ast.FunctionDef)
    tree.body[0].body = [*statements[:-1], ast.copy_location(ast.Return(last.value), last)]
    scope: dict[str, Any] = {"np": np, "math": math, **modules}
    exec(compile(ast.fix_missing_locations(tree), name, "exec"), scope)
    function: Callable[..., Any] = scope["form"]
    return function


def value_of(code: str, name: str, modules: Mapping[str, Any], **names: Any) -> Any:
    """The value of a form's code, once, with these names beside the framework's modules."""
    return function_of(code, name, names, modules)(**names)


def absent_name(code: str, modules: Mapping[str, Any]) -> str | None:
    """The first dotted name in the code, such as `keras.layers.NoSuchLayer`, that its module does not have."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and not _resolves(node, modules):
            return ast.unparse(node)
    return None


def named_outputs(value: Any) -> dict[str, Any]:
    """The outputs of a call by name: `output`, or `output/0`, ... of a tuple or list, or `output/<key>` of a dict."""
    if isinstance(value, Mapping):
        return {f"output/{name}": part for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return {f"output/{number}": part for number, part in enumerate(value)}
    return {"output": value}


def recorded_steps(steps: int, change_at: int) -> frozenset[int]:
    """The steps of an optimizer after which parameters are compared: 1, 2, 4, ..., around the change, the last."""
    doubling = {1 << power for power in range(steps.bit_length()) if 1 << power <= steps}
    return frozenset({*doubling, change_at - 1, change_at, change_at + 1, steps})


def cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """What an output is multiplied with before it is summed up to be differentiated: 1 for a single number.

    Otherwise multiples of 1/8 that float32 holds exactly, float32, of the shape.
    """
    count = int(np.prod(shape))
    if count == 1:
        return np.ones(shape, np.float32)
    return ((np.arange(count) * 7 % 16 - 7.5) / 8).astype(np.float32).reshape(shape)


def defaults(form: Form, modules: Mapping[str, Any], names: Mapping[str, Any]) -> dict[str, Any]:
    """What the framework ships for the arguments listed in `form.shipped`, from the live component or signature."""
    if not form.shipped:
        return {}
    shipped = form.as_shipped()
    code = shipped.build or component_called(shipped.call)[0]
    live = value_of(code, "<as shipped>", modules, **names)
    return {name: plain(_read(live, name)) for name in form.shipped}


def signature(form: Form, modules: Mapping[str, Any]) -> dict[str, str]:
    """Every default in the signature of the component that the form makes or calls, as text."""
    try:
        called, _ = component_called(form.build or form.call)
        parameters = inspect.signature(value_of(called, "<component>", modules)).parameters
    except (TypeError, ValueError, NameError, AttributeError):  # not a call, or without a readable signature
        return {}
    return {
        name: f"{plain(parameter.default)!r}"
        for name, parameter in parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }


def plain(value: Any) -> Any:
    """A default as JSON can hold it: numbers and texts as they are, other objects by the name of their class.

    A member of an enumeration counts as its value, which a release may come to write as such.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, dict) and "class_name" in value:
        return value["class_name"]
    if inspect.isfunction(value) or inspect.isclass(value):
        return value.__name__
    try:
        return float(np.asarray(value))
    except (TypeError, ValueError, RuntimeError):
        return type(value).__name__


def described(error: Exception) -> dict[str, str]:
    """An exception that is being handled, in JSON."""
    return {"kind": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}


def _read(live: Any, name: str) -> Any:
    """A setting of a component: of an optimizer's first group, a configuration, an attribute, or a signature."""
    groups = getattr(live, "param_groups", None)
    if groups:
        return groups[0][name]
    if not inspect.isclass(live) and hasattr(live, "get_config"):
        configuration = live.get_config()
        if name in configuration:
            return configuration[name]
    if not inspect.isroutine(live) and not inspect.isclass(live) and hasattr(live, name):
        return getattr(live, name)
    called = live if inspect.isroutine(live) or inspect.isclass(live) else type(live)
    return inspect.signature(called).parameters[name].default


def _resolves(node: ast.Attribute, modules: Mapping[str, Any]) -> bool:
    """Whether an attribute of a module exists; attributes of anything else are not looked at."""
    path: list[str] = []
    place: ast.expr = node
    while isinstance(place, ast.Attribute):
        path.insert(0, place.attr)
        place = place.value
    if not isinstance(place, ast.Name) or place.id not in modules:
        return True
    found = modules[place.id]
    for part in path:
        if not isinstance(found, ModuleType):
            return True
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return True
