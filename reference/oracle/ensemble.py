"""The oracle's observation: every tensor in float64, and how far float32 calculations stray from it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np

from reference.oracle import model as models
from reference.oracle import objective, train
from reference.oracle.arithmetic import EXACT, Arithmetic, Array, RandomRounding
from reference.weights import with_biases
from reference.workloads import Workload

OnSteps = Callable[[int], None]

SUMMED_IN_FLOAT32 = "/summed_in_float32"
"""Of the name of a mean loss whose sum over batches rounds as well: Keras sums so, a loop in Python does not."""

EPOCH_LOSSES = ("train/epoch_losses", f"train/epoch_losses{SUMMED_IN_FLOAT32}")
SERIES = ("train/losses", *EPOCH_LOSSES)
FIRST_UPDATE_GROUPS = 4


def run(
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
    test_targets: np.ndarray,
    members: int = 16,
    seed: int = 0,
    steps: int | None = None,
    record_steps: Collection[int] = (),
    on_steps: OnSteps | None = None,
) -> dict[str, np.ndarray]:
    """Train in float64, then in `members` randomly rounded float32 calculations side by side.

    `inputs` are float32 (n, pixels), `targets` integers (n,), likewise those of the test; `initial_weights` float32
    under the workload's names. `steps` is the number of updates (default: all of the workload's), `record_steps`
    those after which the weights are kept. `on_steps(step)` is called after each update of the members.

    For each tensor T (float64; names as in `observe`) there is `deviation/T`, the largest absolute difference
    of each member from T, (members,) or for `SERIES` (members, length); and, but for series, `exact/T`, bool, of
    T's shape, True where no member differs at all: there rounding makes no difference.

    The first update is made by four times as many members, because a maximum over few is uncertain and there
    is no earlier step to go by: `objective/...` and the weights after step 1 have (4 * members,) deviations,
    and each member's deviation of the first loss is the largest of four.
    """
    start = (workload, inputs, targets, initial_weights)
    training = (*start, test_inputs, test_targets, steps, record_steps)
    oracle = observe(EXACT, *training)
    spread = {
        **observe_training(RandomRounding(members, seed), *training, on_steps),
        **observe_objective(RandomRounding(FIRST_UPDATE_GROUPS * members, seed), *start),
        **observe_model(RandomRounding(members, seed), workload, initial_weights, test_inputs),
    }
    result = dict(oracle)
    for name, values in oracle.items():
        differences = np.abs(spread.pop(name) - values)
        if name in SERIES:
            result[f"deviation/{name}"] = differences
        else:
            result[f"deviation/{name}"] = differences.reshape(len(differences), -1).max(axis=1)
            result[f"exact/{name}"] = ~differences.any(axis=0)

    first_loss = result["deviation/objective/loss"].reshape(FIRST_UPDATE_GROUPS, members)
    result["deviation/train/losses"][:, 0] = first_loss.max(axis=0)
    for parameter in initial_weights:
        if 1 in record_steps:
            updated = result[f"deviation/objective/updated/{parameter}"]
            result[f"deviation/train/weights/000001/{parameter}"] = updated
    return result


def observe(
    arithmetic: Arithmetic,
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
    test_targets: np.ndarray,
    steps: int | None = None,
    record_steps: Collection[int] = (),
) -> dict[str, Array]:
    """All tensors of one training job in one arithmetic; members, where it has them, along the first axis."""
    start = (workload, inputs, targets, initial_weights)
    return {
        **observe_model(arithmetic, workload, initial_weights, test_inputs),
        **observe_objective(arithmetic, *start),
        **observe_training(arithmetic, *start, test_inputs, test_targets, steps, record_steps),
    }


def observe_model(
    arithmetic: Arithmetic,
    workload: Workload,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
) -> dict[str, Array]:
    """`model/logits` and `model/probabilities` of the test images, from the initial weights.

    And the same `with_biases`, of the first batch of them, where no bias is zero.
    """
    tensors: dict[str, Array] = {}
    for name, weights, inputs in (
        ("model", initial_weights, test_inputs),
        ("model/with_biases", with_biases(workload, initial_weights), test_inputs[: workload.batch_size]),
    ):
        logits = models.logits(_network(arithmetic, workload, weights), inputs)
        tensors |= {f"{name}/logits": logits, f"{name}/probabilities": arithmetic.softmax(logits)}
    return tensors


def observe_objective(
    arithmetic: Arithmetic,
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
) -> dict[str, Array]:
    """`objective/{loss,gradient/<parameter>,updated/<parameter>}` of the first batch."""
    network = _network(arithmetic, workload, initial_weights)
    batch = slice(0, workload.batch_size)
    loss, gradients = objective.loss_and_gradients(
        network, objective.build_loss(workload), inputs[batch], targets[batch]
    )
    objective.apply_gradients(network, objective.build_optimizer(network, workload), gradients)
    return {
        "objective/loss": loss,
        **{f"objective/gradient/{name}": values for name, values in gradients.items()},
        **{f"objective/updated/{name}": values for name, values in network.weights.items()},
    }


def observe_training(
    arithmetic: Arithmetic,
    workload: Workload,
    inputs: np.ndarray,
    targets: np.ndarray,
    initial_weights: Mapping[str, np.ndarray],
    test_inputs: np.ndarray,
    test_targets: np.ndarray,
    steps: int | None = None,
    record_steps: Collection[int] = (),
    on_steps: OnSteps | None = None,
) -> dict[str, Array]:
    """`train/losses` (steps,), `train/epoch_losses` (whole epochs,), and what the training leads to.

    That is `train/weights/<step:06d>/<parameter>`, and from the last weights `evaluate/logits` and `evaluate/loss`
    of the test images. The mean losses are there twice, see `SUMMED_IN_FLOAT32`.
    """
    network = _network(arithmetic, workload, initial_weights)
    tensors: dict[str, Array] = {}
    losses: list[Array] = []
    counts: list[int] = []
    epoch_losses: dict[str, list[Array]] = {}
    updates = islice(_updates(network, inputs, targets), steps or workload.steps)
    for step, (loss, count) in enumerate(updates, 1):
        losses.append(loss)
        counts.append(count)
        if step % workload.steps_per_epoch == 0:
            epoch = slice(-workload.steps_per_epoch, None)
            for name, mean in _means(arithmetic, EPOCH_LOSSES[0], losses[epoch], counts[epoch]).items():
                epoch_losses.setdefault(name, []).append(mean)
        if step in record_steps:
            weights = network.weights.items()
            tensors.update({f"train/weights/{step:06d}/{name}": values for name, values in weights})
        if on_steps is not None:
            on_steps(step)
    tensors["train/losses"] = np.stack(losses, axis=-1)
    tensors.update({name: np.stack(means, axis=-1) for name, means in epoch_losses.items()})
    logits = models.logits(network, test_inputs)
    return {**tensors, "evaluate/logits": logits, **_test_loss(network, logits, test_targets)}


def _test_loss(network: models.Model, logits: Array, targets: np.ndarray) -> dict[str, Array]:
    """`evaluate/loss`, the mean over the test images, taken batch by batch."""
    loss_function, size = objective.build_loss(network.workload), network.workload.batch_size
    losses, counts = [], []
    for start in range(0, len(targets), size):
        batch = slice(start, start + size)
        losses.append(loss_function(network.arithmetic, logits[..., batch, :], targets[batch])[0])
        counts.append(len(targets[batch]))
    return _means(network.arithmetic, "evaluate/loss", losses, counts)


def _means(arithmetic: Arithmetic, name: str, losses: Sequence[Array], counts: Sequence[int]) -> dict[str, Array]:
    """The mean loss per example, summed in float64 and in the arithmetic."""
    return {
        name: train.epoch_mean(EXACT, losses, counts),
        f"{name}{SUMMED_IN_FLOAT32}": train.epoch_mean(arithmetic, losses, counts),
    }


def _network(arithmetic: Arithmetic, workload: Workload, initial_weights: Mapping[str, np.ndarray]) -> models.Model:
    network = models.build_model(workload, arithmetic=arithmetic)
    models.set_weights(network, initial_weights)
    return network


def _updates(network: models.Model, inputs: np.ndarray, targets: np.ndarray) -> Iterator[tuple[Array, int]]:
    """Updates in data-set order, epoch after epoch, without end."""
    workload = network.workload
    loss_function = objective.build_loss(workload)
    optimizer = objective.build_optimizer(network, workload)
    while True:
        yield from train.updates(network, loss_function, optimizer, inputs, targets, batch_size=workload.batch_size)
