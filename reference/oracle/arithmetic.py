"""Three arithmetics in which the same formulas run: exact (float64), float32, and float32 rounded at random.

A formula written against `Arithmetic` takes arrays made by `array`, counts axes from the last one
(`axis=-1`, `x[..., None, :]`), and calls the methods below for everything that rounds. Moving, picking,
comparing and taking maxima never round, so plain NumPy does for them. It then runs unchanged in each of
the three:

    EXACT                        float64; the reference values
    FLOAT32                      NumPy's float32, one rounding to nearest per operation
    RandomRounding(16, seed=0)   sixteen float32 calculations side by side, along a leading axis of `members`,
                                 each rounded at random (Monte Carlo arithmetic; Parker, "Monte Carlo
                                 Arithmetic", UCLA CSD-970002, 1997)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

Array = Any  # np.ndarray of the arithmetic's dtype, or a Python number

UNIT_ROUNDOFF = 2.0**-24
DISCARDED_BITS = 52 - 23
POOL_SIZE = 1 << 20


class Arithmetic:
    """Arithmetic in one of NumPy's floating-point types: one calculation, so `members` is None."""

    members: int | None = None

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    def array(self, values: Array) -> Array:
        """The values as an array of this arithmetic, float32 values unchanged; anything finer is rounded."""
        return np.asarray(values, dtype=self.dtype)

    def apply(self, function: Callable[..., Any], *operands: Array) -> Array:
        """One elementwise NumPy function of the operands, rounded once: `apply(np.tanh, x)`."""
        return function(*operands)

    def add(self, a: Array, b: Array) -> Array:
        """a + b."""
        return self.apply(np.add, a, b)

    def subtract(self, a: Array, b: Array) -> Array:
        """a - b."""
        return self.apply(np.subtract, a, b)

    def multiply(self, a: Array, b: Array) -> Array:
        """a * b, element by element."""
        return self.apply(np.multiply, a, b)

    def divide(self, a: Array, b: Array) -> Array:
        """a / b."""
        return self.apply(np.divide, a, b)

    def exp(self, x: Array) -> Array:
        """e to the power x."""
        return self.apply(np.exp, x)

    def log(self, x: Array) -> Array:
        """The natural logarithm."""
        return self.apply(np.log, x)

    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product over the last two axes, (..., m, n) and (..., n, k) to (..., m, k)."""
        return np.matmul(a, b)

    def sum(self, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
        """Sum along one axis, counted from the last (negative)."""
        return np.sum(x, axis=axis, keepdims=keepdims)

    def mean(self, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
        """Mean along one axis, counted from the last (negative): the sum, then a division."""
        return self.divide(self.sum(x, axis, keepdims), x.shape[axis])

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + e^-x), through e^-|x| so that nothing overflows."""
        e = self.exp(-np.abs(x))
        return self.divide(np.where(x < 0, e, 1), self.add(e, 1))

    def softmax(self, x: Array) -> Array:
        """e^x / sum(e^x) along the last axis, shifted by the maximum."""
        e = self.exp(self.subtract(x, _largest(x)))
        return self.divide(e, self.sum(e, keepdims=True))

    def log_softmax(self, x: Array) -> Array:
        """x - log(sum(e^x)) along the last axis, shifted by the maximum."""
        shifted = self.subtract(x, _largest(x))
        return self.subtract(shifted, self.log(self.sum(self.exp(shifted), keepdims=True)))


