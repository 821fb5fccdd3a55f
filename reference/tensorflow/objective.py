"""Step 4, objective: categorical cross-entropy and stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..workloads import Workload
from .data import from_numpy, one_hot, to_numpy
from .model import parameters


def build_loss(workload: Workload) -> tf.keras.losses.Loss:
    """Categorical cross-entropy of probabilities, averaged over the batch."""
    return tf.keras.losses.CategoricalCrossentropy()


def build_optimizer(model: tf.keras.Model, workload: Workload) -> tf.keras.optimizers.Optimizer:
    """Plain SGD."""
    return tf.keras.optimizers.SGD(learning_rate=workload.learning_rate)


def configuration(
    model: tf.keras.Model, loss_function: tf.keras.losses.Loss, optimizer: tf.keras.optimizers.Optimizer
) -> dict[str, Any]:
    """The values really in force, read from the live objects, as JSON."""
    return {
        "optimizer": type(optimizer).__name__,
        "learning_rate": float(np.asarray(optimizer.learning_rate)),
        "momentum": float(optimizer.momentum),
        "nesterov": bool(optimizer.nesterov),
        "weight_decay": float(optimizer.weight_decay or 0),
        "updates": int(np.asarray(optimizer.iterations)),
        "loss": type(loss_function).__name__,
        "from_logits": loss_function.get_config()["from_logits"],
        "reduction": loss_function.reduction,
        "initializers": {
            name: type(getattr(model.get_layer(name.split("/")[0]), f"{name.split('/')[1]}_initializer")).__name__
            for name in parameters(model)
        },
        "dtypes": {name: tf.as_dtype(variable.dtype).name for name, variable in parameters(model).items()},
    }


def targets(labels: tf.Tensor, workload: Workload) -> tf.Tensor:
    """What the loss takes: labels, integer (n,) -> one-hot rows, float32 (n, classes)."""
    return one_hot(labels, workload.classes)


def loss_and_gradients(
    model: tf.keras.Model, loss_function: tf.keras.losses.Loss, inputs: tf.Tensor, targets: tf.Tensor
) -> tuple[tf.Tensor, dict[str, np.ndarray]]:
    """The loss of one batch, a scalar, and its gradient for every parameter."""
    variables = parameters(model)
    with tf.GradientTape() as tape:
        loss = loss_function(targets, model(inputs, training=True))
    gradients = tape.gradient(loss, variables)
    return loss, {name: to_numpy(gradient) for name, gradient in gradients.items()}


def apply_gradients(
    model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, gradients: dict[str, np.ndarray]
) -> None:
    """One update of the parameters by the optimizer."""
    optimizer.apply_gradients((from_numpy(gradients[name]), variable) for name, variable in parameters(model).items())


def edge_cases() -> dict[str, float]:
    """The loss where a framework has to choose; two classes, the true one is the first.

    zero_probability: the probabilities (0, 1); zero_probability_gradient: the loss's derivative there by the
    first of them; unnormalised_probabilities: (.2, .2); saturated_probabilities: those of the logits (0, 200),
    worked out in float32 beforehand; saturated_logits: the same logits, as the model hands them to the loss.
    """
    loss_function = tf.keras.losses.CategoricalCrossentropy()
    target = tf.constant([[1.0, 0.0]])
    zero = tf.Variable([[0.0, 1.0]])
    saturated = tf.constant([[0.0, 200.0]])
    with tf.GradientTape() as tape:
        loss = loss_function(target, zero)
    gradient = tape.gradient(loss, zero)
    return {
        "zero_probability": float(loss),
        "zero_probability_gradient": float(gradient[0, 0]),
        "unnormalised_probabilities": float(loss_function(target, tf.constant([[0.2, 0.2]]))),
        "saturated_probabilities": float(loss_function(target, tf.nn.softmax(saturated).numpy())),
        "saturated_logits": float(loss_function(target, tf.keras.activations.softmax(saturated))),
    }
