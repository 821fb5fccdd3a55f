"""What a worker is asked for, so that the observation filed under a key comes into being."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from conformance import benchmarks, initial_weights
from conformance.cache import cache_directory
from conformance.catalogue import asking
from conformance.observations import Key
from conformance.variants import EVALUATE, NATIVE, complete_variant, doubling, train_variant
from reference import catalogue, data
from reference.workloads import Workload

ENSEMBLE_MEMBERS = 16
NATIVE_SEEDS = 22
SHIPPED_SEEDS = 10


@dataclass(frozen=True)
class Request:
    """One operation of a worker with its arguments (JSON values) and tensors."""

    operation: str
    arguments: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class DataMissing(Exception):
    """The files of a data set are nowhere on this machine."""


def data_directory(dataset: str, source: str = "embedded") -> str:
    """Where the data set's files are, or where a download is kept; empty where the workload's own `load` knows.

    Raises DataMissing where there are no files, or no place for them.
    """
    if dataset not in data.FOLDERS:
        return ""
    if source == "download":
        folder = cache_directory() / "downloads"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataMissing(
                f"{dataset}: {folder} cannot be made ({error.strerror}): set CONFORMANCE_CACHE to another directory"
            ) from error
        return str(folder)
    found = data.DIRECTORY if dataset == "mnist" else data.find_fashion()
    if found is None:
        raise DataMissing(
            f"{dataset}: no files of Debian's package dataset-fashion-mnist, nor in Keras's cache: "
            "install the package, or choose --data-source download"
        )
    return found


def request_for(key: Key, workload: Workload, data_source: str = "embedded") -> Request:
    """The request whose reply is the observation of `key`.

    Raises KeyError for an unknown operation or variant, DataMissing where there is no data.
    """
    if key.operation in asking.OPERATIONS:
        family = catalogue.family(key.variant)
        # Who asks for the examples sends them: they are drawn once for all who are asked.
        sent = {} if key.operation == "catalogue_examples" else asking.tensors(family, key.seed)
        return Request(key.operation, asking.arguments(family, key.operation), sent)
    arguments: dict[str, Any] = {"workload": workload.as_dict(), "data_source": data_source, "seed": key.seed}
    if key.operation != "imports":
        arguments["data_directory"] = data_directory(workload.dataset, data_source)
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
    return {**arguments, "evaluate_variants": []}, locked


def _native(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    seeds = NATIVE_SEEDS if key.variant == "glorot" else SHIPPED_SEEDS
    return {
        "variants": list(NATIVE[key.framework]),
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


def _throughput(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    benchmark = benchmarks.named(key.framework, key.variant)
    return {
        "benchmark": benchmark.name,
        "variant": benchmark.variant.name if benchmark.variant else "",
        "preprocessing": benchmark.variant.preprocessing if benchmark.variant else "outside",
        "rounds": benchmarks.ROUNDS,
    }, True


def _self_ensemble(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    variant = complete_variant(key.framework)
    return {
        "members": ENSEMBLE_MEMBERS,
        "variant": variant.name,
        "epochs": variant.epochs(workload),
        "record_steps": variant.recordable(workload),
    }, True


def _plan(key: Key, workload: Workload) -> tuple[dict[str, Any], bool]:
    return {"variant": complete_variant(key.framework).name}, True


_SPECIFIC = {
    "imports": _nothing_more,
    "data": _nothing_more,
    "model": _locked,
    "checkpoint": _locked,
    "checkpoint_save": _locked,
    "checkpoint_load": _nothing_more,
    "objective": _locked,
    "train": _train,
    "repeat": _repeat,
    "native": _native,
    "tutorial": _tutorial,
    "ensemble": _ensemble,
    "self_ensemble": _self_ensemble,
    "throughput": _throughput,
    "plan": _plan,
}
