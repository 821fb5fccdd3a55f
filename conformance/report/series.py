"""What the figures show, taken out of observations: losses, distances from the oracle, digits, predictions.

Everything here is arrays; nothing draws. A function returns None, or leaves a subject out, where an
observation that it needs was not made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.judge.rounding import allowances
from conformance.observations import Key, Observation, as_float
from conformance.report.summary import FRAMEWORKS
from conformance.subjects import BUILT_IN
from conformance.views import canonical
from reference.workloads import Workload

Observations = Mapping[Key, Observation]
Floats = NDArray[np.float64]

_ORACLE_OPERATIONS = ("ensemble", "train")
_POINTS = 260


@dataclass(frozen=True)
class Source:
    """Whose curve it is. `side` is `candidate`, or `baseline` in a gate."""

    framework: str
    variant: str
    device: str
    side: str = "candidate"


@dataclass(frozen=True)
class LossCurve:
    """Losses of one subject in blocks of `block` training steps, and how far they lie from the oracle's.

    All arrays have one element a block: `steps` the middle of the block, `mean` the mean loss (nats), `low`
    and `high` the least and the largest difference from the oracle's loss. `first_not_finite` is a training
    step.
    """

    source: Source
    block: int
    steps: Floats
    mean: Floats
    low: Floats
    high: Floats
    first_not_finite: int | None

    @property
    def largest(self) -> float | None:
        """The largest |loss - oracle's| of a training step (nats), None where none is finite."""
        sizes = np.abs(np.concatenate([self.low, self.high]))
        finite = sizes[np.isfinite(sizes)]
        return float(finite.max()) if finite.size else None


@dataclass(frozen=True)
class Losses:
    """The curves of one workload with the allowance on their difference from the oracle's loss, (blocks,)."""

    curves: tuple[LossCurve, ...]
    steps: Floats
    allowance: Floats


@dataclass(frozen=True)
class DistanceCurve:
    """Largest |weight - oracle's| of one parameter by training step; `not_finite` lists other steps."""

    source: Source
    steps: Floats
    values: Floats
    not_finite: tuple[int, ...]


@dataclass(frozen=True)
class Distances:
    """One parameter's distances from the oracle, with the allowance at the oracle's recorded steps."""

    parameter: str
    curves: tuple[DistanceCurve, ...]
    steps: Floats
    allowance: Floats


@dataclass(frozen=True)
class Plates:
    """The first images and labels that one framework's loader gave: uint8 (n, height, width), and (n,)."""

    framework: str
    images: NDArray[Any]
    labels: NDArray[Any]


@dataclass(frozen=True)
class Predictions:
    """One subject's predictions of the test images, (n,), and true class (row) by predicted class."""

    source: Source
    predictions: NDArray[np.int64]
    confusion: NDArray[np.int64]

    @property
    def accuracy(self) -> float:
        """The fraction of test images predicted rightly."""
        return float(np.trace(self.confusion) / max(1, self.confusion.sum()))


def plates(observations: Observations, workload: str, count: int = 20) -> list[Plates]:
    """The first training images from each framework's loader; those of other shapes are left out.

    The oracle's are there where fewer than two frameworks were observed, to have something beside them.
    """
    found = []
    for observation in _of(observations, workload, "data"):
        images = _tensor(observation, "data/train/images")
        labels = _tensor(observation, "data/train/labels")
        if images is not None and labels is not None and images.ndim == 3:
            found.append(Plates(observation.key.framework, images[:count], labels[:count]))
    frameworks = [plate for plate in found if plate.framework not in BUILT_IN]
    return frameworks if len(frameworks) > 1 else found


def losses(observations: Observations, workload: str, side: str = "candidate") -> Losses | None:
    """The loss of every training step, per framework and device, against the oracle's."""
    curves, allowance = [], np.zeros(0)
    for observation in trained(observations, workload):
        oracle = oracle_of(observations, observation.key)
        values = _tensor(observation, "train/losses")
        if oracle is not None and values is not None and values.size:
            exact = as_float(oracle.tensors["train/losses"])
            allowance = np.broadcast_to(allowances(oracle.tensors)["train/losses"], exact.shape)
            length = min(len(exact), len(values))
            curves.append(_loss_curve(_source(observation, side), as_float(values)[:length], exact[:length]))
    if not curves:
        return None
    block = max(curve.block for curve in curves)
    return Losses(tuple(curves), _middles(len(allowance), block), _blocks(allowance, block).max(axis=1))


def distances(observations: Observations, workload: Workload, side: str = "candidate") -> list[Distances]:
    """For every parameter, each subject's distance from the oracle at the recorded steps."""
    runs = [canonical(observation, workload) for observation in trained(observations, workload.name)]
    found = []
    for parameter in workload.parameters:
        pairs = [(run, oracle_of(observations, run.key)) for run in runs]
        known = [(run, oracle) for run, oracle in pairs if oracle is not None]
        curves = [_distance_curve(run, oracle, parameter.name, side) for run, oracle in known]
        shown = tuple(curve for curve in curves if curve.steps.size or curve.not_finite)
        if shown:
            found.append(Distances(parameter.name, shown, *_weight_allowance(known[-1][1], parameter.name)))
    return found


