"""Inputs and weights of the entries: said here, drawn by NumPy in the parent, and sent to every side alike."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Draw:
    """An array to be drawn: its words, for the phrase book, and the function of a generator that draws it."""

    words: str
    draw: Callable[[np.random.Generator], np.ndarray]


def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> Draw:
    """Normal float32 numbers."""
    return Draw(
        f"normal {shape}, standard deviation {scale:g}",
        lambda generator: (mean + scale * generator.standard_normal(shape)).astype(np.float32),
    )


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Draw:
    """Float32 numbers uniform between two bounds."""
    return Draw(
        f"uniform {shape}, {low:g} to {high:g}",
        lambda generator: generator.uniform(low, high, shape).astype(np.float32),
    )


def integers(*shape: int, below: int, low: int = 0) -> Draw:
    """Int64 numbers from `low` to below `below`."""
    return Draw(f"integers {shape}, {low} to {below - 1}", lambda generator: generator.integers(low, below, shape))


def one_hot(rows: int, classes: int) -> Draw:
    """Float32 rows (rows, classes), each with a 1 in one column."""
    return Draw(
        f"one-hot ({rows}, {classes})",
        lambda generator: np.eye(classes, dtype=np.float32)[generator.integers(0, classes, rows)],
    )


def probabilities(*shape: int) -> Draw:
    """Float32 rows, positive, that sum to 1 along the last axis (softmax of normal numbers)."""

    def draw(generator: np.random.Generator) -> np.ndarray:
        e = np.exp(generator.standard_normal(shape))
        drawn: np.ndarray = (e / e.sum(axis=-1, keepdims=True)).astype(np.float32)
        return drawn

    return Draw(f"probabilities {shape}", draw)


def images(*shape: int) -> Draw:
    """Uint8 levels, 0 to 255."""
    return Draw(f"uint8 images {shape}", lambda generator: generator.integers(0, 256, shape).astype(np.uint8))


def values(numbers: Any, dtype: str = "float32") -> Draw:
    """These numbers."""
    array = np.asarray(numbers, dtype)
    return Draw(f"{array.tolist()}", lambda generator: array)


def drawn(draws: Mapping[str, Draw], entry: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of an entry: each has a generator of its own, so that a new one leaves the others as they were."""
    return {
        name: draw.draw(np.random.default_rng([seed, zlib.crc32(f"{entry}/{name}".encode())]))
        for name, draw in draws.items()
    }
