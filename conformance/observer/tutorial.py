"""The article's way, call for call, with the learning rate spelled as then (`lr`) or as now (`learning_rate`)."""

from __future__ import annotations

import importlib
from typing import Any

from reference.workloads import Workload

from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts: the exception if the framework raised one, otherwise configuration, epoch losses and accuracy."""
    workload = Workload.from_dict(arguments["workload"])
    session.steps(workload).seed_everything(arguments["seed"])
    tutorial = importlib.import_module(f"reference.{session.framework}.tutorial")
    try:
        outcome = tutorial.run(
            workload,
            arguments["data_directory"],
            epochs=arguments["epochs"],
            spelling=arguments["spelling"],
            learning_rate=arguments["learning_rate"],
        )
    except Exception as error:
        return {"exception": {"kind": type(error).__name__, "message": str(error)}}, {}
    facts = {name: outcome[name] for name in ("configuration", "epoch_losses", "accuracy")}
    return {"exception": None, **facts}, {}