class RandomRounding(Arithmetic):
    """Float32 calculations side by side, each result rounded up or down at random so that the mean is exact.

    Every array has shape (members, ...) and holds float32 values in float64. An operation is done in float64
    and rounded to one of the two neighbouring float32 values with probabilities that make it unbiased. A sum
    or contraction of length n first gets normal noise of variance

        (2**-24 / sqrt(3))**2 * (n s**2 / 3 + n sum(t**2) / 2),

    where t are its terms and s is the result: the random walk of a float32 accumulation, one term after the
    other. What float32 calculates without error (a product with 0, a sum of zeros) stays without error here.
    The exponent is float64's: nothing overflows or becomes subnormal as it would in float32.

    Random numbers come from pools of 2**20, read from a random place at each use.
    """

    def __init__(self, members: int, seed: int) -> None:
        super().__init__(np.float64)
        self.members: int = members
        self._places = random.Random(seed)
        self._normal_pool, self._bits_pool, state = _pools(seed)
        self._random = np.random.default_rng(seed)
        self._random.bit_generator.state = state

    def array(self, values: Array) -> Array:
        """The same float32 values for every member: shape (members, ...), read-only."""
        rounded = np.asarray(values, dtype=np.float32).astype(np.float64)
        return np.broadcast_to(rounded, (self.members, *rounded.shape))

    def apply(self, function: Callable[..., Any], *operands: Array) -> Array:
        """One elementwise NumPy function of the operands in float64, rounded at random."""
        return self._round(function(*operands))

    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product over the last two axes, with the noise of a contraction, rounded at random.

        `a` and `b` have the same number of axes.
        """
        total = _product(_once(a), _once(b))
        if a.strides[0] == b.strides[0] == 0:
            total = np.repeat(total[None], self.members, axis=0)
        squares = np.matmul(np.square(a[0]), np.square(b[0]))
        return self._accumulated(total, squares, a.shape[-1])

    def sum(self, x: Array, axis: int = -1, keepdims: bool = False) -> Array:
        """Sum along one axis, with the noise of a contraction, rounded at random."""
        squares = _sum(np.square(x[0]), axis, keepdims)
        return self._accumulated(_sum(x, axis, keepdims), squares, x.shape[axis])

    def _accumulated(self, total: Array, squares: Array, length: int) -> Array:
        """`total` with noise and rounding; `squares` are the first member's terms squared and summed.

        Its noise is that of the first member for all: the others differ from it by rounding only.
        """
        if length > 1:
            size = np.sqrt(length / 3 * np.square(total[0]) + length / 2 * squares)
            size = np.where(np.isfinite(size), size, 0).astype(np.float32)
            noise = _repeated_like(total, size)
            flat = _flat(noise)
            flat *= self._draw(self._normal_pool, self._normals, flat.size)
            total += noise
        return self._round(total)

    def _round(self, fresh: Array) -> Array:
        """Round at random, in place. Adding 29 random bits to float64's 52 carries into the 23 that stay."""
        pattern = _flat(fresh).view(np.uint64)
        pattern += self._draw(self._bits_pool, self._bits, pattern.size)
        pattern &= np.uint64(2**64 - 2**DISCARDED_BITS)
        return fresh

    def _draw(self, pool: Array, more: Callable[[int], Array], count: int) -> Array:
        if count > pool.size // 2:
            return more(count)
        start = int(self._places.random() * (pool.size - count))
        return pool[start : start + count]

    def _normals(self, count: int) -> Array:
        return _normals(self._random, count)

    def _bits(self, count: int) -> Array:
        return _bits(self._random, count)


@lru_cache(maxsize=2)
def _pools(seed: int) -> tuple[Array, Array, Any]:
    """Normals and bits from a generator of this seed, and its state behind them: to draw them takes a while."""
    generator = np.random.default_rng(seed)
    return _normals(generator, POOL_SIZE), _bits(generator, POOL_SIZE), generator.bit_generator.state


def _normals(generator: np.random.Generator, count: int) -> Array:
    normals = generator.standard_normal(count, dtype=np.float32)
    normals *= np.float32(UNIT_ROUNDOFF / np.sqrt(3))
    return normals


def _bits(generator: np.random.Generator, count: int) -> Array:
    return generator.integers(0, 2**DISCARDED_BITS, count, dtype=np.uint64)


EXACT = Arithmetic(np.float64)
FLOAT32 = Arithmetic(np.float32)


def _flat(fresh: Array) -> Array:
    """The elements of a freshly made array in the order of its memory, as a view."""
    return fresh.ravel(order="K")


def _sum(x: Array, axis: int, keepdims: bool) -> Array:
    """np.sum by einsum, which is ten times as fast along a short last axis."""
    total = np.einsum("...i->...", np.moveaxis(x, axis, -1))
    return np.expand_dims(total, axis) if keepdims else total


def _largest(x: Array) -> Array:
    """Maximum along the last axis, kept; taken along the first axis of a copy, because that is faster."""
    return np.ascontiguousarray(x.T).max(axis=0).T[..., None]


def _once(x: Array) -> Array:
    """Of an array that `array` repeats for every member, one member's; others as they are."""
    return x[0] if x.strides[0] == 0 else x


def _repeated_like(total: Array, one: Array) -> Array:
    """`one` repeated for every member, in the order in which `total` lies in memory."""
    members = len(total)
    if total.flags.c_contiguous:
        return np.repeat(one[None], members, axis=0)
    return np.repeat(one[:, None], members, axis=1).swapaxes(0, 1)


def _product(a: Array, b: Array) -> Array:
    """Matrix product; a single left matrix is multiplied by all members' right ones laid side by side."""
    if a.ndim != 2 or b.ndim != 3:
        return np.matmul(a, b)
    members, inner, columns = b.shape
    side_by_side = b.transpose(1, 0, 2).reshape(inner, members * columns)
    return np.matmul(a, side_by_side).reshape(len(a), members, columns).transpose(1, 0, 2)
