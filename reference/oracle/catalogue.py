"""Runs the formulas of the catalogue: in float64, and in randomly rounded members beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference.catalogue.entries import TRAINING, Entry
from reference.catalogue.running import cotangent, named_outputs, recorded_steps
from reference.oracle.arithmetic import EXACT, Arithmetic, RandomRounding
from reference.oracle.tracing import Traced, Tracing

MEMBERS = 32
LARGEST = float(np.finfo(np.float32).max)


def observe(
    entry: Entry, inputs: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray], mode: str
) -> dict[str, np.ndarray]:
    """Outputs, `gradient/input/<name>`, `gradient/weight/<name>`, `state/<weight>`, all float64.

    What float32 cannot hold is infinite. For each such tensor T of floating point also `deviation/T`, (MEMBERS,), the
    largest difference of every member from it, and `exact/T`, bool, of its shape: True where no member differs at all.
    """
    found = _in_float32_range(run(EXACT, entry, inputs, weights, mode))
    members = _in_float32_range(run(RandomRounding(MEMBERS, seed=0), entry, inputs, weights, mode))
    result = dict(found)
    for name, values in found.items():
        if values.dtype.kind == "f":
            differences = np.abs(_difference(members[name], values))
            result[f"deviation/{name}"] = differences.reshape(MEMBERS, -1).max(axis=1)
            result[f"exact/{name}"] = ~differences.any(axis=0)
    return result


def run(
    arithmetic: Arithmetic,
    entry: Entry,
    inputs: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    mode: str,
) -> dict[str, np.ndarray]:
    """All tensors in one arithmetic; members, where it has them, along the first axis."""
    if entry.kind == "optimizer":
        return _optimized(Tracing(arithmetic, recording=False), entry, inputs)
    if entry.kind == "schedule":
        inputs = {"step": np.arange(entry.settings["steps"], dtype=np.float32)}
    tracing = Tracing(arithmetic, recording=_is_differentiated(entry))
    arrays = {f"gradient/input/{name}": tracing.array(values) for name, values in inputs.items()}
    arrays.update({f"gradient/weight/{name}": tracing.array(values) for name, values in weights.items()})
    names = {**{name: f"gradient/input/{name}" for name in inputs}}
    names.update({name.replace("/", "_"): f"gradient/weight/{name}" for name in weights})
    arguments = {name: arrays[place] for name, place in names.items()}
    if TRAINING in entry.modes:
        arguments["training"] = mode == TRAINING
    assert entry.oracle is not None
    outputs = _outputs(entry.oracle(tracing, **arguments))
    found = {name: output.value if isinstance(output, Traced) else output for name, output in outputs.items()}
    if tracing.recording:
        found.update(_gradients(tracing, entry, outputs, arrays))
    return {name: np.asarray(values) for name, values in found.items()}


def _optimized(tracing: Tracing, entry: Entry, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`output/<step:06d>/<parameter>` after the steps recorded; the formula takes and returns all parameters."""
    assert entry.oracle is not None
    rate, change_at = entry.settings["learning_rate"], entry.settings["change_at"]
    parameters = {name: tracing.array(inputs[name]) for name in entry.parameters()}
    gradients = {name: tracing.array(inputs[f"{name}_gradients"]) for name in parameters}
    states: dict[str, dict[str, Any]] = {name: {} for name in parameters}
    steps = len(inputs[f"{entry.parameters()[0]}_gradients"])
    found = {}
    for step in range(1, steps + 1):
        rate = entry.settings["changed_rate"] if step == change_at else rate
        now = {name: series[step - 1] for name, series in gradients.items()}
        parameters = entry.oracle(tracing, parameters, now, states, rate, step)
        if step in recorded_steps(steps, change_at):
            found.update({f"output/{step:06d}/{name}": parameter.value for name, parameter in parameters.items()})
    return found


def _outputs(value: Any) -> dict[str, Any]:
    """The formula's outputs by name; a dict has the full names already."""
    return dict(value) if isinstance(value, Mapping) else named_outputs(value)


def _gradients(
    tracing: Tracing, entry: Entry, outputs: Mapping[str, Any], arrays: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The gradients of all outputs, each multiplied with its cotangent and summed, together."""
    wanted = {
        name: array
        for name, array in arrays.items()
        if isinstance(array, Traced) and (not name.startswith("gradient/input/") or _is_wanted(entry, name))
    }
    totals: dict[str, Any] = {}
    for name, output in outputs.items():
        if name.startswith("output") and isinstance(output, Traced) and output.value.dtype.kind == "f":
            found = tracing.gradients(output, cotangent(output.shape), list(wanted.values()))
            for place, gradient in zip(wanted, found):
                if gradient is not None:
                    totals[place] = tracing.inner.add(totals[place], gradient) if place in totals else gradient
    return {name: totals.get(name, np.zeros(array.value.shape)) for name, array in wanted.items()}


def _is_differentiated(entry: Entry) -> bool:
    return entry.gradients != () and entry.kind in ("call", "saving")


def _is_wanted(entry: Entry, name: str) -> bool:
    return entry.gradients is None or name.rpartition("/")[2] in entry.gradients


def _in_float32_range(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        name: np.where(np.abs(values) > LARGEST, np.copysign(np.inf, values), values)
        if values.dtype.kind == "f"
        else values
        for name, values in found.items()
    }


def _difference(members: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Members less the exact values; 0 where both are the same infinity or both NaN.

    Where rounding alone decides whether there is a number at all, it is the largest that float32 holds.
    """
    with np.errstate(invalid="ignore"):
        difference = members - values
    same = (members == values) | (np.isnan(members) & np.isnan(values))
    return np.where(same, 0.0, np.where(np.isfinite(difference), difference, LARGEST))
