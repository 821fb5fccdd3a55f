"""The state of a worker: its framework, and the workloads and data sets that it has loaded so far."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.errors import NotImportable
from reference.workloads import Workload

from .steps import Steps

_NOT_INSTALLED = tuple(f"No module named '{name}'" for name in ("keras", "tensorflow", "torch", "torchvision"))


@dataclass(frozen=True)
class Split:
    """One split of a data set in the framework's own tensors: raw images and labels, inputs and targets."""

    images: Any
    labels: Any
    inputs: Any
    targets: Any


class Session:
    """One framework, configured once, with what has been loaded since."""

    def __init__(self, framework: str, device: str, threads: int) -> None:
        self.framework = framework
        self.device = device
        self.threads = threads
        self.benchmarks: dict[str, Any] = {}
        self.warnings_at_start: list[str] = []
        self._steps: dict[str, Steps] = {}
        self._splits: dict[Any, Split] = {}

    def configure(self) -> None:
        """Import the framework and pin its threads, device and determinism.

        Raises ModuleNotFoundError where it is not installed, NotImportable where something else cannot be
        imported, DeviceMissing where the device is not there.
        """
        package = "oracle" if self.framework == "numpy" else self.framework
        try:
            imports = importlib.import_module(f"reference.{package}.imports")
        except ImportError as error:
            if isinstance(error, ModuleNotFoundError) and str(error).endswith(_NOT_INSTALLED):
                raise
            raise NotImportable(str(error)) from error
        imports.configure(self.device, self.threads)

    def steps(self, workload: Workload) -> Steps:
        """The workload's step functions in this framework."""
        module = workload.modules.get(self.framework)
        key = f"{workload.name} {module}"
        if key not in self._steps:
            self._steps[key] = Steps(self.framework, module)
        return self._steps[key]

    def split(self, arguments: Mapping[str, Any], name: str) -> Split:
        """The split `train` or `test` of the workload's data set, loaded once by the framework's own I/O."""
        workload = Workload.from_dict(arguments["workload"])
        key = (workload.name, workload.dataset, arguments["data_directory"], arguments["data_source"], name)
        if key not in self._splits:
            steps = self.steps(workload)
            images, labels = steps.load(workload.dataset, arguments["data_directory"], name, arguments["data_source"])
            inputs = steps.preprocess(images)
            self._splits[key] = Split(images, labels, inputs, steps.targets(labels, workload))
        return self._splits[key]


def own_weights(workload: Workload, framework: str, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights sent under canonical names and layouts, under the framework's own names and layouts."""
    weights = {}
    for parameter in workload.parameters:
        name, axes = parameter.layouts.get(framework, (parameter.name, tuple(range(len(parameter.shape)))))
        weights[name] = np.ascontiguousarray(np.transpose(tensors[parameter.name], axes))
    return weights
