"""Step 4: categorical cross-entropy, its gradients by hand, and stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reference.oracle.arithmetic import EXACT, Arithmetic, Array
from reference.oracle.model import Model, layers
from reference.workloads import Workload

LossFunction = Callable[[Arithmetic, Array, np.ndarray], "tuple[Array, Array]"]


class SGD:
    """w - learning_rate * gradient; the rate is used in float32's rounding, as Keras does."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = float(np.float32(learning_rate))


def cross_entropy(arithmetic: Arithmetic, logits: Array, labels: np.ndarray) -> tuple[Array, Array]:
    """Mean negative log-likelihood of the labels (n,), and its gradient with respect to the logits.

    The logits are (..., n, classes), and so is the gradient, (softmax(logits) - one_hot(labels)) / n.
    """
    log_probabilities = arithmetic.log_softmax(logits)
    count, classes = logits.shape[-2:]
    loss = -arithmetic.mean(log_probabilities[..., np.arange(count), labels])
    one_hot = np.eye(classes, dtype=arithmetic.dtype)[labels]
    errors = arithmetic.subtract(arithmetic.exp(log_probabilities), one_hot)
    return loss, arithmetic.divide(errors, count)


def build_loss(workload: Workload) -> LossFunction:
    """Categorical cross-entropy on logits."""
    return cross_entropy


def build_optimizer(model: Model, workload: Workload) -> SGD:
    """Plain stochastic gradient descent at the workload's learning rate."""
    return SGD(workload.learning_rate)


def configuration(model: Model, loss_function: LossFunction, optimizer: SGD) -> dict[str, Any]:
    """The resolved settings of loss and optimizer."""
    return {
        "optimizer": type(optimizer).__name__,
        "learning_rate": optimizer.learning_rate,
        "momentum": 0.0,
        "nesterov": False,
        "weight_decay": 0.0,
        "loss": "cross_entropy",
        "from_logits": True,
        "reduction": "mean",
        "dtype": model.arithmetic.dtype.name,
        "initializers": {p.name: p.initializer for p in model.workload.parameters},
    }


def targets(labels: np.ndarray, workload: Workload) -> np.ndarray:
    """What the loss takes: the labels themselves, integers (n,)."""
    return labels


def loss_and_gradients(
    model: Model, loss_function: LossFunction, inputs: np.ndarray, targets: np.ndarray
) -> tuple[Array, dict[str, Array]]:
    """The loss of a batch and its gradient with respect to each parameter, by the chain rule.

    With h = sigmoid(a), dh/da = h (1 - h).
    """
    arithmetic = model.arithmetic
    x, hidden, logits = layers(model, inputs)
    loss, d_logits = loss_function(arithmetic, logits, targets)
    d_hidden = arithmetic.matmul(d_logits, _transposed(model.weights["output/kernel"]))
    slope = arithmetic.multiply(hidden, arithmetic.subtract(1, hidden))
    d_activation = arithmetic.multiply(d_hidden, slope)
    return loss, {
        "hidden/kernel": arithmetic.matmul(_transposed(x), d_activation),
        "hidden/bias": arithmetic.sum(d_activation, axis=-2),
        "output/kernel": arithmetic.matmul(_transposed(hidden), d_logits),
        "output/bias": arithmetic.sum(d_logits, axis=-2),
    }


def apply_gradients(model: Model, optimizer: SGD, gradients: dict[str, Array]) -> None:
    """One update of every weight."""
    arithmetic = model.arithmetic
    for name, gradient in gradients.items():
        update = arithmetic.multiply(gradient, optimizer.learning_rate)
        model.weights[name] = arithmetic.subtract(model.weights[name], update)


def edge_cases() -> dict[str, float]:
    """-log(p) as the definition has it, where the frameworks' losses differ.

    `zero_probability`: the true class has probability 0; `unnormalised_probabilities`: both classes are
    given 0.2; `saturated_logits`: the true class lies 200 below the other.
    """
    saturated, _ = cross_entropy(EXACT, np.array([[200.0, 0.0]]), np.array([1]))
    return {
        "zero_probability": float("inf"),
        "unnormalised_probabilities": float(-np.log(0.2)),
        "saturated_logits": float(saturated),
    }


def _transposed(x: Array) -> Array:
    return x.swapaxes(-1, -2)
