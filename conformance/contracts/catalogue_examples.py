"""The catalogue on inputs that hypothesis draws: every tensor of every example within its allowance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.catalogue.cases import EntryCase
from conformance.catalogue.expected import Expected, expected, tensors
from conformance.checks import Check
from conformance.contracts.catalogue import compared, fault
from conformance.judge import rounding
from conformance.observations import Observation
from reference.catalogue.entries import INFERENCE

EXAMPLES = "examples"
# Below float32's least normal number fewer digits are kept, and processors may be set to give 0 instead.
LEAST_NORMAL = 2.0**-126
_LONGEST_INPUTS = 300


def checks(case: EntryCase, observed: Observation, oracle: Observation, drawn: Observation) -> Iterator[Check]:
    """Of one entry in one framework: for every tensor the check of the example that fares worst.

    `drawn` holds the inputs, which a failure shows; a check's elements are those of all examples together.
    """
    if whole := fault(case, oracle, observed):
        yield whole
        return
    ours, formulas, inputs = (_by_example(side, case.entry.name) for side in (observed, oracle, drawn))
    worst: dict[str, Check] = {}
    for number in inputs:
        absent = {"absent": f"what it makes of {number}"}
        nothing = replace(observed, facts={"entries": {case.entry.name: absent}})
        for check in _of_example(case, ours.get(number, nothing), formulas[number]):
            shown = _with_inputs(check, number, inputs[number].tensors)
            before = worst.get(check.contract)
            elements = check.elements + (before.elements if before else 0)
            worst[check.contract] = replace(max(before or shown, shown, key=_badness), elements=elements)
    yield from worst.values()


def _by_example(side: Observation, entry: str) -> dict[str, Observation]:
    """An observation for each example, named as if it were the entry's only one."""
    facts = side.facts.get("entries", {}).get(entry, {}).get(EXAMPLES, {})
    parts: dict[str, dict[str, NDArray[Any]]] = {number: {} for number in facts}
    for name in side.tensors:
        place, _, rest = name.removeprefix(f"{entry}/").partition("/")
        if name.startswith(f"{entry}/") and place.isdigit():
            parts.setdefault(place, {})[f"{entry}/{rest}"] = side.tensors[name]
    return {
        number: Observation(side.key, {"entries": {entry: facts.get(number)}}, arrays)
        for number, arrays in sorted(parts.items())
    }


def _of_example(case: EntryCase, observed: Observation, oracle: Observation) -> Iterator[Check]:
    if broken := fault(case, oracle, observed):
        yield replace(broken, contract=f"{broken.contract}/{EXAMPLES}")
        return
    for mode in case.entry.modes:
        found = tensors(case, mode, observed)
        place = EXAMPLES if mode == INFERENCE else f"{EXAMPLES}/{mode}"
        for name, wanted in expected(case, case.framework, mode, observed, oracle).items():
            allowed = np.maximum(wanted.allowed, _least(case, wanted.values))
            judged = Expected(wanted.values, allowed, wanted.kind)
            yield compared(case, place, name, found.get(name), wanted.values, judged)


def _least(case: EntryCase, values: NDArray[Any]) -> float:
    """What is allowed of every element at least.

    An edge value leaves many steps of a formula without error, exp(0) for instance; a framework's steps are others.
    """
    if case.entry.exact or not np.isfinite(values).any():
        return LEAST_NORMAL
    largest = np.max(np.abs(values[np.isfinite(values)]))
    return max(LEAST_NORMAL, float(rounding.FACTOR * rounding.ulp32(largest)))


def _with_inputs(check: Check, number: str, inputs: Mapping[str, NDArray[Any]]) -> Check:
    """A check that failed with the inputs on which it did."""
    if not check.failed:
        return check
    told = ", ".join(f"{name.rpartition('/')[2]} = {array.tolist()}" for name, array in inputs.items())
    cut = told if len(told) <= _LONGEST_INPUTS else f"{told[:_LONGEST_INPUTS]} ..."
    return replace(check, reason=f"{check.reason} (example {number}: {cut})")


def _badness(check: Check) -> tuple[int, float]:
    return check.verdict.rank, (check.measured or 0.0) / (check.allowed or 1.0)
