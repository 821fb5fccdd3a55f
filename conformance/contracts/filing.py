"""From a judge's comparison to a check that says of what, and by which contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import KNOWN_CONTRACTS
from conformance.judge import exact, rounding, self_consistency
from conformance.judge.comparison import Comparison, Tested, broken
from conformance.observations import Observation

SUMMED_IN_FLOAT32 = "/summed_in_float32"
"""Of the name that a mean loss has in the oracle where its sum over batches rounds as well."""


def file(case: Case, step: Step, contract: str, kind: Kind, comparison: Comparison, **details: Any) -> Check:
    """The check of one comparison. Where something is outside its allowance, the check names the first such place."""
    name = f"{step}/{contract}"
    if not any(fnmatchcase(name, form) for form in KNOWN_CONTRACTS):
        raise ValueError(f"{name} is not among the known contracts")
    if comparison.first is not None and comparison.where is not None:
        details = {**details, "largest": asdict(comparison.where)}
    return Check(
        step=step,
        contract=contract,
        kind=kind,
        subjects=case.subjects,
        verdict=comparison.verdict,
        workload=case.workload.name,
        framework=case.framework,
        variant=case.variant.label if case.variant else "",
        seed=case.seed,
        device=case.device,
        measured=comparison.measured,
        allowed=comparison.allowed,
        where=comparison.first or comparison.where,
        elements=comparison.elements,
        reason=comparison.reason,
        details=details,
    )


def rounded(
    case: Case,
    step: Step,
    name: str,
    observed: Observation,
    other: Observation,
    oracle: Observation,
    *,
    oracle_name: str | None = None,
    length: int | None = None,
) -> Check:
    """The check that a tensor lies within the rounding allowance of the other side's.

    `oracle_name` is the tensor's name in the oracle, where it differs; `length` the number of leading elements of a
    series that the variant has run. The contract's name is the tensor's without its step.
    """
    missing = [side.key.framework for side in (observed, other) if side is not oracle and name not in side.tensors]
    if missing:
        comparison = broken(name, f"is missing in what was observed of {' and '.join(missing)}")
        return file(case, step, name.partition("/")[2], kind_of(oracle), comparison)
    source = oracle_name or name
    ensemble = oracle.tensors
    allowance = allowance_of(source, oracle)
    series = np.ndim(allowance) > 0
    expected = ensemble[source]
    partner = expected if other is oracle else other.tensors[name]
    mask = ensemble.get(f"{rounding.EXACT}{source}")
    if series:
        expected, partner = expected[:length], partner[:length]
        allowance = np.asarray(allowance)[:length]
    comparison = rounding.compare_pair(
        name,
        observed.tensors[name],
        partner,
        expected,
        allowance,
        exact=mask,
        training_step=np.arange(1, len(expected) + 1) if name == "train/losses" else _training_step(name),
    )
    return file(case, step, name.partition("/")[2], kind_of(oracle), comparison)


def kind_of(oracle: Observation) -> Kind:
    """The kind of a check by this oracle's allowance: a framework that stands in for it vouches for itself alone."""
    return Kind.SELF_CONSISTENCY if oracle.key.operation == "self_ensemble" else Kind.ROUNDING


def allowance_of(name: str, oracle: Observation) -> rounding.Allowance:
    """The rounding allowance of one tensor of the oracle, or of what stands in for it.

    See conformance.judge.rounding and conformance.judge.self_consistency.
    """
    ensemble = oracle.tensors
    return rounding.allowances(self_consistency.with_float32(over_time(name, ensemble), ensemble))[name]


def over_time(source: str, ensemble: Mapping[str, Any]) -> dict[str, Any]:
    """A tensor of the oracle at all its recorded times, with its deviations: the allowance never falls over time."""
    names = [source]
    if source.startswith("train/weights/"):
        parameter = source.split("/", 3)[3]
        names = [n for n in ensemble if n.startswith("train/weights/") and n.split("/", 3)[3] == parameter]
    return {name: ensemble[name] for plain in names for name in (plain, rounding.DEVIATION + plain)}


def exactly(case: Case, step: Step, contract: str, found: Any, expected: Any) -> Check:
    """The check that a value, or several under names, equals what is expected; a difference is a break."""
    if isinstance(expected, Mapping):
        return _same_values(case, step, contract, dict(found), dict(expected))
    return file(case, step, contract, Kind.EXACT, exact.compare(f"{step}/{contract}", found, expected))


def dtypes(case: Case, step: Step, names: Sequence[str], observed: Observation, other: Observation | None) -> Check:
    """The check that these tensors have the dtypes that they have on the other side, or else float32.

    Of those alone that were observed: that one is missing is told where its values are compared.
    """
    found = {name: str(observed.tensors[name].dtype) for name in names if name in observed.tensors}
    theirs = {name: str(other.tensors[name].dtype) for name in found if name in other.tensors} if other else {}
    return exactly(case, step, "dtypes", found, {name: theirs.get(name, "float32") for name in found})


def holds(
    case: Case, step: Step, contract: str, rule: bool, reason: str, elements: int = 1, where: Where | None = None
) -> Check:
    """The check that a rule holds; `reason` says what was found, and `where` in which place, where it does not."""
    comparison = Comparison(
        verdict=Verdict.IDENTICAL if rule else Verdict.BREAK,
        measured=0.0 if rule else 1.0,
        allowed=0.0,
        where=None if rule else where,
        elements=elements,
        reason="" if rule else reason,
    )
    return file(case, step, contract, Kind.EXACT, comparison)


def statistical(
    case: Case, step: Step, contract: str, result: Tested, tensor: str | None = None, **details: Any
) -> Check:
    """The check of a hypothesis about the tensor, by default the one of the contract's own name."""
    comparison = Comparison(
        verdict=Verdict.IDENTICAL if result.holds else Verdict.BREAK,
        measured=result.p,
        allowed=result.allowed,
        where=Where(tensor or f"{step}/{contract}"),
        elements=result.elements,
        reason=result.reason,
    )
    return file(case, step, contract, Kind.STATISTICAL, comparison, **details)


def _same_values(case: Case, step: Step, contract: str, found: dict[str, Any], expected: dict[str, Any]) -> Check:
    different = [name for name in {**expected, **found} if found.get(name) != expected.get(name)]
    reason, where = "", None
    if different:
        name = different[0]
        value, wanted = found.get(name, "absent"), expected.get(name, "absent")
        reason = f"{name} is {value}, expected {wanted}"
        where = Where(f"{step}/{contract}/{name}", value=str(value), other=str(wanted))
    comparison = Comparison(
        verdict=Verdict.BREAK if different or not expected else Verdict.IDENTICAL,
        measured=float(len(different)),
        allowed=0.0,
        where=where,
        elements=len(expected),
        reason=reason if expected else "nothing was expected, so nothing was compared",
    )
    return file(case, step, contract, Kind.EXACT, comparison)


def _training_step(name: str) -> int | None:
    return int(name.split("/")[2]) if name.startswith("train/weights/") else None
