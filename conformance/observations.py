"""Observations: what a worker reported, as named facts and tensors, kept in one safetensors file each."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from conformance.observer.messages import FACTS_KEY, encode

SCHEMA = 2
OF_A_REPORT = "observations"
"""The directory, within that of a report, of the observations from which its figures can be drawn again."""


class ObservationUnreadable(Exception):
    """A file is no observation, was cut short, or comes from another schema."""


class ObservationUnwritable(Exception):
    """The disk refuses a file of observations."""

    @classmethod
    def because(cls, path: Path, error: OSError) -> ObservationUnwritable:
        """With the file's name, the reason and the remedy in one line."""
        return cls(
            f"{path} cannot be written ({error.strerror or error}): free some space there, or set TMPDIR to "
            f"another directory"
        )


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
        parts = (
            self.workload,
            self.framework,
            self.operation,
            self.variant or "default",
            self.seed,
            self.device,
        )
        return ".".join(str(part) for part in parts) + ".safetensors"


_FIELDS = {field.name: int if field.name == "seed" else str for field in fields(Key)}


class StoredTensors(Mapping[str, NDArray[Any]]):
    """The tensors of one file, each read when asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file: Any = safe_open(path, framework="numpy")
        except (SafetensorError, OSError) as error:
            raise ObservationUnreadable(f"{path.name} cannot be read as an observation: {error}") from error
        self._names = frozenset(self._file.keys())  # type: ignore[no-untyped-call]

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        try:
            tensor: NDArray[Any] = self._file.get_tensor(name)
        except (SafetensorError, TypeError, AttributeError) as error:
            raise ObservationUnreadable(f"{self._path.name}: tensor {name!r} cannot be read: {error}") from error
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
    """Write one observation so that a reader sees all of it or nothing. Raises ObservationUnwritable."""
    document = {"schema": SCHEMA, "key": asdict(key), "facts": dict(facts)}
    write_whole(path, encode(document, tensors))


def write_whole(path: Path, chunks: Iterable[bytes | memoryview]) -> None:
    """Write a file so that a reader sees all of it or what was there before. Raises ObservationUnwritable."""
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        try:
            with temporary.open("wb") as stream:
                stream.writelines(chunks)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise ObservationUnwritable.because(path, error) from error


def read(path: Path) -> Observation:
    """Read one observation. Raises ObservationUnreadable, naming the file and what is wrong with it."""
    tensors = StoredTensors(path)
    try:
        document = json.loads(tensors.metadata()[FACTS_KEY])
        schema, key, facts = document["schema"], document["key"], document["facts"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ObservationUnreadable(f"{path.name} holds tensors but no observation's facts") from error
    if schema != SCHEMA:
        raise ObservationUnreadable(
            f"{path.name} has schema {schema!r} and this version reads schema {SCHEMA}: record it again"
        )
    if not isinstance(facts, dict) or not isinstance(key, dict):
        raise ObservationUnreadable(f"{path.name} holds tensors but no observation's facts")
    if {name: type(value) for name, value in key.items()} != _FIELDS:
        raise ObservationUnreadable(f"{path.name} is filed under a malformed key: {key}")
    return Observation(Key(**key), facts, tensors)


def read_all(directory: Path) -> dict[Key, Observation]:
    """Every observation of a directory, by key. Raises ObservationUnreadable at the first bad file."""
    observations = (read(path) for path in sorted(directory.glob("*.safetensors")))
    return {observation.key: observation for observation in observations}


def as_float(array: NDArray[Any]) -> NDArray[np.float64]:
    """The array in float64, the precision in which everything is judged."""
    return np.asarray(array, dtype=np.float64)
