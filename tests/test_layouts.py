"""Parameters of a workload that are not the model's are told by name and shape, not by what a framework makes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.initial_weights import draw
from conformance.observations import Key
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.worker import ObservationFailed, Worker, stage_code
from reference.workloads import MNIST_MLP, Parameter


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (("first/kernel", (0, 1)), "parameter first/kernel is not in the numpy model, which has hidden/kernel, "),
        (("hidden/kernel", (1, 0)), r"hidden/kernel has shape \(784, 10\) in the numpy model, and \(10, 784\) by"),
    ],
)
def test_layouts_that_do_not_fit_the_model(tmp_path: Path, layout: tuple[str, tuple[int, ...]], message: str) -> None:
    kernel, *others = MNIST_MLP.parameters
    workload = replace(MNIST_MLP, name="wrong", parameters=(replace(kernel, layouts={"numpy": layout}), *others))
    request = request_for(Key(workload.name, "numpy", "model"), workload)
    with (
        Worker(Subject("numpy"), stage_code(tmp_path / "code"), tmp_path / "stderr") as worker,
        pytest.raises(ObservationFailed, match=message),
    ):
        worker.request(request.operation, request.arguments, request.tensors)


def test_equal_starts_follow_glorot_over_a_window_too() -> None:
    kernel = Parameter("convolution/kernel", (5, 5, 2, 4), "glorot_uniform", {})
    assert kernel.fans == (50, 100)
    values = draw(replace(MNIST_MLP, parameters=(kernel,)), seed=0)["convolution/kernel"]
    assert 0.9 * 0.2 < abs(values).max() <= 0.2
