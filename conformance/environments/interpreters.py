"""Python interpreters: which the machine has, and what an existing environment holds."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from conformance.environments.errors import EnvironmentFailure
from conformance.environments.uv import run_uv
from conformance.subjects import Subject

OLDEST = (3, 9)
_TIME_LIMIT = 60.0
_MOST_SAID = 120

_DESCRIBE = """
import json, platform, sys, sysconfig
from importlib import metadata
packages = {}
for distribution in metadata.distributions():
    name = distribution.metadata["Name"]
    if name:
        packages.setdefault(name, distribution.version)
print("\\n" + json.dumps({
    "version": list(sys.version_info[:3]),
    "release": sys.version.split()[0],
    "implementation": sys.implementation.name,
    "platform": sysconfig.get_platform(),
    "abi": str(sysconfig.get_config_var("SOABI")),
    "prefix": sys.prefix,
    "base": sys.base_prefix,
    "packages": packages,
}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python that runs: `version` such as 3.11.7, `identity` of its build, the distributions it sees."""

    path: Path
    version: str
    identity: tuple[str, ...]
    prefix: Path
    packages: tuple[tuple[str, str], ...]

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


@lru_cache
def inspect(path: Path) -> Interpreter:
    """Ask a Python for its version and distributions, without importing any of them.

    Raises EnvironmentFailure where `path` is missing, not executable, no Python, or older than 3.9.
    """
    if not path.exists():
        raise EnvironmentFailure(f"there is no Python at {path}")
    if path.is_dir():
        raise EnvironmentFailure(f"{path} is a directory: give its interpreter, such as {path / 'bin' / 'python'}")
    if not os.access(path, os.X_OK):
        raise EnvironmentFailure(f"{path} is not executable")
    described = _ask(path)
    version: list[int] = described["version"]
    if tuple(version[:2]) < OLDEST:
        raise EnvironmentFailure(f"{path} is Python {described['release']}; a side needs Python 3.9 or newer")
    return Interpreter(
        path=path,
        version=".".join(map(str, version)),
        identity=tuple(described[name] for name in ("implementation", "release", "platform", "abi", "base")),
        prefix=Path(described["prefix"]),
        packages=tuple(sorted((canonicalize_name(n), v) for n, v in described["packages"].items())),
    )


def _ask(path: Path) -> dict[str, Any]:
    try:
        ended = subprocess.run(
            [path, "-I", "-c", _DESCRIBE],
            capture_output=True,
            timeout=_TIME_LIMIT,
            stdin=subprocess.DEVNULL,
            env=Subject("").worker_environment(),  # a .pth file of the environment runs before -c
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFailure(f"{path} does not run as a Python: {error}") from error
    try:
        described: dict[str, Any] = json.loads(ended.stdout.decode(errors="replace").splitlines()[-1])
        described["version"]
    except (IndexError, KeyError, TypeError, ValueError) as error:
        said = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2][:_MOST_SAID]
        raise EnvironmentFailure(
            f"{path} does not run as a Python (status {ended.returncode}: {said or 'no message'})"
        ) from error
    return described


@dataclass(frozen=True)
class Found:
    """A Python that uv knows of and that was not asked yet."""

    version: str
    path: Path

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor = self.version.split(".")[:2]
        return int(major), int(minor)


@lru_cache
def installed() -> tuple[Found, ...]:
    """The newest CPython of each minor version from 3.9 on, newest first; one is never downloaded.

    First those on the search path or managed by uv, then those that pyenv keeps and has not activated.
    pyenv's shims are passed over: each starts a shell, and most of them only to say that they are not active.
    """
    shims, active, inactive = _pyenv()
    path = [place for place in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(place) != shims]
    at_hand = _newest_of_each_minor([*active, *path])
    kept = _newest_of_each_minor(inactive) if inactive else {}
    return (*at_hand.values(), *(found for minor, found in kept.items() if minor not in at_hand))


def _newest_of_each_minor(directories: list[str]) -> dict[tuple[int, int], Found]:
    search = os.pathsep.join(directories)
    output = run_uv(["python", "list", "--only-installed", "--output-format", "json"], variables={"PATH": search})
    newest: dict[tuple[int, int], tuple[int, Found]] = {}
    for entry in json.loads(output):
        parts, path = entry["version_parts"], entry["path"]
        minor = (parts["major"], parts["minor"])
        usable = path and entry["implementation"] == "cpython" and entry["variant"] == "default"
        if usable and minor >= OLDEST and parts["patch"] > newest.get(minor, (-1, None))[0]:
            newest[minor] = (parts["patch"], Found(entry["version"], Path(path)))
    return {minor: newest[minor][1] for minor in sorted(newest, reverse=True)}


def _pyenv() -> tuple[Path, list[str], list[str]]:
    """pyenv's directory of shims, and the directories of its active and of its other versions."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    files = (*(place / ".python-version" for place in (Path.cwd(), *Path.cwd().parents)), root / "version")
    chosen = os.environ.get("PYENV_VERSION", "").replace(":", " ")
    if not chosen:
        chosen = next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")
    directories = {path.parent.name: str(path) for path in sorted(root.glob("versions/3.*/bin"))}
    active = [directory for name, directory in directories.items() if name in chosen.split()]
    return (
        root / "shims",
        active,
        [directory for directory in directories.values() if directory not in active],
    )


def find(request: str) -> Found | Interpreter:
    """The interpreter for a request: a path, or a version such as `3.11` or `3.11.7`.

    Raises EnvironmentFailure naming what this machine has.
    """
    if os.sep in request:
        return inspect(Path(request).expanduser().absolute())
    for found in installed():
        if f"{found.version}.".startswith(f"{request}."):
            return found
    have = ", ".join(found.version for found in installed()) or "none"
    raise EnvironmentFailure(
        f"there is no Python {request} on this machine (found: {have}); install it, or name its path"
    )
