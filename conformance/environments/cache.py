"""The cache of built environments: where they lie, who uses them, how much room they may take.

Each environment is a directory `NAME` with a file `environment.json` in it, and a lock file `NAME.lock`
beside it: held exclusively by who builds or removes it, shared by whoever uses it. The operating system
lets go of a lock when its process ends, however it ends. A directory is complete from the moment it has its
name; what is being built has a name that ends in `.part`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.cache import cache_directory
from conformance.environments.errors import EnvironmentFailure
from conformance.environments.uv import Progress

FACTS = "environment.json"
PART = ".part"
_USED = "last-used"
_LOCK = ".lock"
_DEFAULT_LIMIT_GB = 40.0
_POLL_SECONDS = 0.2


def environments_root() -> Path:
    """The directory of the environments."""
    return cache_directory() / "environments"


def size_limit() -> int:
    """How many bytes all environments together may take: `CONFORMANCE_CACHE_LIMIT` gigabytes (default 40)."""
    text = os.environ.get("CONFORMANCE_CACHE_LIMIT", "")
    try:
        return int(float(text or _DEFAULT_LIMIT_GB) * 1e9)
    except ValueError as error:
        raise EnvironmentFailure(f"CONFORMANCE_CACHE_LIMIT is {text!r}: give a number of gigabytes") from error


class Lease:
    """The right to use an environment until `release`, or until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the environment back; a second call does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@dataclass(frozen=True)
class CachedEnvironment:
    """One environment of the cache: apparent size, seconds since the epoch of its last use, and its packages.

    `shared_bytes` is the part of `size_bytes` in hard links to uv's cache: removing the environment frees
    only the rest, and those once uv's cache is cleaned.
    """

    name: str
    directory: Path
    size_bytes: int
    shared_bytes: int
    last_used: float
    in_use: bool
    python: str
    packages: dict[str, str]


def list_cache() -> list[CachedEnvironment]:
    """Every complete environment, the one used last first."""
    found = []
    for directory in _complete():
        with contextlib.suppress(OSError, ValueError, KeyError):  # removed by someone else meanwhile
            facts = json.loads((directory / FACTS).read_text(encoding="utf-8"))
            found.append(
                CachedEnvironment(
                    name=directory.name,
                    directory=directory,
                    size_bytes=facts["size_bytes"],
                    shared_bytes=facts["shared_bytes"],
                    last_used=_last_used(directory),
                    in_use=_is_locked(directory),
                    python=facts["python"],
                    packages=facts["packages"],
                )
            )
    return sorted(found, key=lambda one: one.last_used, reverse=True)


def clear_cache() -> tuple[list[str], list[str]]:
    """Remove every environment that nobody uses, and what interrupted builds left.

    Returns the names of those removed and of those kept because they are in use.
    """
    remove_leftovers()
    removed: list[str] = []
    kept: list[str] = []
    for directory in _complete():
        (removed if _remove(directory) else kept).append(directory.name)
    return removed, kept


def make_room(bytes_needed: int, on_progress: Progress | None = None) -> None:
    """Remove the environments used longest ago until `bytes_needed` more fit the limit; those in use stay."""
    environments = list_cache()
    excess = sum(one.size_bytes for one in environments) + bytes_needed - size_limit()
    for one in reversed(environments):
        if excess <= 0:
            return
        if _remove(one.directory):
            excess -= one.size_bytes
            if on_progress is not None:
                on_progress(f"removed {one.name} from the cache ({one.size_bytes / 1e9:.1f} GB, used longest ago)")


def remove_leftovers(held: Path | None = None) -> None:
    """Remove what interrupted builds left; `held` is an environment that the caller has locked exclusively.

    A name's parts are leftovers where its lock is held by nobody who builds, as the shared lock proves.
    """
    root = environments_root()
    for part in root.glob(f"*{PART}") if root.is_dir() else ():
        directory = part.with_name(part.name.removesuffix(PART).rsplit(".", 1)[0])
        if directory == held:
            shutil.rmtree(part, ignore_errors=True)
            continue
        with contextlib.suppress(BlockingIOError), _locked(directory, fcntl.LOCK_SH | fcntl.LOCK_NB):
            shutil.rmtree(part, ignore_errors=True)


