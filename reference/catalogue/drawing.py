"""Inputs and weights of the entries: said here, drawn by NumPy in the parent, and sent to every side alike."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Law = Callable[[np.random.Generator, Shape], np.ndarray]


@dataclass(frozen=True)
class Draw:
    """An array to be drawn: its words, for the phrase book, and the function of a generator that draws it.

    `law` draws numbers of the same kind in any shape; without it the array's shape cannot vary.
    """

    words: str
    draw: Callable[[np.random.Generator], np.ndarray]
    law: Law | None = None


def by_law(words: str, shape: Shape, law: Law) -> Draw:
    """What a law draws in one shape."""
    return Draw(words, lambda generator: law(generator, shape), law)


def normal(*shape: int, scale: float = 1.0, mean: float = 0.0) -> Draw:
    """Normal float32 numbers."""
    return by_law(
        f"normal {shape}, standard deviation {scale:g}",
        shape,
        lambda generator, shape: (mean + scale * generator.standard_normal(shape)).astype(np.float32),
    )


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Draw:
    """Float32 numbers uniform between two bounds."""
    return by_law(
        f"uniform {shape}, {low:g} to {high:g}",
        shape,
        lambda generator, shape: generator.uniform(low, high, shape).astype(np.float32),
    )


def integers(*shape: int, below: int, low: int = 0, dtype: str = "int64") -> Draw:
    """Whole numbers from `low` to below `below`."""
    return by_law(
        f"integers {shape}, {low} to {below - 1}" + ("" if dtype == "int64" else f", as {dtype}"),
        shape,
        lambda generator, shape: generator.integers(low, below, shape).astype(dtype),
    )


def one_hot(rows: int, classes: int) -> Draw:
    """Float32 rows (rows, classes), each with a 1 in one column."""
    return by_law(
        f"one-hot ({rows}, {classes})",
        (rows, classes),
        lambda generator, shape: np.eye(shape[-1], dtype=np.float32)[generator.integers(0, shape[-1], shape[:-1])],
    )


def probabilities(*shape: int) -> Draw:
    """Float32 rows, positive, that sum to 1 along the last axis (softmax of normal numbers)."""

    def law(generator: np.random.Generator, shape: Shape) -> np.ndarray:
        e = np.exp(generator.standard_normal(shape))
        drawn: np.ndarray = (e / e.sum(axis=-1, keepdims=True)).astype(np.float32)
        return drawn

    return by_law(f"probabilities {shape}", shape, law)


def images(*shape: int) -> Draw:
    """Uint8 levels, 0 to 255."""
    return by_law(
        f"uint8 images {shape}",
        shape,
        lambda generator, shape: generator.integers(0, 256, shape).astype(np.uint8),
    )


def values(numbers: Any, dtype: str = "float32") -> Draw:
    """These numbers; in another shape, any of them anywhere."""
    array = np.asarray(numbers, dtype)
    return Draw(
        f"{array.tolist()}",
        lambda generator: array,
        lambda generator, shape: generator.choice(array.ravel(), shape),
    )


def drawn(draws: Mapping[str, Draw], entry: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of an entry: each has a generator of its own, so that a new one leaves the others as they were."""
    return {
        name: draw.draw(np.random.default_rng([seed, zlib.crc32(f"{entry}/{name}".encode())]))
        for name, draw in draws.items()
    }
