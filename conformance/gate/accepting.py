"""The ledger in a gate: each side's own checks under that side's versions, the rest under the candidate's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from conformance import ledger, ledger_file
from conformance.checks import Check
from conformance.contracts import KNOWN_CONTRACTS
from conformance.ending import WrongUse
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.gate.sides import ReadySide, ReadySides
from conformance.ledger import Entry, Problem, RunFacts
from conformance.verdict import LedgerUse


class Ledgers:
    """Our own entries, which describe one environment, and the user's, which may also describe a change."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._own = ledger_file.load(ledger_file.OWN, KNOWN_CONTRACTS)
            self._users = ledger_file.load(path, KNOWN_CONTRACTS) if path is not None else ()
        except ledger_file.LedgerError as error:
            raise WrongUse(str(error)) from error

    def accept(self, checks: Sequence[Check], sides: ReadySides) -> tuple[list[Check], list[str]]:
        """The checks, the declared ones accepted, and what is wrong with entries, one line each."""
        baseline = [check for check in checks if is_of(check, BASELINE)]
        candidate = [check for check in checks if is_of(check, CANDIDATE)]
        between = [check for check in checks if not _single(check)]
        problems: list[Problem] = []

        def judged(entries: Sequence[Entry], group: Sequence[Check], side: ReadySide, everything: bool) -> list[Check]:
            facts = RunFacts.of(group, side.packages, complete=False)
            accepted, found = ledger.apply(entries, group, facts, strict=False)
            problems.extend(problem for problem in found if problem.fails or everything)
            return list(accepted)

        baseline = judged(self._own, baseline, sides.baseline, False)
        candidate = judged(self._own, candidate, sides.candidate, False)
        baseline = judged(self._users, baseline, sides.baseline, False)
        changed = judged(self._users, [*candidate, *between], sides.candidate, True)
        lines = [f"ledger entry {problem.entry}: {problem.message}" for problem in problems]
        return [*baseline, *changed], list(dict.fromkeys(lines))

    def uses(self, checks: Iterable[Check]) -> list[LedgerUse]:
        """The entries that accepted one of the checks."""
        used = {check.ledger_id for check in checks}
        return [
            LedgerUse(entry.id, entry.cause, entry.reason, entry.evidence, str(entry.expires or ""))
            for entry in (*self._own, *self._users)
            if entry.id in used
        ]


def _single(check: Check) -> bool:
    return sum("@" in subject for subject in check.subjects) == 1


def is_of(check: Check, side: str) -> bool:
    """Whether the check is about this side alone, or about it and the oracle."""
    return _single(check) and check.subjects[0].endswith(f"@{side}")
