"""Keeping a model in a file: Keras's two formats, weights alone and the whole model with its optimizer."""

from __future__ import annotations

import tensorflow as tf


def save_weights(model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, path: str) -> None:
    """The weights alone."""
    model.save_weights(path)


def load_weights(model: tf.keras.Model, path: str) -> tf.keras.Sequential:
    """The model, with the weights of the file."""
    model.load_weights(path)
    return model


def save_model(model: tf.keras.Model, optimizer: tf.keras.optimizers.Optimizer, path: str) -> None:
    """The whole model, compiled, so that optimizer and loss are kept too."""
    model.compile(optimizer=optimizer, loss="categorical_crossentropy")
    model.save(path)


def load_model(model: tf.keras.Model, path: str) -> tf.keras.Sequential:
    """The model that the file describes; `model` is not needed."""
    return tf.keras.models.load_model(path)


FORMATS = {
    "model.weights.h5": (save_weights, load_weights),
    "model.keras": (save_model, load_model),
}
