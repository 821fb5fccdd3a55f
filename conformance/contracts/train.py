"""Step train: what must hold of the losses and weights on the way, and between ways to train."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Where
from conformance.contracts.filing import SUMMED_IN_FLOAT32, exactly, file, holds, over_time, rounded
from conformance.judge import exact, rounding
from conformance.judge.comparison import broken
from conformance.observations import Observation, as_float
from conformance.variants import Variant

WEIGHTS = "train/weights/"


def losses(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """The loss of every step, or the epoch means where a variant tells only these, lie within the allowance."""
    variant = _variant(case)
    names = ["train/losses"] if variant.reports_steps else []
    if variant.examples is None and variant.epoch_means:
        names.append("train/epoch_losses")
    for name in names:
        length = variant.steps(case.workload) if name == "train/losses" else variant.epochs(case.workload)
        summed = name == "train/epoch_losses" and variant.sums_in_float32 and case.has_oracle
        source = f"{name}{SUMMED_IN_FLOAT32}" if summed else name
        yield rounded(case, Step.TRAIN, name, observed, other, oracle, oracle_name=source, length=length)


def weights(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """Every parameter, after every recorded step, lies within the rounding allowance."""
    expected = [
        f"{WEIGHTS}{step:06d}/{parameter.name}"
        for step in _variant(case).recordable(case.workload)
        for parameter in case.workload.parameters
    ]
    recorded = {name: name in observed.tensors for name in expected}
    yield exactly(case, Step.TRAIN, "recorded_weights", recorded, dict.fromkeys(expected, True))
    for name in expected:
        if recorded[name]:
            yield rounded(case, Step.TRAIN, name, observed, other, oracle)


def final_weights(case: Case, observed: Observation) -> Iterator[Check]:
    """Once training has returned, the model has the weights of its last step, bit for bit."""
    last = f"{WEIGHTS}{_variant(case).steps(case.workload):06d}"
    for parameter in case.workload.parameters:
        contract, before = f"final_weights/{parameter.name}", f"{last}/{parameter.name}"
        name = f"train/{contract}"
        if before in observed.tensors:
            comparison = exact.compare(name, observed.tensors[name], observed.tensors[before])
        else:
            comparison = broken(name, f"{before} was not recorded, so nothing was compared")
        yield file(case, Step.TRAIN, contract, Kind.EXACT, comparison)


def agree_in_float64(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """Run in float64, where rounding all but vanishes, the frameworks do the same at every step.

    Both are observations of `self_ensemble`; the moved runs of the first, and one float32 ulp of the largest element at
    least, say what is allowed. So a wrong port shows long after float32 would have hidden it.
    """
    skipped = ("deviation/", "evaluate/labels")
    for name in filter(lambda name: not name.startswith(skipped), observed.tensors):
        step, _, rest = name.partition("/")
        contract = f"in_float64/{rest}"
        if name not in other.tensors:
            yield file(case, Step(step), contract, Kind.SELF_CONSISTENCY, broken(name, "is missing on the other side"))
            continue
        expected = observed.tensors[name]
        allowance = rounding.allowances(over_time(name, observed.tensors))[name]
        comparison = rounding.compare_pair(name, expected, other.tensors[name], expected, allowance)
        yield file(case, Step(step), contract, Kind.SELF_CONSISTENCY, comparison)


def loss_decreases(case: Case, observed: Observation) -> Iterator[Check]:
    """The last tenth of the steps lies below the first, and every epoch's mean below the one before.

    The latter is known of the article's job alone.
    """
    epochs = as_float(observed.tensors["train/epoch_losses"])
    last_epoch = Where("train/epoch_losses", (epochs.size - 1,))
    if epochs.size > 1 and case.has_oracle:
        falling = bool(np.all(np.diff(epochs) < 0))
        reason = f"the epochs' mean losses are {np.array2string(epochs, precision=4)}"
        yield holds(case, Step.TRAIN, "loss_decreases/epochs", falling, reason, epochs.size, last_epoch)
    steps = as_float(observed.tensors["train/losses"])
    if steps.size:
        tenth = max(1, steps.size // 10)
        first, last = float(steps[:tenth].mean()), float(steps[-tenth:].mean())
        reason = f"the mean loss of the first {tenth} steps is {first:.4f}, of the last {last:.4f}"
        yield holds(case, Step.TRAIN, "loss_decreases/steps", last < first, reason, steps.size, Where("train/losses"))


def same_bits(case: Case, contract: str, observed: Observation, other: Observation) -> Iterator[Check]:
    """Two runs of one framework that do the same mathematics in the same order agree to the bit."""
    recorded = [name for name in observed.tensors if name.startswith(WEIGHTS)]
    both = bool(recorded) and all(name in other.tensors for name in recorded)
    yield exactly(case, Step.TRAIN, f"{contract}/recorded", both, True)
    for name in filter(other.tensors.__contains__, recorded):
        comparison = exact.compare(name, observed.tensors[name], other.tensors[name])
        yield file(case, Step.TRAIN, f"{contract}/{name.removeprefix('train/')}", Kind.EXACT, comparison)
    steps = min(observed.tensors["train/losses"].size, other.tensors["train/losses"].size)
    if steps:
        comparison = exact.compare(
            "train/losses", observed.tensors["train/losses"][:steps], other.tensors["train/losses"][:steps]
        )
        yield file(case, Step.TRAIN, f"{contract}/losses", Kind.EXACT, comparison)


def repeats(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """The whole job, run again, gives the same bits: losses, weights on the way, logits and predictions at the end."""
    yield from same_bits(case, "repeatable", observed, other)
    for name in ("logits", "predictions"):
        tensor = f"evaluate/{name}"
        comparison = exact.compare(tensor, observed.tensors[tensor], other.tensors[tensor])
        yield file(case, Step.TRAIN, f"repeatable/{name}", Kind.EXACT, comparison)


def _variant(case: Case) -> Variant:
    assert case.variant is not None
    return case.variant
