"""Step data: both splits raw and preprocessed, and what the framework's own pipeline makes of the first epoch."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .digests import batch_digest
from .failing import at_step
from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `data/<split>/{images,labels,one_hot,inputs}`, `data/inside/{levels,inputs}`, `data/shuffled/{1,2}`.

    Facts: dtypes, and what two passes over the training examples in their order give. Shuffled are the numbers of the
    examples alone, int64 (n,), twice as well.
    """
    workload = Workload.from_dict(arguments["workload"])
    steps = session.steps(workload)
    observed: dict[str, np.ndarray] = {}
    dtypes: dict[str, str] = {}
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
    with at_step("model"):
        observed["data/inside/levels"] = _levels_inside(steps, workload)
        first = session.split(arguments, "test").images[: workload.batch_size]
        inside = steps.build_model(workload, "inside")
        observed["data/inside/inputs"] = steps.to_numpy(steps.preprocess_inside(inside, first))
    train = session.split(arguments, "train")
    batches = steps.batches(train.inputs, train.labels, workload.batch_size)
    epochs = {name: _describe(steps, batches) for name in ("first_epoch", "second_epoch")}
    observed.update(_shuffled(steps, workload, arguments["seed"]))
    return {"dtypes": dtypes, **epochs}, observed


def _shuffled(steps: Any, workload: Workload, seed: int) -> dict[str, np.ndarray]:
    """The numbers of the training examples in the order of two shuffled passes."""
    numbers = steps.from_numpy(np.arange(workload.train_examples))
    batches = steps.batches(numbers, numbers, workload.batch_size, shuffle=True, seed=seed)
    return {
        f"data/shuffled/{number}": np.concatenate([steps.to_numpy(inputs) for inputs, labels in batches])
        for number in (1, 2)
    }


def _levels_inside(steps: Any, workload: Workload) -> np.ndarray:
    """What preprocessing inside the model makes of the 256 grey levels, float32 (256,)."""
    height, width = workload.image_shape
    levels = np.arange(256, dtype=np.uint8)[:, None, None] * np.ones((1, height, width), np.uint8)
    model = steps.build_model(workload, "inside")
    inputs = steps.to_numpy(steps.preprocess_inside(model, steps.from_numpy(levels)))
    return np.ascontiguousarray(inputs[:, 0])


def _describe(steps: Any, batches: Any) -> list[dict[str, Any]]:
    """Size and SHA-256 of the inputs (float32) and labels (int64) of every batch, in the order they come."""
    return [
        {"size": len(inputs), "sha256": batch_digest(steps.to_numpy(inputs), steps.to_numpy(labels))}
        for inputs, labels in batches
    ]
