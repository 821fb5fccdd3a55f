"""What is loaded again must be what was saved, and predict the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts.checkpoints import loaded_alike
from conformance.initial_weights import draw
from conformance.observations import Key, Observation
from reference.workloads import MNIST_MLP
from tests.short_runs import with_element, with_facts, without

CASE = Case(MNIST_MLP, "pytorch", seed=2)
FORMATS = ["checkpoint/state.pt", "checkpoint/training.pt"]
PARTS = [*(f"weights/{parameter.name}" for parameter in MNIST_MLP.parameters), "probabilities"]


@pytest.fixture
def model() -> Observation:
    probabilities = np.random.default_rng(0).random((100, 10), np.float32)
    return Observation(Key("mnist_mlp", "pytorch", "model"), {}, {"model/probabilities": probabilities})


@pytest.fixture
def loaded(model: Observation) -> Observation:
    """Both formats, loaded as they should be."""
    parts = {f"weights/{name}": array for name, array in draw(MNIST_MLP, 2).items()}
    parts["probabilities"] = model.tensors["model/probabilities"]
    tensors = {f"{form}/{part}": array for form in FORMATS for part, array in parts.items()}
    return Observation(Key("mnist_mlp", "pytorch", "checkpoint"), {"exceptions": {}}, tensors)


def failed(loaded: Observation, model: Observation) -> list[Check]:
    return [check for check in loaded_alike(CASE, FORMATS, loaded, model) if check.failed]


def test_what_is_loaded_as_it_was_saved(loaded: Observation, model: Observation) -> None:
    checks = list(loaded_alike(CASE, FORMATS, loaded, model))
    assert [check.contract for check in checks] == [f"{form}/{part}" for form in FORMATS for part in PARTS]
    assert {(check.step, check.kind, check.verdict) for check in checks} == {
        (Step.MODEL, Kind.EXACT, Verdict.IDENTICAL)
    }
    assert sum(check.elements for check in checks) == 2 * (7_960 + 1_000)


@pytest.mark.parametrize("part", PARTS)
def test_one_number_that_is_another_one(loaded: Observation, model: Observation, part: str) -> None:
    name = f"checkpoint/training.pt/{part}"
    index = (0,) * loaded.tensors[name].ndim
    (found,) = failed(with_element(loaded, name, index, 0.5), model)
    assert (found.contract, found.verdict) == (name, Verdict.BREAK)
    assert found.where is not None
    assert (found.where.tensor, found.where.index, found.where.value) == (name, index, 0.5)


def test_a_case_without_a_seed_is_of_the_first(loaded: Observation, model: Observation) -> None:
    given = {f"{form}/weights/{name}": array for form in FORMATS for name, array in draw(MNIST_MLP, 0).items()}
    of_the_first = replace(loaded, tensors={**loaded.tensors, **given})
    assert not [c for c in loaded_alike(replace(CASE, seed=None), FORMATS, of_the_first, model) if c.failed]


def test_the_weights_of_another_seed(loaded: Observation, model: Observation) -> None:
    checks = loaded_alike(replace(CASE, seed=None), FORMATS, loaded, model)
    assert {check.contract for check in checks if check.failed} == {
        f"{form}/weights/{layer}/kernel" for form in FORMATS for layer in ("hidden", "output")
    }


def test_loading_that_raises(loaded: Observation, model: Observation) -> None:
    raised = with_facts(loaded, exceptions={"state.pt": {"kind": "KeyError", "message": "no hidden.weight"}})
    without_it = without(raised, "/state.pt/")
    (found,) = failed(without_it, model)
    assert (found.contract, found.verdict, found.kind) == ("checkpoint/state.pt", Verdict.BREAK, Kind.EXACT)
    assert found.reason == "checkpoint/state.pt: saved and loaded again, raises KeyError: no hidden.weight"
    assert found.where == Where("checkpoint/state.pt")
    first, *others = loaded_alike(CASE, FORMATS, without_it, model, how="saved by the baseline")
    assert [check.contract for check in others] == [f"checkpoint/training.pt/{part}" for part in PARTS]
    assert first.reason == "checkpoint/state.pt: saved by the baseline, raises KeyError: no hidden.weight"
