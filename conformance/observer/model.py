"""Step model: shapes and counts, the framework's own initialisation, and outputs from given weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .session import Session, own_weights


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `model/{logits,probabilities}` on the test inputs, the same `inside` on raw images, initial weights."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    test = session.split(arguments, "test")
    weights = own_weights(workload, session.framework, tensors)

    observed: dict[str, np.ndarray] = {}
    model = steps.build_model(workload)
    steps.set_weights(model, weights)
    observed["model/logits"] = steps.to_numpy(steps.logits(model, test.inputs))
    observed["model/probabilities"] = steps.to_numpy(steps.probabilities(model, test.inputs))

    inside = steps.build_model(workload, "inside")
    steps.set_weights(inside, weights)
    observed["model/inside/logits"] = steps.to_numpy(steps.logits(inside, test.images))

    steps.seed_everything(arguments["seed"])
    native = steps.build_model(workload)
    for name, array in steps.get_weights(native).items():
        observed[f"model/shipped/{name}"] = array
    steps.glorot_weights(native, arguments["seed"])
    for name, array in steps.get_weights(native).items():
        observed[f"model/glorot/{name}"] = array
    return {
        "layers": steps.count_parameters(model),
        "shapes": {name: list(array.shape) for name, array in steps.get_weights(model).items()},
    }, observed
