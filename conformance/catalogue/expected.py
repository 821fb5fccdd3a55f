"""What the tensors of an entry should be, in a framework's own names and layouts, and how far off each may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.catalogue.cases import EntryCase
from conformance.checks import Kind
from conformance.judge import rounding
from conformance.observations import Observation

Arrays = dict[str, NDArray[Any]]
_GRADIENT, _STATE = "gradient/weight/", "state/"
_OF_WEIGHTS = (_GRADIENT, _STATE)


@dataclass(frozen=True)
class Expected:
    """What a tensor should be: its value in float64, what is allowed of every element, and how that was found."""

    values: NDArray[Any]
    allowed: NDArray[np.float64]
    kind: Kind


def tensors(case: EntryCase, mode: str, observed: Observation) -> Arrays:
    """What was observed of the entry in one mode, by the tensors' names."""
    prefix = f"{case.entry.name}/{mode}/"
    return {name.removeprefix(prefix): observed.tensors[name] for name in observed.tensors if name.startswith(prefix)}


def expected(
    case: EntryCase, framework: str, mode: str, observed: Observation, oracle: Observation | None
) -> dict[str, Expected]:
    """What is expected of every tensor, in the framework's names and layouts."""
    if oracle is None:
        return _by_itself(case, mode, observed) if case.entry.kind == "call" else {}
    constant = observed.facts["entries"][case.entry.name]["modes"][mode]["constant"]
    values, allowed = (_laid_out(case, framework, arrays, constant) for arrays in _by_formula(case, mode, oracle))
    return {name: Expected(array, allowed[name].astype(np.float64), Kind.ROUNDING) for name, array in values.items()}


def _by_formula(case: EntryCase, mode: str, oracle: Observation) -> tuple[Arrays, Arrays]:
    """The oracle's tensors, and what is allowed of every element, under the entry's weight names."""
    values = tensors(case, mode, oracle)
    stored = {name: f"{case.entry.name}/deviation/{mode}/{name}" for name in values}
    judged: Arrays = {}
    for name, place in stored.items():
        if place in oracle.tensors and not case.entry.exact:
            judged[name] = np.where(np.isfinite(values[name]), values[name], 0.0)
            judged[f"{rounding.DEVIATION}{name}"] = oracle.tensors[place]
    limits = rounding.allowances(judged)
    allowed: Arrays = {}
    for name, array in values.items():
        allowed[name] = np.zeros(array.shape)
        if name in limits:
            certain = oracle.tensors[f"{case.entry.name}/exact/{mode}/{name}"]
            allowed[name] += np.where(certain, 0.0, limits[name])
    return values, allowed


def _laid_out(case: EntryCase, framework: str, arrays: Arrays, constant: list[str]) -> Arrays:
    """The tensors under the framework's own weight names, in its layouts; no gradients of what it does not train."""
    found = {name: array for name, array in arrays.items() if not name.startswith(_OF_WEIGHTS)}
    for prefix in _OF_WEIGHTS:
        ours = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        mapped = case.entry.mapped(framework, case.entry.form(framework), ours)
        found.update({f"{prefix}{own}": a for own, a in mapped.items() if prefix == _STATE or own not in constant})
    return found


def _by_itself(case: EntryCase, mode: str, observed: Observation) -> dict[str, Expected]:
    """Expected of a framework that has no formula to meet: its own float64 run."""
    prefix = f"{case.entry.name}/precise/{mode}/"
    found = {}
    for stored in observed.tensors:
        if stored.startswith(prefix):
            name, values = stored.removeprefix(prefix), observed.tensors[stored]
            deviation = observed.tensors[f"{case.entry.name}/deviation/{mode}/{name}"]
            limit = rounding.allowances({name: values, f"{rounding.DEVIATION}{name}": deviation})[name]
            # That no moved start changes a tensor, such as a linear layer's gradient, does not make it exact.
            limit = np.maximum(limit, rounding.FACTOR * rounding.ulp32(np.max(np.abs(values), initial=0.0)))
            found[name] = Expected(values, np.full(values.shape, limit), Kind.SELF_CONSISTENCY)
    return found


def in_layout_of(case: EntryCase, framework: str, found: Arrays) -> Arrays:
    """Keras's tensors under torch's weight names and in torch's layouts; as they are where both are one framework."""
    if framework == case.framework:
        return found
    canonical = {name: array for name, array in found.items() if not name.startswith(_OF_WEIGHTS)}
    for prefix in _OF_WEIGHTS:
        ours = {name.removeprefix(prefix): array for name, array in found.items() if name.startswith(prefix)}
        canonical.update({f"{prefix}{name}": array for name, array in case.entry.canonical(ours).items()})
    return _laid_out(case, case.framework, canonical, [])
