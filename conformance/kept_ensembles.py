"""The oracle's ensembles, kept between runs under a key of everything that they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from conformance.cache import cache_directory
from conformance.observations import SCHEMA, ObservationUnreadable, read
from conformance.requests import Request


def path_for(request: Request, code: Path) -> Path:
    """Where the ensemble of this request is kept: the key covers oracle source, workload, seed, members, NumPy."""
    hashed = hashlib.sha256()
    for source in sorted((code / "reference" / "oracle").glob("*.py")):
        hashed.update(source.name.encode() + source.read_bytes())
    arguments = {name: value for name, value in request.arguments.items() if name != "data_directory"}
    hashed.update(json.dumps([SCHEMA, np.__version__, arguments], sort_keys=True).encode())
    for name, array in sorted(request.tensors.items()):
        hashed.update(name.encode() + array.tobytes())
    return cache_directory() / "ensembles" / f"{hashed.hexdigest()[:32]}.safetensors"


def fetch(kept: Path, path: Path) -> bool:
    """Copy a kept ensemble to `path`; False where there is none, or the kept file has been damaged."""
    try:
        read(kept)
        shutil.copyfile(kept, path)
    except (OSError, ObservationUnreadable):
        return False
    return True


def keep(path: Path, kept: Path) -> None:
    """Keep the ensemble at `path` for later runs. Raises OSError where the cache cannot be written."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}.part")
    try:
        shutil.copyfile(path, temporary)
        temporary.replace(kept)
    finally:
        temporary.unlink(missing_ok=True)
