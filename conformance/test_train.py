"""Step 5, train: every loss and every weight on the way, against the oracle and between ways to train."""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import evaluate, train
from conformance.laboratory import Laboratory, Verify
from conformance.variants import complete_variant, counterpart_of


@pytest.mark.each("train variant")
def test_losses(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The loss of every step within the allowance of the oracle."""
    oracle = laboratory.arbiter(case)
    verify(train.losses(case, laboratory.trained(case), oracle, oracle))


@pytest.mark.each("train variant")
def test_weights(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Every parameter after steps 1, 2, 4, ... and the last within the allowance of the oracle."""
    oracle = laboratory.arbiter(case)
    verify(train.weights(case, laboratory.trained(case), oracle, oracle))


@pytest.mark.each("train variant")
def test_final_weights(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """What training leaves in the model are the weights after its last step, bit for bit."""
    verify(train.final_weights(case, laboratory.trained(case)))


@pytest.mark.each("complete variants")
def test_frameworks_agree(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Losses and weights of the two frameworks, all steps, within the same allowance of each other.

    A user's model, of which the oracle knows nothing, is compared in float64 as well.
    """
    oracle, observed = laboratory.arbiter(case), laboratory.trained(case)
    other = laboratory.trained_partner(case)
    checks = [*train.losses(case, observed, other, oracle), *train.weights(case, observed, other, oracle)]
    if not case.has_oracle:
        checks += train.agree_in_float64(case, oracle, laboratory.partner(case, "self_ensemble"))
    verify(checks)


@pytest.mark.each("train variant")
def test_loss_decreases(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Training lowers the loss, on the way and on the test images."""
    observed = laboratory.trained(case)
    checks = [*train.loss_decreases(case, observed), *evaluate.loss_decreases(case, observed)]
    if not checks and not case.has_oracle:
        pytest.skip("it tells one mean of its one epoch, and of a module of its own nobody knows what that lies below")
    verify(checks)


@pytest.mark.each("variant with counterpart")
def test_variants_agree(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Ways to train that do the same mathematics in the same order agree to the bit."""
    observed, other = laboratory.trained(case), laboratory.trained(case, counterpart_of(case.variant))
    verify(train.same_bits(case, "same_as_counterpart", observed, other))


@pytest.mark.each("framework")
def test_repeatable(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The whole job again gives the same bits."""
    variant = complete_variant(case.framework)
    again = laboratory.observe(case, "repeat", variant.label)
    verify(train.repeats(case, again, laboratory.trained(case, variant)))
