"""Step model: shapes and counts, the framework's own initialisation, and outputs from given weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.weights import with_biases
from reference.workloads import Workload

from .session import Session, own_weights

DRAWS = 5  # ten biases alone tell little of their law
_APART = 1_000  # seeds, because a layer may take the model's seed and its own number


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `model/{logits,probabilities}` on the test inputs, the same `inside` on raw images, initial weights.

    `model/initial_weights` are what the model holds once given them, `model/{shipped,glorot}/<number>` what it draws by
    itself from several seeds; `model/with_biases` has the outputs for the first batch where no bias is zero. Facts:
    parameters per layer, shapes, whether each parameter is `used`, and whether initial weights go by the seed.
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    test = session.split(arguments, "test")
    weights = own_weights(workload, session.framework, tensors)

    observed: dict[str, np.ndarray] = {}
    model = steps.build_model(workload)
    steps.set_weights(model, weights)
    observed.update({f"model/initial_weights/{name}": array for name, array in steps.get_weights(model).items()})
    observed["model/logits"] = steps.to_numpy(steps.logits(model, test.inputs))
    observed["model/probabilities"] = steps.to_numpy(steps.probabilities(model, test.inputs))

    batch = test.inputs[: workload.batch_size]
    used = _used(steps, workload, model, tensors, session.framework, batch)
    steps.set_weights(model, own_weights(workload, session.framework, with_biases(workload, tensors)))
    observed["model/with_biases/logits"] = steps.to_numpy(steps.logits(model, batch))
    observed["model/with_biases/probabilities"] = steps.to_numpy(steps.probabilities(model, batch))

    inside = steps.build_model(workload, "inside")
    steps.set_weights(inside, weights)
    observed["model/inside/logits"] = steps.to_numpy(steps.logits(inside, test.images))

    seeding = {}
    for source in ("shipped", "glorot"):
        draws = [_drawn(steps, workload, source, arguments["seed"] + _APART * number) for number in range(DRAWS)]
        for number, drawn in enumerate(draws):
            observed.update({f"model/{source}/{number}/{name}": array for name, array in drawn.items()})
        again = _drawn(steps, workload, source, arguments["seed"])
        seeding[source] = {"repeats": _same(draws[0], again), "differs": not _same(*draws[:2])}
    return {
        "layers": steps.count_parameters(model),
        "shapes": {name: list(array.shape) for name, array in steps.get_weights(model).items()},
        "used": used,
        "seeding": seeding,
    }, observed


def _drawn(steps: Any, workload: Workload, source: str, seed: int) -> dict[str, np.ndarray]:
    """Initial weights by the law that is `shipped`, or by `glorot`."""
    steps.seed_everything(seed)
    model = steps.build_model(workload)
    if source == "glorot":
        steps.glorot_weights(model, seed)
    weights: dict[str, np.ndarray] = steps.get_weights(model)
    return weights


def _same(weights: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(array, others[name]) for name, array in weights.items())


def _used(
    steps: Any, workload: Workload, model: Any, weights: dict[str, np.ndarray], framework: str, inputs: Any
) -> dict[str, bool]:
    """Whether the outputs change when 1 is added to a parameter, for each of them."""
    before = steps.to_numpy(steps.logits(model, inputs))
    used = {}
    for parameter in workload.parameters:
        moved = {**weights, parameter.name: weights[parameter.name] + np.float32(1)}
        steps.set_weights(model, own_weights(workload, framework, moved))
        used[parameter.name] = not np.array_equal(before, steps.to_numpy(steps.logits(model, inputs)))
    return used
