"""The execution plan: operators, kernels, dtypes and devices of a forward pass and of one update. No clock."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.workloads import Workload

from . import onednn
from .session import Session, own_weights


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts: `plan`: for `forward` and the `train_step` of `variant`, how often what ran, each by its name:
    `operators`, `kernels`, and the `dtypes` and `devices` of their results.

    What oneDNN ran counts as kernels, where the process was started with ONEDNN_VERBOSE=1.
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    train, batch = session.split(arguments, "train"), slice(0, workload.batch_size)
    inputs, targets = train.inputs[batch], train.targets[batch]

    def prepared() -> Any:
        model = steps.build_model(workload)
        steps.set_weights(model, own_weights(workload, session.framework, tensors))
        return model

    def forward() -> Callable[[], Any]:
        model = prepared()
        return lambda: steps.logits(model, inputs)

    def train_step() -> Callable[[], Any]:
        model = prepared()
        optimizer = steps.build_optimizer(model, workload)
        update = steps.UPDATES[arguments["variant"]](model, steps.build_loss(workload), optimizer)
        return lambda: update(inputs, targets)

    executed = importlib.import_module(f"reference.{session.framework}.plan").executed
    plan = {}
    for name, build in (("forward", forward), ("train_step", train_step)):
        census = executed(build)
        function = build()
        function()
        with onednn.printed() as lines:
            function()
        census["kernels"] = dict(Counter(census["kernels"]) + Counter(onednn.primitives(lines)))
        plan[name] = census
    return {"plan": plan}, {}
