"""How far a framework strays from itself: runs from inputs and weights moved at random, in float32 and in float64.

It serves a workload that the oracle cannot calculate; see conformance.judge.self_consistency for the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from reference.weights import with_biases
from reference.workloads import Workload

from .moving import moved
from .session import Session, own_weights
from .train import Recorder

SERIES = ("train/losses", "train/epoch_losses")
FORWARD = (
    *("model/logits", "model/probabilities", "model/with_biases/logits", "model/with_biases/probabilities"),
    "objective/loss",
)


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every tensor of the locked run in float64, and how far each of the moved runs lies from it.

    `deviation/<tensor>` are those of the runs in float64, as the oracle's ensemble has them;
    `deviation/float32/<tensor>` those of the runs in float32, of what a backward pass has gone into.
    This worker calculates in float64 from now on, so nothing else may be asked of it.
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    splits = {name: session.split(arguments, name) for name in ("train", "test")}
    inputs = {name: steps.to_numpy(split.inputs) for name, split in splits.items()}
    targets = {name: split.targets for name, split in splits.items()}
    members = range(arguments["members"])

    in_float32 = []
    for member in members:
        their_inputs, weights = (
            _cast(values, np.float32) for values in _moved_start(arguments["seed"], member, inputs, tensors)
        )
        in_float32.append(_run(session, arguments, their_inputs, weights, targets))
    steps.use_float64()
    exact = _run(session, arguments, _cast(inputs, np.float64), tensors, targets)
    deviations: dict[str, list[Any]] = {}
    for member in members:
        start = _moved_start(arguments["seed"], member, inputs, tensors)
        for name, array in _run(session, arguments, *start, targets).items():
            deviations.setdefault(f"deviation/{name}", []).append(_distance(name, array, exact))
            if name not in FORWARD:
                distance = _distance(name, in_float32[member][name], exact)
                deviations.setdefault(f"deviation/float32/{name}", []).append(distance)
    labels = steps.to_numpy(splits["test"].labels).astype(np.int64)
    observed = {name: np.stack(values) for name, values in deviations.items()}
    return {"members": arguments["members"]}, {**exact, **observed, "evaluate/labels": labels}


def _moved_start(
    seed: int, member: int, inputs: Mapping[str, np.ndarray], weights: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    generator = np.random.default_rng([seed, member])
    return (
        {name: moved(array, generator) for name, array in inputs.items()},
        {name: _moved_parameter(array, generator) for name, array in weights.items()},
    )


def _moved_parameter(array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A parameter moved; that of two axes or more is a kernel, which sums over all but the last."""
    length = int(np.prod(array.shape[:-1])) if array.ndim > 1 else 0
    return moved(array, generator, length)


def _cast(arrays: Mapping[str, np.ndarray], dtype: Any) -> dict[str, np.ndarray]:
    return {name: array.astype(dtype) for name, array in arrays.items()}


def _distance(name: str, array: np.ndarray, exact: Mapping[str, np.ndarray]) -> Any:
    difference = np.abs(array - exact[name])
    return difference if name in SERIES else difference.max()


def _run(
    session: Session,
    arguments: dict[str, Any],
    inputs: Mapping[str, np.ndarray],
    weights: Mapping[str, np.ndarray],
    targets: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """The locked run: outputs, first batch, training, and what the trained model says of the test inputs."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train, test = (steps.from_numpy(inputs[name]) for name in ("train", "test"))
    start = own_weights(workload, session.framework, weights)
    model = steps.build_model(workload)
    steps.set_weights(model, own_weights(workload, session.framework, with_biases(workload, weights)))
    found = _outputs(steps, model, "model/with_biases", test[: workload.batch_size])
    steps.set_weights(model, start)
    found |= _outputs(steps, model, "model", test)
    loss_function, optimizer = steps.build_loss(workload), steps.build_optimizer(model, workload)
    batch = slice(0, workload.batch_size)
    loss, gradients = steps.loss_and_gradients(model, loss_function, train[batch], targets["train"][batch])
    found["objective/loss"] = steps.to_numpy(loss)
    found.update({f"objective/gradient/{name}": array for name, array in gradients.items()})
    steps.apply_gradients(model, optimizer, gradients)
    found.update({f"objective/updated/{name}": array for name, array in steps.get_weights(model).items()})

    model = steps.build_model(workload)
    steps.set_weights(model, start)
    recorder = Recorder(steps, model, arguments["record_steps"])
    epoch_losses = steps.variants("train")[arguments["variant"]](
        model,
        steps.build_loss(workload),
        steps.build_optimizer(model, workload),
        train,
        targets["train"],
        batch_size=workload.batch_size,
        epochs=arguments["epochs"],
        on_steps=recorder,
    )
    found["train/losses"] = np.asarray(recorder.values)
    found["train/epoch_losses"] = np.asarray([float(loss) for loss in epoch_losses])
    found.update(recorder.weights)
    found["evaluate/logits"] = steps.to_numpy(steps.logits(model, test))
    return {name: np.array(array, np.float64) for name, array in found.items()}


def _outputs(steps: Any, model: Any, name: str, inputs: Any) -> dict[str, np.ndarray]:
    return {
        f"{name}/logits": steps.to_numpy(steps.logits(model, inputs)),
        f"{name}/probabilities": steps.to_numpy(steps.probabilities(model, inputs)),
    }
