"""What a worker is asked for, so that the observation filed under a key comes into being."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import reference
from conformance import initial_weights
from conformance.observations import Key
from conformance.variants import EVALUATE, FASTEST, train_variant
from reference.workloads import Workload

DATA_DIRECTORY = Path(reference.__path__[0]) / "data" / "mnist"
ENSEMBLE_MEMBERS = 16
NATIVE_SEEDS = 22
SHIPPED_SEEDS = 10


@dataclass(frozen=True)
class Request:
    """One operation of a worker with its arguments (JSON values) and tensors."""

    operation: str
    arguments: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def recorded_steps(steps: int) -> list[int]:
    """The training steps after which weights are kept: 1, 2, 4, ... and the last."""
    doubling = [1 << power for power in range(steps.bit_length()) if 1 << power < steps]
    return [*doubling, steps]


def request_for(key: Key, workload: Workload, data_source: str = "embedded") -> Request:
    """The request whose reply is the observation of `key`. Raises KeyError for an unknown operation or variant."""
    arguments: dict[str, Any] = {
        "workload": workload.as_dict(),
        "data_directory": str(DATA_DIRECTORY),
        "data_source": data_source,
        "seed": key.seed,
    }
    more, locked = _SPECIFIC[key.operation](key, workload)
    weights = initial_weights.draw(workload, key.seed) if locked else {}
    return Request(key.operation, {**arguments, **more}, weights)


def _nothing_more(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    return {}, False


def _locked(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    return {}, True


def _train(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    variant = train_variant(key.framework, key.variant)
    steps = variant.steps(workload)
    return {
        "variant": variant.name,
        "preprocessing": variant.preprocessing,
        "epochs": variant.epochs(workload),
        "examples": variant.examples or workload.train_examples,
        "record_steps": sorted({*recorded_steps(steps), *recorded_steps(workload.steps_per_epoch)}),
        "evaluate_variants": list(EVALUATE[key.framework]),
    }, True


def _native(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    seeds = NATIVE_SEEDS if key.variant == "glorot" else SHIPPED_SEEDS
    return {
        "variant": FASTEST[key.framework],
        "initializer": key.variant,
        "epochs": workload.epochs,
        "seeds": list(range(seeds)),
    }, False


def _tutorial(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    spelling, _, learning_rate = key.variant.partition("=")
    return {"spelling": spelling, "learning_rate": float(learning_rate), "epochs": 1}, False


def _ensemble(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    steps = workload.steps
    return {
        "members": ENSEMBLE_MEMBERS,
        "steps": steps,
        "record_steps": sorted({*recorded_steps(steps), *recorded_steps(workload.steps_per_epoch), 64}),
    }, True


_SPECIFIC = {
    "imports": _nothing_more,
    "data": _nothing_more,
    "model": _locked,
    "objective": _locked,
    "train": _train,
    "native": _native,
    "tutorial": _tutorial,
    "ensemble": _ensemble,
}
