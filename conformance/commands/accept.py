"""`conformance accept`: adds a waiver for a failed check to a ledger of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from packaging.utils import canonicalize_name

from conformance import ledger_file, verdict_file
from conformance.checks import Check
from conformance.ending import NotPossible, WrongUse
from conformance.environments import FRAMEWORKS
from conformance.ledger import framework_of
from conformance.verdict import Run, Side

_COMPANIONS = {"tensorflow": frozenset({"keras"}), "pytorch": frozenset[str]()}


def accept_check(name: str, reason: str, until: date, report: Path, ledger: Path) -> int:
    """Find the check that `name` means in the report, and add its waiver; returns the exit status."""
    if not reason.strip():
        raise WrongUse("--reason is empty: say why the divergence is acceptable")
    if until < date.today():
        raise WrongUse(f"--until {until} has passed: name a day to come")
    document = report if report.suffix == ".json" else report / "verdict.json"
    try:
        run = verdict_file.read(document)
    except verdict_file.VerdictUnreadable as error:
        raise NotPossible(str(error)) from error
    check = _find(name, run.checks, document)
    try:
        entry = ledger_file.accept(ledger, check, reason, until, versions(check, run))
    except ledger_file.LedgerError as error:
        raise WrongUse(str(error)) from error
    print(f"{ledger}: entry {entry}")
    return 0


def _find(name: str, checks: Sequence[Check], document: Path) -> Check:
    exact = [check for check in checks if check.id == name]
    found = exact or [check for check in checks if check.failed and name in check.id]
    if not found:
        failed = [check.id for check in checks if check.failed]
        some = f"those that failed begin with {failed[0]}" if failed else "no check failed there"
        raise WrongUse(f"no failed check in {document} is called {name!r}: {some}")
    if len(found) > 1:
        raise WrongUse(f"{name!r} means {len(found)} failed checks, such as {found[0].id}: name one")
    return found[0]


def versions(check: Check, run: Run) -> Mapping[str, str]:
    """The versions for which a waiver of the check holds: its frameworks' distributions on the side it is about."""
    side = run.baseline if check.subjects[:1] and check.subjects[0].endswith("@baseline") else run.candidate
    assert side is not None
    frameworks = {check.framework, *map(framework_of, check.subjects)} & {*FRAMEWORKS}
    return {name: version for framework in sorted(frameworks) for name, version in _distributions(framework, side)}


def _distributions(framework: str, side: Side) -> list[tuple[str, str]]:
    names = FRAMEWORKS[framework] | _COMPANIONS[framework]
    return [(name, version) for name, version in side.packages.items() if canonicalize_name(name) in names]
