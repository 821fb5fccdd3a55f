"""Step 6, evaluate: every prediction, and the accuracies, locked and over seeds."""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import evaluate
from conformance.laboratory import Laboratory, Verify


@pytest.mark.each("pair with seed")
def test_predictions(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Logits and predictions of all test images after training; accuracies equal but for ties; the loss reported."""
    oracle, observed = laboratory.arbiter(case), laboratory.trained(case)
    other = oracle if case.partner == "oracle" else laboratory.trained_partner(case)
    verify(
        [
            *evaluate.logits(case, observed, other, oracle),
            *evaluate.predicted(case, observed, other, oracle),
            *(evaluate.loss_recomputed(case, observed, oracle) if other is oracle else ()),
        ]
    )


@pytest.mark.each("train variant")
def test_accuracy_recomputed(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The accuracy that the framework reports is the one that its predictions give."""
    verify(evaluate.accuracy_recomputed(case, laboratory.trained(case)))


@pytest.mark.each("framework")
def test_native_accuracy_threshold(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Every run with the framework's own randomness reaches the workload's accuracy threshold."""
    verify(evaluate.accuracy_threshold(case, laboratory.observe(case, "native", "glorot")))


@pytest.mark.each("frameworks")
def test_native_equivalence(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """From the same initialiser law, mean accuracies are shown equal within the workload's margin."""
    observed, other = (
        laboratory.observe(case, "native", "glorot"),
        laboratory.partner(case, "native", "glorot"),
    )
    verify(evaluate.equivalent_accuracy(case, "equivalence", observed, other))


@pytest.mark.each("reference frameworks")
def test_native_shipped_defaults(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """From the initialisers as shipped: the gap between the frameworks is what the ledger says."""
    # Keras ships Glorot's law, so its shipped runs are the ones already made.
    observed, other = (
        laboratory.observe(case, "native", "glorot"),
        laboratory.partner(case, "native", "shipped"),
    )
    verify(evaluate.equivalent_accuracy(case, "shipped_defaults", observed, other))
