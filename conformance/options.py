"""The choices of one pytest run, read from its command line and checked before anything starts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance import ledger_file
from conformance.cache import cache_directory
from conformance.catalogue import divergences
from conformance.contracts import KNOWN_CONTRACTS
from conformance.ending import WrongUse
from conformance.ledger import Entry
from conformance.ledger_file import LedgerError
from conformance.observations import OF_A_REPORT
from conformance.subjects import BUILT_IN, DEVICES, FRAMEWORKS, Subject, framework_named
from conformance.workload_files import WorkloadUnusable, find_workload
from reference.workloads import Workload

DEFAULT_WORKLOAD = "mnist_mlp"
MOST_SEEDS = 1_000
_PLUGIN = "conformance.plugin"
_DEFAULTS = {"--device": "cpu", "--seeds": "1", "--data-source": "embedded"}


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
    group.addoption(
        "--device", default=_DEFAULTS["--device"], help="devices, separated by commas: cpu, cuda (default: cpu)"
    )
    group.addoption(
        "--workload",
        action="append",
        metavar="NAME|FILE",
        help=f"workload by name or Python file; may be repeated (default: {DEFAULT_WORKLOAD})",
    )
    group.addoption(
        "--seeds", default=_DEFAULTS["--seeds"], help="locked runs with this many initial weights (default: 1)"
    )
    group.addoption(
        "--interpreter",
        action="append",
        default=[],
        metavar="FRAMEWORK=PATH",
        help="the Python that holds a framework (default: this one)",
    )
    group.addoption(
        "--data-source",
        default=_DEFAULTS["--data-source"],
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
        frameworks = FRAMEWORKS if chosen is None else _names(chosen, _framework_named, "--framework")
        cache_directory()
        return Options(
            frameworks=frameworks,
            devices=_names(config.getoption("--device"), _device_named, "--device"),
            workloads=_workloads(config.getoption("--workload") or [DEFAULT_WORKLOAD], frameworks),
            seeds=_seeds(config.getoption("--seeds")),
            interpreters=_interpreters(config.getoption("--interpreter")),
            data_source=config.getoption("--data-source"),
            report=_directory(config, "--report"),
            record=_without_recording(config),
            baseline=_baseline(config),
            own_ledger=(*ledger_file.load(ledger_file.OWN, KNOWN_CONTRACTS), *divergences.ledger_entries()),
            user_ledger=_user_ledger(config),
            frameworks_chosen=chosen is not None,
        )
    except (ValueError, WorkloadUnusable, LedgerError, WrongUse) as error:
        raise pytest.UsageError(str(error)) from error


def repeating(config: pytest.Config, place: Path, test: str = "", *more: str) -> str:
    """The command that repeats a part of this run, from the directory in which this run was started.

    `place` is a directory or a file of tests, `test` a test's id in that file, `more` further options.
    """
    plugin = ["-p", _PLUGIN] if _PLUGIN in config.option.plugins else []
    root = config.rootpath
    here = config.invocation_params.dir == root and place.is_relative_to(root)
    words = [place.relative_to(root).as_posix() if here else str(place), *([test] if test else [])]
    return shlex.join(["pytest", *plugin, "::".join(words), *more, *_settings(config)])


def _settings(config: pytest.Config) -> list[str]:
    """The options of this run without which one of its tests, selected by its id, would not be the same again."""
    words: list[str] = []
    for option in ("--workload", "--device", "--seeds", "--interpreter", "--data-source", "--ledger"):
        given = config.getoption(option)
        given = given if isinstance(given, list) else [given]
        words += [word for value in given if value not in (None, _DEFAULTS.get(option)) for word in (option, value)]
    if config.getoption("benchmark_only", False):
        words.append("--benchmark-only")
    return [*words, "-m", config.option.markexpr] if config.option.markexpr else words


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


def _workloads(names: list[str], frameworks: tuple[str, ...]) -> tuple[Workload, ...]:
    found: dict[str, Workload] = {}
    once = {os.path.realpath(name) if name.endswith(".py") else name: name for name in reversed(names)}
    for name in reversed(once.values()):
        workload = find_workload(name)
        if workload.name in found:
            raise ValueError(f"--workload {name}: another workload is named {workload.name!r} already, rename one")
        if not set(frameworks).intersection(workload.modules):
            raise ValueError(
                f"workload {workload.name!r} has no module for {' or '.join(frameworks)}: "
                f"choose {' or '.join(workload.modules)} with --framework"
            )
        found[workload.name] = workload
    return tuple(found.values())


def _device_named(name: str) -> str:
    if name.strip() not in DEVICES:
        raise ValueError(f"unknown device {name!r}: choose from {', '.join(DEVICES)}")
    return name.strip()


def _seeds(text: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_SEEDS:
        raise ValueError(f"--seeds {text[:40]!r}: give a whole number from 1 to {MOST_SEEDS:,}")
    return int(text)


def _interpreters(texts: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not separator or not path:
            raise ValueError(f"--interpreter {text!r}: write it as framework=PATH, such as pytorch=/opt/env/bin/python")
        program = shutil.which(path)
        if program is None:
            raise ValueError(f"--interpreter {text}: {path} is no executable file")
        framework, program = _framework_named(name), os.path.abspath(program)
        if found.setdefault(framework, program) != program:
            raise ValueError(
                f"--interpreter {text}: {framework} has the interpreter {found[framework]} already, give one"
            )
    return found


def _directory(config: pytest.Config, option: str) -> Path | None:
    """A directory to write to. Raises ValueError where that is impossible, before anything has run."""
    path = _path(config, option)
    if path is None:
        return None
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    if not there.is_dir():
        place = "a file is there already" if there == path else f"{there} is a file"
        raise ValueError(f"{option} {config.getoption(option)}: {place}, give a directory")
    if not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {config.getoption(option)}: {there} cannot be written to, give another directory")
    return path


def _without_recording(config: pytest.Config) -> Path | None:
    """The directory of `--record`. Raises ValueError where another run's recording is there: it would be mixed."""
    path = _directory(config, "--record")
    if path is not None and any(path.glob("*.safetensors")):
        raise ValueError(
            f"--record {config.getoption('--record')}: another run is recorded there, remove it or name another"
        )
    return path


def _baseline(config: pytest.Config) -> Path | None:
    """The directory of `--baseline`. Raises ValueError where this run's report would replace what is in it."""
    path, report = _existing(config, "--baseline"), _path(config, "--report")
    if path is not None and report is not None and path.resolve() == (report / OF_A_REPORT).resolve():
        raise ValueError(
            f"--report {config.getoption('--report')}: the baseline is part of the report there, give another directory"
        )
    return path


def _existing(config: pytest.Config, option: str) -> Path | None:
    path = _path(config, option)
    if path is not None and not path.exists():
        raise ValueError(f"{option} {config.getoption(option)}: nothing is there")
    return path


def _path(config: pytest.Config, option: str) -> Path | None:
    text = config.getoption(option)
    if text == "":
        raise ValueError(f"{option} names nothing: give a path")
    return None if text is None else Path(config.invocation_params.dir, text)


def _user_ledger(config: pytest.Config) -> tuple[Entry, ...]:
    path = _existing(config, "--ledger")
    return ledger_file.load(path, KNOWN_CONTRACTS) if path else ()
