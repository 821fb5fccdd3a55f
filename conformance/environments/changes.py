"""What differs between two resolved sides, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from conformance.environments.lock import Lock

Kind = Literal["named", "forced", "added", "dropped"]


@dataclass(frozen=True)
class Change:
    """A distribution (or `python`) whose version differs; None where a side does not have it.

    `named`: a side names it. `forced`: on both sides and named by neither, moved because it had to.
    `added`, `dropped`: on one side only, named by neither.
    """

    name: str
    baseline: str | None
    candidate: str | None
    kind: Kind


def packages_changed(baseline: Lock, candidate: Lock) -> list[Change]:
    """Every difference between the sides' packages and Pythons: named ones first, then by name."""
    changes = [
        Change(name, before, after, _kind(name, before, after, baseline, candidate))
        for name in sorted(baseline.packages.keys() | candidate.packages.keys())
        if (before := baseline.packages.get(name)) != (after := candidate.packages.get(name))
    ]
    before, after = baseline.interpreter.version, candidate.interpreter.version
    if before != after:
        asked = any(lock.side.python or lock.side.interpreter for lock in (baseline, candidate))
        changes.append(Change("python", before, after, "named" if asked else "forced"))
    order = ("named", "forced", "added", "dropped")
    return sorted(changes, key=lambda change: (order.index(change.kind), change.name))


def _kind(name: str, before: str | None, after: str | None, baseline: Lock, candidate: Lock) -> Kind:
    if name in baseline.named | candidate.named:
        return "named"
    if before is None:
        return "added"
    return "dropped" if after is None else "forced"
