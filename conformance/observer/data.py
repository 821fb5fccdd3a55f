"""Step data: both splits raw and preprocessed, and what the framework's own pipeline makes of epochs of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.workloads import Workload

from .digests import batch_digest
from .failing import at_step
from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `data/<split>/{images,labels,one_hot,inputs}`, `data/inside/{levels,inputs}`, and of two shuffled passes
    `data/shuffled/<pass>` and `data/shuffled/<pass>/labels`.

    Facts: dtypes, what two passes over the training examples in their order give, the sizes of the shuffled batches.
    Shuffled are the numbers of the examples, int64 (n,), as inputs and as labels; not by a user's own `batches`.
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
    sizes, shuffled = _shuffled(steps, workload, arguments["seed"]) if steps.is_reference("batches") else ({}, {})
    return {"dtypes": dtypes, **epochs, "shuffled_sizes": sizes}, {**observed, **shuffled}


def _shuffled(steps: Any, workload: Workload, seed: int) -> tuple[dict[str, list[int]], dict[str, np.ndarray]]:
    """Two shuffled passes over the numbers of the training examples: sizes of their batches, and what is in them."""
    steps.seed_everything(seed)  # TensorFlow shuffles by its global seed as well
    numbers = steps.from_numpy(np.arange(workload.train_examples))
    batches = steps.batches(numbers, numbers, workload.batch_size, shuffle=True, seed=seed)
    sizes, observed = {}, {}
    for number in ("1", "2"):
        passed = [(steps.to_numpy(inputs), steps.to_numpy(labels)) for inputs, labels in batches]
        sizes[number] = [len(inputs) for inputs, _ in passed]
        none = np.empty(0, np.int64)
        observed[f"data/shuffled/{number}"] = np.concatenate([none, *(inputs for inputs, _ in passed)])
        observed[f"data/shuffled/{number}/labels"] = np.concatenate([none, *(labels for _, labels in passed)])
    return sizes, observed


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
