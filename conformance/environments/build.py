"""From a lock to an environment: looked up in the cache, or built beside it and moved into place."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from conformance.environments import cache
from conformance.environments.errors import EnvironmentFailure, MachineFailure
from conformance.environments.interpreters import inspect
from conformance.environments.lock import Lock, Pin
from conformance.environments.side import FRAMEWORK_DISTRIBUTIONS
from conformance.environments.uv import Progress, UvFailure, cache_directory, run_uv, run_uv_or_offline

# Installed bytes for each byte of wheel, measured: torch 2.15 with CUDA wheels 1.8, tensorflow-cpu 2.16 4.0.
_UNPACKED = 4.2
_UNPACKED_CUDA = 2.1
_CUDA = ("cuda-", "nvidia-", "torch", "triton")
_LEAST_FREE = 200_000_000


@dataclass(frozen=True)
class Environment:
    """An environment that is ready: `packages` as its own interpreter lists them (canonical name -> version).

    `size_bytes` is its apparent size (0 for the user's own interpreter), `built` whether it was built just
    now. It is kept from removal until `release`, or until this process ends.
    """

    interpreter: Path
    directory: Path
    packages: Mapping[str, str]
    python: str
    size_bytes: int
    built: bool
    lease: cache.Lease | None = None

    def release(self) -> None:
        """Allow the cache to remove the environment."""
        if self.lease is not None:
            self.lease.release()


def build(lock: Lock, *, on_progress: Progress | None = None, stop: threading.Event | None = None) -> Environment:
    """The environment of a lock, from the cache or built now.

    Two processes that want the same one share one build; `stop` ends the waiting for another's. Raises
    EnvironmentFailure where the disk, the network or a package refuses; nothing half-made is left where it could
    be used.
    """
    if lock.side.interpreter is not None:
        own = lock.interpreter
        return Environment(own.path, own.prefix, lock.packages, own.version, 0, built=False)
    directory = cache.environments_root() / _name(lock)
    try:
        ready = _look_up(directory)
        if ready is not None:
            return ready
        with cache.building(directory, on_progress, stop):
            built = _usable(directory) is None
            if built:
                _build(lock, directory, on_progress)
        ready = _look_up(directory, built=built)
    except OSError as error:
        raise MachineFailure(_os_reason(error, directory.parent)) from error
    if ready is None:
        raise EnvironmentFailure(f"{directory.name} was removed from the cache as soon as it was built: try again")
    return ready


def _name(lock: Lock) -> str:
    """A name to recognise in a list, then the key."""
    shown = [f"{name}-{version}" for name, version in lock.packages.items() if name in FRAMEWORK_DISTRIBUTIONS]
    python = "py{}.{}".format(*lock.interpreter.minor)
    readable = "-".join([*shown, python]).replace("+", "_").replace("!", "_")
    return f"{readable[:80]}-{lock.key[:20]}"


def _look_up(directory: Path, *, built: bool = False) -> Environment | None:
    lease = cache.lease(directory)
    if lease is None:
        return None
    interpreter = _usable(directory)
    if interpreter is None:
        lease.release()
        return None
    facts = cache.facts_of(directory)
    return Environment(
        interpreter=interpreter,
        directory=directory,
        packages=facts["packages"],
        python=facts["python"],
        size_bytes=facts["size_bytes"],
        built=built,
        lease=lease,
    )


def _usable(directory: Path) -> Path | None:
    """The interpreter of a complete environment whose base Python is still there."""
    interpreter = directory / "bin" / "python"
    return interpreter if (directory / cache.FACTS).is_file() and interpreter.exists() else None


def _build(lock: Lock, directory: Path, on_progress: Progress | None) -> None:
    report = on_progress or (lambda text: None)
    cache.remove_leftovers(held=directory)
    cache.discard(directory)
    cache.make_room(_installed_bytes(lock.pins), on_progress)
    part = cache.part_of(directory)
    try:
        run_uv(
            [
                "venv",
                "--quiet",
                "--no-project",
                "--relocatable",
                "--python",
                str(lock.interpreter.path),
                str(part),
            ]
        )
        requirements = part / "requirements.txt"
        requirements.write_text(lock.install_text(), encoding="utf-8")
        install = ["pip", "install", "--python", str(part / "bin" / "python"), "--no-deps"]
        # uv keeps what it built of a directory for as long as its pyproject.toml is the same.
        install += [word for pin in lock.pins if pin.from_directory for word in ("--refresh-package", pin.name)]
        install += lock.options.arguments()
        variables = lock.options.indexes.environment(os.environ)
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):  # or every worker would compile its framework, for ten seconds
            install.append("--compile-bytecode")
        _require_disk(lock, install, variables, directory.parent)
        size = f"{lock.download_bytes / 1e9:.2f} GB of wheels"
        report(f"installing {len(lock.pins)} packages ({size} unless cached)")
        try:
            run_uv_or_offline(
                [*install, "--requirement", str(requirements)],
                variables=variables,
                on_progress=_only_downloads(on_progress),
            )
        except UvFailure as failure:
            kind = MachineFailure if failure.of_disk or failure.of_network else EnvironmentFailure
            raise kind(_install_reason(failure, lock, directory.parent)) from failure
        _write_facts(lock, part)
        part.rename(directory)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _only_downloads(on_progress: Progress | None) -> Progress | None:
    """Passes on what uv fetches and builds, and not the list of what it installed."""

    def report(text: str) -> None:
        if on_progress is not None and text.split()[0] in ("Downloading", "Downloaded", "Building", "Built"):
            on_progress(text)

    return report


def _write_facts(lock: Lock, part: Path) -> None:
    interpreter = inspect(part / "bin" / "python")
    packages = dict(interpreter.packages)
    wrong = [name for name, version in lock.packages.items() if packages.get(name) != version and version != "unknown"]
    if wrong:
        raise EnvironmentFailure(f"uv installed other versions than it resolved: {', '.join(sorted(wrong))}; try again")
    size, shared = cache.measure(part)
    facts = {"python": interpreter.version, "packages": packages, "size_bytes": size, "shared_bytes": shared}
    (part / cache.FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _require_disk(lock: Lock, install: list[str], variables: Mapping[str, str], root: Path) -> None:
    """Refuse before the download where the disk is too small for what uv's cache does not hold yet."""
    uv_cache = cache_directory()
    downloads = _installed_bytes(lock.pins)
    copies = downloads if _device(uv_cache) != _device(root) else 0
    free, free_for_copies = _free(uv_cache), _free(root)
    if free < downloads + _LEAST_FREE:
        downloads = _installed_bytes(pin for pin in lock.pins if not _is_cached(pin, install, variables))
    for needed, available, place in ((downloads, free, uv_cache), (copies, free_for_copies, root)):
        if available < needed + _LEAST_FREE:
            raise MachineFailure(
                f"the disk of {place} has {available / 1e9:.1f} GB free and needs about"
                f" {(needed + _LEAST_FREE) / 1e9:.1f} GB; `conformance cache clear` and `uv cache prune` make"
                " room, CONFORMANCE_CACHE and UV_CACHE_DIR name another disk"
            )


def _installed_bytes(pins: Iterable[Pin]) -> int:
    """What the distributions take once unpacked, estimated."""
    return int(sum(pin.download_bytes * (_UNPACKED_CUDA if pin.name.startswith(_CUDA) else _UNPACKED) for pin in pins))


def _is_cached(pin: Pin, install: list[str], variables: Mapping[str, str]) -> bool:
    said: list[str] = []
    arguments = [*install, pin.requirement, "--offline", "--dry-run"]
    try:
        run_uv(arguments, variables=variables, on_progress=said.append)
    except UvFailure:
        return False
    return not any(line.startswith("Would download") for line in said)


def _existing_parent(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _device(path: Path) -> int:
    return _existing_parent(path).stat().st_dev


def _free(path: Path) -> int:
    return shutil.disk_usage(_existing_parent(path)).free


def _install_reason(failure: UvFailure, lock: Lock, root: Path) -> str:
    if failure.of_disk:
        return f"{_disk_full(root)} uv said: {failure}"
    return f"the environment of {lock.side.text} cannot be installed: {failure}"


def _os_reason(error: OSError, root: Path) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(root)
    return f"the cache {root} cannot be used: {error}; CONFORMANCE_CACHE names another directory"


def _disk_full(root: Path) -> str:
    return (
        f"the disk ran full while an environment was built under {root} or in uv's cache; nothing half-made"
        " is left. `conformance cache clear` and `uv cache prune` make room."
    )
