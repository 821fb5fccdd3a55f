"""A made-up entry of the catalogue, and what a framework that rounds correctly would report of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.catalogue.cases import EntryCase, entry_case
from conformance.checks import Check
from conformance.observations import Key, Observation
from conformance.observer.catalogue import formula
from reference.catalogue.drawing import drawn, normal
from reference.catalogue.entries import INFERENCE, TRAINING, Divergence, Entry, Family, Form
from reference.oracle import catalogue as oracle_runner

SCALED = Entry(
    "Scaled",
    keras=Form("make()", shipped={"epsilon": 0.5}),
    torch=Form("make()", weights={"weight": "kernel.T"}),
    inputs={"x": normal(4, 3)},
    weights={"kernel": normal(3, 2)},
    oracle=lambda a, x, kernel: x @ kernel,
    divergences=(Divergence("doubled", 1.0, 100.0, "twice as large"),),
)
TWO_MODES = replace(
    SCALED,
    modes=(INFERENCE, TRAINING),
    oracle=lambda a, x, kernel, training: (x @ kernel) * (1000.0 if training else 1.0),
)
Arrays = dict[str, NDArray[Any]]


def family_of(entry: Entry) -> Family:
    return Family("made-up", "Made up", "model", (entry,))


def case(framework: str, partner: str = "oracle", entry: Entry = SCALED) -> EntryCase:
    return entry_case(family_of(entry), entry, framework, partner)


def observation(subject: str, facts: dict[str, Any], tensors: Arrays, entry: Entry = SCALED) -> Observation:
    return Observation(Key("catalogue", subject, "catalogue", "made-up"), {"entries": {entry.name: facts}}, tensors)


def oracle(entry: Entry = SCALED) -> Observation:
    """What the worker of the formulas reports."""
    inputs, weights = drawn(entry.inputs, entry.name), drawn(entry.weights, entry.name)
    sent = {f"input/{name}": array for name, array in inputs.items()}
    sent |= {f"weight/{name}": array for name, array in weights.items()}
    found = formula(oracle_runner, entry, sent)
    return observation("oracle", {}, {f"{entry.name}/{place}": array for place, array in found.items()}, entry)


def in_own_names(framework: str, entry: Entry, formulas: Mapping[str, NDArray[Any]]) -> Arrays:
    """What the formulas give, rounded, in a framework's own names and layouts."""
    found: Arrays = {}
    for place, array in formulas.items():
        if {"deviation", "exact"} & set(place.split("/")):
            continue
        prefix, of_weight, name = place.partition("gradient/weight/")
        own = entry.mapped(framework, entry.form(framework), {name: array}) if of_weight else {"": array}
        found.update({f"{prefix}{of_weight}{ours}": values for ours, values in own.items()})
    with np.errstate(over="ignore"):
        return {
            name: array.astype(np.float32 if array.dtype.kind == "f" else array.dtype) for name, array in found.items()
        }


def observed(framework: str, entry: Entry = SCALED, **changes: Any) -> Observation:
    """What a framework that rounds correctly would report, in its own names and layouts."""
    tensors = in_own_names(framework, entry, oracle(entry).tensors)
    doubled = tensors["Scaled/inference/output"] * (2 if framework == "pytorch" else 1)
    tensors |= {f"Scaled/{divergence.id}/output": doubled for divergence in entry.divergences}
    mode = {"calls": 20, "different": [], "constant": [], "dtypes": {"output": "float32"}}
    facts = {
        "shipped": {"epsilon": 0.5} if framework == "tensorflow" else {},
        "modes": dict.fromkeys(entry.modes, mode),
        "divergences": {divergence.id: {} for divergence in entry.divergences},
        **changes,
    }
    return observation(framework, facts, tensors, entry)


def spoiled(observation: Observation, name: str, array: NDArray[Any]) -> Observation:
    return replace(observation, tensors={**observation.tensors, name: array})


def scaled(observation: Observation, name: str, factor: float = 1.0001) -> Observation:
    """With one tensor as many times too large."""
    return spoiled(observation, name, observation.tensors[name] * np.float32(factor))


def lacking(observation: Observation, name: str) -> Observation:
    return replace(observation, tensors={key: array for key, array in observation.tensors.items() if key != name})


def failing(checks: Iterable[Check]) -> list[str]:
    return [check.contract for check in checks if check.failed]


def the(contract: str, checks: Iterable[Check]) -> Check:
    """The only check of a contract, named without what all begin with: the family's step, and the entry."""
    (found,) = (check for check in checks if f"{check.step}/{check.contract}" == f"model/catalogue/Scaled/{contract}")
    return found
