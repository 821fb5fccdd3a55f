"""Step 5: the training loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reference.oracle import data
from reference.oracle.arithmetic import EXACT, FLOAT32, Arithmetic, Array
from reference.oracle.model import Model
from reference.oracle.objective import SGD, LossFunction, apply_gradients, loss_and_gradients


def build_update(model: Model, loss_function: LossFunction, optimizer: SGD) -> Callable[[Array, Array], Array]:
    """A function that makes one update from a batch and returns the loss before it."""

    def update(inputs: Array, targets: Array) -> Array:
        loss, gradients = loss_and_gradients(model, loss_function, inputs, targets)
        apply_gradients(model, optimizer, gradients)
        return loss

    return update


def updates(
    model: Model,
    loss_function: LossFunction,
    optimizer: SGD,
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    shuffle: bool = False,
    seed: int = 0,
) -> Iterator[tuple[Array, int]]:
    """One epoch, update by update: the batch's loss before the update, and the number of its examples."""
    update = build_update(model, loss_function, optimizer)
    for batch_inputs, batch_targets in data.batches(inputs, targets, batch_size, shuffle, seed):
        yield update(batch_inputs, batch_targets), len(batch_inputs)


def epoch_mean(arithmetic: Arithmetic, losses: Sequence[Array], counts: Sequence[int]) -> Array:
    """The mean loss per example: each batch counts as often as it has examples."""
    totals = arithmetic.multiply(np.stack(losses, axis=-1), np.array(counts, dtype=arithmetic.dtype))
    return arithmetic.divide(arithmetic.sum(totals), sum(counts))


def loop(
    model: Model,
    loss_function: LossFunction,
    optimizer: SGD,
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: Callable[[int, Sequence[Any]], None] | None = None,
) -> list[float]:
    """Train; the mean loss of each epoch. After each update `on_steps(step, [loss])` is called, from 1 on."""
    means, step = [], 0
    for epoch in range(epochs):
        losses, counts = [], []
        for loss, count in updates(
            model,
            loss_function,
            optimizer,
            inputs,
            targets,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed + epoch,
        ):
            step += 1
            losses.append(loss)
            counts.append(count)
            if on_steps is not None:
                on_steps(step, [loss])
        means.append(float(epoch_mean(model.arithmetic, losses, counts)))
    return means


def float64(model: Model, *arguments: Any, **settings: Any) -> list[float]:
    """`loop` in float64: the oracle."""
    model.calculate_in(EXACT)
    return loop(model, *arguments, **settings)


def float32(model: Model, *arguments: Any, **settings: Any) -> list[float]:
    """`loop` in float32: what NumPy does by hand, the baseline of speed."""
    model.calculate_in(FLOAT32)
    return loop(model, *arguments, **settings)


UPDATES = {"float32": build_update}
DEFAULT = "float64"
FASTEST = "float32"
VARIANTS = {"float64": float64, "float32": float32}
