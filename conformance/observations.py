"""Observations: what a worker reported, as named facts and tensors, kept in one safetensors file each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from conformance.observer.messages import FACTS_KEY, encode

SCHEMA = 1


class ObservationUnreadable(Exception):
    """A file is no observation, was cut short, or comes from another schema."""


@dataclass(frozen=True, order=True)
class Key:
    """What was observed, of whom: the name under which an observation is filed."""

    workload: str
    framework: str
    operation: str
    variant: str = ""
    seed: int = 0
    device: str = "cpu"

    @property
    def file_name(self) -> str:
        """The observation's file name: every field, joined by dots."""
        fields = (
            self.workload,
            self.framework,
            self.operation,
            self.variant or "default",
            self.seed,
            self.device,
        )
        return ".".join(str(field) for field in fields) + ".safetensors"


class StoredTensors(Mapping[str, NDArray[Any]]):
    """The tensors of one file, each read when asked for."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: Any = safe_open(path, framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ObservationUnreadable(f"{path.name} cannot be read as an observation: {error}") from error
        self._names = frozenset(self._file.keys())  # type: ignore[no-untyped-call]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        tensor: NDArray[Any] = self._file.get_tensor(name)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def metadata(self) -> dict[str, str]:
        """The file's metadata, string to string."""
        return self._file.metadata() or {}


@dataclass(frozen=True)
class Observation:
    """Facts (JSON values) and tensors under their names, such as `train/losses`, float32, shape (steps,)."""

    key: Key
    facts: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]


def write(path: Path, key: Key, facts: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write one observation so that a reader sees all of it or nothing. Raises OSError where the disk refuses."""
    document = {"schema": SCHEMA, "key": asdict(key), "facts": dict(facts)}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as stream:
            for chunk in encode(document, tensors):
                stream.write(chunk)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> Observation:
    """Read one observation. Raises ObservationUnreadable, naming the file and what is wrong with it."""
    tensors = StoredTensors(path)
    try:
        document = json.loads(tensors.metadata()[FACTS_KEY])
        schema, key, facts = document["schema"], document["key"], document["facts"]
    except (KeyError, TypeError, ValueError) as error:
        raise ObservationUnreadable(f"{path.name} holds tensors but no observation's facts") from error
    if schema != SCHEMA:
        raise ObservationUnreadable(
            f"{path.name} has schema {schema!r} and this version reads schema {SCHEMA}: record it again"
        )
    try:
        return Observation(Key(**key), facts, tensors)
    except TypeError as error:
        raise ObservationUnreadable(f"{path.name} is filed under a malformed key: {error}") from error


def read_all(directory: Path) -> dict[Key, Observation]:
    """Every observation of a directory, by key. Raises ObservationUnreadable at the first bad file."""
    observations = (read(path) for path in sorted(directory.glob("*.safetensors")))
    return {observation.key: observation for observation in observations}


def as_float(array: NDArray[Any]) -> NDArray[np.float64]:
    """The array in float64, the precision in which everything is judged."""
    return np.asarray(array, dtype=np.float64)
