"""The oracle's ensembles, kept between runs under a key of everything that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from conformance.cache import cache_directory
from conformance.observations import SCHEMA, ObservationUnwritable, write_whole
from conformance.requests import Request

_PATIENCE_SECONDS = 0.5
_DIGEST_BYTES = hashlib.sha256().digest_size


def path_for(request: Request, code: Path) -> Path:
    """Where the ensemble of this request is kept: the key covers oracle source, workload, seed, members, NumPy."""
    hashed = hashlib.sha256()
    for source in sorted((code / "reference" / "oracle").glob("*.py")):
        hashed.update(source.name.encode() + source.read_bytes())
    arguments = {name: value for name, value in request.arguments.items() if name != "data_directory"}
    hashed.update(json.dumps([SCHEMA, np.__version__, arguments], sort_keys=True).encode())
    for name, array in sorted(request.tensors.items()):
        hashed.update(name.encode() + array.tobytes())
    return cache_directory() / "ensembles" / f"{hashed.hexdigest()[:32]}.ensemble"


@contextlib.contextmanager
def alone(kept: Path, stop: threading.Event) -> Iterator[None]:
    """Hold the place of a kept ensemble, so that runs which want it at the same time make it once.

    What an earlier holder was killed over is removed. Where the cache refuses a lock, everyone makes their own.
    Nobody waits on after `stop` is set.
    """
    lock = FileLock(f"{kept}.lock")
    with contextlib.suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        while not (lock.is_locked or stop.is_set()):
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=_PATIENCE_SECONDS)
        for unfinished in kept.parent.glob(f"{kept.name}.*.part"):
            unfinished.unlink(missing_ok=True)
    try:
        yield
    finally:
        lock.release()


def fetch(kept: Path, path: Path) -> bool:
    """Copy a kept ensemble to `path`; False where there is none, or the kept file has been damaged.

    Raises ObservationUnwritable where `path` cannot be written.
    """
    try:
        content = kept.read_bytes()
    except OSError:
        return False
    if not is_sound(content):
        return False
    write_whole(path, [memoryview(content)[_DIGEST_BYTES:]])
    return True


def is_sound(content: bytes) -> bool:
    """Whether the content of a kept file is an ensemble behind its own SHA-256."""
    return hashlib.sha256(memoryview(content)[_DIGEST_BYTES:]).digest() == content[:_DIGEST_BYTES]


def keep(path: Path, kept: Path) -> None:
    """Keep the ensemble at `path` for later runs, behind its SHA-256; without a word where the cache refuses it."""
    with contextlib.suppress(OSError, ObservationUnwritable):
        kept.parent.mkdir(parents=True, exist_ok=True)
        ensemble = path.read_bytes()
        write_whole(kept, [hashlib.sha256(ensemble).digest(), ensemble])
