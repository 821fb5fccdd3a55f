"""Where workloads come from: this project, a Python file, or an installed package's entry point."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
import traceback
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from conformance.subjects import FRAMEWORKS
from reference.workloads import WORKLOADS, Workload

ENTRY_POINT_GROUP = "conformance.workloads"


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
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise WorkloadUnusable(f"workload file {path}{_line_in(path, error)}: {_described(error)}") from error
    ours = [id(workload) for workload in WORKLOADS.values()]
    found = {id(value): value for value in vars(module).values() if isinstance(value, Workload)}
    workloads = [workload for key, workload in found.items() if key not in ours]
    if len(workloads) != 1:
        raise WorkloadUnusable(f"workload file {path} defines {len(workloads)} workloads at its top level: define one")
    return replace(workloads[0], modules=_absolute_modules(workloads[0], path.resolve().parent))


def _absolute_modules(workload: Workload, folder: Path) -> dict[str, str]:
    modules = {}
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
    counts = ("train_examples", "test_examples", "hidden_units", "classes", "batch_size", "epochs")
    wrong = [name for name in counts if not isinstance(value := getattr(workload, name), int) or value < 1]
    strange = [framework for framework in workload.modules if framework not in FRAMEWORKS]
    if workload.name in WORKLOADS:
        fault = f"its name {workload.name!r} is that of a built-in workload: choose another"
    elif not re.fullmatch(r"[A-Za-z0-9_]+", workload.name):
        fault = f"its name {workload.name!r} must be of letters, digits and _ alone"
    elif wrong:
        fault = f"its {wrong[0]} is {getattr(workload, wrong[0])!r}: give a whole number, 1 or more"
    elif strange or not workload.modules:
        named = repr(strange[0]) if strange else "no framework"
        fault = f"its modules name {named}: give a module for {' or '.join(FRAMEWORKS)}"
    else:
        return workload
    raise WorkloadUnusable(f"{source}: {fault}")


def _described(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}".partition("\n")[0]


def _line_in(path: Path, error: BaseException) -> str:
    """Where in the file the error arose, if it did there."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename is not None:
        places.append((error.filename, error.lineno))
    lines = [line for name, line in places if Path(name) == path.absolute()]
    return f", line {lines[-1]}" if lines and lines[-1] else ""
