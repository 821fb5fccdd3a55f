"""Formulas in any of the three arithmetics, written like plain NumPy, with their gradients by reverse mode.

A formula takes a `Tracing` and arrays made by `Tracing.array`, and uses Python's operators, indexing, `reshape`,
`transpose` and the methods of `Tracing`. The axis of the members of RandomRounding is hidden: shapes, axes and
indices are those of one calculation. `Tracing.gradients` then runs the chain rule backwards in the same arithmetic, so
that gradients have an exact value and an ensemble as well (Griewank and Walther, Evaluating Derivatives, chapter 3).

    def mean_squared_error(a, x, y):
        return a.mean(a.square(x - y))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.oracle.arithmetic import Arithmetic, Array

Pullback = Callable[[Array], Array]
Axis = Any  # None (all axes), one axis or a tuple of them


class Traced:
    """An array of a formula: its value, and what it was made of with the rules that pull gradients back."""

    __array_ufunc__ = None  # so that NumPy leaves `array * traced` to this class

    def __init__(self, tracing: Tracing, value: Array, sources: Sequence[tuple[Traced, Pullback]] = ()) -> None:
        self.tracing = tracing
        self.value = value
        self.sources = sources if tracing.recording else ()
        self.number = tracing.next_number()

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one calculation."""
        return tuple(self.value.shape[self.tracing.lead :])

    @property
    def ndim(self) -> int:
        """The number of axes of one calculation."""
        return len(self.shape)

    def __add__(self, other: Any) -> Traced:
        return self.tracing.binary(np.add, self, other, lambda g: g, lambda g: g)

    def __mul__(self, other: Any) -> Traced:
        inner = self.tracing.inner
        x, y = self.tracing.aligned(self, other)
        return self.tracing.binary(
            np.multiply, self, other, lambda g: inner.multiply(g, y), lambda g: inner.multiply(g, x)
        )

    def __sub__(self, other: Any) -> Traced:
        return self.tracing.binary(np.subtract, self, other, lambda g: g, np.negative)

    def __truediv__(self, other: Any) -> Traced:
        inner = self.tracing.inner
        x, y = self.tracing.aligned(self, other)
        return self.tracing.binary(
            np.divide,
            self,
            other,
            lambda g: inner.divide(g, y),
            lambda g: -inner.divide(inner.multiply(g, inner.divide(x, y)), y),
        )

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Traced:
        return self.tracing.binary(np.subtract, other, self, lambda g: g, np.negative)

    def __rtruediv__(self, other: Any) -> Traced:
        return self.tracing.constant(other) / self

    def __neg__(self) -> Traced:
        return Traced(self.tracing, -self.value, [(self, np.negative)])

    def __matmul__(self, other: Traced) -> Traced:
        return self.tracing.matmul(self, other)

    def __gt__(self, other: Any) -> Traced:
        return self._compared(np.greater, other)

    def __ge__(self, other: Any) -> Traced:
        return self._compared(np.greater_equal, other)

    def __lt__(self, other: Any) -> Traced:
        return self._compared(np.less, other)

    def __le__(self, other: Any) -> Traced:
        return self._compared(np.less_equal, other)

    def __getitem__(self, index: Any) -> Traced:
        index = index if isinstance(index, tuple) else (index,)
        full = (slice(None),) * self.tracing.lead + index
        repeats = any(isinstance(part, (list, np.ndarray)) for part in index)

        def pull(g: Array) -> Array:
            scattered = np.zeros(self.value.shape)
            if not repeats:
                scattered[full] = g
                return scattered
            np.add.at(scattered, full, g)
            return self.tracing.inner.apply(np.add, scattered, 0.0)

        return Traced(self.tracing, self.value[full], [(self, pull)])

    def reshape(self, *shape: int) -> Traced:
        """The same elements in another shape of one calculation."""
        old = self.value.shape
        new = (*old[: self.tracing.lead], *shape)
        return Traced(self.tracing, self.value.reshape(new), [(self, lambda g: g.reshape(old))])

    def transpose(self, *axes: int) -> Traced:
        """The axes in another order; without arguments, reversed."""
        order = axes or tuple(reversed(range(self.ndim)))
        lead = self.tracing.lead
        full = (*range(lead), *(lead + axis for axis in order))
        back = tuple(int(axis) for axis in np.argsort(full))
        return Traced(self.tracing, self.value.transpose(full), [(self, lambda g: g.transpose(back))])

    def _compared(self, function: Callable[..., Array], other: Any) -> Traced:
        x, y = self.tracing.aligned(self, other)
        return Traced(self.tracing, function(x, y))


