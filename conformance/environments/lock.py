"""A resolved side: the distributions to install, and how."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from conformance.environments.errors import EnvironmentFailure
from conformance.environments.indexes import Indexes, configured
from conformance.environments.interpreters import Interpreter
from conformance.environments.side import FRAMEWORK_DISTRIBUTIONS, Side, frameworks_in

_TREE = "tree:"
# What building and running leave in a source tree.
_NOT_SOURCE = (".git", "__pycache__", "build", "dist")


@dataclass(frozen=True)
class Options:
    """How to resolve and install: the indexes, uv's torch backend, whether wheels may be built."""

    indexes: Indexes = field(default_factory=configured)
    torch_backend: str | None = None
    allow_builds: bool = False

    def arguments(self) -> list[str]:
        """Arguments for `uv pip compile` and `uv pip install`."""
        builds = [] if self.allow_builds else ["--only-binary", ":all:"]
        backend = ["--torch-backend", self.torch_backend] if self.torch_backend else []
        return [*self.indexes.arguments(), *builds, *backend]


@dataclass(frozen=True)
class Pin:
    """One distribution of a lock: `requirement` as uv installs it, `digests` of the files allowed."""

    name: str
    version: str
    requirement: str
    digests: tuple[str, ...]
    download_bytes: int

    @property
    def from_directory(self) -> bool:
        """Whether it is built from a source tree on this machine."""
        return any(digest.startswith(_TREE) for digest in self.digests)


@dataclass(frozen=True)
class Lock:
    """A side resolved: what is installed, or what an existing interpreter holds (`pins` is empty then)."""

    side: Side
    interpreter: Interpreter
    packages: Mapping[str, str]
    pins: tuple[Pin, ...]
    options: Options
    notes: tuple[str, ...] = ()

    @property
    def frameworks(self) -> tuple[str, ...]:
        """`tensorflow`, `pytorch`, or both."""
        return frameworks_in(set(self.packages))

    @property
    def named(self) -> frozenset[str]:
        """What the user named: an existing interpreter stands for its frameworks."""
        if self.side.interpreter is None:
            return self.side.named
        return frozenset(self.packages) & FRAMEWORK_DISTRIBUTIONS

    @property
    def download_bytes(self) -> int:
        """Size of all its wheels as far as the index tells, cached or not."""
        return sum(pin.download_bytes for pin in self.pins)

    @property
    def key(self) -> str:
        """Hexadecimal digest of all that decides the environment's content: files, Python, platform."""
        files = [[pin.name, pin.version, pin.requirement, *sorted(pin.digests)] for pin in self.pins]
        content = json.dumps([files, self.interpreter.identity])
        return hashlib.sha256(content.encode()).hexdigest()

    def install_text(self) -> str:
        """The requirements file for `uv pip install --no-deps`; hashes only where the user gave some."""
        lines = []
        for pin in self.pins:
            hashes = [f"--hash={digest}" for digest in pin.digests if pin.name in self.side.hashes]
            lines.append(" ".join([pin.requirement, *hashes]))
        return "\n".join(lines) + "\n"


def pin_of(package: Mapping[str, Any], hashes: Mapping[str, frozenset[str]]) -> Pin:
    """The pin that an entry of PEP 751's `packages` describes.

    Only files with one of the `hashes` given for the name are allowed; EnvironmentFailure where none has one.
    """
    name = package["name"]
    files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    direct = _direct(package)
    if direct is not None:
        files = [package["archive"]] if "archive" in package else []
    digests = tuple(f"{kind}:{value}" for file in files for kind, value in file.get("hashes", {}).items())
    if name in hashes:
        digests = _allowed(name, package.get("version", ""), digests, hashes[name])
    if "directory" in package:
        digests = (_content(Path(package["directory"]["path"])),)
    version = package.get("version", "unknown")
    size = max((_size(file) for file in files), default=0)
    return Pin(name, version, direct or f"{name}=={version}", digests, size)


def _allowed(name: str, version: str, offered: tuple[str, ...], given: frozenset[str]) -> tuple[str, ...]:
    kept = tuple(digest for digest in offered if digest in given)
    if not kept:
        raise EnvironmentFailure(
            f"no file of {name} {version} has a hash that was given for it (offered:"
            f" {', '.join(offered) or 'none'}; given: {', '.join(sorted(given))})"
        )
    return kept


def _direct(package: Mapping[str, Any]) -> str | None:
    """The requirement of a package that comes by URL, from a directory, or from version control."""
    name = package["name"]
    if "archive" in package:
        archive = package["archive"]
        return f"{name} @ {archive['url'] if 'url' in archive else Path(archive['path']).absolute().as_uri()}"
    if "directory" in package:
        return f"{name} @ {Path(package['directory']['path']).absolute().as_uri()}"
    if "vcs" in package:
        vcs = package["vcs"]
        return f"{name} @ {vcs['type']}+{vcs['url']}@{vcs['commit-id']}"
    return None


def _content(directory: Path) -> str:
    """A digest of a source tree, by its files' sizes and times: a change makes another environment."""
    hashed = hashlib.sha256()
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if name not in _NOT_SOURCE and not name.endswith(".egg-info"))
        for name in sorted(names):
            status = Path(folder, name).lstat()
            place = Path(folder, name).relative_to(directory)
            hashed.update(f"{place} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{_TREE}{hashed.hexdigest()}"


def _size(file: Mapping[str, Any]) -> int:
    if "size" in file:
        return int(file["size"])
    url = urlsplit(file.get("url", ""))
    try:
        return Path(unquote(url.path)).stat().st_size if url.scheme == "file" else 0
    except OSError:
        return 0
