"""Checkpoints, of this version or of another, loaded into new models: their weights, and what they predict."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from reference.workloads import Workload

from .checkpoint_save import formats
from .session import Session


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `checkpoint/<format>/{probabilities,weights/<param>}`; facts: the exception of formats that failed."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    test = session.split(arguments, "test")
    observed: dict[str, Any] = {}
    exceptions = {}
    for name, (_, load) in formats(session.framework).items():
        if f"checkpoint/{name}" not in tensors:
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, name)
                path.write_bytes(tensors[f"checkpoint/{name}"].tobytes())
                model = load(steps.build_model(workload), str(path))
            weights = {f"checkpoint/{name}/weights/{own}": array for own, array in steps.get_weights(model).items()}
            probabilities = steps.to_numpy(steps.probabilities(model, test.inputs))
            observed.update(weights, **{f"checkpoint/{name}/probabilities": probabilities})
        except Exception as error:
            exceptions[name] = {"kind": type(error).__name__, "message": str(error)}
    return {"exceptions": exceptions}, observed
