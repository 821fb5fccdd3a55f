"""The figures of the report and the words around them are those of the observations."""

from __future__ import annotations

import numpy as np
import pytest

from conformance.judge.rounding import allowances
from conformance.report import series
from conformance.report.sections import sections
from reference.workloads import MNIST_MLP, WORKLOADS
from tests import synthetic_observations as synthetic
from tests import synthetic_runs
from tests.drawing import drawn, undrawn
from tests.synthetic_observations import observed, tensors_of

__all__ = ["undrawn"]


def test_distances_are_those_of_the_same_weights_in_every_layout() -> None:
    found = observed()
    tensors_of(found, "pytorch", "train")["train/weights/000064/hidden.weight"][3, 700] += 1e-3
    by_name = {distance.parameter: distance for distance in series.distances(found, MNIST_MLP)}
    assert list(by_name) == [parameter.name for parameter in MNIST_MLP.parameters]
    tensorflow, pytorch = by_name["hidden/kernel"].curves
    assert (tensorflow.source.framework, pytorch.source.framework) == ("tensorflow", "pytorch")
    at = list(pytorch.steps).index(64)
    assert pytorch.values[at] == pytest.approx(1e-3, rel=1e-3)
    others = np.delete(pytorch.values, at)
    assert others.max() < synthetic.SPREAD
    assert tensorflow.values.max() < synthetic.SPREAD


def test_allowances_in_the_figures_are_the_judge_s() -> None:
    found = observed()
    judged = allowances(tensors_of(found, "oracle", "ensemble"))
    distance = series.distances(found, MNIST_MLP)[1]
    expected = [judged[f"train/weights/{step:06d}/hidden/bias"] for step in synthetic.RECORDED]
    assert list(distance.steps) == list(synthetic.RECORDED)
    np.testing.assert_array_equal(distance.allowance, expected)
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    assert losses.allowance[-1] == np.max(judged["train/losses"])


@pytest.mark.usefixtures("undrawn")
def test_weights_that_are_not_finite_are_told_and_not_drawn() -> None:
    found = observed()
    for step in (512, 600):
        tensors_of(found, "tensorflow", "train")[f"train/weights/{step:06d}/output/bias"][2] = np.nan
    curve = series.distances(found, MNIST_MLP)[3].curves[0]
    assert curve.not_finite == (512, 600)
    assert 512 not in curve.steps
    assert "TensorFlow tape, output/bias: not finite, or of another shape, from training step 512 on" in drawn(
        synthetic_runs.not_finite(), found
    )


def test_a_loss_that_drifts_shows_its_size_and_its_place() -> None:
    found = observed()
    tensors_of(found, "pytorch", "train")["train/losses"][299] += 0.25
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    straight, drifted = losses.curves
    assert straight.largest is not None
    assert straight.largest < synthetic.SPREAD
    assert drifted.largest == pytest.approx(0.25, rel=1e-6)
    block = int(np.argmax(drifted.high))
    assert abs(drifted.steps[block] - 300) <= drifted.block / 2


@pytest.mark.usefixtures("undrawn")
def test_a_loss_that_is_not_finite_names_its_first_step() -> None:
    found = observed()
    tensors_of(found, "tensorflow", "train")["train/losses"][36:] = np.inf
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    assert losses.curves[0].first_not_finite == 37
    assert "TensorFlow tape: not finite from training step 37 on" in drawn(synthetic_runs.not_finite(), found)


def test_blocks_of_losses_keep_mean_and_range() -> None:
    found = observed()
    values = tensors_of(found, "tensorflow", "train")["train/losses"]
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    curve = losses.curves[0]
    assert curve.mean[0] == pytest.approx(values[: curve.block].mean())
    assert curve.steps[0] == (1 + curve.block) / 2
    assert len(curve.steps) == -(-len(values) // curve.block)


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_measured_against_the_oracle_from_the_same_weights_only() -> None:
    found = {key: value for key, value in observed().items() if key.operation != "ensemble"}
    found |= {key: value for key, value in observed(seed=1).items() if key.operation == "ensemble"}
    assert series.losses(found, "mnist_mlp") is None
    assert "The oracle&#39;s run from the same weights was not observed" in drawn(synthetic_runs.conforming(), found)


def test_the_longest_run_of_a_framework_is_shown() -> None:
    found = observed(["tensorflow"])
    short = dict(tensors_of(found, "tensorflow", "train"))
    short["train/losses"] = short["train/losses"][:10]
    found |= synthetic.file("tensorflow", "train", short, "eager")
    assert [run.key.variant for run in series.trained(found, "mnist_mlp")] == ["tape"]


@pytest.mark.usefixtures("undrawn")
def test_confusion_matrices_count_and_differences_are_named() -> None:
    found = observed()
    predicted = tensors_of(found, "pytorch", "train")["evaluate/predictions"]
    predicted[11] = 7
    one, two = series.predictions(found, MNIST_MLP)
    assert one.confusion.sum() == 64
    assert one.accuracy == pytest.approx(56 / 64)
    assert (one.confusion[1, 1] - two.confusion[1, 1], two.confusion[1, 7]) == (1, 1)
    text = drawn(synthetic_runs.conforming(), found)
    assert "TensorFlow tape and PyTorch tensors: 1 prediction not the same, of images 11." in text


@pytest.mark.usefixtures("undrawn")
def test_plates_mark_the_digit_that_a_loader_gave_differently() -> None:
    run = synthetic_runs.conforming()
    found = observed()
    assert "all 20 images and labels are equal" in drawn(run, found)
    data = tensors_of(found, "pytorch", "data")
    data["data/train/images"] = data["data/train/images"].copy()
    data["data/train/images"][4, 0, 0] ^= 1
    data["data/train/labels"] = data["data/train/labels"].copy()
    data["data/train/labels"][9] = 0
    plates = sections(run, found, {}, WORKLOADS)[0].plates
    for plate in plates:
        assert [number for number, digit in enumerate(plate.digits) if not digit.same] == [4, 9]
    assert "(outlined): number 4, 9, counted from 0." in drawn(run, found)


def test_the_oracle_s_digits_stand_beside_a_single_framework_only() -> None:
    both = observed()
    both |= synthetic.file("oracle", "data", dict(tensors_of(both, "pytorch", "data")))
    alone = {key: value for key, value in both.items() if key.framework != "tensorflow"}
    assert [plate.framework for plate in series.plates(both, "mnist_mlp")] == ["tensorflow", "pytorch"]
    assert [plate.framework for plate in series.plates(alone, "mnist_mlp")] == ["pytorch", "oracle"]


@pytest.mark.usefixtures("undrawn")
def test_a_gate_draws_both_sides() -> None:
    found = observed(["pytorch"])
    before = {key: value for key, value in found.items() if key.operation == "train"}
    text = drawn(synthetic_runs.gate(), found, before)
    assert "PyTorch tensors (baseline)" in text
    assert "PyTorch tensors and PyTorch tensors (baseline): all 64 predictions are the same." in text
    assert text.count("<svg") == 2 + len(MNIST_MLP.parameters) + 1
