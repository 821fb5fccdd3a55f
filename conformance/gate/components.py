"""The catalogue in a gate: every component of the candidate against the same component of the baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Case
from conformance.catalogue import NAME, WORKLOAD
from conformance.catalogue.cases import EntryCase, entry_case
from conformance.catalogue.divergences import contract as diverging
from conformance.census import NotRun
from conformance.checks import Check, Kind, Step
from conformance.contracts import catalogue as contracts
from conformance.contracts.filing import exactly, file
from conformance.gate.judging import failed
from conformance.gate.pair_contracts import new_warnings, told
from conformance.gate.plan import is_wanted
from conformance.gate.records import Records
from conformance.gate.request import BASELINE, CANDIDATE, SIDES, Request
from conformance.gate.sides import ReadySides
from conformance.judge import exact, rounding
from conformance.judge.comparison import broken
from conformance.observations import Key, Observation
from conformance.variants import Variant
from reference import catalogue
from reference.catalogue.entries import Divergence, Entry, Family

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Observed:
    """A family on the candidate, on the baseline, and by its formulas."""

    candidate: Observation
    baseline: Observation
    formulas: Observation


def families(request: Request) -> list[Family]:
    """The families that the gate compares: all, those of a step, or that of one component."""
    if not (request.catalogue or NAME in request.only.split("/")[:2]):
        return []
    return [
        family
        for family in catalogue.all_families()
        if any(is_wanted(f"{family.step}/{NAME}/{entry.name}", request.only) for entry in family.entries)
    ]


def plan(request: Request, framework: str) -> Iterator[Key]:
    """The observations of one framework, or of the oracle: one for each family."""
    device = "cpu" if framework == "oracle" else request.device
    for family in families(request):
        yield Key(NAME, framework, NAME, family.name, request.seed, device)


def component_checks(request: Request, sides: ReadySides, records: Mapping[str, Records]) -> Iterator[Check]:
    """The checks of every component that both sides hold; of one that departs, each side against its formula too."""
    for framework in sides.frameworks:
        for family in families(request):
            yield from _failures(request, framework, family, records)
            observed = _observed(request, framework, family, records)
            if observed is not None:
                yield _warnings(request, framework, family, observed)
                for entry in family.entries:
                    yield from _checks(request, framework, family, entry, observed)


def absences(request: Request, sides: ReadySides, records: Mapping[str, Records]) -> Iterator[NotRun]:
    """The components that the baseline's release lacks, and those that can be run on neither side."""
    for framework in sides.frameworks:
        for family in families(request):
            observed = _observed(request, framework, family, records)
            if observed is not None:
                for entry in family.entries:
                    if reason := _absence(*_facts(entry, observed)):
                        what = f"{framework} {entry.name}"
                        yield NotRun(what, reason, workload=NAME, framework=framework, variant=family.name)


def _observed(request: Request, framework: str, family: Family, records: Mapping[str, Records]) -> Observed | None:
    """The family as both sides and the oracle showed it; None where one could not be observed."""
    key = Key(NAME, framework, NAME, family.name, request.seed, request.device)
    ours, theirs = (records[side].made.get(key) for side in (CANDIDATE, BASELINE))
    oracle = records["oracle"].made.get(replace(key, framework="oracle", device="cpu"))
    return None if ours is None or theirs is None or oracle is None else Observed(ours, theirs, oracle)


def _family_case(request: Request, framework: str, family: Family, side: str, partner: str = "") -> Case:
    return Case(WORKLOAD, framework, request.device, partner, Variant(family.name, framework), side=side)


def _failures(request: Request, framework: str, family: Family, records: Mapping[str, Records]) -> Iterator[Check]:
    """One break for every side on which the whole family could not be observed."""
    key = Key(NAME, framework, NAME, family.name, request.seed, request.device)
    for side in SIDES:
        if key in records[side].failed:
            case = _family_case(request, framework, family, side)
            yield failed(case, Step(family.step), key, records[side].failed[key])


def _warnings(request: Request, framework: str, family: Family, observed: Observed) -> Check:
    case = _family_case(request, framework, family, CANDIDATE, f"{framework}@{BASELINE}")
    return new_warnings(case, Step(family.step), [(observed.candidate, observed.baseline)])


def _facts(entry: Entry, observed: Observed) -> tuple[Facts, Facts]:
    """What the candidate tells of the entry, and the baseline."""
    ours, theirs = (side.facts["entries"][entry.name] for side in (observed.candidate, observed.baseline))
    return ours, theirs


def _absence(ours: Facts, theirs: Facts) -> str:
    """Why there is nothing to compare; empty where there is, or where the candidate alone lacks the component."""
    if "absent" in theirs:
        return f"{theirs['absent']} is absent in the baseline"
    if "error" in theirs and "error" in ours:
        return f"raises on both sides: {_raised(theirs['error'])}"
    return ""


