"""Step 4, objective: the same configuration, loss, gradients and first update."""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import objective
from conformance.laboratory import Laboratory, Verify


@pytest.mark.each("framework")
def test_configuration(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The hyper-parameters in force, read from the live optimizer, are the workload's."""
    verify(objective.configuration(case, laboratory.observe(case, "objective")))


@pytest.mark.each("framework")
def test_loss_dtypes(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Loss, gradients and updated parameters are float32."""
    if not case.has_oracle:
        pytest.skip("the dtypes of a model of one's own are its author's choice")
    verify([objective.dtypes(case, laboratory.observe(case, "objective"))])


@pytest.mark.each("pair with seed")
def test_loss_gradients_and_first_update(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Loss, every gradient and every updated parameter of the first batch."""
    oracle = laboratory.arbiter(case)
    other = oracle if case.partner == "oracle" else laboratory.partner(case, "objective")
    verify(objective.first_batch(case, laboratory.observe(case, "objective"), other, oracle))


@pytest.mark.each("frameworks")
def test_loss_edge_cases(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Where the two losses really differ, they differ by what the ledger says."""
    verify(objective.edge_cases(case, laboratory.observe(case, "objective"), laboratory.partner(case, "objective")))


@pytest.mark.each("framework")
def test_legacy_arguments(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The article's own spelling of the learning rate still does what it says, or the ledger says why not."""
    spellings = ["lr"] if case.framework == "pytorch" else ["lr", "learning_rate"]
    observed = {spelling: laboratory.observe(case, "tutorial", f"{spelling}=0.25") for spelling in spellings}
    verify(check for spelling in spellings for check in objective.legacy_arguments(case, spelling, observed[spelling]))