class Tracing:
    """The functions that a formula calls, in the arithmetic `inner`.

    Reductions run along the last axis unless told otherwise (`axis=None`: all axes). Without `recording` there are no
    gradients, and what a long calculation no longer needs is forgotten.
    """

    def __init__(self, inner: Arithmetic, recording: bool = True) -> None:
        self.inner = inner
        self.recording = recording
        self.lead = 0 if inner.members is None else 1
        self._count = 0

    def next_number(self) -> int:
        """Numbers arrays in the order in which they are made."""
        self._count += 1
        return self._count

    def array(self, values: Any) -> Any:
        """Floating-point values as a traced array, rounded to float32; integers and booleans as they are."""
        values = np.asarray(values)
        return Traced(self, self.inner.array(values)) if values.dtype.kind == "f" else values

    def data(self, x: Any) -> np.ndarray:
        """The numbers of an input, float64, for a formula that picks by comparing them."""
        values = x.value[0] if isinstance(x, Traced) and self.lead else getattr(x, "value", x)
        return np.asarray(values)

    def constant(self, values: Any) -> Traced:
        """A number, or an array of numbers, that is not float32 data: as exact as float64 holds it."""
        if isinstance(values, Traced):
            return values
        exact = np.asarray(values, np.float64)
        return Traced(self, np.broadcast_to(exact, (*self._members(), *exact.shape)))

    def elementwise(
        self, function: Callable[[Array], Array], derivative: Callable[[Array, Array], Array], x: Traced
    ) -> Traced:
        """A function of each element, rounded once; `derivative(x, y)` is its derivative at x, where it gives y."""
        y = self.inner.apply(function, x.value)
        return Traced(self, y, [(x, lambda g: self.inner.multiply(g, self.inner.apply(derivative, x.value, y)))])

    def exp(self, x: Traced) -> Traced:
        """e to the power x."""
        return self.elementwise(np.exp, lambda x, y: y + 0.0, x)

    def expm1(self, x: Traced) -> Traced:
        """e to the power x, less 1."""
        return self.elementwise(np.expm1, lambda x, y: y + 1.0, x)

    def log(self, x: Traced) -> Traced:
        """The natural logarithm."""
        return self.elementwise(np.log, lambda x, y: 1.0 / x, x)

    def log1p(self, x: Traced) -> Traced:
        """The natural logarithm of 1 + x."""
        return self.elementwise(np.log1p, lambda x, y: 1.0 / (1.0 + x), x)

    def sqrt(self, x: Traced) -> Traced:
        """The square root; its derivative at 0 is infinite."""
        with np.errstate(divide="ignore"):
            return self.elementwise(np.sqrt, lambda x, y: 0.5 / y, x)

    def square(self, x: Traced) -> Traced:
        """x squared."""
        return self.elementwise(np.square, lambda x, y: 2.0 * x, x)

    def power(self, x: Traced, exponent: float) -> Traced:
        """x to a constant power."""
        return self.elementwise(lambda x: np.power(x, exponent), lambda x, y: exponent * np.power(x, exponent - 1.0), x)

    def tanh(self, x: Traced) -> Traced:
        """The hyperbolic tangent."""
        return self.elementwise(np.tanh, lambda x, y: 1.0 - y * y, x)

    def sin(self, x: Traced) -> Traced:
        """The sine."""
        return self.elementwise(np.sin, lambda x, y: np.cos(x), x)

    def cos(self, x: Traced) -> Traced:
        """The cosine."""
        return self.elementwise(np.cos, lambda x, y: -np.sin(x), x)

    def erf(self, x: Traced) -> Traced:
        """The error function."""
        return self.elementwise(_erf, lambda x, y: 2.0 / math.sqrt(math.pi) * np.exp(-x * x), x)

    def abs(self, x: Traced) -> Traced:
        """The magnitude; its derivative at 0 is 0."""
        return Traced(self, np.abs(x.value), [(x, lambda g: g * np.sign(x.value))])

    def sigmoid(self, x: Traced) -> Traced:
        """1 / (1 + e^-x)."""
        y = self.inner.sigmoid(x.value)
        return Traced(self, y, [(x, lambda g: self._times(g, y, self.inner.subtract(1.0, y)))])

    def softplus(self, x: Traced) -> Traced:
        """log(1 + e^x), without overflow."""
        return self.maximum(x, 0.0) + self.log1p(self.exp(-self.abs(x)))

    def softmax(self, x: Traced) -> Traced:
        """e^x / sum(e^x) along the last axis."""
        inner, y = self.inner, self.inner.softmax(x.value)

        def pull(g: Array) -> Array:
            mean = inner.sum(inner.multiply(g, y), keepdims=True)
            return inner.multiply(y, inner.subtract(g, mean))

        return Traced(self, y, [(x, pull)])

    def attend(self, scores: Traced, values: Traced) -> Traced:
        """softmax(scores) @ values, (..., queries, keys) and (..., keys, width); no axis is broadcast.

        Its gradient takes the mean of a row of softmax from the product, sum(g * output), as fused kernels do (Dao et
        al. 2022, FlashAttention); where that cancels, with a single key for instance, either way leaves its rounding.
        """
        inner, y = self.inner, self.inner.softmax(scores.value)
        output = inner.matmul(y, values.value)

        def pull(g: Array) -> Array:
            mean = inner.sum(inner.multiply(g, output), keepdims=True)
            return inner.multiply(y, inner.subtract(inner.matmul(g, values.value.swapaxes(-1, -2)), mean))

        return Traced(self, output, [(scores, pull), (values, lambda g: inner.matmul(y.swapaxes(-1, -2), g))])

    def log_softmax(self, x: Traced) -> Traced:
        """x - log(sum(e^x)) along the last axis."""
        inner, y = self.inner, self.inner.log_softmax(x.value)

        def pull(g: Array) -> Array:
            return inner.subtract(g, inner.multiply(inner.exp(y), inner.sum(g, keepdims=True)))

        return Traced(self, y, [(x, pull)])

    def maximum(self, x: Any, y: Any) -> Traced:
        """The larger of two, element by element; where they are equal, each has half of the gradient."""
        return self._chosen(np.maximum, np.greater, x, y)

    def minimum(self, x: Any, y: Any) -> Traced:
        """The smaller of two, element by element; where they are equal, each has half of the gradient."""
        return self._chosen(np.minimum, np.less, x, y)

    def where(self, condition: Any, x: Any, y: Any) -> Traced:
        """x where the condition holds, y elsewhere."""
        chosen = condition.value if isinstance(condition, Traced) else self._lifted(np.asarray(condition, bool))
        return self.binary(
            lambda x, y: np.where(chosen, x, y),
            x,
            y,
            lambda g: np.where(chosen, g, 0.0),
            lambda g: np.where(chosen, 0.0, g),
            rounds=False,
        )

    def sum(self, x: Traced, axis: Axis = -1, keepdims: bool = False) -> Traced:
        """The sum along one axis or several, as one sum of all their elements."""
        axes = self._axes(x, axis)
        value = self._summed(x.value, axes, keepdims)
        kept = self._kept(x.value.shape, axes)
        return Traced(self, value, [(x, lambda g: np.broadcast_to(g.reshape(kept), x.value.shape))])

    def mean(self, x: Traced, axis: Axis = -1, keepdims: bool = False) -> Traced:
        """The mean along one axis or several: the sum, then a division."""
        return self.sum(x, axis, keepdims) / float(np.prod([x.value.shape[i] for i in self._axes(x, axis)]))

    def variance(self, x: Traced, axis: Axis = -1, keepdims: bool = False) -> Traced:
        """The mean squared distance from the mean (biased)."""
        return self.mean(self.square(x - self.mean(x, axis, True)), axis, keepdims)

    def max(self, x: Traced, axis: int = -1, keepdims: bool = False) -> Traced:
        """The largest along one axis; of several, the first one has the gradient."""
        (place,) = self._axes(x, axis)
        best = np.expand_dims(np.argmax(x.value, axis=place), place)
        value = np.take_along_axis(x.value, best, place)

        def pull(g: Array) -> Array:
            scattered = np.zeros(x.value.shape)
            np.put_along_axis(scattered, best, g.reshape(value.shape), place)
            return scattered

        return Traced(self, value if keepdims else value.squeeze(place), [(x, pull)])

    def matmul(self, x: Traced, y: Traced) -> Traced:
        """The matrix product over the last two axes; further axes are broadcast."""
        inner = self.inner
        left, right = self.aligned(x, y)
        back = (
            lambda g: self._like(inner.matmul(g, right.swapaxes(-1, -2)), x.value.shape),
            lambda g: self._like(inner.matmul(left.swapaxes(-1, -2), g), y.value.shape),
        )
        return Traced(self, inner.matmul(left, right), [(x, back[0]), (y, back[1])])

    def concatenate(self, parts: Sequence[Traced], axis: int = -1) -> Traced:
        """The arrays one after the other along one axis."""
        (place,) = self._axes(parts[0], axis)
        ends = np.cumsum([part.value.shape[place] for part in parts])
        value = np.concatenate([part.value for part in parts], place)

        def pull(number: int) -> Pullback:
            span = np.arange(ends[number] - parts[number].value.shape[place], ends[number])
            return lambda g: np.take(g, span, place)

        return Traced(self, value, [(part, pull(number)) for number, part in enumerate(parts)])

    def stack(self, parts: Sequence[Traced], axis: int = 0) -> Traced:
        """The arrays along a new axis."""
        place = axis % (parts[0].ndim + 1)
        widened = [part.reshape(*part.shape[:place], 1, *part.shape[place:]) for part in parts]
        return self.concatenate(widened, place)

    def pad(self, x: Traced, widths: Sequence[tuple[int, int]], value: float = 0.0) -> Traced:
        """The array with `value` around it; `widths` counts (before, after) for every axis."""
        full = ((0, 0),) * self.lead + tuple(widths)
        inside = tuple(slice(before, before + size) for (before, _), size in zip(full, x.value.shape))
        return Traced(self, np.pad(x.value, full, constant_values=value), [(x, lambda g: g[inside])])

    def gradients(self, output: Traced, cotangent: np.ndarray, wanted: Sequence[Traced]) -> list[Array | None]:
        """The gradient of sum(output * cotangent) for each array wanted; None where the output does not hang on it."""
        lifted = np.broadcast_to(np.asarray(cotangent, np.float64), output.value.shape)
        pending: dict[int, tuple[Traced, Array]] = {output.number: (output, lifted)}
        found: dict[int, Array] = {}
        while pending:
            number = max(pending)
            node, gradient = pending.pop(number)
            found[number] = gradient
            for source, pull in node.sources:
                if source.value.dtype.kind != "f":
                    continue
                part = pull(gradient)
                if source.number in pending:
                    part = self.inner.add(pending[source.number][1], part)
                pending[source.number] = (source, part)
        return [found.get(array.number) for array in wanted]

    def binary(
        self,
        function: Callable[..., Array],
        x: Any,
        y: Any,
        pull_x: Pullback,
        pull_y: Pullback,
        rounds: bool = True,
    ) -> Traced:
        """A function of two operands, broadcast to each other, with the rule for each."""
        left, right = self.aligned(x, y)
        value = self.inner.apply(function, left, right) if rounds else function(left, right)
        sources = [
            (operand, self._pulled(pull, operand.value.shape))
            for operand, pull in ((x, pull_x), (y, pull_y))
            if isinstance(operand, Traced)
        ]
        return Traced(self, value, sources)

    def aligned(self, x: Any, y: Any) -> tuple[Array, Array]:
        """The values of two operands, the one of fewer axes with axes of length 1 after that of the members."""
        left, right = (self._value(operand) for operand in (x, y))
        most = max(np.ndim(left), np.ndim(right))
        return self._widened(left, most), self._widened(right, most)

    def _pulled(self, pull: Pullback, shape: tuple[int, ...]) -> Pullback:
        return lambda g: self._like(pull(g), shape)

    def _value(self, operand: Any) -> Array:
        if isinstance(operand, Traced):
            return operand.value
        return operand if np.ndim(operand) == 0 else self._lifted(np.asarray(operand, np.float64))

    def _lifted(self, values: np.ndarray) -> Array:
        return np.broadcast_to(values, (*self._members(), *values.shape))

    def _members(self) -> tuple[int, ...]:
        return () if self.inner.members is None else (self.inner.members,)

    def _widened(self, value: Array, most: int) -> Array:
        missing = most - np.ndim(value)
        if np.ndim(value) == 0 or not missing:
            return value
        return value[(slice(None),) * self.lead + (None,) * missing]

    def _like(self, g: Array, shape: tuple[int, ...]) -> Array:
        """The gradient of a broadcast operand: summed over the axes along which the operand was repeated."""
        lead = self.lead
        widened = (*shape[:lead], *(1,) * (g.ndim - len(shape)), *shape[lead:])
        axes = tuple(i for i in range(lead, g.ndim) if widened[i] == 1 and g.shape[i] > 1)
        return (self._summed(g, axes, True) if axes else g).reshape(shape)

    def _summed(self, value: Array, axes: tuple[int, ...], keepdims: bool) -> Array:
        last = np.moveaxis(value, axes, tuple(range(-len(axes), 0)))
        rest = last.shape[: last.ndim - len(axes)]
        total = self.inner.sum(last.reshape(*rest, -1))
        return total.reshape(self._kept(value.shape, axes)) if keepdims else total

    def _kept(self, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(1 if i in axes else size for i, size in enumerate(shape))

    def _axes(self, x: Traced, axis: Axis) -> tuple[int, ...]:
        """Axes of one calculation as axes of the value."""
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        return tuple(self.lead + i % x.ndim for i in axes)

    def _chosen(self, function: Callable[..., Array], better: Callable[..., Array], x: Any, y: Any) -> Traced:
        left, right = self.aligned(x, y)
        equal = left == right
        return self.binary(
            function,
            x,
            y,
            lambda g: g * np.where(equal, 0.5, better(left, right)),
            lambda g: g * np.where(equal, 0.5, better(right, left)),
            rounds=False,
        )

    def _times(self, *factors: Array) -> Array:
        product = factors[0]
        for factor in factors[1:]:
            product = self.inner.multiply(product, factor)
        return product


_erf = np.vectorize(math.erf, otypes=[np.float64])
