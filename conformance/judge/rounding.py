"""The judge of what is calculated: the allowance that rounding earns, and whether a difference is within it.

The oracle's observation holds each tensor in float64 and, under `deviation/<tensor>`, how far each member of
its ensemble of randomly rounded calculations lies from it. With 16 members,

    allowance(tensor, t) = 3 * max over t' <= t of max(largest deviation of a member, ulp32(max |oracle|)).

The same allowance serves two frameworks compared with each other. The triangle inequality would give twice
as much, but the errors of two float32 calculations do not add up like that: they are independent (then their
difference grows by sqrt(2), well inside the factor of 3) or shared (then it shrinks). Measured in
tests/test_rounding.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conformance.checks import Verdict, Where
from conformance.judge.comparison import Comparison, broken, index_of, number, shape_fault

FACTOR = 3.0
SLACK = 300.0
DEVIATION = "deviation/"
EXACT = "exact/"

Allowance = float | NDArray[np.float64]

_TRAINING_STEP = re.compile(r"/(\d{6})/")


def ulp32(magnitude: ArrayLike) -> NDArray[np.float64]:
    """The distance from a number to the next larger float32, element by element; from the largest to the one below."""
    below = np.nextafter(np.finfo(np.float32).max, np.float32(0))
    return np.spacing(np.minimum(np.abs(np.asarray(magnitude, dtype=np.float32)), below)).astype(np.float64)


def allowances(oracle: Mapping[str, NDArray[Any]]) -> dict[str, Allowance]:
    """The allowance of every tensor that has deviations: a float, or for a series one value per element.

    `deviation/T` is (members,), or for a series T of shape (length,) (members, length). Tensors whose names
    differ only in a training step, `train/weights/<step:06d>/<parameter>`, are one tensor at several times.
    No deviation at any time so far means that the calculation is exact: nothing is allowed then.
    Raises ValueError where a deviation is not finite or has no members.
    """
    found: dict[str, Allowance] = {}
    running: dict[str, float] = {}
    for name in sorted(name.removeprefix(DEVIATION) for name in oracle if name.startswith(DEVIATION)):
        deviation = np.asarray(oracle[DEVIATION + name], dtype=np.float64)
        if deviation.size == 0 or not np.isfinite(deviation).all():
            raise ValueError(f"the oracle's deviations of {name} are missing or not finite: run it again")
        bracket = _bracket(np.asarray(oracle[name]), deviation.max(axis=0))
        if bracket.ndim:
            found[name] = FACTOR * np.maximum.accumulate(bracket)
        else:
            over_time = _TRAINING_STEP.sub("/*/", name)
            running[over_time] = max(running.get(over_time, 0.0), float(bracket))
            found[name] = FACTOR * running[over_time]
    return found


def _bracket(values: NDArray[Any], deviation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The larger of deviation and ulp floor, zero where there is no deviation; a scalar, or one per time."""
    magnitude = np.abs(values) if deviation.ndim else np.max(np.abs(values))
    return np.where(deviation == 0, 0.0, np.maximum(deviation, ulp32(magnitude)))


def compare(
    name: str,
    value: ArrayLike,
    oracle_value: ArrayLike,
    allowance: Allowance,
    *,
    exact: NDArray[np.bool_] | None = None,
    training_step: ArrayLike | None = None,
) -> Comparison:
    """A result against the oracle: `identical`, `rounding` (within the allowance), `drift` or `break`.

    `allowance` is one number, or an array of the value's shape. Where `exact` (same shape) is True, nothing
    is allowed. `training_step` (one number, or one per element) only says where. A value that is not finite,
    is empty, is no floating-point number or has another shape than the oracle's is a break.
    """
    return _compare(name, value, oracle_value, oracle_value, allowance, exact, training_step)


