"""Formulas that several entries share; arrays are channels-last and kernels as in Keras."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Pads = Sequence[tuple[int, int]]
NONE = ((0, 0), (0, 0))


def same_pads(sizes: Sequence[int], window: int, stride: int) -> list[tuple[int, int]]:
    """Padding "same" as TensorFlow counts it: ceil(size / stride) windows fit, the odd zero goes behind."""
    pads = []
    for size in sizes:
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        pads.append((total // 2, total - total // 2))
    return pads


def windows(x: Any, height: int, width: int, stride: int, dilation: int = 1) -> Iterator[Any]:
    """For every place in a window, (n, rows, columns, channels): what lies there, one value a window."""
    rows = (x.shape[1] - (height - 1) * dilation - 1) // stride + 1
    columns = (x.shape[2] - (width - 1) * dilation - 1) // stride + 1
    for i in range(0, height * dilation, dilation):
        for j in range(0, width * dilation, dilation):
            down = slice(i, i + (rows - 1) * stride + 1, stride)
            across = slice(j, j + (columns - 1) * stride + 1, stride)
            yield x[:, down, across, :]


def convolved(a: Any, x: Any, kernel: Any, stride: int = 1, pads: Pads = NONE, dilation: int = 1) -> Any:
    """Convolution of images (n, height, width, channels) with a kernel (height, width, channels, filters)."""
    height, width, channels, filters = kernel.shape
    padded = a.pad(x, ((0, 0), *pads, (0, 0)))
    patches = a.concatenate(list(windows(padded, height, width, stride, dilation)))
    n, rows, columns, depth = patches.shape
    flat = patches.reshape(n * rows * columns, depth) @ kernel.reshape(height * width * channels, filters)
    return flat.reshape(n, rows, columns, filters)


def max_pooled(a: Any, x: Any, size: int, stride: int, pads: Pads = NONE) -> Any:
    """The largest value of every window; padding never wins."""
    padded = a.pad(x, ((0, 0), *pads, (0, 0)), value=-float("inf"))
    return a.max(a.stack(list(windows(padded, size, size, stride)), axis=-1))


def mean_pooled(a: Any, x: Any, size: int, stride: int) -> Any:
    """The mean of every window, without padding."""
    return a.mean(a.stack(list(windows(x, size, size, stride)), axis=-1))


def normalised(a: Any, x: Any, axes: Any, epsilon: float) -> Any:
    """x less its mean, divided by the root of its biased variance and epsilon, over the axes."""
    centred = x - a.mean(x, axes, keepdims=True)
    return centred / a.sqrt(a.mean(a.square(centred), axes, keepdims=True) + epsilon)