def _checks(request: Request, framework: str, family: Family, entry: Entry, observed: Observed) -> Iterator[Check]:
    case = entry_case(family, entry, framework, f"{framework}@{BASELINE}", request.device, CANDIDATE)
    ours, theirs = _facts(entry, observed)
    if _absence(ours, theirs):
        return
    if fault := _one_sided(ours, theirs):
        yield file(case, case.step, f"{NAME}/{entry.name}/observed", Kind.EXACT, broken(entry.name, fault))
        return
    oracle = observed.formulas if entry.oracle is not None else None
    found = [*contracts.pair(case, observed.candidate, observed.baseline, oracle), *_arguments(case, ours, theirs)]
    allowed = max((check.allowed or 0.0 for check in found if check.kind is not Kind.EXACT), default=0.0)
    found += [_divergence(case, divergence, observed, allowed) for divergence in entry.divergences]
    yield from found
    if any(check.failed for check in found):
        for side, observation in ((BASELINE, observed.baseline), (CANDIDATE, observed.candidate)):
            alone = entry_case(family, entry, framework, device=request.device, side=side)
            yield from contracts.entry(alone, observation, oracle)


def _one_sided(ours: Facts, theirs: Facts) -> str:
    """What one side alone lacks or raises."""
    if "absent" in ours:
        return f"{ours['absent']} is gone: the baseline has it"
    for side, facts in ((CANDIDATE, ours), (BASELINE, theirs)):
        if "error" in facts:
            return f"the {side} alone raises {_raised(facts['error'])}"
    return ""


def _arguments(case: EntryCase, ours: Facts, theirs: Facts) -> Iterator[Check]:
    """The defaults that the component ships: in its live configuration, and in its signature as far as it is known."""
    if theirs["shipped"]:
        yield exactly(case, case.step, f"{NAME}/{case.entry.name}/defaults", ours["shipped"], theirs["shipped"])
    after, before = (
        {name: default for name, default in facts["signature"].items() if name != "name"} for facts in (ours, theirs)
    )  # what a component is called decides nothing
    if after and before:
        kept = {name: after[name] for name in before if name in after}
        yield exactly(case, case.step, f"{NAME}/{case.entry.name}/signature", kept, before)
        new = [f"{name}={after[name]}" for name in after if name not in before]
        yield told(case, case.step, f"{NAME}/{case.entry.name}/arguments", new, len(after))


def _divergence(case: EntryCase, divergence: Divergence, observed: Observed, allowed: float) -> Check:
    """That the form of a declared divergence gives what it gave; it has no formula, so the entry's allowance serves."""
    contract = diverging(case.entry, divergence)
    ours, theirs = (facts["divergences"][divergence.id] for facts in _facts(case.entry, observed))
    after, earlier = {"outcome": _outcome(ours)}, {"outcome": _outcome(theirs)}
    prefix = f"{case.entry.name}/{divergence.id}/"
    found, before = observed.candidate.tensors, observed.baseline.tensors
    names = sorted(name for name in {*found, *before} if name.startswith(prefix))
    if after != earlier or not names:
        return exactly(case, case.step, contract, after, earlier)
    checks = [
        _compared(case, contract, name.removeprefix(prefix), found.get(name), before.get(name), allowed)
        for name in names
    ]
    return max(checks, key=lambda check: check.verdict.rank)


def _compared(
    case: EntryCase,
    contract: str,
    name: str,
    value: NDArray[Any] | None,
    other: NDArray[Any] | None,
    allowed: float,
) -> Check:
    if value is None or other is None:
        side = CANDIDATE if value is None else BASELINE
        return file(case, case.step, contract, Kind.EXACT, broken(name, f"is not there on the {side}"))
    if value.dtype != other.dtype or value.shape != other.shape:
        reason = f"{value.dtype} {value.shape} where the baseline gives {other.dtype} {other.shape}"
        return file(case, case.step, contract, Kind.EXACT, broken(name, reason))
    finite = np.isfinite(other)
    if value.dtype.kind != "f" or not np.array_equal(finite, np.isfinite(value)):
        return file(case, case.step, contract, Kind.EXACT, exact.compare(name, value, other))
    if not np.array_equal(value[~finite], other[~finite], equal_nan=True):
        return file(case, case.step, contract, Kind.EXACT, exact.compare(name, value, other))
    ours, theirs = (np.where(finite, np.asarray(array, np.float64), 0.0) for array in (value, other))
    limit = max(allowed, rounding.FACTOR * float(rounding.ulp32(np.max(np.abs(theirs), initial=0.0))))
    comparison = rounding.compare_pair(name, ours, theirs, theirs, np.full(theirs.shape, limit))
    return file(case, case.step, contract, Kind.ROUNDING, comparison)


def _outcome(facts: Facts) -> str:
    """What became of a divergence's form."""
    if "absent" in facts:
        return f"{facts['absent']} is absent"
    return f"{facts['raised']['kind']}" if "raised" in facts else "a result"


def _raised(error: Mapping[str, str]) -> str:
    lines = error["message"].strip().splitlines() or [""]
    return f"{error['kind']}: {lines[0]}"
