"""How far apart the two forms of a declared divergence lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.catalogue.cases import EntryCase
from conformance.catalogue.expected import in_layout_of
from conformance.checks import Where
from conformance.judge.comparison import number
from conformance.observations import Observation
from reference.catalogue.entries import Divergence


def outcome(case: EntryCase, divergence: Divergence, observed: Observation) -> Mapping[str, Any]:
    """The outputs and states of the divergence's form; where it raised, one text that says so."""
    facts = observed.facts["entries"][case.entry.name]["divergences"][divergence.id]
    for what in ("raised", "absent"):
        if what in facts:
            return {what: str(facts[what])}
    prefix = f"{case.entry.name}/{divergence.id}/"
    found = {name.removeprefix(prefix): observed.tensors[name] for name in observed.tensors if name.startswith(prefix)}
    found = in_layout_of(replace(case, framework="pytorch"), observed.key.framework, found)
    return {name: array for name, array in found.items() if name.startswith("gradient/") == divergence.gradients}


def apart(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[float, Where]:
    """The largest difference and its place; infinite where one side alone raises or is not finite, or shapes differ."""
    largest, where = 0.0, Where("output")
    for name in sorted({*ours, *theirs}):
        a, b = ours.get(name), theirs.get(name)
        if a is None or b is None or isinstance(a, str) or a.shape != b.shape:
            same = isinstance(a, str) and isinstance(b, str)
            return (0.0 if same else np.inf), Where(name, value=_told(a), other=_told(b))
        if a.dtype.kind == b.dtype.kind == "f" and a.dtype != b.dtype:
            return np.inf, Where(name, value=str(a.dtype), other=str(b.dtype))
        if not a.size:
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        with np.errstate(invalid="ignore"):
            difference = np.abs(a - b)
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, difference)
        difference = np.where(np.isnan(difference), np.inf, difference)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), difference.shape))
        if difference[index] > largest:
            largest = float(difference[index])
            where = Where(name, index, value=number(a[index]), other=number(b[index]))
    return largest, where


def _told(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else f"shape {value.shape}"
