"""What a judge says of two arrays, and the faults that end a comparison before any number is compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks import Verdict, Where


@dataclass(frozen=True)
class Comparison:
    """The outcome of comparing two arrays.

    `measured` and `allowed` are in the arrays' unit, at the place `where`: that of the largest difference in
    proportion to what is allowed there. `first` is the first place outside its allowance, in the order of the
    indices, None where all are within. `elements` counts the numbers compared; 0 is never a pass.
    """

    verdict: Verdict
    measured: float | None
    allowed: float | None
    where: Where | None
    elements: int
    reason: str = ""
    first: Where | None = None

    @property
    def passed(self) -> bool:
        """Whether the verdict is `identical` or `rounding`."""
        return self.verdict in (Verdict.IDENTICAL, Verdict.ROUNDING)


@dataclass(frozen=True)
class Tested:
    """The outcome of a statistical test: whether the hypothesis `holds`, its p value, and the level it is held to."""

    holds: bool
    p: float
    allowed: float
    elements: int
    reason: str


def broken(name: str, reason: str, elements: int = 0, where: Where | None = None) -> Comparison:
    """The verdict `break`, where no difference could be measured."""
    return Comparison(Verdict.BREAK, None, None, where or Where(name), elements, f"{name}: {reason}")


def shape_fault(name: str, value: NDArray[Any], other: NDArray[Any]) -> Comparison | None:
    """The break of two arrays that have no numbers to compare one by one; None where they have."""
    if value.shape != other.shape:
        return broken(name, f"shape {value.shape} where {other.shape} is expected")
    if value.size == 0:
        return broken(name, "is empty: nothing was compared")
    return None


def number(value: Any) -> float | str:
    """An element as a check shows it: a float, or its name where it is not finite."""
    as_float = float(value)
    return as_float if np.isfinite(as_float) else str(as_float)


def index_of(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of an element given its place in C order."""
    return tuple(int(i) for i in np.unravel_index(flat, shape))
