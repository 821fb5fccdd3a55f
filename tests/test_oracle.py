"""The oracle gives values calculated in other ways as well; its random rounding has the law it claims."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import reference
from conformance.initial_weights import draw
from conformance.judge.rounding import allowances
from reference.data import DIRECTORY
from reference.oracle import data, ensemble, evaluate, imports, model, objective, train
from reference.oracle.arithmetic import EXACT, FLOAT32, Arithmetic, RandomRounding
from reference.workloads import MNIST_MLP
from tests.oracle_runs import arguments, float32, mnist, oracle

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("oracle.json").read_text(encoding="utf-8"))
NORMAL = st.floats(-(2.0**100), 2.0**100).filter(lambda x: x == 0 or abs(x) > 2.0**-100)
UNIT = 2.0**-24 / np.sqrt(3)


def at(values: NDArray[Any], key: str) -> float:
    return float(values[tuple(map(int, key.split(",")))])


def network(arithmetic: Arithmetic = EXACT, preprocessing: str = "outside") -> model.Model:
    built = model.build_model(MNIST_MLP, preprocessing, arithmetic)
    model.set_weights(built, draw(MNIST_MLP, 0))
    return built


# The six steps against committed values


@pytest.mark.parametrize("name", GOLDEN["initial_weights"])
def test_initial_weights_are_the_committed_ones(name: str) -> None:
    drawn = draw(MNIST_MLP, 0)[name]
    assert drawn.dtype == np.float32
    for key, value in GOLDEN["initial_weights"][name].items():
        assert at(drawn, key) == value


def test_initial_weights_follow_glorot() -> None:
    kernel = draw(MNIST_MLP, 3)["hidden/kernel"]
    limit = np.sqrt(6 / (784 + 10))
    assert np.abs(kernel).max() <= limit
    assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.03)
    assert not np.array_equal(kernel, draw(MNIST_MLP, 4)["hidden/kernel"])


def test_first_batch_matches_fifty_digits() -> None:
    inputs, labels, *_ = mnist()
    loss, gradients = objective.loss_and_gradients(network(), objective.build_loss(MNIST_MLP), inputs[:64], labels[:64])
    golden = GOLDEN["first_batch"]
    assert float(loss) == pytest.approx(golden["loss"], rel=1e-15)
    for name, values in golden["gradients"].items():
        for key, value in values.items():
            assert at(gradients[name], key) == pytest.approx(value, rel=1e-13, abs=1e-18)


def test_one_epoch_matches_long_double() -> None:
    golden = GOLDEN["one_epoch"]
    inputs, labels, *_ = mnist()
    trained, losses = network(), []
    loss_function, optimizer = objective.build_loss(MNIST_MLP), objective.SGD(0.01)
    means = train.float64(
        trained,
        loss_function,
        optimizer,
        inputs,
        labels,
        batch_size=64,
        epochs=1,
        on_steps=lambda step, latest: losses.extend(latest),
    )
    for step, loss in golden["losses"].items():
        assert float(losses[int(step) - 1]) == pytest.approx(loss, rel=1e-13)
    for name, values in golden["weights"].items():
        for key, value in values.items():
            assert at(trained.weights[name], key) == pytest.approx(value, rel=1e-11)
    assert means == [pytest.approx((64 * sum(losses[:-1]) + 32 * losses[-1]) / 60_000, rel=1e-13)]

    images, test_labels = data.load("mnist", DIRECTORY, "test")
    test_inputs = data.preprocess(images)
    accuracy, loss = evaluate.batched(trained, loss_function, test_inputs, test_labels, test_labels, batch_size=64)
    assert accuracy == golden["correct"] / 10_000
    assert accuracy == np.mean(evaluate.predictions(trained, test_inputs) == test_labels)
    assert loss == pytest.approx(
        float(objective.cross_entropy(EXACT, model.logits(trained, test_inputs), test_labels)[0])
    )


def test_wrong_gradient_would_be_seen() -> None:
    inputs, labels, *_ = mnist()
    _, gradients = objective.loss_and_gradients(
        network(FLOAT32), objective.build_loss(MNIST_MLP), inputs[:64], labels[:64]
    )
    golden = GOLDEN["first_batch"]["gradients"]["output/bias"]
    assert any(at(gradients["output/bias"], k) != pytest.approx(v, rel=1e-13) for k, v in golden.items())


# The steps' own rules


def test_quotient_by_255_is_correctly_rounded() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(256, 1, 1)
    exact = np.arange(256, dtype=np.longdouble) / 255
    assert data.preprocess(pixels).dtype == np.float32
    np.testing.assert_array_equal(data.preprocess(pixels)[:, 0], exact.astype(np.float32))


def test_data_is_the_complete_mnist() -> None:
    inputs, labels, *_ = mnist()
    assert inputs.shape == (60_000, 784)
    assert np.bincount(labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(data.one_hot(labels[:3], 10).argmax(axis=1), labels[:3])


def test_batches_keep_the_last_partial_one() -> None:
    inputs, labels = np.arange(150), np.arange(150)
    assert [len(x) for x, _ in data.batches(inputs, labels, 64)] == [64, 64, 22]
    shuffled = [x for x, _ in data.batches(inputs, labels, 64, shuffle=True, seed=1)]
    assert [len(x) for x in shuffled] == [64, 64, 22]
    assert not np.array_equal(np.concatenate(shuffled), inputs)
    np.testing.assert_array_equal(np.sort(np.concatenate(shuffled)), inputs)


def test_preprocessing_inside_and_outside_agree() -> None:
    images, _ = data.load("mnist", DIRECTORY, "test")
    outside = model.logits(network(), data.preprocess(images[:10]))
    inside = model.logits(network(preprocessing="inside"), images[:10])
    np.testing.assert_array_equal(inside, outside)


def test_parameters_are_counted_per_layer() -> None:
    assert model.count_parameters(network()) == {"hidden": 7850, "output": 110}


def test_foreign_weights_are_refused() -> None:
    weights = draw(MNIST_MLP, 0)
    weights["hidden/kernel"] = weights["hidden/kernel"].T
    with pytest.raises(ValueError, match=r"hidden/kernel.*\(10, 784\)"):
        model.set_weights(network(), weights)


def test_probabilities_sum_to_one() -> None:
    probabilities = model.probabilities(network(), mnist()[2])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)


def test_learning_rate_is_rounded_to_float32() -> None:
    optimizer = objective.build_optimizer(network(), MNIST_MLP)
    assert optimizer.learning_rate == float(np.float32(0.01)) != 0.01
    settings = objective.configuration(network(), objective.build_loss(MNIST_MLP), optimizer)
    assert settings["learning_rate"] == optimizer.learning_rate
    json.dumps(settings)


def test_edge_cases_follow_the_definition() -> None:
    cases = objective.edge_cases()
    assert cases["zero_probability"] == np.inf
    assert cases["unnormalised_probabilities"] == pytest.approx(np.log(5))
    assert cases["saturated_logits"] == 200


def test_the_numpy_subject_trains_in_float32() -> None:
    inputs, labels, *_ = mnist()
    trained = network()
    losses: list[Any] = []
    train.float32(
        trained,
        objective.build_loss(MNIST_MLP),
        objective.SGD(0.01),
        inputs[:640],
        labels[:640],
        batch_size=64,
        epochs=2,
        on_steps=lambda step, latest: losses.extend(latest),
    )
    assert {values.dtype for values in trained.weights.values()} == {np.dtype(np.float32)}
    assert len(losses) == 20
    assert {np.asarray(loss).dtype for loss in losses} == {np.dtype(np.float32)}


def test_other_devices_are_refused() -> None:
    imports.configure("cpu", 1)
    with pytest.raises(RuntimeError, match="cuda"):
        imports.configure("cuda", 1)
    assert imports.versions()["numpy"] == np.__version__
    json.dumps(imports.settings())


def test_program_prints_the_accuracy() -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "reference.oracle", "--epochs", "1"],
        cwd=Path(reference.__path__[0]).parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "accuracy 0.5872" in finished.stdout.splitlines()[-1]


def test_oracle_needs_nothing_but_numpy_and_parses_on_python_39() -> None:
    for path in Path(reference.__path__[0], "oracle").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in {"numpy", "reference", "__future__"} | sys.stdlib_module_names, path
                assert not name.startswith(("reference.tensorflow", "reference.pytorch")), path


# The arithmetics


ROUNDING = RandomRounding(2, seed=0)


@settings(deadline=None)
@given(arrays(np.float64, st.integers(1, 20), elements=NORMAL))
def test_random_rounding_gives_a_neighbour(values: NDArray[np.float64]) -> None:
    rounded = ROUNDING.apply(np.multiply, np.stack([values, values]), 1.0)
    assert np.array_equal(rounded, rounded.astype(np.float32))
    nearest = values.astype(np.float32)
    exact = nearest.astype(np.float64) == values
    towards = np.where(values > nearest, np.inf, -np.inf).astype(np.float32)
    other = np.where(exact, nearest, np.nextafter(nearest, towards)).astype(np.float64)
    assert ((rounded == nearest) | (rounded == other)).all()


def test_random_rounding_is_unbiased() -> None:
    fraction = 0.2
    value = 1 + fraction * 2.0**-23
    rounded = RandomRounding(200_000, seed=1).apply(np.add, np.full(200_000, value), 0.0)
    up = np.mean(rounded > 1)
    assert abs(up - fraction) < 5 * np.sqrt(fraction * (1 - fraction) / rounded.size)


@pytest.mark.parametrize("length", [2, 64, 4096])
def test_noise_of_a_sum_has_the_stated_variance(length: int) -> None:
    terms = np.random.default_rng(length).normal(size=length).astype(np.float32)
    members = 4000
    arithmetic = RandomRounding(members, seed=length)
    # The law is that of the noise before rounding, which adds at most a quarter of an ulp squared.
    error = arithmetic.sum(arithmetic.array(terms)) - np.sum(terms, dtype=np.float64)
    total, squares = float(np.sum(terms, dtype=np.float64)), float(np.sum(terms.astype(np.float64) ** 2))
    variance = UNIT**2 * (length * total**2 / 3 + length * squares / 2)
    low, high = 0.9 * variance, 1.1 * variance + float(np.spacing(np.float32(total))) ** 2 / 4
    assert low < error.var() < high
    assert abs(error.mean()) < 5 * np.sqrt(high / members)


def test_noise_of_a_product_has_the_stated_variance() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(3, 500)), generator.normal(size=(500, 2))
    a, b = a.astype(np.float32).astype(np.float64), b.astype(np.float32).astype(np.float64)
    arithmetic = RandomRounding(3000, seed=0)
    wide = np.repeat(b[None], 3000, axis=0)
    variance = UNIT**2 * (500 * (a @ b) ** 2 / 3 + 500 * (a**2 @ b**2) / 2)
    ulp = np.spacing((a @ b).astype(np.float32)).astype(np.float64)
    for left, right in [
        (arithmetic.array(a), wide),
        (arithmetic.array(a), arithmetic.array(b)),
        (np.repeat(a[None], 3000, axis=0), arithmetic.array(b)),
    ]:
        error = arithmetic.matmul(left, right) - a @ b
        assert error.shape == (3000, 3, 2)
        assert (error.var(axis=0) > 0.85 * variance).all()
        assert (error.var(axis=0) < 1.15 * variance + ulp**2 / 4).all()


def test_members_are_independent() -> None:
    arithmetic = RandomRounding(16, seed=0)
    x = arithmetic.array(np.random.default_rng(0).uniform(0, np.log(2), 1000))  # results with the same ulp
    errors = arithmetic.exp(x) - np.exp(x)
    correlations = np.corrcoef(errors)[np.triu_indices(16, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(1000)


def test_what_is_exact_stays_exact() -> None:
    arithmetic = RandomRounding(8, seed=0)
    x = arithmetic.array(np.array([[0.0, 0.0, 0.0]]))
    assert not arithmetic.sum(x).any()
    assert not arithmetic.matmul(x, arithmetic.array(np.ones((3, 4)))).any()
    assert (arithmetic.sigmoid(x) == 0.5).all()
    assert (arithmetic.sum(arithmetic.array(np.array([[0.1]]))) == np.float32(0.1)).all()


def test_infinities_and_nans_pass_through() -> None:
    arithmetic = RandomRounding(4, seed=0)
    x = arithmetic.array(np.array([[np.inf, 1.0], [np.nan, 1.0], [-np.inf, 1.0], [2.0, 1.0]]))
    np.testing.assert_allclose(arithmetic.sum(x), np.tile([np.inf, np.nan, -np.inf, 3.0], (4, 1)), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_noise_scales_with_the_numbers(scale: float) -> None:
    terms = np.random.default_rng(0).normal(size=(1, 256)) * scale
    arithmetic = RandomRounding(500, seed=3)
    error = arithmetic.sum(arithmetic.array(terms)) - terms.astype(np.float32).sum(dtype=np.float64)
    assert 1e-7 < error.std() / scale < 1e-5


@pytest.mark.parametrize("arithmetic", [EXACT, FLOAT32, RandomRounding(5, seed=0)], ids=["64", "32", "random"])
def test_every_operation_agrees_with_float64(arithmetic: Arithmetic) -> None:
    generator = np.random.default_rng(0)
    a = generator.uniform(0.5, 2, (4, 6)).astype(np.float32)
    b = generator.uniform(0.5, 2, (6, 3)).astype(np.float32)
    x, y = arithmetic.array(a), arithmetic.array(b)
    a, b = a.astype(np.float64), b.astype(np.float64)
    softmax = np.exp(a) / np.exp(a).sum(axis=1, keepdims=True)
    expected = {
        "add": (arithmetic.add(x, 1.5), a + 1.5),
        "subtract": (arithmetic.subtract(x, x[..., :1]), a - a[:, :1]),
        "multiply": (arithmetic.multiply(x, x), a * a),
        "divide": (arithmetic.divide(1.0, x), 1 / a),
        "exp": (arithmetic.exp(x), np.exp(a)),
        "log": (arithmetic.log(x), np.log(a)),
        "tanh": (arithmetic.apply(np.tanh, x), np.tanh(a)),
        "matmul": (arithmetic.matmul(x, y), a @ b),
        "sum": (arithmetic.sum(x, axis=-2, keepdims=True), a.sum(axis=0, keepdims=True)),
        "mean": (arithmetic.mean(x), a.mean(axis=1)),
        "sigmoid": (arithmetic.sigmoid(arithmetic.subtract(x, 1)), 1 / (1 + np.exp(1 - a))),
        "softmax": (arithmetic.softmax(x), softmax),
        "log_softmax": (arithmetic.log_softmax(x), np.log(softmax)),
    }
    for name, (value, exact) in expected.items():
        shape = exact.shape if arithmetic.members is None else (arithmetic.members, *exact.shape)
        assert value.shape == shape, name
        assert value.dtype == arithmetic.dtype, name
        np.testing.assert_allclose(value, np.broadcast_to(exact, shape), rtol=2e-6, atol=2e-7, err_msg=name)


@pytest.mark.parametrize("x", [-1e4, -104.0, -88.0, 0.0, 88.0, 1e4])
def test_sigmoid_never_overflows(x: float) -> None:
    (value,) = FLOAT32.sigmoid(FLOAT32.array([x]))
    assert value == pytest.approx(EXACT.sigmoid(EXACT.array([x]))[0], rel=1e-6, abs=1e-38)


# The ensemble


def test_ensemble_is_the_same_for_the_same_seed_only() -> None:
    once, again = (ensemble.run(**arguments(0, 3), members=3, seed=5) for _ in range(2))
    assert once.keys() == again.keys()
    for name in once:
        np.testing.assert_array_equal(once[name], again[name], err_msg=name)
    other = ensemble.run(**arguments(0, 3), members=3, seed=6)
    np.testing.assert_array_equal(once["train/losses"], other["train/losses"])
    assert not np.array_equal(once["deviation/train/losses"], other["deviation/train/losses"])


def test_ensemble_has_every_tensor_of_the_plan() -> None:
    observed = oracle(0, 64)
    parameters = [parameter.name for parameter in MNIST_MLP.parameters]
    names = {"model/logits", "model/probabilities", "objective/loss", "train/losses", "evaluate/logits"}
    names |= {"model/with_biases/logits", "model/with_biases/probabilities"}
    names |= {"evaluate/loss", "evaluate/loss/summed_in_float32"}
    names |= {f"objective/{kind}/{name}" for kind in ("gradient", "updated") for name in parameters}
    names |= {f"train/weights/{1 << power:06d}/{name}" for power in range(7) for name in parameters}
    deviations = {name.removeprefix("deviation/") for name in observed if name.startswith("deviation/")}
    exact = {name.removeprefix("exact/") for name in observed if name.startswith("exact/")}
    assert deviations == names
    assert exact == names - {"train/losses"}
    assert set(observed) == names | {f"deviation/{n}" for n in names} | {f"exact/{n}" for n in exact}
    assert observed["deviation/train/losses"].shape == (16, 64)
    for name in names - {"train/losses"}:
        more = name.startswith(("objective/", "train/weights/000001/"))
        assert observed[f"deviation/{name}"].shape == (64 if more else 16,)
        assert observed[f"exact/{name}"].shape == observed[name].shape
        assert observed[name].dtype == np.float64


def test_epoch_losses_are_recorded_for_whole_epochs() -> None:
    inputs, labels, test_inputs, test_labels = mnist()
    steps: list[int] = []
    observed = ensemble.run(
        # 100 steps of a workload whose epoch has 40
        workload=MNIST_MLP.from_dict({**MNIST_MLP.as_dict(), "train_examples": 2_550}),
        inputs=inputs[:2_550],
        targets=labels[:2_550],
        initial_weights=draw(MNIST_MLP, 0),
        test_inputs=test_inputs,
        test_targets=test_labels,
        members=2,
        steps=100,
        on_steps=steps.append,
    )
    assert steps == list(range(1, 101))
    weights = np.append(np.full(39, 64), 54)
    means = [np.average(observed["train/losses"][start : start + 40], weights=weights) for start in (0, 40)]
    for name in ("train/epoch_losses", "train/epoch_losses/summed_in_float32"):
        assert observed[f"deviation/{name}"].shape == (2, 2)
        np.testing.assert_allclose(observed[name], means, rtol=1e-12)


def test_a_sum_in_float32_is_allowed_what_it_costs() -> None:
    allowed = allowances(oracle(0, 64))
    assert 3e-7 < float(allowed["evaluate/loss"]) < float(allowed["evaluate/loss/summed_in_float32"]) < 1e-5


def test_weights_behind_pixels_still_zero_are_exact() -> None:
    inputs, *_ = mnist()
    observed = oracle(0, 64)
    behind = inputs[: 64 * 64].max(axis=0) == 0
    mask = observed["exact/train/weights/000064/hidden/kernel"]
    assert behind.sum() > 50
    np.testing.assert_array_equal(mask, np.repeat(behind[:, None], 10, axis=1))
    np.testing.assert_array_equal(
        float32(0, 64)["train/weights/000064/hidden/kernel"][mask],
        draw(MNIST_MLP, 0)["hidden/kernel"][mask],
    )


def test_deviation_grows_with_the_steps() -> None:
    observed = oracle(0, 128)
    for parameter in MNIST_MLP.parameters:
        early, late = (observed[f"deviation/train/weights/{step:06d}/{parameter.name}"].mean() for step in (4, 128))
        assert late > 3 * early
