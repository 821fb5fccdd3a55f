"""The document of verdict.json: what ran, what was found, and what follows from it.

A `Run` holds what was observed; the verdict, the exit status and the first divergence are derived from it,
here and nowhere else, so that no document can claim a verdict that its checks do not give.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from conformance.census import CensusComparison, Count, NotRun, census
from conformance.checks import Check, Verdict, worst
from conformance.divergence import Divergence, first_divergence

SCHEMA = 1
FAIL_ON = ("drift", "break", "slower")


class Mode(StrEnum):
    """What a run is: the suite on what is installed, or a gate between two environments."""

    RUN = "run"
    GATE = "gate"


class SpeedVerdict(StrEnum):
    """What paired timing found of one benchmark."""

    SAME = "same"
    SLOWER = "slower"
    FASTER = "faster"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True)
class Side:
    """One environment.

    `packages` maps a distribution's name to its version, `flags` an environment variable, or a setting in
    force, to its value.
    """

    label: str
    packages: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    flags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PackageChange:
    """A package whose version differs between the sides; None where a side has none.

    `cause` is `named` (the user asked for it), `forced` (the resolver had to), `added` or `dropped` (on one side
    only, because something else needs it or no longer does).
    """

    name: str
    baseline: str | None
    candidate: str | None
    cause: str


@dataclass(frozen=True)
class PlanChange:
    """An operator or kernel of the execution plan that differs; both sides say what ran there."""

    framework: str
    operation: str
    what: str
    baseline: str
    candidate: str


@dataclass(frozen=True)
class Throughput:
    """One benchmark.

    In a run: `samples_per_second` and `peak_memory`, the worker's largest resident set in bytes; or `ratio`, the
    time over that of the NumPy loop, with its 90 % interval `low` to `high`. In a gate: `ratio`, the candidate's
    time over the baseline's (1.25 is slower by 25 %), with `low`, `high`, `verdict`, and `resolvable`, the
    smallest slowing, as such a ratio, that this plan could have seen.
    """

    name: str
    group: str = ""
    framework: str = ""
    device: str = "cpu"
    samples_per_second: float | None = None
    peak_memory: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    verdict: SpeedVerdict | None = None
    resolvable: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class LedgerUse:
    """A ledger entry that accepted something in this run; `until` is a waiver's expiry date, else empty."""

    id: str
    cause: str
    reason: str
    evidence: str = ""
    until: str = ""


@dataclass(frozen=True)
class Partial:
    """A filtered run: `ran` of `total` checks were made; of a user's workload nobody knows the total, which is 0."""

    ran: int
    total: int

    def __str__(self) -> str:
        of = f" of {self.total}" if self.total else ""
        return f"partial: {self.ran}{of}"


@dataclass(frozen=True)
class Run:
    """One run of the suite, or of a gate.

    `candidate` is what was judged; `baseline` what it was judged against, if that is another environment.
    `started` is an ISO 8601 time, `seconds` the wall time. `fail_on` lists the verdicts, of checks and of
    speed, that make the exit status 1.
    """

    mode: Mode
    checks: tuple[Check, ...]
    candidate: Side
    baseline: Side | None = None
    packages_changed: tuple[PackageChange, ...] = ()
    plan_changes: tuple[PlanChange, ...] = ()
    not_run: tuple[NotRun, ...] = ()
    throughput: tuple[Throughput, ...] = ()
    ledger: tuple[LedgerUse, ...] = ()
    census_comparison: CensusComparison = field(default_factory=CensusComparison)
    partial: Partial | None = None
    started: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = FAIL_ON

    @property
    def verdict(self) -> Verdict | None:
        """The worst of the checks that no ledger entry accepts; `break` where some are missing, None where all are.

        A check of one side of a gate that holds says nothing about the change from one side to the other:
        rounding against the oracle is every framework's ordinary state. Only if it fails does it count.
        """
        if not self.checks:
            return None
        if self.census_comparison.short:
            return Verdict.BREAK
        return worst(check.verdict for check in self.checks if self.decides(check))

    def decides(self, check: Check) -> bool:
        """Whether the check's verdict is part of the run's."""
        of_one_side = sum("@" in subject for subject in check.subjects) == 1
        return check.failed if of_one_side else check.ledger_id is None

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Why this run does not stand for the whole suite, one line a reason; empty where it does."""
        reasons = [f"{entry.what} was not run: {entry.reason}" for entry in self.not_run if entry.required]
        if not self.checks:
            reasons.insert(0, "no checks ran")
        if self.partial is not None:
            reasons.append(str(self.partial))
        return (*reasons, *self.census_comparison.short)

    @property
    def complete(self) -> bool:
        """Whether everything that the suite requires ran."""
        return not self.incomplete

    @property
    def exit_status(self) -> int:
        """0 conforms or may upgrade, 1 a verdict of `fail_on` was found, 3 could not be carried out."""
        found = {str(check.verdict) for check in self.checks if check.ledger_id is None}
        found |= {str(row.verdict) for row in self.throughput if row.verdict is not None}
        if self.checks and self.census_comparison.short:
            found.add(Verdict.BREAK)
        if found.intersection(self.fail_on):
            return 1
        impossible = not self.checks or any(entry.required for entry in self.not_run)
        return 3 if impossible or (self.mode is Mode.GATE and self.partial is not None) else 0

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest failing check, in the order in which training computes."""
        return first_divergence(self.checks)

    @property
    def census(self) -> tuple[Count, ...]:
        """How many checks ran and how many elements they compared."""
        return census(self.checks)
