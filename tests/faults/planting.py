"""What a fault is, and how it gets into a framework: through a hook on the import of one of its modules.

This runs inside the worker, as the first thing that its interpreter does, so it needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Put = Callable[[Callable[..., Any]], None]
"""A decorator that puts a function in the place of something of a framework."""

NAME, SIZE, MARK = "CONFORMANCE_FAULT", "CONFORMANCE_FAULT_SIZE", "CONFORMANCE_FAULT_MARK"
"""Variables of the worker: the fault to plant, its size, and the file in which it leaves its mark."""

IMPORTED = ".imported"
"""Ends the name of another file, which tells that the module has been imported for which the fault waited."""


@dataclass(frozen=True)
class Fault:
    """A fault of a framework.

    `step` is the one at which it must be caught first; `loud` tells of exceptions, deaths, NaN and wrong shapes;
    `link` names the real regression of which it is a copy; `needs` what the suite must run beyond the quick part
    of it; `size`, where the fault has one, is how large it is unless asked otherwise; `module` is the module whose
    import it waits for, and `plant` spoils that.
    """

    name: str
    framework: str
    step: str
    what: str
    loud: bool
    link: str
    needs: tuple[str, ...]
    size: float | None
    module: str
    plant: Callable[..., None]


FAULTS: dict[str, Fault] = {}


def fault(
    module: str,
    step: str,
    *,
    loud: bool = False,
    link: str = "",
    needs: Sequence[str] = (),
    size: float | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare the function as a fault of its own name; it is called with the module, and the size where it has one."""

    def declare(plant: Callable[..., None]) -> Callable[..., None]:
        name = plant.__name__.replace("_", "-")
        if isinstance(needs, str):
            raise TypeError(f"{name} needs {needs!r}: put it into a list")
        framework = "pytorch" if module.startswith("torch") else "tensorflow"
        if name in FAULTS:
            raise ValueError(f"two faults are called {name}")
        what = " ".join((plant.__doc__ or "").split())
        FAULTS[name] = Fault(name, framework, step, what, loud, link, tuple(needs), size, module, plant)
        return plant

    return declare


def instead(owner: Any, name: str) -> Put:
    """Let the function take the place of an attribute; its first argument is what was there before."""

    def put(function: Callable[..., Any]) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def replacement(*args: Any, **kwargs: Any) -> Any:
            return function(original, *args, **kwargs)

        with contextlib.suppress(TypeError, ValueError):  # Keras asks for the arguments of an __init__
            replacement.__signature__ = inspect.signature(original)  # type: ignore[attr-defined]
        setattr(owner, name, replacement)

    return put


_marked = False


def active() -> None:
    """Leave the mark that says: the fault has changed something here."""
    global _marked
    if not _marked:
        _marked = True
        _note("active", "")


def _note(what: str, ending: str) -> None:
    if MARK in os.environ:
        with open(os.environ[MARK] + ending, "a", encoding="utf-8") as marks:
            marks.write(f"{os.environ[NAME]} {what} in process {os.getpid()}\n")


def altered(before: Any, after: Any) -> Any:
    """`after`, with a mark left if it is not the same as `before`; a tensor of a graph counts as another one."""
    if not _marked:
        numpy = sys.modules["numpy"]
        values = [value.detach() if hasattr(value, "detach") else value for value in (before, after)]
        try:
            arrays = [numpy.asarray(value) for value in values]
        except NotImplementedError:  # what TensorFlow says of a tensor of a graph
            active()
            return after
        if arrays[0].dtype != arrays[1].dtype or not numpy.array_equal(*arrays):
            active()
    return after


class _Hook(importlib.abc.MetaPathFinder):
    """Runs a fault's `plant` on its module once that has been imported."""

    def __init__(self, planted: Fault, size: float | None) -> None:
        self._planted = planted
        self._sizes = () if size is None else (size,)
        self._searching = False

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != self._planted.module or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._searching = False
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            sys.meta_path.remove(self)  # only now: some look for a module without importing it
            execute(module)
            _note("waited for", IMPORTED)
            self._planted.plant(module, *self._sizes)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def plant_from_environment() -> None:
    """Plant the fault that the environment names; nothing where it names none."""
    name = os.environ.get(NAME)
    if name:
        planted = FAULTS[name]
        size = planted.size if planted.size is None else float(os.environ.get(SIZE) or planted.size)
        sys.meta_path.insert(0, _Hook(planted, size))
