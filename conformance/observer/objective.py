"""Step objective: loss, gradients and first update on the first batch; configuration; cases where losses differ."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .session import Session, own_weights


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `objective/loss`, `objective/gradient/<param>`, `objective/updated/<param>`; facts: configuration."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train = session.split(arguments, "train")
    model = steps.build_model(workload)
    steps.set_weights(model, own_weights(workload, session.framework, tensors))
    loss_function = steps.build_loss(workload)
    optimizer = steps.build_optimizer(model, workload)
    batch = slice(0, workload.batch_size)
    loss, gradients = steps.loss_and_gradients(model, loss_function, train.inputs[batch], train.targets[batch])
    observed = {"objective/loss": steps.to_numpy(loss)}
    observed.update({f"objective/gradient/{name}": array for name, array in gradients.items()})
    steps.apply_gradients(model, optimizer, gradients)
    observed.update({f"objective/updated/{name}": array for name, array in steps.get_weights(model).items()})
    return {
        "configuration": steps.configuration(model, loss_function, optimizer),
        "edge_cases": steps.edge_cases(),
    }, observed
