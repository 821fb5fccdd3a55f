"""What a drift means for the accuracy: shown equal over seeds, shown different, unresolved, or not applicable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from conformance.cases import Case
from conformance.catalogue import NAME as CATALOGUE
from conformance.checks import Check, Kind, Verdict
from conformance.contracts import evaluate
from conformance.gate.records import Records
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.observations import Key
from reference.workloads import Workload

Pair = tuple[str, str]
_WORDS = {
    Verdict.IDENTICAL: "shown equal",
    Verdict.ROUNDING: "shown equal",
    Verdict.DRIFT: "unresolved",
    Verdict.BREAK: "shown different",
}
NOT_APPLICABLE = "not applicable"


def to_resolve(checks: Sequence[Check]) -> list[Pair]:
    """Workloads and frameworks whose sides drift apart, and of which nothing says `break` already."""
    broken = {_pair(check) for check in checks if check.failed and check.verdict is Verdict.BREAK}
    drifting = {_pair(check): None for check in checks if _drifts(check)}
    return [pair for pair in drifting if pair not in broken]


def equivalence_checks(
    pairs: Sequence[Pair], workloads: Mapping[str, Workload], device: str, seed: int, records: Mapping[str, Records]
) -> Iterator[Check]:
    """One check a pair: the sides' mean accuracies over many seeds are equal within a point."""
    for workload, framework in pairs:
        key = Key(workload, framework, "native", "glorot", seed, device)
        if all(key in records[side].made for side in (BASELINE, CANDIDATE)):
            case = Case(workloads[workload], framework, device, f"{framework}@{BASELINE}", side=CANDIDATE)
            sides = (records[CANDIDATE].made[key], records[BASELINE].made[key])
            yield from evaluate.equivalent_accuracy(case, "equivalence", *sides)


def told(checks: Sequence[Check]) -> list[Check]:
    """The checks, every drift with a word on what it means for the accuracy."""
    found = {
        _pair(check): _WORDS[check.verdict]
        for check in checks
        if check.contract == "equivalence" and check.kind is Kind.STATISTICAL
    }
    return [_told(check, found.get(_pair(check), NOT_APPLICABLE)) if _drifts(check) else check for check in checks]


def _told(check: Check, word: str) -> Check:
    reason = f"{check.reason}; equivalence of the accuracies: {word}"
    return replace(check, reason=reason, details={**check.details, "equivalence": word})


def _drifts(check: Check) -> bool:
    """Whether the check is a drift of something that has an accuracy: a single component has none."""
    if check.workload == CATALOGUE:
        return False
    return check.failed and check.verdict is Verdict.DRIFT and check.kind is not Kind.STATISTICAL


def _pair(check: Check) -> Pair:
    return check.workload, check.framework
