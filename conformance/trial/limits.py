"""Detection limits: how small a fault may be for the suite to find it still, by halving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conformance.checks import Step
from conformance.ending import WrongUse
from conformance.trial.faults import TIMING, Fault
from conformance.trial.outcome import Row

HALVINGS = 24

Probe = Callable[[Fault], Row]


@dataclass(frozen=True)
class Limit:
    """The smallest size of a fault that was caught, at which step, and the largest that was missed.

    `caught` is None where the fault is missed at its full size, `missed` where nothing was missed: down to one
    element of a tensor, or to 2^-24 of the full size.
    """

    fault: Fault
    caught: float | None
    step: Step | None
    missed: float | None
    probes: int


def with_sizes(faults: Sequence[Fault]) -> list[Fault]:
    """Those of the faults that have a size and are no matter of speed. Raises WrongUse where none has."""
    sized = [fault for fault in faults if fault.size is not None and TIMING not in fault.needs]
    if not sized:
        raise WrongUse("none of these faults has a size: leave --fault away to see the limits of all that have")
    return sized


def find_limit(fault: Fault, probe: Probe) -> Limit:
    """Halve a fault until it is missed, by bisection over the powers of two; one of a single element stays as it is.

    Takes for granted that what is caught at one size is caught at every larger one.
    """
    assert fault.size is not None
    full = fault.size
    rows: dict[int, Row] = {}

    def caught(halvings: int) -> bool:
        rows[halvings] = probe(replace(fault, size=full / 2**halvings))
        return rows[halvings].active and rows[halvings].caught_at is not None

    if not caught(0):
        return Limit(fault, None, None, full, 1)
    low, high = 0, 1 if full == 1 else HALVINGS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if caught(middle) else (low, middle)
    missed = full / 2**high if high in rows else None
    return Limit(fault, full / 2**low, rows[low].caught_at, missed, len(rows))
