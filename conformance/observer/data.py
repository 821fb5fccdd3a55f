"""Step data: both splits raw and preprocessed, and what the framework's own pipeline makes of the first epoch."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from .digests import batch_digest
from .session import Session
from reference.workloads import Workload


def observe(session: Session, arguments: Dict[str, Any], tensors: Any) -> Tuple[Dict[str, Any], Dict[str, Any]]:
    """Tensors `data/<split>/{images,labels,one_hot,inputs}`; facts: dtypes, and every batch of the first epoch."""
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    observed: Dict[str, np.ndarray] = {}
    dtypes: Dict[str, str] = {}
    for name in ("train", "test"):
        split = session.split(arguments, name)
        values = {
            "images": split.images,
            "labels": split.labels,
            "one_hot": steps.one_hot(split.labels, workload.classes),
            "inputs": split.inputs,
        }
        for part, value in values.items():
            array = steps.to_numpy(value)
            dtypes[f"{name}/{part}"] = str(array.dtype)
            observed[f"data/{name}/{part}"] = array.astype(np.int64) if part == "labels" else array
    train = session.split(arguments, "train")
    batches = steps.batches(train.inputs, train.labels, workload.batch_size)
    return {"dtypes": dtypes, "epoch": _describe(steps, batches)}, observed


def _describe(steps: Any, batches: Any) -> List[Dict[str, Any]]:
    """Size and SHA-256 of the inputs (float32) and labels (int64) of every batch, in the order they come."""
    return [
        {"size": len(inputs), "sha256": batch_digest(steps.to_numpy(inputs), steps.to_numpy(labels))}
        for inputs, labels in batches
    ]

