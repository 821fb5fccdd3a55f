"""The whole job as a first tutorial writes it: a Sequential model, compile(), fit(), evaluate()."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..workloads import Workload
from .data import load
from .model import get_weights, set_weights
from .objective import configuration
from .train import Listener, OnSteps


def run(
    workload: Workload,
    directory: str,
    weights: dict[str, np.ndarray] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    on_steps: OnSteps | None = None,
    spelling: str = "learning_rate",
) -> dict[str, Any]:
    """Train and evaluate; configuration in force, loss of each epoch and accuracy as Keras reports them, weights.

    `weights` replace the initial ones and keep the examples in order; without them fit() shuffles, as shipped.
    `spelling` is the name under which SGD is handed its learning rate: "lr" was right up to TensorFlow 2.10,
    is silently ignored from 2.11 to 2.15, and raises ValueError from 2.16 on.
    """
    learning_rate = workload.learning_rate if learning_rate is None else learning_rate

    train_images, train_labels = load(workload.dataset, directory, "train")
    test_images, test_labels = load(workload.dataset, directory, "test")
    train_images = train_images.numpy().reshape(-1, 784).astype("float32") / 255
    test_images = test_images.numpy().reshape(-1, 784).astype("float32") / 255
    train_targets = tf.keras.utils.to_categorical(train_labels, workload.classes)
    test_targets = tf.keras.utils.to_categorical(test_labels, workload.classes)

    model = tf.keras.Sequential()
    model.add(tf.keras.Input((784,)))
    model.add(tf.keras.layers.Dense(workload.hidden_units, activation="sigmoid", name="hidden"))
    model.add(tf.keras.layers.Dense(workload.classes, activation="softmax", name="output"))
    if weights is not None:
        set_weights(model, weights)

    model.compile(
        optimizer=tf.keras.optimizers.SGD(**{spelling: learning_rate}),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    history = model.fit(
        train_images,
        train_targets,
        batch_size=workload.batch_size,
        epochs=workload.epochs if epochs is None else epochs,
        shuffle=weights is None,
        callbacks=[Listener(on_steps)] if on_steps else [],
        verbose=0,
    )
    _, accuracy = model.evaluate(test_images, test_targets, verbose=0)
    return {
        "configuration": configuration(model, tf.keras.losses.CategoricalCrossentropy(), model.optimizer),
        "epoch_losses": history.history["loss"],
        "accuracy": accuracy,
        "weights": get_weights(model),
    }
