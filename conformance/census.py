"""The census: how many checks ran and how many elements they compared, against a committed expectation.

A green run that quietly compared less than it should is the failure that this module exists to catch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.checks import Check, Step

EXPECTATION = Path(__file__).with_name("census.json")
_STEPS = list(Step)


class CensusUnreadable(Exception):
    """The file of expected counts is missing or malformed."""


@dataclass(frozen=True)
class Count:
    """Checks that ran, and numbers that they compared, for one group of them."""

    workload: str
    framework: str
    variant: str
    device: str
    step: Step
    checks: int
    elements: int

    @property
    def group(self) -> tuple[str, str, str, str, Step]:
        """What is counted, without the figures."""
        return self.workload, self.framework, self.variant, self.device, self.step

    def __str__(self) -> str:
        parts = (self.step, self.workload, self.framework, self.variant, self.device)
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class NotRun:
    """Something that could not be run here, and why.

    `workload`, `framework` and `variant`, where given, say which checks are absent for that reason; an
    empty field stands for any. `required` marks what the run was meant to have, such as a framework that is
    not installed and was not ruled out: without it the run is no pass.
    """

    what: str
    reason: str
    required: bool = False
    workload: str = ""
    framework: str = ""
    variant: str = ""

    def explains(self, count: Count) -> bool:
        """Whether the checks of this group are absent for this reason."""
        pairs = [
            (self.workload, count.workload),
            (self.framework, count.framework),
            (self.variant, count.variant),
        ]
        named = [(mine, theirs) for mine, theirs in pairs if mine]
        return bool(named) and all(mine == theirs for mine, theirs in named)


@dataclass(frozen=True)
class CensusComparison:
    """How the census stands against the expectation: one line for each group that is short, or has more.

    `judged` is false where nothing was compared, for the reason given.
    """

    judged: bool = False
    reason: str = "no expectation was given"
    short: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


def census(checks: Iterable[Check]) -> tuple[Count, ...]:
    """Checks and compared elements by workload, framework, variant, device and step, in that order."""
    totals: dict[tuple[str, str, str, str, Step], tuple[int, int]] = {}
    for check in checks:
        group = (check.workload, check.framework, check.variant, check.device, check.step)
        number, elements = totals.get(group, (0, 0))
        totals[group] = (number + 1, elements + check.elements)
    ordered = sorted(totals, key=lambda group: (*group[:4], _STEPS.index(group[4])))
    return tuple(Count(*group, *totals[group]) for group in ordered)


def compare_census(
    actual: Iterable[Count],
    expected: Iterable[Count],
    not_run: Iterable[NotRun] = (),
    *,
    partial: bool = False,
) -> CensusComparison:
    """The census against the expectation: fewer checks or fewer elements are a shortfall, more is told.

    A group whose absence one of `not_run` explains is no shortfall; nothing is expected of a user's workload.
    Nothing is judged on a partial run, nor where something required is missing: such a run is incomplete already.
    """
    not_run = tuple(not_run)
    if partial:
        return CensusComparison(reason="only a part of the suite was selected")
    if any(entry.required for entry in not_run):
        return CensusComparison(reason="something that the suite requires could not be run")
    found = {count.group: count for count in actual}
    wanted = {count.group: count for count in expected}
    short: list[str] = []
    more: list[str] = []
    for group, want in wanted.items():
        have = found.get(group)
        if have is None:
            if not any(entry.explains(want) for entry in not_run):
                short.append(f"{want}: no checks ran, {want.checks:,} expected")
            continue
        for unit in ("checks", "elements"):
            got, due = getattr(have, unit), getattr(want, unit)
            if got != due:
                (short if got < due else more).append(f"{want}: {got:,} {unit}, {due:,} expected")
    known = {count.workload for count in wanted.values()}
    extra = [have for group, have in found.items() if group not in wanted and have.workload in known]
    more += [f"{have}: {have.checks:,} checks, none expected" for have in extra]
    return CensusComparison(judged=True, reason="", short=tuple(short), more=tuple(more))


def read_census(path: Path = EXPECTATION) -> tuple[Count, ...]:
    """The committed expectation. Raises CensusUnreadable, naming the file and what is wrong with it."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(rows, list):
            raise TypeError(f"found {type(rows).__name__}")
        counts = tuple(Count(**{**row, "step": Step(row["step"])}) for row in rows)
    except OSError as error:
        raise CensusUnreadable(f"{path} cannot be read: {error.strerror}; restore it from the repository") from error
    except (ValueError, TypeError, KeyError) as error:
        raise CensusUnreadable(f"{path} is no list of counts ({error}); restore it from the repository") from error
    if not all(type(count.checks) is int and type(count.elements) is int for count in counts):
        raise CensusUnreadable(f"{path} has counts that are no whole numbers; restore it from the repository")
    return counts


def census_text(counts: Iterable[Count]) -> str:
    """The counts as the text of an expectation file, one group a line, so that a change reads as a diff."""
    lines = ",\n".join("  " + json.dumps(asdict(count)) for count in counts)
    return f"[\n{lines}\n]\n"


def main(arguments: list[str]) -> None:
    """Make the census of a complete, passing run the committed expectation: `python -m conformance.census FILE`."""
    from conformance import verdict_file

    if len(arguments) != 1:
        raise SystemExit("usage: python -m conformance.census VERDICT.json")
    run = verdict_file.read(Path(arguments[0]))
    if run.partial is not None or run.not_run:
        raise SystemExit(f"{arguments[0]}: the run was partial, or something was not run; run all of the suite first")
    EXPECTATION.write_text(census_text(run.census), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
