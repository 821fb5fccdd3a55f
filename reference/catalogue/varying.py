"""What of an entry's inputs varies: said here, drawn by hypothesis in the parent (conformance.catalogue.examples)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

ZEROS = (0.0, -0.0)
SUBNORMAL = (2.0**-149, -1e-40)
SMALL = (2.0**-126, -(2.0**-126), 1e-7, -1e-7)
LARGE = (1e4, -1e4)
LARGEST = (float(np.finfo(np.float32).max), -float(np.finfo(np.float32).max))
INFINITE = (math.inf, -math.inf)
NAN = (math.nan,)
EVERYTHING = (ZEROS, SUBNORMAL, SMALL, LARGE, LARGEST, INFINITE, NAN)


@dataclass(frozen=True)
class Vary:
    """Which inputs take other shapes, and which numbers are put among those that their law draws.

    `axes` gives for each input that varies the lengths of its axes: a number, or a name for a length that is drawn,
    the same wherever the name stands. `lengths` bounds those, both bounds included; others are 1 to 5. `edges` are
    groups of numbers, of which one fills an input altogether or several stand in some of its places. With `batches`
    every input that `axes` does not name has a first axis of the length `n`, and is else as it was.
    """

    axes: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    lengths: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    edges: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    batches: bool = False

    def drawn_lengths(self) -> dict[str, tuple[int, int]]:
        """The names of lengths, with the bounds between which each is drawn."""
        names = {axis for axes in self.axes.values() for axis in axes if isinstance(axis, str)}
        names |= {"n"} if self.batches else set()
        return {name: self.lengths.get(name, (1, 5)) for name in sorted(names)}

    def shape_of(self, name: str, shape: tuple[int, ...], lengths: Mapping[str, int]) -> tuple[int, ...]:
        """The shape of an input that has this shape in its entry, given the lengths drawn."""
        if name in self.axes:
            return tuple(axis if isinstance(axis, int) else lengths[axis] for axis in self.axes[name])
        return (lengths["n"], *shape[1:]) if self.batches else shape

    def redraws(self, name: str) -> bool:
        """Whether an input has other numbers in every example; the rest are as in the entry."""
        return self.batches or name in self.axes or name in self.edges

    def edge_groups(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Every group of edge values with the input in which they are put."""
        for name, groups in self.edges.items():
            yield from ((name, group) for group in groups)


BATCHES = Vary(batches=True)
