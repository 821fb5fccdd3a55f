"""The faults to be planted, read from their directory, and how a worker comes by one."""

from __future__ import annotations

import difflib
import importlib.util
import os
import re
import shutil
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path

import conformance
from conformance.checks import Step
from conformance.ending import NotPossible, WrongUse
from conformance.subjects import FRAMEWORKS, Subject
from conformance.variants import FULL, TRAIN

DIRECTORY = Path(conformance.__path__[0]).parent / "tests" / "faults"
PLAN, TIMING = "plan", "timing"
"""Needs that are no part of the suite: the gate's execution plan, and its timing."""
REPEAT = "repeat"
"""The need to repeat the whole job; every fault has it but those of evaluate, which may declare it."""
LENGTHY = frozenset({"native", TIMING})
"""Needs of minutes: faults that have them are tried only when they are named."""

NEEDS = frozenset({PLAN, TIMING, REPEAT, "native", "full", *(variant.label for variant in (*TRAIN, *FULL))})
"""All needs that a fault may declare."""

_PACKAGE = "conformance_faults"
_SITE = f"from {_PACKAGE}.planting import plant_from_environment\n\nplant_from_environment()\n"


@dataclass(frozen=True)
class Fault:
    """A fault of a framework: `step` must be the first to catch it.

    `loud` tells of exceptions, deaths, NaN and wrong shapes; `link` names a real regression of which it is a
    copy; `needs` are the long parts of the suite that it takes to see it; `size`, where there is one, is how large
    it is.
    """

    name: str
    framework: str
    step: Step
    what: str
    loud: bool
    link: str = ""
    needs: tuple[str, ...] = ()
    size: float | None = None


def load(directory: Path = DIRECTORY) -> dict[str, Fault]:
    """The faults that a directory declares in the `FAULTS` of its package.

    Raises NotPossible where ours are not there, WrongUse, naming the remedy, for a directory that is no use.
    """
    if not directory.is_dir():
        if directory == DIRECTORY:
            raise NotPossible(
                f"{directory} is not there: run this in a clone of the repository, or name other faults with --faults"
            )
        raise WrongUse(f"--faults {directory}: there is no such directory")
    for name, does in (("__init__.py", "declares its faults"), ("planting.py", "plants them: copy that of ours")):
        if not (directory / name).is_file():
            raise WrongUse(f"--faults {directory}: it has no {name}, which {does} (docs/trial.md shows how)")
    source = directory / "__init__.py"
    spec = importlib.util.spec_from_file_location(_PACKAGE, source, submodule_search_locations=[str(directory)])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    sys.modules[_PACKAGE] = package
    try:
        spec.loader.exec_module(package)
        if not isinstance(getattr(package, "FAULTS", None), Mapping):
            raise TypeError("it has no mapping FAULTS: let its __init__.py import that of its planting.py")
        faults = {fault.name: _fault(fault) for fault in package.FAULTS.values()}
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}{_line(error, directory)}"
        raise WrongUse(f"--faults {directory} cannot be read as faults: {reason}") from error
    if not faults:
        raise WrongUse(
            f"--faults {directory} declares no faults: decorate a function with fault(...) of its planting.py"
        )
    return faults


def _line(error: BaseException, directory: Path) -> str:
    """Where in the directory's own files an exception arose; empty where in none, or where its text says so."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_in(frame.filename, directory)]
    places = [f"{Path(frame.filename).name}, line {frame.lineno}" for frame in frames]
    places = [place for place in places if not place.startswith("planting.py")]
    return f" ({places[-1]})" if places and not isinstance(error, SyntaxError) else ""


def _is_in(file: str, directory: Path) -> bool:
    return not file.startswith("<") and Path(file).resolve().parent == directory.resolve()


def _fault(declared: object) -> Fault:
    names = ("name", "framework", "step", "what", "loud", "link", "needs", "size")
    values = {name: getattr(declared, name) for name in names}
    if not isinstance(values["name"], str) or not re.fullmatch(r"[\w-]+", values["name"]):
        raise ValueError(f"a fault is called {values['name']!r}: letters, digits, - and _ make a name")
    if isinstance(values["needs"], str):
        raise TypeError(f"{values['name']} needs {values['needs']!r}: put it into a list")
    size = values["size"]
    if size is not None and not (isinstance(size, int | float) and 0 < size < inf):
        raise ValueError(f"{values['name']} has the size {size!r}: give a number above 0")
    if values["framework"] not in FRAMEWORKS:
        raise ValueError(f"{values['name']} is a fault of {values['framework']!r}, which is no framework")
    unknown = {*values["needs"]} - NEEDS
    if unknown:
        raise ValueError(f"{values['name']} needs {min(unknown)!r}: choose from {', '.join(sorted(NEEDS))}")
    if values["step"] not in list(Step):
        raise ValueError(f"{values['name']} belongs to the step {values['step']!r}: choose from {', '.join(Step)}")
    return Fault(**{**values, "step": Step(values["step"]), "needs": tuple(values["needs"])})


def chosen(faults: Mapping[str, Fault], names: Iterable[str] = (), frameworks: Sequence[str] = ()) -> list[Fault]:
    """The faults of these names; without names, all but the lengthy ones. Those of the frameworks, if any is given.

    Raises WrongUse, offering near names.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if name not in faults:
            near = difflib.get_close_matches(name, faults, 3, cutoff=0.5)
            hint = f"did you mean {', '.join(near)}?" if near else f"there are {len(faults)}, such as {min(faults)}"
            raise WrongUse(f"no fault is called {name!r}: {hint}")
    found = [faults[name] for name in names] or [fault for fault in faults.values() if not LENGTHY & {*fault.needs}]
    left = [fault for fault in found if fault.framework in (frameworks or FRAMEWORKS)]
    if not left:
        raise WrongUse(f"none of these faults is one of {', '.join(frameworks)}: leave --framework or --fault away")
    return left


def stage(directory: Path, staged: Path) -> Path:
    """Make the folder for PYTHONPATH from which an interpreter plants faults; returns it.

    Raises NotPossible where something in the directory cannot be copied.
    """
    try:
        shutil.copytree(directory, staged / _PACKAGE, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    except OSError as error:  # shutil.Error, of several files, is one
        raise NotPossible(f"{directory} cannot be copied: {error}") from error
    (staged / "sitecustomize.py").write_text(_SITE, encoding="utf-8")
    return staged


def planted(subject: Subject, fault: Fault, staged: Path, mark: Path) -> Subject:
    """The subject with the fault, which leaves its mark in the file `mark` once it has changed something."""
    path = os.pathsep.join(part for part in (str(staged), os.environ.get("PYTHONPATH", "")) if part)
    variables = {
        "PYTHONPATH": path,
        "CONFORMANCE_FAULT": fault.name,
        "CONFORMANCE_FAULT_SIZE": "" if fault.size is None else repr(fault.size),
        "CONFORMANCE_FAULT_MARK": str(mark),
    }
    return Subject(
        subject.framework,
        subject.interpreter,
        subject.device,
        {**subject.environment, **variables},
        subject.pass_environment,
    )


def was_imported(staged: Path, mark: Path) -> bool:
    """Whether the module was imported for which a fault with this mark waits; not known, and True, where nothing tells.

    A copy of `planting.py` that was made before it told so does not.
    """
    ending = ".imported"
    planting = (staged / _PACKAGE / "planting.py").read_text(encoding="utf-8")
    return ending not in planting or mark.with_name(f"{mark.name}{ending}").exists()
