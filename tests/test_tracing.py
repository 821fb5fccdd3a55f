"""The gradients of traced formulas against central differences, and their ensemble."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reference.catalogue.formulas import convolved, max_pooled, normalised
from reference.oracle.arithmetic import EXACT, RandomRounding
from reference.oracle.tracing import Tracing

Formula = Callable[..., Any]
LABELS = np.array([2, 0, 1, 2, 0, 1])

FORMULAS: dict[str, Formula] = {
    "operators": lambda a, x: 2.0 / (3.0 + x * x) - x / 2.0 + (1.0 - x),
    "broadcast": lambda a, x: x * x[:1] + x[:, :1] - x[0],
    "elementwise": lambda a, x: a.tanh(x) + a.exp(x) + a.log1p(a.square(x)) + a.erf(x) + a.expm1(x) + a.cos(a.sin(x)),
    "sigmoid": lambda a, x: a.sigmoid(x) * a.softplus(x),
    "softmax": lambda a, x: a.softmax(x) * a.softmax(x),
    "attend": lambda a, x: a.attend(x @ x.transpose(), x) * x,
    "log_softmax": lambda a, x: a.log_softmax(x)[np.arange(6), LABELS],
    "choices": lambda a, x: a.where(x > 0.1, a.maximum(x, x * x), a.minimum(x, -0.5)) + a.abs(x),
    "reductions": lambda a, x: a.mean(x, 0, keepdims=True) * a.sum(x, (0, 1)) + a.max(x, 0) + a.variance(x, None),
    "matmul": lambda a, x: x @ x.transpose() @ x,
    "moves": lambda a, x: a.pad(a.concatenate([x, x.reshape(6, 3)[::-1] * 2.0]), ((1, 0), (0, 2))) * 3.0,
    "stack": lambda a, x: a.max(a.stack([x, x * x], axis=1), axis=1),
    "repeated index": lambda a, x: x[np.array([0, 0, 2])] * x[np.array([1, 1, 1])],
    "normalised": lambda a, x: normalised(a, x, -1, 0.01),
    "convolved": lambda a, x: convolved(a, x.reshape(1, 6, 3, 1), x.reshape(2, 3, 1, 3)[:, :2]),
    "max_pooled": lambda a, x: max_pooled(a, x.reshape(1, 6, 3, 1), 2, 1, ((0, 1), (1, 0))),
}


def drawn() -> NDArray[np.float64]:
    return np.random.default_rng(3).normal(size=(6, 3)).astype(np.float32).astype(np.float64)


def seeded(shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.cos(np.arange(int(np.prod(shape)))).reshape(shape)


def total(formula: Formula, x: NDArray[np.float64]) -> float:
    a = Tracing(EXACT, recording=False)
    output = formula(a, a.array(x))
    return float(np.sum(output.value * seeded(output.shape)))


@pytest.mark.parametrize("name", FORMULAS)
def test_gradient_is_that_of_central_differences(name: str) -> None:
    x, step = drawn(), 1e-6
    a = Tracing(EXACT)
    array = a.array(x)
    output = FORMULAS[name](a, array)
    (gradient,) = a.gradients(output, seeded(output.shape), [array])
    expected = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        shift = np.zeros_like(x)
        shift[index] = step
        expected[index] = (total(FORMULAS[name], x + shift) - total(FORMULAS[name], x - shift)) / (2 * step)
    assert gradient == pytest.approx(expected, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("name", FORMULAS)
def test_members_scatter_about_the_exact_gradient(name: str) -> None:
    found = []
    for arithmetic in (EXACT, RandomRounding(16, seed=0)):
        a = Tracing(arithmetic)
        array = a.array(drawn())
        output = FORMULAS[name](a, array)
        found.append(a.gradients(output, seeded(output.shape), [array])[0])
    exact, members = (np.asarray(gradient) for gradient in found)
    assert members.shape == (16, *exact.shape)
    assert np.abs(members - exact).max() < 1e-4 * max(1.0, np.abs(exact).max())


def test_what_the_output_does_not_hang_on_has_no_gradient() -> None:
    a = Tracing(EXACT)
    x, y = a.array(drawn()), a.array(drawn())
    assert a.gradients(x * 2.0, np.ones(x.shape), [y]) == [None]


def test_attention_to_a_single_key_is_allowed_its_rounding() -> None:
    """The gradient of the query is 0, by a cancellation that fused kernels leave to rounding."""
    found = []
    for arithmetic in (EXACT, RandomRounding(16, seed=0)):
        a = Tracing(arithmetic)
        query, value = a.array(drawn()), a.array(drawn()[:1])
        output = a.attend(query @ value.transpose(), value)
        (gradient,) = a.gradients(output, seeded(output.shape), [query])
        found.append(np.abs(np.asarray(gradient)).max())
    key = np.abs(drawn()[:1])
    cancelled = (np.abs(seeded((6, 3))) * key).sum(axis=1).max() * key.max()  # what the gradient would be without
    assert found[0] < 1e-15
    assert 0 < found[1] < 8 * 2.0**-23 * cancelled
