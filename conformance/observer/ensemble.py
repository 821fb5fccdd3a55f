"""The oracle's ensemble: the float64 run, and how far randomly rounded runs stray from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.oracle import ensemble
from reference.workloads import Workload

from .session import Session


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Every tensor of the locked run in float64, and `deviation/<tensor>` per member; see reference.oracle.ensemble."""
    workload = Workload.from_dict(arguments["workload"])
    train, test = session.split(arguments, "train"), session.split(arguments, "test")
    observed = ensemble.run(
        workload,
        train.inputs[: workload.train_examples],
        train.targets[: workload.train_examples],
        tensors,
        test.inputs,
        test.targets,
        members=arguments["members"],
        seed=arguments["seed"],
        steps=arguments["steps"],
        record_steps=arguments["record_steps"],
    )
    return {"members": arguments["members"]}, {
        **observed,
        "evaluate/labels": np.asarray(test.labels, np.int64),
    }
