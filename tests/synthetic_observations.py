"""Observations of a short `mnist_mlp` run made by hand: the tensors that figures need, at their real shapes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.observations import Key, Observation
from reference.workloads import MNIST_MLP

STEPS = 600
RECORDED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, STEPS)
SPREAD = 1e-7
VARIANTS = {"tensorflow": "tape", "pytorch": "tensors"}

Observed = dict[Key, Observation]


def observed(frameworks: Iterable[str] = ("tensorflow", "pytorch"), seed: int = 0) -> Observed:
    """The oracle, and for every framework its data and its training run, a little rounding away."""
    random = np.random.default_rng(7)
    truth = _truth(random)
    tensors = dict(truth)
    for name, values in truth.items():
        shape = (16, STEPS) if name == "train/losses" else (16,)
        tensors[f"deviation/{name}"] = SPREAD * (0.5 + 0.5 * random.random(shape))
        del values
    found = file("oracle", "ensemble", tensors, seed=seed)
    images, labels = _digits(random)
    for framework in frameworks:
        data: dict[str, NDArray[Any]] = {
            "data/train/images": images,
            "data/train/labels": labels,
            "data/test/labels": labels,
        }
        found |= file(framework, "data", data)
        found |= file(framework, "train", _run(truth, framework, labels, random), VARIANTS[framework], seed)
    return found


def file(
    framework: str, operation: str, tensors: dict[str, NDArray[Any]], variant: str = "", seed: int = 0
) -> Observed:
    """One observation under its key."""
    key = Key("mnist_mlp", framework, operation, variant, seed)
    return {key: Observation(key, {}, tensors)}


def tensors_of(found: Observed, framework: str, operation: str) -> dict[str, NDArray[Any]]:
    """The tensors of a framework's observation, to be changed in place."""
    (key,) = (key for key in found if (key.framework, key.operation) == (framework, operation))
    tensors = found[key].tensors
    assert isinstance(tensors, dict)
    return tensors


def _truth(random: np.random.Generator) -> dict[str, NDArray[Any]]:
    steps = np.arange(1, STEPS + 1)
    truth: dict[str, NDArray[Any]] = {"train/losses": 2.4 * np.exp(-steps / 400) + 0.2 + 0.02 * random.random(STEPS)}
    for step in RECORDED:
        for parameter in MNIST_MLP.parameters:
            truth[f"train/weights/{step:06d}/{parameter.name}"] = random.normal(0, 0.1, parameter.shape)
    return truth


def _digits(random: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images = random.integers(0, 256, (64, 28, 28)).astype(np.uint8)
    return images, np.arange(64) % 10


def _run(
    truth: dict[str, NDArray[Any]],
    framework: str,
    labels: NDArray[np.int64],
    random: np.random.Generator,
) -> dict[str, NDArray[Any]]:
    names = {parameter.name: parameter.layouts[framework] for parameter in MNIST_MLP.parameters}
    tensors: dict[str, NDArray[Any]] = {}
    for name, values in truth.items():
        near = values + SPREAD * random.uniform(-0.5, 0.5, values.shape)
        prefix, _, parameter = name.partition("/weights/")
        if parameter:
            step, _, own = parameter.partition("/")
            new_name, axes = names[own]
            tensors[f"{prefix}/weights/{step}/{new_name}"] = np.transpose(near, axes)
        else:
            tensors[name] = near
    tensors["evaluate/predictions"] = np.where(np.arange(64) % 9 == 0, (labels + 1) % 10, labels)
    return {name: np.array(values) for name, values in tensors.items()}
