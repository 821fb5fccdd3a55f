"""Short runs of the oracle on the real MNIST, each made once per process."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.initial_weights import draw
from reference.data import DIRECTORY
from reference.oracle import data, ensemble
from reference.oracle.arithmetic import FLOAT32, Arithmetic
from reference.workloads import MNIST_MLP, Workload

Tensors = dict[str, NDArray[Any]]
IMAGES = 500  # of the test images


@cache
def mnist() -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8]]:
    """All training inputs and their labels, and those of the first test images."""
    images, labels = data.load("mnist", DIRECTORY, "train")
    test_images, test_labels = data.load("mnist", DIRECTORY, "test")
    return data.preprocess(images), labels, data.preprocess(test_images[:IMAGES]), test_labels[:IMAGES]


def recorded(steps: int) -> list[int]:
    """1, 2, 4, ... and the last step."""
    return sorted({1 << power for power in range(steps.bit_length())} | {steps})


def arguments(seed: int, steps: int, workload: Workload = MNIST_MLP) -> dict[str, Any]:
    """What a run from the initial weights of this seed takes."""
    inputs, labels, test_inputs, test_labels = mnist()
    return {
        "workload": workload,
        "inputs": inputs,
        "targets": labels,
        "initial_weights": draw(workload, seed),
        "test_inputs": test_inputs,
        "test_targets": test_labels,
        "steps": steps,
        "record_steps": recorded(steps),
    }


@cache
def oracle(seed: int, steps: int, members: int = 16) -> Tensors:
    """The oracle's observation."""
    return ensemble.run(**arguments(seed, steps), members=members, seed=seed)


def run_in(arithmetic: Arithmetic, seed: int, steps: int, **changes: Any) -> Tensors:
    """The same run in another arithmetic, of the workload with `changes`."""
    workload = replace(MNIST_MLP, **changes)
    return ensemble.observe(arithmetic, **arguments(seed, steps, workload))


@cache
def float32(seed: int, steps: int) -> Tensors:
    """The run in float32."""
    return run_in(FLOAT32, seed, steps)
