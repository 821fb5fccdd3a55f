"""The judge of what must be equal to the bit: dtype, shape, and every value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from conformance.checks import Verdict, Where
from conformance.judge.comparison import Comparison, broken, index_of, number, shape_fault


def compare(name: str, value: ArrayLike, other: ArrayLike) -> Comparison:
    """`identical` where dtype, shape and bits are the same, otherwise `break`.

    0.0 and -0.0 differ. NaN equals NaN, whatever its payload. Byte order is no difference. The measured value
    is the largest difference of finite elements; `where` is the first element that differs.
    """
    value, other = np.asarray(value), np.asarray(other)
    if value.dtype.newbyteorder("=") != other.dtype.newbyteorder("="):
        return broken(name, f"dtype {value.dtype} where {other.dtype} is expected")
    if fault := shape_fault(name, value, other):
        return fault
    if value.dtype.kind not in "biuf":
        return broken(name, f"dtype {value.dtype} holds no real numbers")

    differs = _differs(value, other)
    count = int(np.count_nonzero(differs))
    if not count:
        return Comparison(Verdict.IDENTICAL, 0.0, 0.0, None, value.size)
    index = index_of(int(np.argmax(differs)), value.shape)
    where = Where(name, index, value=_shown(value[index]), other=_shown(other[index]))
    reason = f"{name}: {count} of {value.size} elements differ, the first at {index}"
    return Comparison(Verdict.BREAK, _largest(value, other), 0.0, where, value.size, reason, where)


def _differs(value: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    unequal: NDArray[np.bool_] = value != other
    if value.dtype.kind == "f":
        unequal |= np.signbit(value) != np.signbit(other)
        unequal &= ~(np.isnan(value) & np.isnan(other))
    return unequal


def _largest(value: NDArray[Any], other: NDArray[Any]) -> float | None:
    """The largest difference among elements finite on both sides; None where there are none."""
    finite = np.isfinite(value) & np.isfinite(other)
    if not finite.any():
        return None
    return float(np.max(np.abs(value[finite].astype(np.float64) - other[finite].astype(np.float64))))


def _shown(element: Any) -> float | str:
    """An element as a check shows it; a negative zero is spelt out, because as a number it equals zero."""
    return "-0.0" if element == 0 and np.signbit(float(element)) else number(element)
