"""Step 2: read the images and labels, scale them, cut them into batches."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference.data import FILES, verify

_PIXELS_MAXIMUM = np.float32(255)


def load(dataset: str, directory: str, split: str, source: str = "embedded") -> tuple[np.ndarray, np.ndarray]:
    """Images, uint8 (n, 28, 28), and labels, uint8 (n,), of the gzipped IDX files in `directory`.

    `split` is `train` or `test`. The oracle downloads nothing: whatever the `source`, it reads these files.
    Raises reference.data.DataError for files that are not the data set's.
    """
    verify(directory, dataset)
    images, labels = (Path(directory, name) for name in FILES[split])
    return _read_idx(images), _read_idx(labels)


def _read_idx(path: Path) -> np.ndarray:
    """The bytes of an IDX file: a magic number whose last byte counts the axes, their lengths, the values."""
    with gzip.open(path) as stream:
        content = stream.read()
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4).astype(int)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def preprocess(images: np.ndarray) -> np.ndarray:
    """Pixels in [0, 1]: uint8 (n, ...) to float32 (n, pixels), each the correctly rounded quotient by 255."""
    return images.reshape(len(images), -1).astype(np.float32) / _PIXELS_MAXIMUM


def one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    """Rows of the identity matrix: integers (n,) to float32 (n, classes)."""
    rows: np.ndarray = np.eye(classes, dtype=np.float32)[labels]
    return rows


def batches(
    inputs: np.ndarray, labels: np.ndarray, batch_size: int, shuffle: bool = False, seed: int = 0
) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Pairs of (inputs, labels), `batch_size` examples each, the last partial batch kept; every pass shuffles anew."""
    return _Batches(inputs, labels, batch_size, np.random.default_rng(seed) if shuffle else None)


@dataclass(frozen=True)
class _Batches:
    inputs: np.ndarray
    labels: np.ndarray
    batch_size: int
    generator: np.random.Generator | None

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        order = None if self.generator is None else self.generator.permutation(len(self.inputs))
        for start in range(0, len(self.inputs), self.batch_size):
            chosen: Any = slice(start, start + self.batch_size)
            if order is not None:
                chosen = order[chosen]
            yield self.inputs[chosen], self.labels[chosen]


def to_numpy(tensor: np.ndarray) -> np.ndarray:
    """The array itself."""
    return np.asarray(tensor)


def from_numpy(array: np.ndarray) -> np.ndarray:
    """The array itself."""
    return array
