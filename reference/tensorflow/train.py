"""Step 5, train: six ways to make the same updates.

Every way takes the tensors of a whole split and the options batch_size, epochs, shuffle=False, seed=0 and
on_steps=None, and returns the mean loss of each epoch: over its examples, each taken before the update that
it led to. `on_steps(last, losses)` hears of the updates made since its previous call; steps count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .data import batches

OnSteps = Callable[[int, Sequence[float]], None]


def build_update(
    model: tf.keras.Model, loss_function: tf.keras.losses.Loss, optimizer: tf.keras.optimizers.Optimizer
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """A function that makes one update from a batch and returns the loss before it, a scalar."""
    variables = model.trainable_variables
    optimizer.build(variables)

    def update(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_function(targets, model(inputs, training=True))
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables))
        return loss

    return update


def build_graph_update(
    model: tf.keras.Model, loss_function: tf.keras.losses.Loss, optimizer: tf.keras.optimizers.Optimizer
) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """The same as one graph."""
    update: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = tf.function(build_update(model, loss_function, optimizer))
    return update


def fit(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    """compile() and fit(). Keras reports running means, so `on_steps` gets no losses of single steps."""
    if shuffle:
        tf.keras.utils.set_random_seed(seed)
    model.compile(optimizer=optimizer, loss=loss_function)
    callbacks = [Listener(on_steps)] if on_steps else []
    history = model.fit(inputs, targets, batch_size, epochs, shuffle=shuffle, callbacks=callbacks, verbose=0)
    return list(history.history["loss"])


class Listener(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Tells `on_steps` of every batch that fit() has trained on."""

    def __init__(self, on_steps: OnSteps) -> None:
        super().__init__()
        self.on_steps = on_steps
        self.done = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """Keras calls this after every update."""
        self.done += 1
        self.on_steps(self.done, [logs["step_loss"]] if "step_loss" in logs else [])


def train_step(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    **options: Any,
) -> list[float]:
    """fit() with a train_step() of our own, which also reports the loss of every single step."""
    custom = CustomModel(model.inputs[0], model.outputs[0])
    return fit(custom, loss_function, optimizer, inputs, targets, **options)


class CustomModel(tf.keras.Model):  # type: ignore[misc]
    """A model that fit() trains by the method below instead of Keras's own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.mean_loss = tf.keras.metrics.Mean()

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """One update from a batch; what it returns goes to the callbacks and, at its last value, to the history."""
        inputs, targets = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=targets, y_pred=self(inputs, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.mean_loss.update_state(loss, sample_weight=tf.shape(inputs)[0])
        return {"loss": self.mean_loss.result(), "step_loss": loss}


def tape(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    **options: Any,
) -> list[float]:
    """A loop of our own over the batches; each update, recorded by a GradientTape, is one graph."""
    return _loop(build_graph_update(model, loss_function, optimizer), inputs, targets, **options)


def eager(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    **options: Any,
) -> list[float]:
    """The same loop with no graph: every operation runs as Python reaches it."""
    return _loop(build_update(model, loss_function, optimizer), inputs, targets, **options)


def epoch_graph(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    **options: Any,
) -> list[float]:
    """A whole epoch in one graph."""
    return _epochs(build_update(model, loss_function, optimizer), False, inputs, targets, **options)


def epoch_xla(
    model: tf.keras.Model,
    loss_function: tf.keras.losses.Loss,
    optimizer: tf.keras.optimizers.Optimizer,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    **options: Any,
) -> list[float]:
    """A whole epoch in one graph, compiled by XLA."""
    return _epochs(build_update(model, loss_function, optimizer), True, inputs, targets, **options)


def _loop(
    update: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    inputs: tf.Tensor,
    targets: tf.Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    dataset = batches(inputs, targets, batch_size, shuffle, seed)
    step, epoch_losses = 0, []
    for _ in range(epochs):
        total = 0.0
        for batch_inputs, batch_targets in dataset:
            loss = float(update(batch_inputs, batch_targets))
            total += loss * len(batch_inputs)
            step += 1
            if on_steps:
                on_steps(step, [loss])
        epoch_losses.append(total / len(inputs))
    return epoch_losses


def _epochs(
    update: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    jit_compile: bool,
    inputs: tf.Tensor,
    targets: tf.Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    examples = len(inputs)
    full, rest = divmod(examples, batch_size)

    def run_epoch(inputs: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, full + bool(rest))
        for index in tf.range(full):
            start = index * batch_size
            loss = update(_rows(inputs, start, batch_size), _rows(targets, start, batch_size))
            losses = losses.write(index, loss)
        if rest:
            losses = losses.write(full, update(inputs[-rest:], targets[-rest:]))
        return losses.stack()

    run_epoch = tf.function(run_epoch, jit_compile=jit_compile)
    generator = tf.random.Generator.from_seed(seed)
    sizes = [batch_size] * full + [rest] * bool(rest)
    step, epoch_losses = 0, []
    for _ in range(epochs):
        order = tf.argsort(generator.uniform((examples,))) if shuffle else None
        losses = run_epoch(*(tf.gather(t, order) if shuffle else t for t in (inputs, targets))).numpy()
        step += len(losses)
        if on_steps:
            on_steps(step, losses.tolist())
        epoch_losses.append(float(losses @ sizes) / examples)
    return epoch_losses


def _rows(tensor: tf.Tensor, start: tf.Tensor, count: int) -> tf.Tensor:
    """tensor[start : start + count], which as such has no size that XLA knows: an epoch would take minutes."""
    return tf.slice(tensor, [start, *[0] * (len(tensor.shape) - 1)], [count, *tensor.shape[1:]])


VARIANTS = {
    "fit": fit,
    "train_step": train_step,
    "tape": tape,
    "eager": eager,
    "epoch_graph": epoch_graph,
    "epoch_xla": epoch_xla,
}
UPDATES = {"tape": build_graph_update, "eager": build_update}
DEFAULT = "tape"
FASTEST = "epoch_graph"
