"""Step 3, model: the same parameters, documented initialisation, and the same outputs from the same weights."""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import checkpoints, model
from conformance.laboratory import Laboratory, Verify


@pytest.mark.each("framework")
def test_parameter_count(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Per layer and in all, by the framework's own count."""
    verify(model.parameter_count(case, laboratory.observe(case, "model")))


@pytest.mark.each("framework")
def test_parameter_shapes(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The same shapes after layout mapping."""
    verify(model.parameter_shapes(case, laboratory.observe(case, "model")))


@pytest.mark.each("framework")
def test_output_dtypes(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The outputs are float32."""
    if not case.has_oracle:
        pytest.skip("the dtypes of a model of one's own are its author's choice")
    verify([model.dtypes(case, laboratory.observe(case, "model"))])


@pytest.mark.each("framework")
def test_weights_taken(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The model holds the weights that it was given, bit for bit."""
    verify(model.weights_taken(case, laboratory.observe(case, "model")))


@pytest.mark.each("framework")
def test_checkpoints(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """What is saved in a format of the framework is loaded again to the same weights and probabilities."""
    if not case.has_oracle:
        pytest.skip("the formats in which a model of one's own is kept are its author's choice")
    loaded = laboratory.observe(case, "checkpoint")
    verify(checkpoints.loaded_alike(case, loaded.facts["formats"], loaded, laboratory.observe(case, "model")))


@pytest.mark.each("framework")
def test_parameters_used(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The outputs change with every parameter."""
    verify([model.parameters_used(case, laboratory.observe(case, "model"))])


@pytest.mark.each("framework")
def test_initialisation(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The shipped initialisers, and Glorot's, follow their documented laws."""
    verify(model.initialisations(case, laboratory.observe(case, "model")))


@pytest.mark.each("framework")
def test_seeding(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The same seed draws the same initial weights, another one others."""
    verify([model.seeding(case, laboratory.observe(case, "model"))])


@pytest.mark.each("pair with seed")
def test_outputs(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Logits and probabilities of all test images, preprocessing outside and inside the model, and with biases."""
    oracle = laboratory.arbiter(case)
    other = oracle if case.partner == "oracle" else laboratory.partner(case, "model")
    verify(model.outputs(case, laboratory.observe(case, "model"), other, oracle))
