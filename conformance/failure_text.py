"""A failed check in words: what was compared, what was found, what is allowed, where, and how to repeat it."""

from __future__ import annotations

from conformance.checks import Check
from conformance.divergence import measured_at, ratio


def failure_text(check: Check, command: str = "") -> str:
    """The check in a few lines, the most telling first; `command` is the one that repeats it."""
    largest = measured_at(check)
    lines = [f"{check.verdict}: {check.id}"]
    if check.reason:
        lines.append(f"  {check.reason}")
    if check.measured is not None and check.allowed is not None:
        times = ratio(check)
        factor = f", {times:.3g} times the allowance" if times is not None and check.allowed else ""
        elsewhere = f" at {list(largest)}" if largest else ""
        lines.append(f"  measured {check.measured:.6g}{elsewhere}, allowed {check.allowed:.6g}{factor}")
    if check.where is not None:
        place = check.where
        first = "first at" if largest else "at"
        at = f"  {first} {place.tensor}{list(place.index) if place.index else ''}"
        step = f", training step {place.training_step}" if place.training_step is not None else ""
        values = f": {place.value} against {place.other}" if place.value is not None else ""
        oracle = f", oracle {place.oracle}" if place.oracle is not None else ""
        lines.append(at + step + values + oracle)
    if command:
        lines.append(f"  repeat: {command}")
    return "\n".join(lines)