def predictions(observations: Observations, workload: Workload, side: str = "candidate") -> list[Predictions]:
    """What each framework predicts for the test images after the longest training that was observed."""
    found = []
    for observation in trained(observations, workload.name):
        mine = _tensor(observation, "evaluate/predictions")
        labels = _labels(observations, workload.name)
        if mine is not None and labels is not None and mine.shape == labels.shape and mine.ndim == 1:
            inside = (mine >= 0) & (mine < workload.classes)
            confusion = np.zeros((workload.classes, workload.classes), np.int64)
            np.add.at(confusion, (labels[inside], mine[inside]), 1)
            found.append(Predictions(_source(observation, side), mine.astype(np.int64), confusion))
    return found


def trained(observations: Observations, workload: str) -> list[Observation]:
    """The longest training run of every framework and device; of equals the lowest seed."""
    runs = _of(observations, workload, "train")
    runs = [observation for observation in runs if observation.key.framework != "oracle"]
    groups: dict[tuple[str, str], list[Observation]] = {}
    for observation in runs:
        groups.setdefault((observation.key.framework, observation.key.device), []).append(observation)
    return [min(group, key=_preference) for group in groups.values()]


def oracle_of(observations: Observations, key: Key) -> Observation | None:
    """The oracle's run from the same weights, in the framework's own rounding if there are several."""
    candidates = [
        observation
        for operation in _ORACLE_OPERATIONS
        for observation in _of(observations, key.workload, operation)
        if observation.key.framework == "oracle" and observation.key.seed == key.seed
    ]
    complete = [found for found in candidates if "deviation/train/losses" in found.tensors]
    return min(complete, key=lambda found: found.key.variant != key.framework, default=None)


def _of(observations: Observations, workload: str, operation: str) -> list[Observation]:
    """The workload's observations of one operation, frameworks in the order of every table."""
    order = list(FRAMEWORKS)
    keys = [key for key in observations if key.workload == workload and key.operation == operation]
    keys.sort(key=lambda key: (order.index(key.framework) if key.framework in order else len(order), key))
    return [observations[key] for key in keys]


def _preference(observation: Observation) -> tuple[int, int, str]:
    steps = sum(name.startswith("train/weights/") for name in observation.tensors)
    series = _tensor(observation, "train/losses")
    return -(0 if series is None else series.size) - steps, observation.key.seed, observation.key.variant


def _source(observation: Observation, side: str) -> Source:
    key = observation.key
    return Source(key.framework, key.variant, key.device, side)


def _labels(observations: Observations, workload: str) -> NDArray[np.int64] | None:
    for observation in _of(observations, workload, "data"):
        labels = _tensor(observation, "data/test/labels")
        if labels is not None:
            return labels.astype(np.int64)
    return None


def _tensor(observation: Observation, name: str) -> NDArray[Any] | None:
    return observation.tensors.get(name)


def _loss_curve(source: Source, values: Floats, exact: Floats) -> LossCurve:
    block = max(1, -(-len(values) // _POINTS))
    with np.errstate(invalid="ignore"):
        difference = _blocks(values - exact, block)
        mean = _blocks(values, block).mean(axis=1)
    wrong = np.flatnonzero(~np.isfinite(values))
    return LossCurve(
        source,
        block,
        _middles(len(values), block),
        mean,
        difference.min(axis=1),
        difference.max(axis=1),
        int(wrong[0]) + 1 if wrong.size else None,
    )


def _blocks(values: Floats, block: int) -> Floats:
    """The values in rows of `block`; the last row is filled up with the last value."""
    padded = np.pad(values, (0, -len(values) % block), mode="edge")
    return padded.reshape(-1, block)


def _middles(length: int, block: int) -> Floats:
    first = np.arange(0, length, block)
    last = np.minimum(first + block, length)
    return np.asarray((first + 1 + last) / 2, np.float64)


def _distance_curve(observation: Observation, oracle: Observation, parameter: str, side: str) -> DistanceCurve:
    steps, values, wrong = [], [], []
    for name in observation.tensors:
        step = _recorded_step(name, parameter)
        if step is None or name not in oracle.tensors:
            continue
        mine, exact = as_float(observation.tensors[name]), as_float(oracle.tensors[name])
        if mine.shape == exact.shape and np.isfinite(mine).all():
            steps.append(step)
            values.append(float(np.max(np.abs(mine - exact), initial=0.0)))
        else:
            wrong.append(step)
    order = np.argsort(steps)
    return DistanceCurve(
        _source(observation, side),
        np.asarray(steps, np.float64)[order],
        np.asarray(values, np.float64)[order],
        tuple(sorted(wrong)),
    )


def _weight_allowance(oracle: Observation, parameter: str) -> tuple[Floats, Floats]:
    """The oracle's recorded steps and the allowance at each."""
    allowed = {
        step: float(allowance)
        for name, allowance in allowances(oracle.tensors).items()
        if (step := _recorded_step(name, parameter)) is not None
    }
    steps = sorted(allowed)
    return np.asarray(steps, np.float64), np.asarray([allowed[step] for step in steps], np.float64)


def _recorded_step(name: str, parameter: str) -> int | None:
    """The training step of `train/weights/<step>/<parameter>`; None for another name."""
    parts = name.split("/", 3)
    recorded = len(parts) == 4 and parts[:2] == ["train", "weights"] and parts[3] == parameter
    return int(parts[2]) if recorded and parts[2].isdigit() else None
