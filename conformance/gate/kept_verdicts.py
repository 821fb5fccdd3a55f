"""Verdicts kept in a directory that several repositories can share, each found again by all that decides it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import conformance
import reference
from conformance import verdict_file
from conformance.catalogue import WORKLOAD as COMPONENTS
from conformance.gate.execution_plan import NOT_COMPARED
from conformance.gate.request import OFF, Request
from conformance.gate.sides import Locks, notes
from conformance.observations import write_whole
from conformance.observer.machine import cpu_model
from conformance.subjects import Subject
from conformance.verdict import SCHEMA, Run
from reference.workloads import Workload

_DECIDING = re.compile(
    "ATEN|AUTOGRAPH|BLIS|CC$|CUDA|CXX|DNNL|GLIBC|GOMP|KERAS|KMP|LD_|MALLOC|MKL|NPY|NUMPY|OMP|ONEDNN|OPENBLAS|PYTHON|"
    "PYTORCH|TF|TORCH|XLA"
)
"""How the variables begin that the frameworks, and the libraries and compilers under them, read."""


def why_not(request: Request, locks: Locks) -> str:
    """Why the verdict of this gate is neither kept nor taken from those kept; empty where it may be.

    A key covers what has a digest or a version: no code that may change under the same name, and no clock.
    """
    modules = [module for workload in request.workloads for module in workload.modules.values()]
    loose = [pin.name for lock in locks for pin in lock.pins if not pin.digests and " @ git+" not in pin.requirement]
    reasons = {
        "a part of a gate permits no upgrade": request.only,
        "a speed is measured anew": request.speed != OFF,
        "the driver of a GPU has no digest": request.device != "cpu",
        "the code in an interpreter that exists already has no digest": any(not lock.pins for lock in locks),
        f"{loose[:1]} has no digest": loose,
        "the code that PYTHONPATH brings has no digest": any("PYTHONPATH" in used for used in _variables(request)),
        "the code of an installed workload has no digest": any(
            not module.startswith("reference.") and not module.endswith(".py") for module in modules
        ),
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def key_of(request: Request, locks: Locks) -> str:
    """The digest of all that decides the verdict.

    Resolved environments, the source of this suite, workloads with their modules, the processor, the C++ compiler,
    the variables and the file that frameworks read, the ledger and the day (waivers expire), and what was asked for.
    """
    content = [
        SCHEMA,
        _suite(),
        [lock.key for lock in locks],
        [sorted((name, used[name]) for name in used if _DECIDING.match(name)) for used in _variables(request)],
        [sorted(side.environment.items()) for side in (request.baseline, request.candidate)],
        [_described(workload) for workload in request.workloads],
        [cpu_model(), platform.machine(), platform.system(), *map(_compiler, _variables(request)), _keras_settings()],
        [request.frameworks, request.seed, request.catalogue],
        [request.ledger.read_text(encoding="utf-8"), str(date.today())] if request.ledger else [],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def find(directory: Path, request: Request, locks: Locks) -> Run | None:
    """The verdict kept for this gate, in the words of this request; None where there is none, or it is no gate's."""
    try:
        run = verdict_file.read(_path(directory, request, locks))
    except verdict_file.VerdictUnreadable:
        return None
    if run.baseline is None:
        return None
    told = f"nothing was run: this is the verdict of {run.started}, kept in {directory}"
    return replace(
        run,
        baseline=replace(run.baseline, label=request.baseline.label),
        candidate=replace(run.candidate, label=request.candidate.label),
        warnings=(told, *notes(locks), *run.warnings),
        fail_on=request.fail_on,
    )


def keep(directory: Path, request: Request, locks: Locks, run: Run) -> None:
    """Keep the verdict of a gate that observed everything. Raises ObservationUnwritable and OSError.

    What a release lacks is not missing; what this machine lacks is, and so are plans that could not be compared.
    """
    lacking = [entry for entry in run.not_run if entry.workload != COMPONENTS.name]
    if not run.complete or lacking or any(line.startswith(NOT_COMPARED) for line in run.warnings):
        return
    if any(check.failed and check.contract.startswith("observed/") for check in run.checks):
        return
    own = set(notes(locks))
    kept = replace(run, warnings=tuple(line for line in run.warnings if line not in own))
    directory.mkdir(parents=True, exist_ok=True)
    write_whole(_path(directory, request, locks), [verdict_file.to_json(kept).encode()])


def _path(directory: Path, request: Request, locks: Locks) -> Path:
    return directory / f"{key_of(request, locks)[:32]}.verdict.json"


def _variables(request: Request) -> Iterator[Mapping[str, str]]:
    """The variables of each side's workers."""
    for side in (request.baseline, request.candidate):
        subject = Subject("", device=request.device, environment=side.environment)
        yield subject.worker_environment(os.environ)


def _compiler(variables: Mapping[str, str]) -> str:
    """What the C++ compiler that torch.compile would take says it is; empty where there is none."""
    found = shutil.which(variables.get("CXX", "g++"), path=variables.get("PATH"))
    if found is None:
        return ""
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=False, timeout=60)
    return told.stdout.partition("\n")[0]


def _keras_settings() -> str:
    """The digest of the file in which Keras finds its float type, epsilon and image layout."""
    home = os.environ.get("KERAS_HOME")
    return _digest([(Path(home) if home else Path.home() / ".keras") / "keras.json"])


def _described(workload: Workload) -> list[object]:
    """The workload, and the digest of the folder of every module of its user's."""
    modules = {
        framework: _digest(Path(module).parent.rglob("*.py")) if module.endswith(".py") else module
        for framework, module in workload.modules.items()
    }
    return [{**workload.as_dict(), "modules": {}}, modules]


@cache
def _suite() -> str:
    """The digest of this suite's source and data."""
    folders = (Path(package.__path__[0]) for package in (conformance, reference))
    return _digest(path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts)


def _digest(paths: Iterable[Path]) -> str:
    hashed = hashlib.sha256()
    for path in sorted(paths):
        if path.is_file():
            hashed.update(f"{path.parent.name}/{path.name}".encode() + hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()