def compare_pair(
    name: str,
    value: ArrayLike,
    other: ArrayLike,
    oracle_value: ArrayLike,
    allowance: Allowance,
    *,
    exact: NDArray[np.bool_] | None = None,
    training_step: ArrayLike | None = None,
) -> Comparison:
    """Two results against each other, as `compare`; the oracle's value is shown beside them."""
    return _compare(name, value, other, oracle_value, allowance, exact, training_step)


def _compare(
    name: str,
    value: ArrayLike,
    other: ArrayLike,
    oracle_value: ArrayLike,
    allowance: Allowance,
    exact: NDArray[np.bool_] | None,
    training_step: ArrayLike | None,
) -> Comparison:
    value, other, oracle_value = np.asarray(value), np.asarray(other), np.asarray(oracle_value)
    if fault := shape_fault(name, value, oracle_value) or shape_fault(name, other, oracle_value):
        return fault
    steps = None if training_step is None else np.broadcast_to(np.asarray(training_step), value.shape)
    if fault := _not_numbers(name, steps, value, other):
        return fault
    allowed = np.broadcast_to(np.asarray(allowance, dtype=np.float64), value.shape)
    if exact is not None:
        allowed = np.where(exact, 0.0, allowed)
    if not np.isfinite(allowed).all() or (allowed < 0).any():
        raise ValueError(f"the allowance of {name} is not a finite number from 0 up")

    difference = np.abs(value.astype(np.float64) - other.astype(np.float64))

    def where(place: int) -> Where:
        index = index_of(place, value.shape)
        return Where(
            name, index, _at(steps, index), number(value[index]), number(other[index]), number(oracle_value[index])
        )

    outside = difference > allowed
    worst = _worst(difference, allowed)
    first = where(int(np.argmax(outside))) if outside.any() else None
    same = not difference.any() and bool((np.signbit(value) == np.signbit(other)).all())
    verdict = Verdict.DRIFT if first else Verdict.IDENTICAL if same else Verdict.ROUNDING
    measured, permitted = float(difference.flat[worst]), float(allowed.flat[worst])
    reason = _reason(measured, permitted, int(np.count_nonzero(outside)), value.size)
    return Comparison(verdict, measured, permitted, where(worst), value.size, reason and f"{name}: {reason}", first)


def _reason(measured: float, allowed: float, outside: int, elements: int) -> str:
    """What is worth saying: a violation, or an allowance too wide to mean much."""
    if outside:
        times = f"{measured / allowed:.3g} times the allowance" if allowed else "where nothing is allowed"
        return f"differs by {measured:.3g}, {times}; {outside} of {elements} elements are outside"
    if measured and allowed > SLACK * measured:
        return f"the allowance is {allowed / measured:.0f} times what was measured"
    return ""


def _worst(difference: NDArray[np.float64], allowed: NDArray[np.float64]) -> int:
    """The place of the largest difference in proportion to the allowance; of infinite ones, the largest."""
    forbidden = (allowed == 0) & (difference > 0)
    if forbidden.any():
        return int(np.argmax(np.where(forbidden, difference, 0.0)))
    ratio = np.divide(difference, allowed, out=np.zeros_like(difference), where=allowed > 0)
    return int(np.argmax(ratio))


def _at(steps: NDArray[Any] | None, index: tuple[int, ...]) -> int | None:
    return None if steps is None else int(steps[index])


def _not_numbers(name: str, steps: NDArray[Any] | None, *sides: NDArray[Any]) -> Comparison | None:
    for side in sides:
        if side.dtype.kind != "f":
            return broken(name, f"dtype {side.dtype} where floating-point numbers are expected")
    finite = np.logical_and.reduce([np.isfinite(side) for side in sides])
    if finite.all():
        return None
    index = index_of(int(np.argmin(finite)), finite.shape)
    where = Where(name, index, _at(steps, index), number(sides[0][index]), number(sides[-1][index]))
    count = int(np.count_nonzero(~finite))
    return broken(name, f"{count} of {finite.size} elements are not finite", finite.size, where)
