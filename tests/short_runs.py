"""A short training job, observed by real workers: the oracle, and NumPy's float32 with faults to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Case
from conformance.collector import Collector
from conformance.observations import Key, Observation
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.variants import complete_variant
from conformance.worker import stage_code
from reference.workloads import MNIST_MLP, Workload

# 21 batches in an epoch, the last of them of 32 examples.
WORKLOAD = replace(MNIST_MLP, name="short", train_examples=20 * 64 + 32, epochs=2)
CASE = Case(WORKLOAD, "numpy", partner="oracle", variant=complete_variant("numpy"), seed=0)
FULL_CASE = Case(MNIST_MLP, "numpy", partner="oracle")

# Ways to train wrongly, as variants of NumPy's.
_FAULTY = """

def _faulty(fault):
    def train(model, loss_function, optimizer, inputs, targets, *, batch_size, epochs, on_steps, **unused):
        model.calculate_in(FLOAT32)
        step, means, before = 0, [], {}
        for _ in range(epochs):
            batches = list(data.batches(inputs, targets, batch_size))
            if fault == "last batch dropped":
                batches.pop()
            if fault == "two batches swapped":
                batches[4:6] = batches[5], batches[4]
            losses = []
            for batch_inputs, batch_targets in batches:
                step += 1
                loss, gradients = loss_and_gradients(model, loss_function, batch_inputs, batch_targets)
                if fault == "one zero_grad left out" and step == 7:
                    gradients = {name: gradient + before[name] for name, gradient in gradients.items()}
                if fault == "a parameter skipped":
                    del gradients["output/bias"]
                if fault == "not a number" and step == 9:
                    gradients["hidden/bias"] = gradients["hidden/bias"] * np.float32(np.nan)
                before = gradients
                apply_gradients(model, optimizer, gradients)
                losses.append(loss)
                on_steps(step, [loss])
            means.append(float(epoch_mean(model.arithmetic, losses, [len(x) for x, _ in batches])))
        return means

    return train


for _fault in (
    "last batch dropped", "two batches swapped", "one zero_grad left out", "a parameter skipped", "not a number"
):
    VARIANTS[_fault] = _faulty(_fault)
"""


class ShortRuns:
    """Observations of the short job, sound ones by name and faulty ones by their fault."""

    def __init__(self, directory: Path) -> None:
        code = stage_code(directory / "code")
        train = code / "reference" / "oracle" / "train.py"
        train.write_text(train.read_text() + _FAULTY)
        subjects = {(name, "cpu"): Subject(name) for name in ("numpy", "oracle")}
        workloads = {workload.name: workload for workload in (WORKLOAD, MNIST_MLP)}
        (directory / "observations").mkdir()
        self._collector = Collector(directory / "observations", code, subjects, workloads)

    def observe(self, operation: str, framework: str = "numpy", workload: Workload = WORKLOAD) -> Observation:
        """What the operation shows, its tensors in memory."""
        variant = {"train": "float32", "repeat": "float32", "native": "glorot"}.get(operation, "")
        found = self._collector.observe(Key(workload.name, framework, operation, variant))
        return replace(found, tensors={name: found.tensors[name] for name in found.tensors})

    def faulty(
        self,
        operation: str,
        fault: str = "",
        workload: Workload = WORKLOAD,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> Observation:
        """The operation with a faulty variant, with another workload than it should have, or from other weights."""
        key = Key(WORKLOAD.name, "numpy", operation, "float32" if operation == "train" else "")
        request = request_for(key, workload)
        arguments: dict[str, Any] = {**request.arguments, **({"variant": fault} if fault else {})}
        worker = self._collector.worker("numpy", "cpu")
        reply = worker.request(request.operation, arguments, {**request.tensors, **(weights or {})})
        return Observation(key, reply.facts, reply.tensors)

    def close(self) -> None:
        """End the workers."""
        self._collector.close()


def with_tensor(observed: Observation, name: str, value: NDArray[Any]) -> Observation:
    """The observation with one tensor replaced."""
    return replace(observed, tensors={**observed.tensors, name: value})


def with_element(observed: Observation, name: str, index: tuple[int, ...], value: Any) -> Observation:
    """The observation with one element of one tensor replaced."""
    changed = np.array(observed.tensors[name])
    changed[index] = value
    return with_tensor(observed, name, changed)


def without(observed: Observation, *names: str) -> Observation:
    """The observation without the tensors whose names contain one of these."""
    kept = {name: array for name, array in observed.tensors.items() if not any(part in name for part in names)}
    return replace(observed, tensors=kept)


def with_facts(observed: Observation, **facts: Any) -> Observation:
    """The observation with some facts replaced."""
    return replace(observed, facts={**observed.facts, **facts})
