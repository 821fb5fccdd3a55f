"""Where workloads come from: this project, a Python file, or an installed package's entry point."""

from __future__ import annotations

import difflib
import importlib.util
import traceback
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path

from reference.workloads import WORKLOADS, Workload

ENTRY_POINT_GROUP = "conformance.workloads"


class WorkloadUnusable(Exception):
    """A workload is unknown, or the file that should define it cannot be used."""


def find_workload(name: str) -> Workload:
    """The workload of this name, or the one that the Python file of this name defines.

    Raises WorkloadUnusable, offering near names, or naming the file's line at fault.
    """
    if name.endswith(".py"):
        return _from_file(Path(name))
    if name in WORKLOADS:
        return WORKLOADS[name]
    installed = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name in installed:
        workload = installed[name].load()
        if not isinstance(workload, Workload):
            raise WorkloadUnusable(f"workload {name!r}: its entry point gives a {type(workload).__name__}, no Workload")
        return workload
    known = sorted({*WORKLOADS, *installed})
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}, or give a path ending in .py"
    raise WorkloadUnusable(f"unknown workload {name!r}: {hint}")


def _from_file(path: Path) -> Workload:
    if not path.is_file():
        raise WorkloadUnusable(f"workload file {path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise WorkloadUnusable(
            f"workload file {path}{_line_in(path, error)}: {type(error).__name__}: {error}"
        ) from error
    workloads = [value for value in vars(module).values() if isinstance(value, Workload)]
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


def _line_in(path: Path, error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == path]
    return f", line {lines[-1]}" if lines else ""
