"""From two sides to two locks: a version of everything, for one Python, old pins held where possible."""

from __future__ import annotations

import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.environments.errors import EnvironmentFailure, MachineFailure
from conformance.environments.interpreters import Found, Interpreter, find, inspect, installed
from conformance.environments.lock import Lock, Options, pin_of
from conformance.environments.side import Side, frameworks_in
from conformance.environments.uv import Progress, UvFailure, run_uv_or_offline

_ABOUT_PYTHON = re.compile(r"Python|ABI tag|platform tag|usable wheels")


def resolve(
    baseline: Side, candidate: Side, *, options: Options | None = None, on_progress: Progress | None = None
) -> tuple[Lock, Lock]:
    """Resolve both sides; what the candidate does not name keeps the baseline's version where it can.

    Where a side does not say which Python, both get the newest of this machine that both have wheels for, and
    different ones only where there is none. Raises EnvironmentFailure naming the side and uv's reason.
    """
    options = options or Options()
    attempts = _Attempts(options, on_progress)
    baselines, candidates = _pythons(baseline), _pythons(candidate)
    fixed = baseline.interpreter is None and candidate.interpreter is not None
    for python in baselines:
        same = [other for other in candidates if other.minor == python.minor]
        for other in same:
            if fixed:
                second = attempts.get("candidate", candidate, other, None)
                first = attempts.get("baseline", baseline, python, second) if second else None
            else:
                first = attempts.get("baseline", baseline, python, None)
                second = attempts.get("candidate", candidate, other, first) if first else None
            if first and second:
                return first, second
    first = attempts.first("baseline", baseline, baselines, None)
    return first, attempts.first("candidate", candidate, candidates, first)


def resolve_one(side: Side, *, options: Options | None = None, on_progress: Progress | None = None) -> Lock:
    """Resolve one side alone, with the newest Python that has wheels for it. Raises EnvironmentFailure."""
    return _Attempts(options or Options(), on_progress).first("side", side, _pythons(side), None)


def _pythons(side: Side) -> Sequence[Found | Interpreter]:
    if side.interpreter is not None:
        return [inspect(side.interpreter)]
    if side.python is not None:
        return [find(side.python)]
    if not installed():
        raise EnvironmentFailure("no CPython 3.9 or newer was found on this machine: install one or name its path")
    return installed()


class _Attempts:
    """Resolutions tried so far, by side and Python: none is tried twice."""

    def __init__(self, options: Options, on_progress: Progress | None) -> None:
        self._options = options
        self._report = on_progress or (lambda text: None)
        self._known: dict[tuple[str, str, bool], Lock | EnvironmentFailure] = {}

    def get(self, role: str, side: Side, python: Found | Interpreter, prefer: Lock | None) -> Lock | None:
        """The lock, or None where this Python is the likely reason that there is none."""
        key = (role, python.version, prefer is not None)
        if key not in self._known:
            self._known[key] = self._try(role, side, python, prefer)
        result = self._known[key]
        if isinstance(result, Lock):
            return result
        if not _ABOUT_PYTHON.search(str(result)):
            raise result
        return None

    def first(self, role: str, side: Side, pythons: Sequence[Found | Interpreter], prefer: Lock | None) -> Lock:
        """The first lock in the order of the Pythons. Raises the failure of the newest one."""
        for python in pythons:
            lock = self.get(role, side, python, prefer)
            if lock is not None:
                return lock
        failures = [value for key, value in self._known.items() if key[0] == role and not isinstance(value, Lock)]
        tried = ", ".join(python.version for python in pythons)
        raise EnvironmentFailure(f"{failures[0]} (Python tried: {tried})")

    def _try(
        self, role: str, side: Side, python: Found | Interpreter, prefer: Lock | None
    ) -> Lock | EnvironmentFailure:
        self._report(f"{'looking at' if side.interpreter else 'resolving'} the {role}, Python {python.version}")
        try:
            ready = inspect(python.path)
            return _existing(side, ready, self._options) if side.interpreter else self._solve(side, ready, prefer)
        except EnvironmentFailure as failure:
            return EnvironmentFailure(f"the {role} ({side.text}) cannot be had: {failure}")

    def _solve(self, side: Side, python: Interpreter, prefer: Lock | None) -> Lock:
        options = replace(self._options, indexes=self._options.indexes.over(side.indexes))
        preferences = _preferences(side, prefer) if prefer else {}
        document, notes = _compile(side, python, options, preferences)
        pins = tuple(pin_of(package, side.hashes) for package in document.get("packages", ()))
        packages = {pin.name: pin.version for pin in pins}
        _require_framework(packages, "what it names resolves to")
        return Lock(side, python, packages, pins, options, (*side.notes, *notes, *_warnings(packages)))


