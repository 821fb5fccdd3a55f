"""The choices of one pytest run, read from its command line and checked before anything starts."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance import ledger_file
from conformance.catalogue import divergences
from conformance.contracts import KNOWN_CONTRACTS
from conformance.ledger import Entry
from conformance.ledger_file import LedgerError
from conformance.subjects import BUILT_IN, DEVICES, FRAMEWORKS, Subject, framework_named
from conformance.workload_files import WorkloadUnusable, find_workload
from reference.workloads import Workload

DEFAULT_WORKLOAD = "mnist_mlp"


@dataclass(frozen=True)
class Options:
    """What to observe, where, and what to keep of it."""

    frameworks: tuple[str, ...]
    devices: tuple[str, ...]
    workloads: tuple[Workload, ...]
    seeds: int
    interpreters: dict[str, str]
    data_source: str
    report: Path | None
    record: Path | None
    baseline: Path | None
    own_ledger: tuple[Entry, ...]
    user_ledger: tuple[Entry, ...]
    frameworks_chosen: bool

    @property
    def ledger(self) -> tuple[Entry, ...]:
        """Every accepted divergence, ours first."""
        return (*self.own_ledger, *self.user_ledger)

    @property
    def subjects(self) -> dict[tuple[str, str], Subject]:
        """Every subject of the run by framework and device; the built-in ones run on the CPU."""
        chosen = {
            (framework, device): Subject(framework, self.interpreters.get(framework, sys.executable), device)
            for framework in FRAMEWORKS
            for device in self.devices
        }
        return {**chosen, **{(name, "cpu"): Subject(name) for name in BUILT_IN}}


def add_options(parser: pytest.Parser) -> None:
    """Declare the suite's options on pytest's command line."""
    group = parser.getgroup("conformance", "conformance of deep-learning frameworks")
    group.addoption("--framework", help="frameworks to observe, separated by commas (default: tensorflow,pytorch)")
    group.addoption("--device", default="cpu", help="devices, separated by commas: cpu, cuda (default: cpu)")
    group.addoption(
        "--workload",
        action="append",
        metavar="NAME|FILE",
        help=f"workload by name or Python file; may be repeated (default: {DEFAULT_WORKLOAD})",
    )
    group.addoption("--seeds", default="1", help="locked runs with this many initial weights (default: 1)")
    group.addoption(
        "--interpreter",
        action="append",
        default=[],
        metavar="FRAMEWORK=PATH",
        help="the Python that holds a framework (default: this one)",
    )
    group.addoption(
        "--data-source",
        default="embedded",
        choices=("embedded", "download"),
        help="MNIST from this repository, or by the frameworks' own downloads (default: embedded)",
    )
    group.addoption("--report", metavar="DIR", help="write report.html, report.md and verdict.json there")
    group.addoption("--record", metavar="DIR", help="keep the observations there")
    group.addoption("--baseline", metavar="DIR", help="judge against the observations recorded there")
    group.addoption("--ledger", metavar="FILE", help="further accepted divergences, in the form of ledger.toml")


def read_options(config: pytest.Config) -> Options:
    """The run's options. Raises pytest.UsageError naming the option, what is wrong with it, and what is right."""
    try:
        chosen = config.getoption("--framework")
        return Options(
            frameworks=_names(chosen, _framework_named, "--framework") if chosen else FRAMEWORKS,
            devices=_names(config.getoption("--device"), _device_named, "--device"),
            workloads=_workloads(config.getoption("--workload") or [DEFAULT_WORKLOAD]),
            seeds=_positive(config.getoption("--seeds"), "--seeds"),
            interpreters=dict(_interpreter(text) for text in config.getoption("--interpreter")),
            data_source=config.getoption("--data-source"),
            report=_directory(config, "--report"),
            record=_directory(config, "--record"),
            baseline=_existing(config, "--baseline"),
            own_ledger=(*ledger_file.load(ledger_file.OWN, KNOWN_CONTRACTS), *divergences.ledger_entries()),
            user_ledger=_user_ledger(config),
            frameworks_chosen=bool(chosen),
        )
    except (ValueError, WorkloadUnusable, LedgerError) as error:
        raise pytest.UsageError(str(error)) from error


def _names(text: str, named: object, option: str) -> tuple[str, ...]:
    assert callable(named)
    names = [named(part) for part in text.split(",") if part.strip()]
    if not names:
        raise ValueError(f"{option} names nothing: give one name or several, separated by commas")
    return tuple(dict.fromkeys(names))


def _framework_named(name: str) -> str:
    full = framework_named(name)
    if full in BUILT_IN:
        raise ValueError(f"{full} is built in and part of every run: choose from {', '.join(FRAMEWORKS)}")
    return full


def _workloads(names: list[str]) -> tuple[Workload, ...]:
    found: dict[str, Workload] = {}
    for name in dict.fromkeys(names):
        workload = find_workload(name)
        if workload.name in found:
            raise ValueError(f"--workload {name}: another workload is named {workload.name!r} already, rename one")
        found[workload.name] = workload
    return tuple(found.values())


def _device_named(name: str) -> str:
    if name.strip() not in DEVICES:
        raise ValueError(f"unknown device {name!r}: choose from {', '.join(DEVICES)}")
    return name.strip()


def _positive(text: str, option: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{option} {text!r}: give a whole number, 1 or more")
    return int(text)


def _interpreter(text: str) -> tuple[str, str]:
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise ValueError(f"--interpreter {text!r}: write it as framework=PATH, such as pytorch=/opt/env/bin/python")
    found = shutil.which(path)
    if found is None:
        raise ValueError(f"--interpreter {text}: {path} is no executable file")
    return _framework_named(name), os.path.abspath(found)


def _directory(config: pytest.Config, option: str) -> Path | None:
    text = config.getoption(option)
    if text is None:
        return None
    path = Path(config.invocation_params.dir, text)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{option} {text}: a file is there already, give a directory")
    return path


def _existing(config: pytest.Config, option: str) -> Path | None:
    text = config.getoption(option)
    if text is None:
        return None
    path = Path(config.invocation_params.dir, text)
    if not path.exists():
        raise ValueError(f"{option} {text}: nothing is there")
    return path


def _user_ledger(config: pytest.Config) -> tuple[Entry, ...]:
    path = _existing(config, "--ledger")
    return ledger_file.load(path, KNOWN_CONTRACTS) if path else ()
