"""Step 2, data: do the frameworks' own readers and pipelines deliver the same bytes, in the same order?"""

from __future__ import annotations

import pytest

from conformance.cases import Case
from conformance.contracts import data
from conformance.laboratory import Laboratory, Verify


@pytest.mark.each("pair")
def test_data_equality(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Images, labels, one-hot labels and preprocessed inputs, bit for bit."""
    verify(data.equality(case, laboratory.observe(case, "data"), laboratory.partner(case, "data")))


@pytest.mark.each("framework")
def test_shapes_and_dtypes(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Shapes and dtypes of both splits."""
    verify(data.shapes(case, laboratory.observe(case, "data")))


@pytest.mark.each("framework")
def test_values_and_class_counts(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Value ranges, and the number of images of every class."""
    verify(data.values(case, laboratory.observe(case, "data")))


@pytest.mark.each("framework")
def test_batch_boundaries(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """937 batches of 64 and a last one of 32."""
    verify(data.batches(case, laboratory.observe(case, "data")))


@pytest.mark.each("framework")
def test_order(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The framework's pipeline, unshuffled, keeps the order of the data set in two passes."""
    verify(data.in_order(case, laboratory.observe(case, "data"), laboratory.data_set(case)))


@pytest.mark.each("framework")
def test_shuffling(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """The framework's pipeline, shuffled, has each example once in a random order, and shuffles anew."""
    if not case.has_oracle:
        pytest.skip("how the data of a model of one's own are shuffled is its author's choice")
    verify(data.shuffled(case, laboratory.observe(case, "data")))


@pytest.mark.each("framework")
def test_preprocessing_inside(case: Case, laboratory: Laboratory, verify: Verify) -> None:
    """Layers that preprocess inside the model do what dividing by 255 does, or the ledger says why not."""
    verify(data.preprocessing_inside(case, laboratory.observe(case, "data")))
