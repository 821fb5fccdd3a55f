"""The judge of predicted classes: they may differ only where the oracle's logits are as good as tied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conformance.checks import Verdict, Where
from conformance.judge.comparison import Comparison, broken, shape_fault
from conformance.judge.rounding import ulp32


@dataclass(frozen=True)
class ClassCount:
    """Among the examples of one class: how many were predicted differently, and how many were ties."""

    label: int
    examples: int
    differences: int
    ties: int


@dataclass(frozen=True)
class PredictionComparison:
    """A comparison of predictions, with the ties that it accepted, in all and for each true class."""

    comparison: Comparison
    differences: int = 0
    ties: int = 0
    classes: tuple[ClassCount, ...] = ()


def compare(
    name: str,
    predictions: ArrayLike,
    others: ArrayLike,
    labels: ArrayLike,
    oracle_logits: NDArray[np.float64],
    allowance: float,
) -> PredictionComparison:
    """Predicted classes (n,), one by one, on both sides, and true labels (n,); oracle logits (n, classes).

    Predictions that differ are a tie where the logits of both classes lie, in the oracle, within twice the
    logits' allowance of the best: each of two logits may be off by one allowance. `measured` is the largest
    such distance, `allowed` twice the allowance. Any other difference is a drift, a class that does not
    exist or a prediction that is no integer a break.
    """
    predictions, others, labels = np.asarray(predictions), np.asarray(others), np.asarray(labels)
    count, classes = oracle_logits.shape
    for side in (predictions, others, labels):
        fault = shape_fault(name, side, oracle_logits[:, 0]) or _not_classes(name, side, classes)
        if fault:
            return PredictionComparison(fault)

    best = oracle_logits.max(axis=1)
    rows = np.arange(count)
    distance = best - np.minimum(oracle_logits[rows, predictions], oracle_logits[rows, others])
    differs = predictions != others
    allowed = 2 * allowance
    tied = differs & (distance <= allowed)
    counts = tuple(
        ClassCount(
            label,
            int(np.count_nonzero(labels == label)),
            int(np.count_nonzero(differs[labels == label])),
            int(np.count_nonzero(tied[labels == label])),
        )
        for label in range(classes)
    )
    differences, ties = int(np.count_nonzero(differs)), int(np.count_nonzero(tied))
    if not differences:
        comparison = Comparison(Verdict.IDENTICAL, 0.0, allowed, None, count)
        return PredictionComparison(comparison, 0, 0, counts)

    worst = int(np.argmax(np.where(differs, distance, -1.0)))
    where = Where(
        name,
        (worst,),
        value=float(predictions[worst]),
        other=float(others[worst]),
        oracle=float(oracle_logits[worst].argmax()),
    )
    wrong = differs & ~tied
    reason = f"{name}: {differences} of {count} predictions differ, {ties} of them ties"
    comparison = Comparison(
        Verdict.DRIFT if wrong.any() else Verdict.ROUNDING,
        float(distance[worst]),
        allowed,
        where,
        count,
        reason,
        Where(name, (int(np.argmax(wrong)),)) if wrong.any() else None,
    )
    return PredictionComparison(comparison, differences, ties, counts)


def compare_accuracies(name: str, accuracy: float, other: float, examples: int, ties: int) -> Comparison:
    """Two fractions of `examples`: equal counts are `identical`, up to `ties` apart `rounding`, else `drift`.

    A fraction may have been rounded to float32. One that is no whole number of examples is a break.
    """
    correct = np.array([accuracy, other], dtype=np.float64) * examples
    whole = np.rint(correct)
    near = np.abs(correct - whole) <= examples * ulp32(1.0)
    if not (near & (whole >= 0) & (whole <= examples)).all():
        return broken(name, f"{accuracy} and {other} are not both fractions of {examples} examples")
    apart = abs(whole[0] - whole[1])
    where = Where(name, value=float(accuracy), other=float(other))
    verdict = Verdict.IDENTICAL if not apart else Verdict.ROUNDING if apart <= ties else Verdict.DRIFT
    reason = f"{name}: {apart:.0f} of {examples} examples apart with {ties} ties" if apart else ""
    return Comparison(verdict, apart / examples, ties / examples, where, examples, reason)


def _not_classes(name: str, side: NDArray[Any], classes: int) -> Comparison | None:
    if side.dtype.kind not in "iu":
        return broken(name, f"dtype {side.dtype} where class numbers are expected")
    outside = (side < 0) | (side >= classes)
    if not outside.any():
        return None
    place = int(np.argmax(outside))
    where = Where(name, (place,), value=float(side[place]))
    return broken(name, f"class {side[place]} of {classes} at {place}", side.size, where)
