"""Where workloads come from: this project, a Python file, or an installed package's entry point."""

from __future__ import annotations

import difflib
import importlib.util
import math
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from conformance.subjects import FRAMEWORKS
from reference.workloads import WORKLOADS, Parameter, Workload

ENTRY_POINT_GROUP = "conformance.workloads"
IMPORT_LIMIT_SECONDS = 60.0


class WorkloadUnusable(Exception):
    """A workload is unknown, or the file that should define it cannot be used."""


def find_workload(name: str) -> Workload:
    """The workload of this name, or the one that the Python file of this name defines.

    Raises WorkloadUnusable, offering near names, or naming the file's line at fault.
    """
    if name.endswith(".py"):
        return _checked(_from_file(Path(name)), f"workload file {name}")
    if name in WORKLOADS:
        return WORKLOADS[name]
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name in installed:
        return _checked(_from_entry_point(installed[name]), f"workload {name!r}")
    known = sorted({*WORKLOADS, *installed})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}, or give a path ending in .py"
    raise WorkloadUnusable(f"unknown workload {name!r}: {hint}")


def _from_entry_point(entry: EntryPoint) -> Workload:
    try:
        workload = entry.load()
    except (Exception, SystemExit) as error:
        raise WorkloadUnusable(
            f"workload {entry.name!r}: its entry point {entry.value} cannot be loaded: {_described(error)}"
        ) from error
    if not isinstance(workload, Workload):
        kind = type(workload).__name__
        raise WorkloadUnusable(f"workload {entry.name!r}: its entry point gives a {kind}, no Workload")
    return workload


def _from_file(path: Path) -> Workload:
    if not path.is_file():
        raise WorkloadUnusable(f"workload file {path}: no such file")
    name = f"conformance_workload_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    execute = spec.loader.exec_module
    try:
        _within_limit(lambda: execute(module), path)
    except (Exception, SystemExit) as error:
        if isinstance(error, WorkloadUnusable):
            raise
        raise WorkloadUnusable(f"workload file {path}{_line_in(path, error)}: {_described(error)}") from error
    ours = [id(workload) for workload in WORKLOADS.values()]
    found = {id(value): value for value in vars(module).values() if isinstance(value, Workload)}
    workloads = [workload for key, workload in found.items() if key not in ours]
    if len(workloads) != 1:
        raise WorkloadUnusable(f"workload file {path} defines {len(workloads)} workloads at its top level: define one")
    return replace(workloads[0], modules=_absolute_modules(workloads[0], path.resolve().parent))


def _within_limit(execute: Callable[[], None], path: Path) -> None:
    """Execute a file; raise what it raises, or WorkloadUnusable where it has not come to its end in time."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            execute()
        except BaseException as error:
            raised.append(error)

    # In a thread, which can be left behind whatever it waits for.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(IMPORT_LIMIT_SECONDS)
    if thread.is_alive():
        stack = traceback.extract_stack(sys._current_frames().get(thread.ident or 0))
        raise WorkloadUnusable(
            f"workload file {path}{_last_line(path, stack)}: it was still running after {IMPORT_LIMIT_SECONDS:g} s: "
            "leave to functions what takes long"
        )
    if raised:
        raise raised[0]


def _absolute_modules(workload: Workload, folder: Path) -> dict[str, str]:
    modules = {}
    if not isinstance(workload.modules, Mapping) or not all(isinstance(m, str) for m in workload.modules.values()):
        raise WorkloadUnusable(
            f"workload {workload.name!r}: its modules are {workload.modules!r}: map each framework to a module or file"
        )
    for framework, module in workload.modules.items():
        if module.endswith(".py"):
            file = folder / module
            if not file.is_file():
                raise WorkloadUnusable(f"workload {workload.name!r}: its {framework} module {file} does not exist")
            module = str(file)
        modules[framework] = module
    return modules


def _checked(workload: Workload, source: str) -> Workload:
    """The workload if it can be run. Raises WorkloadUnusable naming what cannot."""
    fault = next(_faults(workload), None)
    if fault is not None:
        raise WorkloadUnusable(f"{source}: {fault}")
    return workload


def _faults(workload: Workload) -> Iterator[str]:
    """What keeps the workload from being run, the most telling first."""
    if workload.name in WORKLOADS:
        yield f"its name {workload.name!r} is that of a built-in workload: choose another"
    if not isinstance(workload.name, str) or not re.fullmatch(r"[A-Za-z0-9_]+", workload.name):
        yield f"its name {workload.name!r} must be of letters, digits and _ alone"
    if not isinstance(workload.dataset, str):
        yield f"its dataset is {workload.dataset!r}: give a name"
    for name in ("train_examples", "test_examples", "hidden_units", "classes", "batch_size", "epochs"):
        if not _is_count(value := getattr(workload, name)):
            yield f"its {name} is {value!r}: give a whole number, 1 or more"
    for name in ("learning_rate", "accuracy_threshold"):
        if not isinstance(value := getattr(workload, name), int | float) or not math.isfinite(value):
            yield f"its {name} is {value!r}: give a number"
    shape = workload.image_shape
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(map(_is_count, shape)):
        yield f"its image_shape is {shape!r}: give height and width, such as (28, 28)"
    if not isinstance(workload.parameters, tuple) or not all(isinstance(p, Parameter) for p in workload.parameters):
        yield f"its parameters are a {type(workload.parameters).__name__}: give a tuple of Parameter"
        return
    for parameter in workload.parameters:
        if parameter.initializer not in ("glorot_uniform", "zeros"):
            yield f"its parameter {parameter.name} starts by {parameter.initializer!r}: give glorot_uniform or zeros"
        if parameter.initializer == "glorot_uniform" and len(parameter.shape) < 2:
            yield f"its parameter {parameter.name} has one axis, so no Glorot law: let it start by zeros"
    strange = [framework for framework in workload.modules if framework not in FRAMEWORKS]
    if strange or not workload.modules:
        named = repr(strange[0]) if strange else "no framework"
        yield f"its modules name {named}: give a module for {' or '.join(FRAMEWORKS)}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _described(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}".partition("\n")[0]


def _line_in(path: Path, error: BaseException) -> str:
    """Where in the file the error arose, if it did there."""
    frames = list(traceback.extract_tb(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename is not None:
        frames.append(traceback.FrameSummary(error.filename, error.lineno, ""))
    return _last_line(path, frames)


def _last_line(path: Path, frames: Iterable[traceback.FrameSummary]) -> str:
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path.absolute()]
    return f", line {lines[-1]}" if lines and lines[-1] else ""
