"""What a trial shows: for each fault the steps that were run, which of them caught it, and whether it was active."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from conformance.checks import Step
from conformance.trial.faults import Fault


@dataclass(frozen=True)
class StepResult:
    """What was run of a step: its parts and checks, and what fell short of the clean run's census, in lines."""

    step: Step
    parts: int
    checks: int
    elements: int
    caught: bool
    short: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """The trial of one fault: the steps in their order, up to the first that caught it.

    `by` and `reason` are the first check that failed and what it says. `active` tells whether the fault has
    left its mark, `imported` whether the module was imported for which it waits.
    """

    fault: Fault
    steps: tuple[StepResult, ...]
    active: bool
    by: str = ""
    reason: str = ""
    absent: tuple[str, ...] = ()
    seconds: float = 0.0
    imported: bool = True

    @property
    def caught_at(self) -> Step | None:
        """The first step that failed; None where the suite passes with the fault."""
        return next((result.step for result in self.steps if result.caught), None)

    @property
    def short(self) -> tuple[str, ...]:
        """Where a step that passed compared less than in the clean run."""
        return tuple(line for result in self.steps for line in result.short)

    @property
    def right(self) -> bool:
        """Whether the fault was active, and was caught first at its own step, with nothing left out before.

        A silent fault is not caught by something that could not be observed: that would have another cause.
        """
        return self.active and self.caught_at is self.fault.step and not self.short and not self.stumbled

    @property
    def stumbled(self) -> bool:
        """Whether a silent fault was met by an exception or a dead worker."""
        return not self.fault.loud and self.by.partition("[")[0].endswith("/observed")

    @property
    def verdict(self) -> str:
        """In words."""
        if not self.active:
            return "not active"
        if self.caught_at is None:
            return "missed"
        if self.short:
            return "compared less"
        if self.stumbled:
            return "not observed"
        return "caught" if self.right else f"named {self.caught_at}"

    @property
    def why_inactive(self) -> str:
        """What is known of why the fault left no mark; empty where it did."""
        if self.active:
            return ""
        if not self.imported:
            return "the module for which it waits was never imported"
        if self.caught_at is None:
            return "what it patches never ran, or made no difference"
        if self.by.partition("[")[0].endswith("/observed"):
            return "it left no mark before this"
        return "it left no mark: let it call active() or altered()"


@dataclass(frozen=True)
class Control:
    """The suite on a framework as it is: it must pass, and says how much is compared where nothing is wrong."""

    framework: str
    steps: tuple[StepResult, ...]
    failures: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """All rows, with the control of each framework that they touch and the versions observed.

    `untried` counts the faults that an interrupt left out.
    """

    rows: tuple[Row, ...]
    controls: tuple[Control, ...]
    versions: Mapping[str, str] = field(default_factory=dict)
    started: str = ""
    seconds: float = 0.0
    jobs: int = 1
    untried: int = 0

    @property
    def caught(self) -> int:
        """How many active faults were caught."""
        return sum(row.active and row.caught_at is not None for row in self.rows)

    @property
    def right(self) -> int:
        """How many were caught first at their own step."""
        return sum(row.right for row in self.rows)

    @property
    def passed(self) -> bool:
        """Whether every fault was tried and caught where it is, and no clean run accused."""
        accused = any(control.failures for control in self.controls)
        return not self.untried and self.right == len(self.rows) and not accused

    def to_json(self) -> str:
        """The trial as trial.json."""
        document = {
            "schema": 1,
            "passed": self.passed,
            "started": self.started,
            "seconds": self.seconds,
            "jobs": self.jobs,
            "versions": dict(self.versions),
            "faults": len(self.rows),
            "untried": self.untried,
            "caught": self.caught,
            "right": self.right,
            "controls": [asdict(control) for control in self.controls],
            "rows": [_row(row) for row in self.rows],
        }
        return json.dumps(document, indent=1) + "\n"


def _row(row: Row) -> dict[str, object]:
    return {
        **asdict(row.fault),
        "verdict": row.verdict,
        "active": row.active,
        "caught_at": row.caught_at,
        "right": row.right,
        "by": row.by,
        "reason": row.reason,
        "absent": row.absent,
        "steps": [asdict(result) for result in row.steps],
        "run_seconds": row.seconds,
    }


def share(part: int, whole: Sequence[Row]) -> str:
    """A count of rows with its share."""
    return f"{part} of {len(whole)} ({part / len(whole):.1%})" if whole else "0 of 0"
