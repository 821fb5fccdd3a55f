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
from conformance.variants import EVALUATE, FASTEST, doubling, train_variant
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
    return Request("train" if key.operation == "repeat" else key.operation, {**arguments, **more}, weights)


def _nothing_more(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    return {}, False


def _locked(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    return {}, True


def _train(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    variant = train_variant(key.framework, key.variant)
    return {
        "variant": variant.name,
        "preprocessing": variant.preprocessing,
        "epochs": variant.epochs(workload),
        "examples": variant.examples or workload.train_examples,
        "record_steps": variant.recordable(workload),
        "evaluate_variants": list(EVALUATE[key.framework]),
    }, True


def _repeat(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    arguments, locked = _train(key, workload)
    return {**arguments, "epochs": 1, "evaluate_variants": []}, locked


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
    return {
        "members": ENSEMBLE_MEMBERS,
        "steps": workload.steps,
        "record_steps": sorted({*doubling(workload.steps), workload.steps_per_epoch}),
    }, True


_SPECIFIC = {
    "imports": _nothing_more,
    "data": _nothing_more,
    "model": _locked,
    "objective": _locked,
    "train": _train,
    "repeat": _repeat,
    "native": _native,
    "tutorial": _tutorial,
    "ensemble": _ensemble,
}
