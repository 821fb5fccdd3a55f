"""Observations under canonical parameter names and layouts, whatever the framework calls and lays them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.observations import Observation
from reference.workloads import Workload


class CanonicalTensors(Mapping[str, NDArray[Any]]):
    """The tensors of an observation, parameters renamed and transposed as the workload's layouts say."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], workload: Workload, framework: str) -> None:
        self._tensors = tensors
        layouts = {
            parameter.layouts[framework][0]: (parameter.name, np.argsort(parameter.layouts[framework][1]))
            for parameter in workload.parameters
            if framework in parameter.layouts
        }
        self._sources: dict[str, tuple[str, NDArray[np.intp] | None]] = {}
        for stored in tensors:
            for own, (name, axes) in layouts.items():
                if stored.endswith(f"/{own}"):
                    # A deviation has one number for each member of an ensemble, and no layout.
                    laid_out = not stored.startswith("deviation/")
                    self._sources[stored.removesuffix(own) + name] = (stored, axes if laid_out else None)
                    break
            else:
                self._sources[stored] = (stored, None)

    def __getitem__(self, name: str) -> NDArray[Any]:
        stored, axes = self._sources[name]
        array = self._tensors[stored]
        return array if axes is None else np.transpose(array, axes)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._sources))

    def __len__(self) -> int:
        return len(self._sources)


def canonical(observation: Observation, workload: Workload) -> Observation:
    """The observation with its parameters under canonical names and in the canonical layout."""
    framework = observation.key.framework
    return replace(observation, tensors=CanonicalTensors(observation.tensors, workload, framework))
