"""The workloads: one training job each, in terms that belong to no framework.

This file also runs inside workers, so it needs the standard library alone and parses on Python 3.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """One trainable array: its name and shape here, and what each framework calls it and how it lays it out.

    `initializer` is the law of its first values, `glorot_uniform` or `zeros`.
    `shape` is the Keras layout (for a dense kernel: inputs, units; for one of a convolution: height, width, inputs,
    filters). `layouts` maps a framework to the
    parameter's name there and to the axes that take this layout to the framework's: `(1, 0)` transposes.
    """

    name: str
    shape: tuple[int, ...]
    initializer: str
    layouts: Mapping[str, tuple[str, tuple[int, ...]]]

    @property
    def fans(self) -> tuple[int, int]:
        """Of a kernel: inputs and outputs of a unit, of a convolution's over all the places of its window."""
        *window, inputs, outputs = self.shape
        places = prod(window)
        return places * inputs, places * outputs


@dataclass(frozen=True)
class Workload:
    """One training job: dataset, architecture, loss, optimizer, batch size, epochs, accuracy threshold.

    `modules` names, for each framework that can run the workload, a dotted module (its steps are the
    submodules `data`, `model`, ...) or the path of one Python file that defines the step functions it
    wants to replace; every other step function is taken from `reference.<framework>`.
    `train_examples` and `test_examples` are counts; `learning_rate` is per step; `accuracy_threshold` is a
    fraction of the test images that every native run must reach; `accuracy_margin`, likewise, that within which
    the frameworks' mean accuracies must be shown equal.
    """

    name: str
    dataset: str
    train_examples: int
    test_examples: int
    image_shape: tuple[int, int]
    hidden_units: int
    classes: int
    learning_rate: float
    batch_size: int
    epochs: int
    accuracy_threshold: float
    parameters: tuple[Parameter, ...]
    modules: Mapping[str, str] = field(default_factory=dict)
    accuracy_margin: float = 0.01

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch, the last partial one included."""
        return -(-self.train_examples // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer updates in the whole job."""
        return self.steps_per_epoch * self.epochs

    def as_dict(self) -> dict[str, Any]:
        """The workload as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Workload:
        """The workload that `as_dict` described, possibly after a journey through JSON."""
        parameters = tuple(
            Parameter(
                name=p["name"],
                shape=tuple(p["shape"]),
                initializer=p["initializer"],
                layouts={framework: (name, tuple(axes)) for framework, (name, axes) in p["layouts"].items()},
            )
            for p in values["parameters"]
        )
        return cls(**{**values, "image_shape": tuple(values["image_shape"]), "parameters": parameters})


def _dense(name: str, inputs: int, units: int) -> tuple[Parameter, Parameter]:
    kernel, bias = f"{name}/kernel", f"{name}/bias"
    return (
        Parameter(
            kernel,
            (inputs, units),
            "glorot_uniform",
            {"tensorflow": (kernel, (0, 1)), "pytorch": (f"{name}.weight", (1, 0))},
        ),
        Parameter(bias, (units,), "zeros", {"tensorflow": (bias, (0,)), "pytorch": (f"{name}.bias", (0,))}),
    )


def _mlp(name: str, dataset: str, accuracy_threshold: float) -> Workload:
    return Workload(
        name=name,
        dataset=dataset,
        train_examples=60_000,
        test_examples=10_000,
        image_shape=(28, 28),
        hidden_units=10,
        classes=10,
        learning_rate=0.01,
        batch_size=64,
        epochs=10,
        accuracy_threshold=accuracy_threshold,
        parameters=(*_dense("hidden", 784, 10), *_dense("output", 10, 10)),
        modules={"tensorflow": "reference.tensorflow", "pytorch": "reference.pytorch"},
    )


# Six standard deviations below the mean of 44 native runs, 0.8617 and 0.0085: docs/measurements.md.
MNIST_MLP = _mlp("mnist_mlp", "mnist", accuracy_threshold=0.81)
# Likewise of 16 runs in NumPy float32, 0.7532 and 0.0100.
FASHION_MLP = _mlp("fashion_mlp", "fashion_mnist", accuracy_threshold=0.69)
WORKLOADS = {workload.name: workload for workload in (MNIST_MLP, FASHION_MLP)}