def _existing(side: Side, python: Interpreter, options: Options) -> Lock:
    packages = dict(python.packages)
    _require_framework(packages, f"{python.path} holds")
    return Lock(side, python, packages, (), options, _warnings(packages))


def _require_framework(packages: Mapping[str, str], who: str) -> None:
    if not frameworks_in(set(packages)):
        found = ", ".join(sorted(packages)[:12]) or "nothing"
        more = f" and {len(packages) - 12} more" if len(packages) > 12 else ""
        raise EnvironmentFailure(f"{who} no framework (neither tensorflow nor torch; found: {found}{more})")
    if "numpy" not in packages:
        raise EnvironmentFailure(f"{who} no NumPy, which a worker needs: add numpy")


def _warnings(packages: Mapping[str, str]) -> tuple[str, ...]:
    torch, vision = packages.get("torch", ""), packages.get("torchvision", "")
    if torch.endswith("+cpu") and vision and not vision.endswith("+cpu"):
        return (
            f"torchvision {vision} is not from the index of torch {torch}: beside a CPU-only torch it may not"
            " import ('operator torchvision::nms does not exist'); take both from one index",
        )
    return ()


def _preferences(side: Side, prefer: Lock) -> dict[str, str]:
    """The other side's versions, but for packages that this side names in other words."""
    theirs = {one.text for one in (*prefer.side.roots, *prefer.side.constraints)}
    moved = {one.name for one in (*side.roots, *side.constraints) if one.text not in theirs}
    return {name: version for name, version in prefer.packages.items() if name not in moved & side.named}


def _compile(
    side: Side, python: Interpreter, options: Options, preferences: Mapping[str, str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """uv's solution (PEP 751), and a note where it had to come from uv's cache alone."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as name:
        output = Path(name) / "pylock.toml"
        limits = Path(name) / "constraints.txt"
        limits.write_text("".join(f"{one.as_constraint()}\n" for one in side.constraints), encoding="utf-8")
        if preferences:
            output.write_text(_as_pylock(preferences.items()), encoding="utf-8")
        arguments = [
            "pip",
            "compile",
            "-",
            "--format",
            "pylock.toml",
            "--output-file",
            str(output),
            "--no-header",
        ]
        arguments += [
            "--quiet",
            "--python",
            str(python.path),
            "--constraints",
            str(limits),
            *options.arguments(),
        ]
        roots = "".join(f"{one.text}\n" for one in side.roots)
        variables = options.indexes.environment(os.environ)
        try:
            failure = run_uv_or_offline(arguments, variables=variables, stdin=roots)
        except UvFailure as failed:
            raise _explained(failed, options) from failed
        note = f"the package index could not be reached; resolved from uv's cache ({failure})"
        return tomllib.loads(output.read_text(encoding="utf-8")), (note,) if failure else ()


def _explained(failure: UvFailure, options: Options) -> EnvironmentFailure:
    text = str(failure)
    if failure.of_network or failure.of_disk:
        kind: type[EnvironmentFailure] = MachineFailure
    else:
        kind = EnvironmentFailure
    if failure.of_network:
        text += " Nothing usable is cached. Check the network, the proxy and --index-url"
        text += (
            f" (--torch-backend {options.torch_backend} takes torch from PyTorch's own index)."
            if (options.torch_backend)
            else "."
        )
    elif "usable wheels" in text or "building from source is disabled" in text:
        text += " --allow-builds permits building."
    return kind(text)


def _as_pylock(packages: Iterable[tuple[str, str]]) -> str:
    """A lock file with nothing but versions, which uv reads as preferences."""
    tables = (
        f"[[packages]]\nname = {json.dumps(name)}\nversion = {json.dumps(version)}\n" for name, version in packages
    )
    return "\n".join(['lock-version = "1.0"\ncreated-by = "conformance"\n', *tables])
