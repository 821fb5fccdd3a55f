"""A model with given weights, kept in every format that the framework has."""

from __future__ import annotations

import importlib
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from reference.workloads import Workload

from .failing import at_step
from .session import Session, own_weights


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `checkpoint/<format>`, uint8, the bytes of the file. Facts: the formats."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    observed = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (save, _) in formats(session.framework).items():
            model = steps.build_model(workload)
            steps.set_weights(model, own_weights(workload, session.framework, tensors))
            with at_step("objective"):
                optimizer = steps.build_optimizer(model, workload)
            path = Path(folder, name)
            save(model, optimizer, str(path))
            observed[f"checkpoint/{name}"] = np.frombuffer(path.read_bytes(), np.uint8)
    return {"formats": sorted(observed)}, observed


def formats(framework: str) -> dict[str, Any]:
    """Functions to save and to load, by file name."""
    found: dict[str, Any] = importlib.import_module(f"reference.{framework}.checkpoint").FORMATS
    return found