@contextlib.contextmanager
def building(
    directory: Path, on_progress: Progress | None = None, stop: threading.Event | None = None
) -> Iterator[None]:
    """Hold an environment's lock exclusively, waiting for whoever holds it.

    Raises EnvironmentFailure where `stop` is set meanwhile: a thread that waits in the operating system could not be
    called off.
    """
    stop = stop or threading.Event()
    waiting = False
    with contextlib.ExitStack() as holding:
        while not _taken(directory, holding):
            if not waiting and on_progress is not None:
                on_progress(f"waiting for another process that builds or uses {directory.name}")
            waiting = True
            if stop.wait(_POLL_SECONDS):
                raise EnvironmentFailure(f"nobody waits for {directory.name} any more")
        yield


def _taken(directory: Path, holding: contextlib.ExitStack) -> bool:
    """Whether the lock could be taken exclusively; it is then held until `holding` is closed."""
    try:
        holding.enter_context(_locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def lease(directory: Path) -> Lease | None:
    """The right to use a complete environment, marked as used now; None where there is none."""
    if not (directory / FACTS).is_file():
        return None
    descriptor = _open_lock(directory)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if not (directory / FACTS).is_file():  # removed while we waited
            os.close(descriptor)
            return None
        (directory / _USED).touch()
    except BaseException:
        os.close(descriptor)
        raise
    return Lease(descriptor)


def facts_of(directory: Path) -> dict[str, Any]:
    """What was written down when the environment was built."""
    facts: dict[str, Any] = json.loads((directory / FACTS).read_text(encoding="utf-8"))
    return facts


def measure(directory: Path) -> tuple[int, int]:
    """Bytes in a directory's files, each counted once, and those in files with further hard links."""
    total = shared = 0
    seen: set[tuple[int, int]] = set()
    for folder, _, names in os.walk(directory):
        for name in names:
            status = os.lstat(os.path.join(folder, name))
            if (status.st_dev, status.st_ino) not in seen:
                seen.add((status.st_dev, status.st_ino))
                total += status.st_size
                shared += status.st_size if status.st_nlink > 1 else 0
    return total, shared


def _complete() -> list[Path]:
    root = environments_root()
    return [path.parent for path in sorted(root.glob(f"*/{FACTS}")) if not path.parent.name.endswith(PART)]


def _last_used(directory: Path) -> float:
    try:
        return (directory / _USED).stat().st_mtime
    except FileNotFoundError:
        return (directory / FACTS).stat().st_mtime


def _remove(directory: Path) -> bool:
    """Remove an environment unless it is in use."""
    try:
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            discard(directory)
    except BlockingIOError:
        return False
    return True


def discard(directory: Path) -> None:
    """Remove an environment that the caller has locked exclusively; it loses its name first, so nobody sees half."""
    with contextlib.suppress(FileNotFoundError):
        doomed = directory.rename(part_of(directory))
        shutil.rmtree(doomed, ignore_errors=True)


def part_of(directory: Path) -> Path:
    """A new name beside an environment for what is not, or no longer, complete."""
    return directory.with_name(f"{directory.name}.{os.getpid()}-{time.time_ns()}{PART}")


def _is_locked(directory: Path) -> bool:
    try:
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


@contextlib.contextmanager
def _locked(directory: Path, operation: int) -> Iterator[None]:
    descriptor = _open_lock(directory)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def _open_lock(directory: Path) -> int:
    directory.parent.mkdir(parents=True, exist_ok=True)
    return os.open(directory.with_name(f"{directory.name}{_LOCK}"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
