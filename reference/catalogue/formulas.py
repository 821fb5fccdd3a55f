"""Formulas that several entries share; arrays are channels-last and kernels as in Keras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

Pads = Sequence[tuple[int, int]]
Each = Any  # a number for all spatial axes, or one for each


def same_pads(sizes: Sequence[int], window: Each, stride: Each, dilation: int = 1) -> list[tuple[int, int]]:
    """Padding "same" as TensorFlow counts it: ceil(size / stride) windows fit, the odd zero goes behind."""
    pads = []
    for size, length, step in zip(sizes, _each(window, len(sizes)), _each(stride, len(sizes))):
        total = max((-(-size // step) - 1) * step + (length - 1) * dilation + 1 - size, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def windows(x: Any, sizes: Sequence[int], stride: Each = 1, dilation: int = 1) -> Iterator[Any]:
    """For every place in a window, (n, *windows, channels): what lies there, one value a window."""
    strides = _each(stride, len(sizes))
    counts = [
        (length - (size - 1) * dilation - 1) // step + 1 for length, size, step in zip(x.shape[1:], sizes, strides)
    ]
    for place in product(*map(range, sizes)):
        spans = (
            slice(i * dilation, i * dilation + (count - 1) * step + 1, step)
            for i, count, step in zip(place, counts, strides)
        )
        yield x[(slice(None), *spans, slice(None))]


def padded(a: Any, x: Any, pads: Pads, value: float = 0.0) -> Any:
    """Images with `value` around them; no pads leave them as they are."""
    return a.pad(x, ((0, 0), *pads, (0, 0)), value=value) if pads else x


def convolved(
    a: Any, x: Any, kernel: Any, stride: Each = 1, pads: Pads = (), dilation: int = 1, groups: int = 1
) -> Any:
    """Convolution of (n, *sizes, channels) with a kernel (*window, channels of a group, filters)."""
    *window, channels, filters = kernel.shape
    x = padded(a, x, pads)
    parts = []
    for group in range(groups):
        mine = x[..., group * channels : (group + 1) * channels]
        ours = kernel[..., group * filters // groups : (group + 1) * filters // groups]
        patches = a.concatenate(list(windows(mine, window, stride, dilation)))
        rows, depth = int(np.prod(patches.shape[:-1])), patches.shape[-1]
        flat = patches.reshape(rows, depth) @ ours.reshape(depth, filters // groups)
        parts.append(flat.reshape(*patches.shape[:-1], filters // groups))
    return a.concatenate(parts) if groups > 1 else parts[0]


def depthwise(a: Any, x: Any, kernel: Any, stride: Each = 1, pads: Pads = (), dilation: int = 1) -> Any:
    """Each channel of (n, *sizes, channels) with filters of its own, the kernel (*window, channels, filters)."""
    *window, channels, filters = kernel.shape
    places = product(*map(range, window))
    parts = []
    for place, part in zip(places, windows(padded(a, x, pads), window, stride, dilation)):
        multiplied = part.reshape(*part.shape, 1) * kernel[place]
        parts.append(multiplied.reshape(*part.shape[:-1], channels * filters))
    return a.sum(a.stack(parts, axis=-1))


def transposed(a: Any, x: Any, kernel: Any, stride: Each, before: Each, sizes: Sequence[int], dilation: int = 1) -> Any:
    """Transposed convolution with a kernel (*window, filters, channels): what each input adds to each output, summed.

    Of the full output the first `before` are left out; it is cut, or continued by zeros, to `sizes`.
    """
    *window, _, _ = kernel.shape
    rank = len(window)
    strides, lefts = _each(stride, rank), _each(before, rank)
    spread = x.reshape(x.shape[0], *(n for size in x.shape[1:-1] for n in (size, 1)), x.shape[-1])
    spread = a.pad(spread, ((0, 0), *(w for step in strides for w in ((0, 0), (0, step - 1))), (0, 0)))
    spread = spread.reshape(x.shape[0], *(size * step for size, step in zip(x.shape[1:-1], strides)), x.shape[-1])
    reach = [(size - 1) * dilation for size in window]
    behind = [max(0, left + size - n) for left, size, n in zip(lefts, sizes, spread.shape[1:-1])]
    spread = padded(a, spread, [(far, tail) for far, tail in zip(reach, behind)])
    turned = kernel[(slice(None, None, -1),) * rank].transpose(*range(rank), rank + 1, rank)
    full = convolved(a, spread, turned, dilation=dilation)
    return full[(slice(None), *(slice(left, left + size) for left, size in zip(lefts, sizes)))]


def max_pooled(a: Any, x: Any, size: Each, stride: Each, pads: Pads = ()) -> Any:
    """The largest value of every window; padding never wins."""
    x = padded(a, x, pads, value=-float("inf"))
    return a.max(a.stack(list(windows(x, _each(size, x.ndim - 2), stride)), axis=-1))


def mean_pooled(a: Any, x: Any, size: Each, stride: Each, pads: Pads = ()) -> Any:
    """The mean of every window, padding left out of it."""
    sizes = _each(size, x.ndim - 2)
    inside = np.pad(np.ones(x.shape), ((0, 0), *pads, (0, 0))) if pads else np.ones(x.shape)
    count = sum(windows(inside, sizes, stride))
    return a.sum(a.stack(list(windows(padded(a, x, pads), sizes, stride)), axis=-1)) / a.constant(count)


def normalised(a: Any, x: Any, axes: Any, epsilon: float) -> Any:
    """x less its mean, divided by the root of its biased variance and epsilon, over the axes."""
    centred = x - a.mean(x, axes, keepdims=True)
    return centred / a.sqrt(a.mean(a.square(centred), axes, keepdims=True) + epsilon)


def _each(value: Each, rank: int) -> Sequence[int]:
    return (value,) * rank if isinstance(value, int) else value
