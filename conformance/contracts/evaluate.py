"""Step evaluate: what must hold of predictions and accuracies, locked and native."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import filing
from conformance.contracts.filing import file, rounded
from conformance.judge import equivalence, predictions, rounding
from conformance.judge.comparison import Comparison
from conformance.observations import Observation
from conformance.variants import EVALUATE_SUMS_IN_FLOAT32


def logits(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """The trained network's logits of all test images lie within the rounding allowance."""
    yield rounded(case, Step.EVALUATE, "evaluate/logits", observed, other, oracle)


def predicted(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """Every prediction is the same, but where the oracle's two best logits are as good as tied; so is the accuracy."""
    labels = oracle.tensors["evaluate/labels"]
    logits_allowance = filing.allowance_of("evaluate/logits", oracle)
    found = predictions.compare(
        "evaluate/predictions",
        _predictions(observed),
        _predictions(other),
        labels,
        oracle.tensors["evaluate/logits"],
        float(logits_allowance),
    )
    classes = [asdict(count) for count in found.classes if count.differences]
    kind = filing.kind_of(oracle)
    yield file(case, Step.EVALUATE, "predictions", kind, found.comparison, ties=found.ties, classes=classes)
    accuracy, others = (float(np.mean(_predictions(side) == labels)) for side in (observed, other))
    comparison = predictions.compare_accuracies("evaluate/accuracy", accuracy, others, labels.size, found.ties)
    yield file(case, Step.EVALUATE, "locked_accuracy", kind, comparison)


def accuracy_recomputed(case: Case, observed: Observation) -> Iterator[Check]:
    """The accuracy that each of the framework's ways to evaluate reports is the one its predictions give."""
    labels = observed.tensors["evaluate/labels"]
    recomputed = float(np.mean(_predictions(observed) == labels))
    for name, reported in observed.facts["accuracies"].items():
        comparison = predictions.compare_accuracies(f"evaluate/accuracy/{name}", reported, recomputed, labels.size, 0)
        yield file(case, Step.EVALUATE, f"accuracy_recomputed/{name}", Kind.EXACT, comparison)


def loss_recomputed(case: Case, observed: Observation, oracle: Observation) -> Iterator[Check]:
    """The mean loss on the test images that the framework reports is the one that the oracle's logits give.

    What stands in for the oracle knows no loss, and says nothing.
    """
    for name, loss in observed.facts["losses"].items():
        if loss is None or not case.has_oracle:
            continue
        source = f"evaluate/loss{filing.SUMMED_IN_FLOAT32}" if name in EVALUATE_SUMS_IN_FLOAT32 else "evaluate/loss"
        allowed = filing.allowance_of(source, oracle)
        comparison = rounding.compare(f"evaluate/loss/{name}", float(loss), oracle.tensors[source], allowed)
        yield file(case, Step.EVALUATE, f"loss_recomputed/{name}", Kind.ROUNDING, comparison)


def loss_decreases(case: Case, observed: Observation) -> Iterator[Check]:
    """The loss on the test images lies below the last epoch's mean, which was taken on the way.

    That is known of the article's job; another may learn its training images better than those of the test.
    """
    if not case.has_oracle:
        return
    last = float(observed.tensors["train/epoch_losses"][-1])
    for tested in [loss for loss in observed.facts["losses"].values() if loss is not None][:1]:
        reason = f"the loss on the test images is {tested:.4f}, the last epoch's mean was {last:.4f}"
        yield filing.holds(case, Step.EVALUATE, "loss_decreases", tested < last, reason)


def accuracy_threshold(case: Case, observed: Observation) -> Iterator[Check]:
    """Every native run reaches the workload's accuracy threshold."""
    accuracies = native_accuracies(observed)
    lowest = int(np.argmin(accuracies))
    passed = bool(accuracies[lowest] >= case.workload.accuracy_threshold)
    comparison = Comparison(
        verdict=Verdict.IDENTICAL if passed else Verdict.BREAK,
        measured=float(accuracies[lowest]),
        allowed=case.workload.accuracy_threshold,
        where=Where("native/accuracy", (lowest,), value=float(accuracies[lowest])),
        elements=observed.tensors["native/predictions"].size,
        reason="" if passed else f"the run of seed {lowest} reaches {accuracies[lowest]:.4f}",
    )
    yield file(
        case,
        Step.EVALUATE,
        "accuracy_threshold",
        Kind.STATISTICAL,
        comparison,
        accuracies=accuracies.tolist(),
    )


def equivalent_accuracy(case: Case, contract: str, observed: Observation, other: Observation) -> Iterator[Check]:
    """Mean accuracies over seeds are shown equal within the workload's margin (two one-sided tests, 5 % each)."""
    margin = case.workload.accuracy_margin
    result = equivalence.equivalent(native_accuracies(observed), native_accuracies(other), margin)
    comparison = Comparison(
        verdict=result.verdict.as_verdict(),
        measured=abs(result.estimate),
        allowed=result.margin,
        where=None,
        elements=observed.tensors["native/predictions"].size,
        reason=f"{result.verdict}: difference {result.estimate:+.4f}, 90 % interval {result.low:+.4f} to "
        f"{result.high:+.4f}",
    )
    yield file(case, Step.EVALUATE, contract, Kind.STATISTICAL, comparison, seeds=list(result.seeds))


def native_accuracies(observed: Observation) -> np.ndarray:
    """The accuracy of every native run, float64 (seeds,), a fraction of the test images."""
    hits = observed.tensors["native/predictions"] == observed.tensors["native/labels"][None, :]
    accuracies: np.ndarray = hits.mean(axis=1)
    return accuracies


def _predictions(observed: Observation) -> np.ndarray:
    """The predictions, also of the oracle, which gives logits alone."""
    if "evaluate/predictions" in observed.tensors:
        return np.asarray(observed.tensors["evaluate/predictions"])
    return np.asarray(np.argmax(observed.tensors["evaluate/logits"], axis=-1))
