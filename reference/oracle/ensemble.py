"""The oracle's observation: every tensor in float64, and how far float32 calculations stray from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import islice

import numpy as np

from reference.oracle import model as models
from reference.oracle import objective, train
from reference.oracle.arithmetic import EXACT, Arithmetic, Array, RandomRounding
from reference.workloads import Workload

OnSteps = Callable[[int], None]


def run(
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
    members: int = 16,
    seed: int = 0,
    steps: int | None = None,
    record_steps: Collection[int] = (),
    on_steps: OnSteps | None = None,
) -> dict[str, np.ndarray]:
    """Train in float64, then in `members` randomly rounded float32 calculations side by side.

    `inputs` are float32 (n, pixels), `targets` integers (n,), `initial_weights` float32 under the workload's
    names. `steps` is the number of updates (default: all of the workload's), `record_steps` those after
    which the weights are kept. `on_steps(step)` is called after each update of the members.

    For each tensor T (float64; names as in `observe`) there is `deviation/T`, the largest absolute difference
    of each member from T, (members,) or for the series `train/losses` and `train/epoch_losses`
    (members, length); and, but for series, `exact/T`, bool, of T's shape, True where no member differs at
    all: there rounding makes no difference.
    """
    arguments = (workload, inputs, targets, initial_weights, test_inputs, steps, record_steps)
    oracle = observe(EXACT, *arguments)
    spread = observe(RandomRounding(members, seed), *arguments, on_steps=on_steps)
    result = dict(oracle)
    for name, values in oracle.items():
        differences = np.abs(spread.pop(name) - values)
        if name in SERIES:
            result[f"deviation/{name}"] = differences
        else:
            result[f"deviation/{name}"] = differences.reshape(members, -1).max(axis=1)
            result[f"exact/{name}"] = ~differences.any(axis=0)
    return result


SERIES = ("train/losses", "train/epoch_losses")


def observe(
    arithmetic: Arithmetic,
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
    steps: int | None = None,
    record_steps: Collection[int] = (),
    on_steps: OnSteps | None = None,
) -> dict[str, Array]:
    """The tensors of one training job in one arithmetic; members, where it has them, along the first axis.

    `model/logits`, `model/probabilities` (test images, initial weights); `objective/loss`,
    `objective/gradient/<parameter>`, `objective/updated/<parameter>` (first batch); `train/losses` (steps,),
    `train/epoch_losses` (whole epochs,), `train/weights/<step:06d>/<parameter>`; `evaluate/logits` (test
    images, last weights).
    """
    network = models.build_model(workload, arithmetic=arithmetic)
    models.set_weights(network, initial_weights)
    loss_function = objective.build_loss(workload)
    optimizer = objective.build_optimizer(network, workload)
    first_batch = inputs[: workload.batch_size], targets[: workload.batch_size]

    tensors: dict[str, Array] = {}
    tensors["model/logits"] = models.logits(network, test_inputs)
    tensors["model/probabilities"] = arithmetic.softmax(tensors["model/logits"])
    loss, gradients = objective.loss_and_gradients(network, loss_function, *first_batch)
    objective.apply_gradients(network, optimizer, gradients)
    tensors["objective/loss"] = loss
    tensors.update({f"objective/gradient/{name}": values for name, values in gradients.items()})
    tensors.update({f"objective/updated/{name}": values for name, values in network.weights.items()})

    models.set_weights(network, initial_weights)
    losses, epoch_losses = [], []
    counts: list[int] = []
    for step, (loss, count) in enumerate(
        islice(_all_updates(network, loss_function, optimizer, inputs, targets), steps or workload.steps), 1
    ):
        losses.append(loss)
        counts.append(count)
        if step % workload.steps_per_epoch == 0:
            last = slice(-workload.steps_per_epoch, None)
            epoch_losses.append(train.epoch_mean(arithmetic, losses[last], counts[last]))
        if step in record_steps:
            weights = network.weights.items()
            tensors.update({f"train/weights/{step:06d}/{name}": values for name, values in weights})
        if on_steps is not None:
            on_steps(step)
    tensors["train/losses"] = np.stack(losses, axis=-1)
    if epoch_losses:
        tensors["train/epoch_losses"] = np.stack(epoch_losses, axis=-1)
    tensors["evaluate/logits"] = models.logits(network, test_inputs)
    return tensors


def _all_updates(
    network: models.Model,
    loss_function: objective.LossFunction,
    optimizer: objective.SGD,
    inputs: np.ndarray,
    targets: np.ndarray,
) -> Iterator[tuple[Array, int]]:
    """Updates in data-set order, epoch after epoch, without end."""
    while True:
        yield from train.updates(
            network, loss_function, optimizer, inputs, targets, batch_size=network.workload.batch_size
        )
