"""Every contract passes what is right and fails what is wrong, and the first divergence is where the fault is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest
from scipy.special import logsumexp

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import data, evaluate, filing, imports, model, objective, train
from conformance.divergence import Divergence, first_divergence
from conformance.initial_weights import draw
from conformance.observations import Key, Observation
from conformance.observer.model import DRAWS
from conformance.variants import train_variant
from reference.workloads import MNIST_MLP
from tests.short_runs import CASE, FULL_CASE, WORKLOAD, ShortRuns, with_element, with_facts, with_tensor, without

LAST = WORKLOAD.steps
USER_S = Case(replace(WORKLOAD, modules={"pytorch": "mine"}), "pytorch")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShortRuns]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONFORMANCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = ShortRuns(tmp_path_factory.mktemp("runs"))
        yield made
        made.close()


@dataclass(frozen=True)
class Observed:
    """Everything that is observed of the short job."""

    model: Observation
    objective: Observation
    train: Observation
    repeat: Observation
    oracle: Observation

    def checks(self) -> list[Check]:
        """All contracts that apply to it."""
        oracle = self.oracle
        return [
            *model.parameter_count(CASE, self.model),
            *model.parameter_shapes(CASE, self.model),
            *model.weights_taken(CASE, self.model),
            model.parameters_used(CASE, self.model),
            model.dtypes(CASE, self.model),
            model.seeding(CASE, self.model),
            *model.outputs(CASE, self.model, oracle, oracle),
            *objective.configuration(CASE, self.objective),
            objective.dtypes(CASE, self.objective),
            *objective.first_batch(CASE, self.objective, oracle, oracle),
            *train.losses(CASE, self.train, oracle, oracle),
            *train.weights(CASE, self.train, oracle, oracle),
            *train.final_weights(CASE, self.train),
            *train.loss_decreases(CASE, self.train),
            *train.repeats(CASE, self.repeat, self.train),
            *evaluate.logits(CASE, self.train, oracle, oracle),
            *evaluate.predicted(CASE, self.train, oracle, oracle),
            *evaluate.accuracy_recomputed(CASE, self.train),
            *evaluate.loss_decreases(CASE, self.train),
            *evaluate.loss_recomputed(CASE, self.train, oracle),
        ]

    def first(self) -> Divergence:
        """The first divergence; there must be one."""
        found = first_divergence(self.checks())
        assert found is not None
        return found

    def trained(self, observation: Observation) -> Observed:
        """The same with another training run, which repeats itself."""
        return replace(self, train=observation, repeat=observation)


@pytest.fixture(scope="module")
def sound(runs: ShortRuns) -> Observed:
    return Observed(
        model=runs.observe("model"),
        objective=runs.observe("objective"),
        train=runs.observe("train"),
        repeat=runs.observe("repeat"),
        oracle=runs.observe("ensemble", "oracle"),
    )


@pytest.fixture(scope="module")
def full_data(runs: ShortRuns) -> Observation:
    return runs.observe("data", workload=MNIST_MLP)


def failed(checks: Iterable[Check]) -> list[Check]:
    return [check for check in checks if check.failed]


def data_checks(observed: Observation, sound: Observation, epoch: bool = False) -> list[Check]:
    checks = [
        *data.equality(FULL_CASE, observed, sound),
        *data.shapes(FULL_CASE, observed),
        *data.values(FULL_CASE, observed),
        *data.batches(FULL_CASE, observed),
        *data.shuffled(FULL_CASE, observed),
        *data.preprocessing_inside(FULL_CASE, observed),
    ]
    return [*checks, *data.in_order(FULL_CASE, observed, sound)] if epoch else checks


class TestSound:
    def test_all_contracts_hold(self, sound: Observed) -> None:
        checks = sound.checks()
        assert [check.reason for check in checks if check.failed] == []
        assert all(check.elements for check in checks)
        assert len({check.id for check in checks}) == len(checks)
        recorded = [1, 2, 4, 8, 16, 21, 32, 42]
        judged = {check.contract for check in checks}
        assert {f"weights/{step:06d}/{p.name}" for step in recorded for p in WORKLOAD.parameters} <= judged

    def test_rounding_is_seen_and_far_from_a_fault(self, sound: Observed) -> None:
        measured = [check for check in sound.checks() if check.allowed]
        assert any(check.verdict is Verdict.ROUNDING for check in measured)
        assert max((check.measured or 0) / (check.allowed or 1) for check in measured) < 0.8

    def test_the_data_contracts_hold(self, full_data: Observation) -> None:
        checks = data_checks(full_data, full_data, epoch=True)
        assert {check.verdict for check in checks} == {Verdict.IDENTICAL}
        statistical = [check.contract for check in checks if check.kind is not Kind.EXACT]
        assert statistical == ["shuffled/order", "shuffled/anew"]
        assert sum(check.elements for check in checks) > 3 * 60_000 * 784

    def test_against_another_framework_the_same_contracts_hold(self, sound: Observed) -> None:
        assert not failed(model.outputs(CASE, sound.model, sound.model, sound.oracle))
        assert not failed(train.weights(CASE, sound.train, sound.train, sound.oracle))
        assert not failed(train.losses(CASE, sound.train, sound.train, sound.oracle))
        assert not failed(evaluate.predicted(CASE, sound.train, sound.train, sound.oracle))


class TestData:
    def first(self, observed: Observation, sound: Observation, epoch: bool = False) -> Divergence:
        found = first_divergence(data_checks(observed, sound, epoch))
        assert found is not None
        assert (found.step, found.verdict) == (Step.DATA, Verdict.BREAK)
        return found

    def test_one_wrong_label_among_60_000(self, full_data: Observation) -> None:
        label = int(full_data.tensors["data/train/labels"][31337])
        wrong = with_element(full_data, "data/train/labels", (31337,), (label + 1) % 10)
        found = self.first(wrong, full_data)
        assert (found.tensor, found.index) == ("data/train/labels", (31337,))
        contracts = {check.contract for check in failed(data_checks(wrong, full_data))}
        assert contracts == {"equality/train/labels", "class_counts/train"}

    def test_two_labels_exchanged(self, full_data: Observation) -> None:
        labels = np.array(full_data.tensors["data/test/labels"])
        other = int(np.argmax(labels != labels[0]))
        labels[[0, other]] = labels[[other, 0]]
        assert self.first(with_tensor(full_data, "data/test/labels", labels), full_data).index == (0,)

    def test_one_flipped_pixel(self, full_data: Observation) -> None:
        name, index = "data/train/images", (59_999, 13, 14)
        wrong = with_element(full_data, name, index, full_data.tensors[name][index] ^ 1)
        found = self.first(wrong, full_data)
        assert (found.tensor, found.index) == (name, index)

    def test_256_instead_of_255(self, full_data: Observation) -> None:
        images = full_data.tensors["data/test/images"].reshape(10_000, -1).astype(np.float32)
        assert (
            self.first(with_tensor(full_data, "data/test/inputs", images / 256), full_data).tensor == "data/test/inputs"
        )

    def test_a_product_instead_of_a_quotient(self, full_data: Observation) -> None:
        levels = np.arange(256, dtype=np.float32) * np.float32(1 / 255)
        wrong = with_tensor(full_data, "data/inside/levels", levels)
        assert self.first(wrong, full_data).tensor == "data/inside/levels"

    @pytest.mark.parametrize(
        ("part", "change", "contract"),
        [
            ("inputs", lambda inputs: inputs.astype(np.float64), "equality/test/inputs"),
            ("inputs", lambda inputs: inputs[:-1], "equality/test/inputs"),
            ("one_hot", lambda one_hot: one_hot.T, "equality/test/one_hot"),
            ("images", lambda images: images.transpose(0, 2, 1), "equality/test/images"),
            ("labels", lambda labels: labels[::-1], "equality/test/labels"),
            ("labels", lambda labels: labels + 1, "range/test"),
        ],
    )
    def test_wrong_forms(self, full_data: Observation, part: str, change: Callable[[Any], Any], contract: str) -> None:
        name = f"data/test/{part}"
        wrong = with_tensor(full_data, name, change(full_data.tensors[name]))
        checks = [*data.equality(FULL_CASE, wrong, full_data), *data.shapes(FULL_CASE, wrong)]
        checks += data.values(FULL_CASE, wrong)
        assert contract in {check.contract for check in failed(checks)}

    def test_a_dtype_that_only_the_framework_has(self, full_data: Observation) -> None:
        wrong = with_facts(full_data, dtypes={**full_data.facts["dtypes"], "train/inputs": "bfloat16"})
        (found,) = failed(data.shapes(FULL_CASE, wrong))
        assert found.reason == "inputs is bfloat16, expected float32"

    def test_the_dtype_of_labels_is_known_of_the_reference_alone(self, full_data: Observation) -> None:
        wrong = with_facts(full_data, dtypes={**full_data.facts["dtypes"], "train/labels": "int16"})
        (found,) = failed(data.shapes(FULL_CASE, wrong))
        assert found.reason == "labels is int16, expected uint8"
        user_s = Case(replace(MNIST_MLP, modules={"pytorch": "mine"}), "pytorch")
        assert not failed(data.shapes(user_s, wrong))

    @pytest.mark.parametrize("dataset", ["mine", "mnist"])
    def test_of_another_data_set_or_a_part_no_class_counts_are_known(self, dataset: str) -> None:
        workload = replace(WORKLOAD, dataset=dataset, image_shape=(2, 3), train_examples=2, test_examples=2)
        split = {
            "images": np.array([[[0] * 3] * 2, [[255] * 3] * 2], np.uint8),
            "labels": np.array([0, 9]),
            "one_hot": np.eye(10, dtype=np.float32)[[0, 9]],
            "inputs": np.array([[0.0] * 6, [1.0] * 6], np.float32),
        }
        tensors = {f"data/{name}/{part}": array for name in ("train", "test") for part, array in split.items()}
        dtypes = {name.removeprefix("data/"): str(array.dtype) for name, array in tensors.items()}
        observed = Observation(Key("short", "numpy", "data"), {"dtypes": dtypes}, tensors)
        case = replace(CASE, workload=workload)
        checks = [*data.shapes(case, observed), *data.values(case, observed)]
        assert not [check.reason for check in checks if check.failed and not check.contract.startswith("dtypes/")]
        assert not [check.contract for check in checks if check.contract.startswith("class_counts/")]

    def test_last_batch_dropped(self, full_data: Observation) -> None:
        wrong = with_facts(full_data, first_epoch=full_data.facts["first_epoch"][:-1])
        (found,) = failed(data.batches(FULL_CASE, wrong))
        assert found.verdict is Verdict.BREAK

    def test_last_batch_padded(self, full_data: Observation) -> None:
        epoch = full_data.facts["first_epoch"]
        wrong = with_facts(full_data, first_epoch=[*epoch[:-1], {**epoch[-1], "size": 64}])
        (found,) = failed(data.batches(FULL_CASE, wrong))
        assert found.where is not None
        assert (found.where.index, found.where.value, found.where.other) == ((937,), 64, 32)

    def test_pixels_flattened_in_another_order(self, full_data: Observation) -> None:
        images = full_data.tensors["data/inside/inputs"].reshape(-1, 28, 28)
        inputs = np.ascontiguousarray(images.transpose(0, 2, 1)).reshape(len(images), -1)
        (found,) = failed(data_checks(with_tensor(full_data, "data/inside/inputs", inputs), full_data))
        assert (found.contract, found.verdict) == ("order_inside", Verdict.BREAK)
        assert (found.where and found.where.tensor) == "data/inside/inputs"

    def test_two_batches_swapped(self, full_data: Observation) -> None:
        epoch = list(full_data.facts["first_epoch"])
        epoch[500:502] = epoch[501], epoch[500]
        found = self.first(with_facts(full_data, first_epoch=epoch), full_data, epoch=True)
        assert (found.tensor, found.index) == ("data/batches", (500,))
        assert "2 of 938 batches differ, the first is batch 500" in found.reason

    def test_a_second_pass_that_ends_early(self, full_data: Observation) -> None:
        wrong = with_facts(full_data, second_epoch=full_data.facts["second_epoch"][:-3])
        (found,) = failed(data_checks(wrong, full_data, epoch=True))
        assert (found.contract, found.reason) == (
            "second_epoch",
            "3 of 938 batches differ, the first is batch 935",
        )

    @pytest.mark.parametrize(
        ("change", "contracts"),
        [
            (lambda first, second: (first, first), ["shuffled/anew"]),
            (lambda first, second: (np.arange(60_000), second), ["shuffled/order"]),
            (lambda first, second: (first % 200, second), ["shuffled/each_once/1"]),
            (lambda first, second: (first, second[:-1]), ["shuffled/each_once/2"]),
        ],
    )
    def test_shuffled_badly(self, full_data: Observation, change: Callable[..., Any], contracts: list[str]) -> None:
        names = [f"data/shuffled/{number}" for number in (1, 2)]
        wrong = full_data
        for name, order in zip(names, change(*(full_data.tensors[name] for name in names)), strict=True):
            wrong = with_tensor(with_tensor(wrong, name, order), f"{name}/labels", order)
        found = failed(data_checks(wrong, full_data))
        assert [check.contract for check in found] == contracts
        kind = Kind.EXACT if "each_once" in contracts[0] else Kind.STATISTICAL
        assert [(check.kind, check.verdict) for check in found] == [(kind, Verdict.BREAK)]
        assert found[0].where is not None
        assert found[0].where.tensor == f"data/{contracts[0].replace('each_once/', '')}"
        if kind is Kind.STATISTICAL:
            assert found[0].measured is not None
            assert found[0].measured < (found[0].allowed or 0) == 5e-7
            assert "rank correlation with the order of the data set 1: p = 0" in found[0].reason

    def test_shuffled_without_the_labels(self, full_data: Observation) -> None:
        wrong = with_tensor(full_data, "data/shuffled/2/labels", np.arange(60_000))
        (found,) = failed(data_checks(wrong, full_data))
        assert (found.contract, found.kind, found.verdict) == ("shuffled/labels/2", Kind.EXACT, Verdict.BREAK)
        assert (found.where and found.where.tensor) == "data/shuffled/2/labels"

    def test_shuffled_into_other_batches(self, full_data: Observation) -> None:
        sizes = full_data.facts["shuffled_sizes"]
        wrong = with_facts(full_data, shuffled_sizes={**sizes, "1": [32] * 1_875})
        (found,) = failed(data_checks(wrong, full_data))
        assert (found.contract, found.kind, found.verdict) == ("shuffled/batches/1", Kind.EXACT, Verdict.BREAK)

    def test_a_single_example_is_in_no_order(self, full_data: Observation) -> None:
        one = {f"data/shuffled/{name}": np.zeros(1, int) for name in ("1", "1/labels", "2", "2/labels")}
        observed = replace(full_data, tensors=one, facts={"shuffled_sizes": {"1": [1], "2": [1]}})
        checks = list(data.shuffled(replace(FULL_CASE, workload=replace(MNIST_MLP, train_examples=1)), observed))
        assert len(checks) == 6
        assert not failed(checks)

    def test_two_examples_are_in_an_order(self, full_data: Observation) -> None:
        two = {f"data/shuffled/{name}": np.array([1, 0]) for name in ("1", "1/labels", "2", "2/labels")}
        observed = replace(full_data, tensors=two, facts={"shuffled_sizes": {"1": [2], "2": [2]}})
        checks = list(data.shuffled(replace(FULL_CASE, workload=replace(MNIST_MLP, train_examples=2)), observed))
        assert [check.contract for check in checks][-2:] == ["shuffled/order", "shuffled/anew"]

    def test_of_a_user_s_batches_one_pass_is_enough(self, full_data: Observation) -> None:
        once = with_facts(full_data, second_epoch=[])
        assert [check.contract for check in failed(data.in_order(FULL_CASE, once, full_data))] == ["second_epoch"]
        user_s = Case(replace(MNIST_MLP, modules={"pytorch": "mine"}), "pytorch")
        assert not failed(data.in_order(user_s, once, full_data))


class TestModel:
    def test_weights_transposed(self, runs: ShortRuns, sound: Observed) -> None:
        kernel = {"output/kernel": np.ascontiguousarray(draw(WORKLOAD, 0)["output/kernel"].T)}
        wrong = replace(
            sound,
            model=runs.faulty("model", weights=kernel),
            objective=runs.faulty("objective", weights=kernel),
            train=runs.faulty("train", weights=kernel),
        )
        found = wrong.first()
        assert (found.tensor, found.verdict) == ("model/initial_weights/output/kernel", Verdict.BREAK)
        assert "logits" in {check.contract for check in failed(wrong.checks())}

    def test_probabilities_that_are_logits(self, sound: Observed) -> None:
        wrong = with_tensor(sound.model, "model/probabilities", sound.model.tensors["model/logits"])
        assert replace(sound, model=wrong).first().tensor == "model/probabilities"

    def test_one_logit_that_is_not_a_number(self, sound: Observed) -> None:
        found = replace(sound, model=with_element(sound.model, "model/logits", (9_999, 9), np.nan)).first()
        assert (found.tensor, found.index, found.verdict) == ("model/logits", (9_999, 9), Verdict.BREAK)

    def test_one_weight_that_is_not_the_one_given(self, sound: Observed) -> None:
        wrong = with_element(sound.model, "model/initial_weights/hidden/kernel", (0, 3), 0.0)
        found = replace(sound, model=wrong).first()
        assert (found.tensor, found.index, found.verdict) == (
            "model/initial_weights/hidden/kernel",
            (0, 3),
            Verdict.BREAK,
        )

    def test_a_bias_that_is_added_twice(self, sound: Observed) -> None:
        """Nothing else of the model step shows it: the biases start at zero."""
        name = "model/with_biases/logits"
        twice = sound.model.tensors[name] + np.linspace(-0.5, 0.5, 10, dtype=np.float32)
        found = replace(sound, model=with_tensor(sound.model, name, twice)).first()
        assert (found.tensor, found.verdict) == (name, Verdict.DRIFT)

    @pytest.mark.parametrize("broken", ["repeats", "differs"])
    def test_a_seed_that_has_no_say(self, sound: Observed, broken: str) -> None:
        seeding = {**sound.model.facts["seeding"], "glorot": {"repeats": True, "differs": True, broken: False}}
        check = model.seeding(CASE, with_facts(sound.model, seeding=seeding))
        assert (check.verdict, check.reason) == (Verdict.BREAK, f"glorot {broken} is False, expected True")

    def test_a_model_of_ones_own_may_bring_its_weights(self, sound: Observed) -> None:
        brought = {"shipped": {"repeats": True, "differs": False}, "glorot": {"repeats": True, "differs": True}}
        observed = with_facts(sound.model, seeding=brought)
        reference = replace(CASE, framework="pytorch", workload=MNIST_MLP)
        own = replace(reference, workload=replace(MNIST_MLP, modules={"pytorch": "own.py"}))
        assert model.seeding(reference, observed).reason == "shipped differs is False, expected True"
        assert not model.seeding(own, observed).failed

    @pytest.mark.parametrize("source", ["shipped", "glorot"])
    def test_a_framework_is_seeded_for_its_own_weights_and_glorot_s(self, source: str) -> None:
        case, right = replace(CASE, framework="pytorch"), {"repeats": True, "differs": True}
        said = {"shipped": right, "glorot": right}

        def judged(seeding: dict[str, dict[str, bool]]) -> Check:
            return model.seeding(case, Observation(Key("short", "pytorch", "model"), {"seeding": seeding}, {}))

        assert (judged(said).verdict, judged(said).elements) == (Verdict.IDENTICAL, 4)
        wrong = judged({**said, source: {"repeats": True, "differs": False}})
        assert (wrong.verdict, wrong.reason) == (Verdict.BREAK, f"{source} differs is False, expected True")

    def test_outputs_of_another_dtype(self, sound: Observed) -> None:
        name = "model/probabilities"
        wrong = with_tensor(sound.model, name, sound.model.tensors[name].astype(np.float64))
        (found,) = failed(replace(sound, model=wrong).checks())
        assert (found.contract, found.reason) == ("dtypes", "model/probabilities is float64, expected float32")
        assert not model.dtypes(CASE, wrong, wrong).failed
        assert model.dtypes(CASE, sound.model, wrong).reason == "model/probabilities is float32, expected float64"

    @pytest.mark.parametrize("used", [{"hidden/bias": False}, {}])
    def test_a_parameter_that_is_not_used(self, sound: Observed, used: dict[str, bool]) -> None:
        facts = {**sound.model.facts["used"], **used} if used else {}
        check = model.parameters_used(CASE, with_facts(sound.model, used=facts))
        assert check.verdict is Verdict.BREAK
        assert check.reason.startswith("hidden/bias is False" if used else "hidden/kernel is absent")

    def test_logits_missing(self, sound: Observed) -> None:
        found = replace(sound, model=without(sound.model, "inside/logits")).first()
        assert found.verdict is Verdict.BREAK
        assert found.reason == "model/inside/logits: is missing in what was observed of numpy"

    @pytest.mark.parametrize(
        "layers", [{"hidden": 7840, "output": 110}, {"hidden": 7850}, {"hidden": 7850, "output": 110, "more": 1}]
    )
    def test_another_parameter_count(self, sound: Observed, layers: dict[str, int]) -> None:
        wrong = with_facts(sound.model, layers=layers)
        assert [check.contract for check in failed(model.parameter_count(CASE, wrong))] == [
            "parameter_count",
            "parameter_total",
        ]

    def test_layers_without_parameters_do_not_count(self, sound: Observed) -> None:
        assert not failed(
            model.parameter_count(CASE, with_facts(sound.model, layers={**sound.model.facts["layers"], "flatten": 0}))
        )

    def test_another_shape(self, sound: Observed) -> None:
        name = "model/shipped/0/hidden/kernel"
        wrong = with_tensor(sound.model, name, sound.model.tensors[name].T)
        (found,) = failed(model.parameter_shapes(CASE, wrong))
        assert found.reason == "hidden/kernel is (10, 784), expected (784, 10)"
        (found,) = failed(model.parameter_shapes(CASE, without(sound.model, "shipped/0/output/bias")))
        assert found.reason == "output/bias is absent, expected (10,)"

    @pytest.fixture
    def drawing(self, sound: Observed) -> Observation:
        """NumPy ships Glorot's law, as Keras does, but from one seed: here from every seed."""
        drawn = {name: array for name, array in sound.model.tensors.items() if name.startswith("model/glorot/")}
        shipped = {name.replace("glorot", "shipped"): array for name, array in drawn.items()}
        return replace(sound.model, tensors={**sound.model.tensors, **shipped})

    def test_initialisation(self, drawing: Observation) -> None:
        keras = replace(CASE, framework="tensorflow")
        checks = list(model.initialisations(keras, drawing))
        assert len(checks) == 8
        assert not failed(checks)
        bias = next(check for check in checks if check.contract == "initialisation/shipped/output/bias")
        assert (bias.measured, bias.allowed, bias.elements, bias.kind) == (1.0, 1e-6 / 10, 50, Kind.STATISTICAL)
        assert (bias.where, bias.details) == (Where("model/shipped/output/bias"), {"law": "zeros"})
        assert bias.reason == "50 values are zero"
        torch = replace(CASE, framework="pytorch")
        assert {check.contract for check in failed(model.initialisations(torch, drawing))} >= {
            "initialisation/shipped/hidden/kernel",
            "initialisation/shipped/hidden/bias",
        }

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("glorot/hidden/kernel", lambda kernel: kernel * 1.1),
            ("glorot/hidden/kernel", lambda kernel: kernel + 0.01),
            ("glorot/hidden/kernel", lambda kernel: np.clip(kernel, -0.07, 0.07)),
            ("shipped/output/bias", lambda bias: bias + 1e-3),
            ("shipped/hidden/kernel", lambda kernel: kernel * np.nan),
        ],
    )
    def test_another_law(self, drawing: Observation, name: str, change: Callable[[Any], Any]) -> None:
        source, _, parameter = name.partition("/")
        wrong = drawing
        for number in range(DRAWS):
            drawn = f"model/{source}/{number}/{parameter}"
            wrong = with_tensor(wrong, drawn, change(drawing.tensors[drawn]))
        found = failed(model.initialisations(replace(CASE, framework="tensorflow"), wrong))
        assert [check.contract for check in found] == [f"initialisation/{name}"]

    def test_biases_of_one_sign(self, drawing: Observation) -> None:
        """Ten numbers that happen to be positive are nothing unusual; fifty are."""
        rng, bound = np.random.default_rng(0), 1 / np.sqrt(10)

        def judged(lowest: float) -> list[str]:
            observed = drawing
            for number in range(DRAWS):
                drawn = rng.uniform(lowest, bound, 10).astype(np.float32)
                observed = with_tensor(observed, f"model/shipped/{number}/output/bias", drawn)
            found = failed(model.initialisations(replace(CASE, framework="pytorch"), observed))
            return [check.contract for check in found if check.contract.endswith("shipped/output/bias")]

        assert judged(lowest=-bound) == []
        assert judged(lowest=0.0) == ["initialisation/shipped/output/bias"]

    def test_pytorch_draws_by_what_goes_in(self) -> None:
        bounds = {name: law.name for name, law in model.shipped_laws("pytorch", WORKLOAD).items()}
        hidden, output = "uniform ±0.0357143", "uniform ±0.316228"  # 1 / sqrt(784) and 1 / sqrt(10)
        assert bounds == {
            "hidden/kernel": hidden,
            "hidden/bias": hidden,
            "output/kernel": output,
            "output/bias": output,
        }

    def test_the_weights_of_the_case_s_own_seed_are_taken(self, sound: Observed) -> None:
        given = {f"model/initial_weights/{name}": array for name, array in draw(WORKLOAD, 5).items()}
        observed = replace(sound.model, tensors={**sound.model.tensors, **given})
        found = list(model.weights_taken(replace(CASE, seed=5), observed))
        assert {(check.verdict, check.kind) for check in found} == {(Verdict.IDENTICAL, Kind.EXACT)}
        wrong = {check.contract for check in failed(model.weights_taken(CASE, observed))}
        assert wrong == {"initial_weights/hidden/kernel", "initial_weights/output/kernel"}


class TestObjective:
    def test_the_dtypes_are_those_of_the_other_side(self, sound: Observed) -> None:
        loss = sound.objective.tensors["objective/loss"].astype(np.float64)
        wide = with_tensor(sound.objective, "objective/loss", loss)
        assert not objective.dtypes(CASE, wide, wide).failed
        assert objective.dtypes(CASE, wide).reason == "objective/loss is float64, expected float32"

    def test_a_learning_rate_that_says_so(self, runs: ShortRuns, sound: Observed) -> None:
        faster = replace(WORKLOAD, learning_rate=0.01001)
        found = replace(
            sound, objective=runs.faulty("objective", workload=faster), train=runs.faulty("train", workload=faster)
        ).first()
        assert (found.step, found.verdict) == (Step.OBJECTIVE, Verdict.BREAK)
        assert "configuration/learning_rate" in found.id

    def test_updates_that_are_counted_wrongly(self, sound: Observed) -> None:
        facts = {**sound.objective.facts["configuration"], "updates": 2}
        found = failed(objective.configuration(CASE, with_facts(sound.objective, configuration=facts)))
        assert [(check.contract, check.verdict) for check in found] == [("configuration/updates", Verdict.BREAK)]

    def test_a_loss_of_another_dtype(self, sound: Observed) -> None:
        loss = sound.objective.tensors["objective/loss"].astype(np.float64)
        wrong = replace(sound, objective=with_tensor(sound.objective, "objective/loss", loss))
        (found,) = failed(wrong.checks())
        assert (found.contract, found.reason) == ("dtypes", "objective/loss is float64, expected float32")

    @pytest.mark.parametrize("factor", [1.001, 1.0001, 0.9999])
    def test_a_learning_rate_that_hides(self, runs: ShortRuns, sound: Observed, factor: float) -> None:
        other = replace(WORKLOAD, learning_rate=0.01 * factor)
        configuration = sound.objective.facts["configuration"]
        wrong = replace(
            sound,
            objective=with_facts(runs.faulty("objective", workload=other), configuration=configuration),
            train=runs.faulty("train", workload=other),
        )
        found = wrong.first()
        assert (found.step, found.verdict) == (Step.OBJECTIVE, Verdict.DRIFT)
        assert found.tensor.startswith("objective/updated/")
        drifted = {check.contract: check for check in failed(wrong.checks())}
        # Zero before the first update, a bias is all learning rate after it.
        bias = drifted["updated/output/bias"]
        assert (bias.measured or 0) > 20 * (bias.allowed or 0)
        assert "weights/000001/output/bias" in drifted

    @pytest.mark.parametrize(
        ("name", "value"), [("momentum", 0.9), ("nesterov", True), ("weight_decay", 1e-4), ("momentum", np.nan)]
    )
    def test_another_configuration(self, sound: Observed, name: str, value: Any) -> None:
        configuration = {**sound.objective.facts["configuration"], name: value}
        (found,) = failed(objective.configuration(CASE, with_facts(sound.objective, configuration=configuration)))
        assert found.verdict is Verdict.BREAK
        assert found.reason.startswith(f"{name} is {value}")

    def test_a_sum_instead_of_a_mean(self, sound: Observed) -> None:
        tensors = {
            name: array * 64 if "/loss" in name or "/gradient/" in name else array
            for name, array in sound.objective.tensors.items()
        }
        assert replace(sound, objective=replace(sound.objective, tensors=tensors)).first().tensor == "objective/loss"

    def test_a_gradient_missing(self, sound: Observed) -> None:
        found = replace(sound, objective=without(sound.objective, "gradient/hidden/bias")).first()
        assert (found.step, found.tensor, found.verdict) == (
            Step.OBJECTIVE,
            "objective/gradient/hidden/bias",
            Verdict.BREAK,
        )

    def test_one_gradient_of_the_wrong_sign(self, sound: Observed) -> None:
        name = "objective/gradient/output/bias"
        found = replace(sound, objective=with_tensor(sound.objective, name, -sound.objective.tensors[name])).first()
        assert found.tensor == name

    def test_edge_cases(self, sound: Observed) -> None:
        cases = sound.objective.facts["edge_cases"]

        def found(**values: float) -> list[Check]:
            other = with_facts(sound.objective, edge_cases={**cases, **values})
            return failed(objective.edge_cases(CASE, other, sound.objective))

        def judged(**values: float) -> list[str]:
            return [check.contract for check in found(**values)]

        assert judged() == []
        assert judged(zero_probability=16.1) == ["edge_cases/zero_probability"]
        assert judged(unnormalised_probabilities=0.693) == ["edge_cases/unnormalised_probabilities"]
        assert judged(saturated_logits=np.nan) == ["edge_cases/saturated_logits"]
        assert judged(one_more=1.0) == ["edge_cases/names"]
        # Only a finite loss where the definition has an infinite one has a size that the ledger may declare.
        assert [check.measured for check in found(zero_probability=16.1)] == [16.1]
        assert [check.measured for check in found(zero_probability=-16.1)] == [None]
        assert [check.measured for check in found(zero_probability=np.nan)] == [None]
        swapped = objective.edge_cases(
            CASE, sound.objective, with_facts(sound.objective, edge_cases={**cases, "zero_probability": 16.1})
        )
        assert [check.measured for check in failed(swapped)] == [None]

    @pytest.mark.parametrize(
        ("ours", "theirs", "verdict", "measured"),
        [
            (1.0, 1.0, Verdict.IDENTICAL, 0.0),
            (1.0, 1.0 + 3 * 2.0**-23, Verdict.ROUNDING, 3 * 2.0**-23),
            (1.0 + 4 * 2.0**-23, 1.0, Verdict.BREAK, 4 * 2.0**-23),
            (0.5, 1.5, Verdict.BREAK, 1.0),
            (-2.0, -2.0 + 3 * 2.0**-22, Verdict.ROUNDING, 3 * 2.0**-22),
            (np.inf, np.inf, Verdict.IDENTICAL, 0.0),
            (np.inf, -np.inf, Verdict.BREAK, np.inf),
            (2.5, np.inf, Verdict.BREAK, 2.5),
            (0.0, np.inf, Verdict.BREAK, 0.0),
            (np.inf, 2.5, Verdict.BREAK, None),
            (np.nan, np.nan, Verdict.BREAK, None),
            (1.0, np.nan, Verdict.BREAK, None),
        ],
    )
    def test_how_far_an_edge_case_may_be_off(
        self, ours: float, theirs: float, verdict: Verdict, measured: float | None
    ) -> None:
        sides = [
            Observation(Key("short", name, "objective"), {"edge_cases": {"e": loss}}, {})
            for name, loss in (("numpy", ours), ("oracle", theirs))
        ]
        names, check = objective.edge_cases(CASE, sides[0], sides[1])
        assert names.verdict is Verdict.IDENTICAL
        assert (check.verdict, check.measured, check.elements, check.kind) == (verdict, measured, 1, Kind.ROUNDING)
        assert check.where is not None
        assert check.where.tensor == "objective/edge_cases/e"
        assert (str(check.where.value), str(check.where.other)) == (str(ours), str(theirs))
        assert np.isfinite([ours, theirs]).all() or check.allowed == 0
        told = "" if verdict is not Verdict.BREAK else f"the loss is {ours:g} in one and {theirs:g} in the other"
        assert check.reason == told

    def test_the_learning_rate_is_compared_in_float32(self, sound: Observed) -> None:
        def verdict(rate: float) -> Verdict:
            configuration = {**sound.objective.facts["configuration"], "learning_rate": rate}
            return next(
                iter(objective.configuration(CASE, with_facts(sound.objective, configuration=configuration)))
            ).verdict

        assert verdict(float(np.float32(WORKLOAD.learning_rate))) is Verdict.IDENTICAL
        assert verdict(float(np.nextafter(np.float32(WORKLOAD.learning_rate), np.float32(1)))) is Verdict.BREAK

    @pytest.mark.parametrize(("updates", "verdict"), [(1, Verdict.IDENTICAL), (2, Verdict.BREAK)])
    def test_the_optimizer_counts_one_update(self, sound: Observed, updates: int, verdict: Verdict) -> None:
        configuration = {**sound.objective.facts["configuration"], "updates": updates}
        found = objective.configuration(CASE, with_facts(sound.objective, configuration=configuration))
        assert [check.verdict for check in found if check.contract == "configuration/updates"] == [verdict]

    def test_what_an_optimizer_does_not_know_is_off(self, sound: Observed) -> None:
        configuration = {**sound.objective.facts["configuration"], "momentum": None, "nesterov": None}
        assert not failed(objective.configuration(CASE, with_facts(sound.objective, configuration=configuration)))


class TestTrain:
    @pytest.mark.parametrize(
        ("framework", "label", "series"),
        [
            ("numpy", "float32", {"losses": 42, "epoch_losses": 2}),
            ("tensorflow", "fit", {"epoch_losses": 1}),
            ("tensorflow", "eager", {"losses": 21}),
            ("pytorch", "tutorial", {"losses": 21}),
            ("pytorch", "loader", {"losses": 21, "epoch_losses": 1}),
        ],
    )
    def test_every_variant_is_judged_by_the_losses_that_it_tells(
        self, sound: Observed, framework: str, label: str, series: dict[str, int]
    ) -> None:
        case = replace(CASE, framework=framework, variant=train_variant(framework, label))
        tensors = {f"train/{name}": sound.train.tensors[f"train/{name}"][:length] for name, length in series.items()}
        found = list(train.losses(case, replace(sound.train, tensors=tensors), sound.oracle, sound.oracle))
        assert {check.contract: check.elements for check in found} == series
        assert not failed(found)
        # Keras sums an epoch's losses in float32, as NumPy's loop does here; the others do not.
        source = "train/epoch_losses" + (filing.SUMMED_IN_FLOAT32 if label in ("float32", "fit") else "")
        means = [check.allowed for check in found if check.contract == "epoch_losses"]
        assert set(means) <= set(np.asarray(filing.allowance_of(source, sound.oracle)).tolist())

    def test_the_first_tenth_of_the_losses_lies_above_the_last(self, sound: Observed) -> None:
        def judged(case: Case, losses: list[float], means: list[float]) -> dict[str, Check]:
            tensors = {"train/losses": np.array(losses), "train/epoch_losses": np.array(means)}
            found = train.loss_decreases(case, Observation(sound.train.key, {}, tensors))
            return {check.contract.rpartition("/")[2]: check for check in found}

        low_in_the_middle = [5.0, 4.0, *[0.0] * 16, 4.0, 4.5]
        fallen = judged(CASE, low_in_the_middle, [2.0, 1.0])
        assert {name: check.verdict for name, check in fallen.items()} == dict.fromkeys(fallen, Verdict.IDENTICAL)
        assert {name: check.elements for name, check in fallen.items()} == {"epochs": 2, "steps": 20}
        assert judged(CASE, [5.0, 3.0, *[0.0] * 16, 4.4, 4.0], [2.0, 1.0])["steps"].failed
        risen = judged(CASE, [3.0, 0.0, 3.0], [2.0, 1.0, 1.0])
        assert {name: check.verdict for name, check in risen.items()} == dict.fromkeys(risen, Verdict.BREAK)
        assert risen["steps"].reason == "the mean loss of the first 1 steps is 3.0000, of the last 3.0000"
        assert risen["epochs"].reason == "the epochs' mean losses are [2. 1. 1.]"
        assert (risen["epochs"].where, risen["steps"].where) == (
            Where("train/epoch_losses", (2,)),
            Where("train/losses"),
        )
        assert list(judged(USER_S, [3.0, 1.0], [1.0, 2.0])) == ["steps"]
        assert list(judged(CASE, [], [1.0])) == []

    def test_losses_are_repeated_as_far_as_both_sides_went(self, sound: Observed) -> None:
        shorter = with_tensor(sound.train, "train/losses", sound.train.tensors["train/losses"][:10])
        for sides in ((sound.repeat, shorter), (shorter, sound.repeat)):
            found = {check.contract: check for check in train.same_bits(CASE, "repeatable", *sides)}
            assert (found["repeatable/losses"].verdict, found["repeatable/losses"].elements) == (Verdict.IDENTICAL, 10)
            assert {check.kind for check in found.values()} == {Kind.EXACT}
        other = with_element(sound.train, "train/losses", (9,), 0.0)
        (check,) = failed(train.same_bits(CASE, "repeatable", other, shorter))
        assert check.where is not None
        assert (check.where.tensor, check.where.value) == ("train/losses", 0.0)
        assert (check.contract, check.where and check.where.index) == ("repeatable/losses", (9,))

    @pytest.mark.parametrize(
        ("fault", "tensor", "training_step"),
        [
            # The gradient of step 7 is wrong, so the loss of step 8 is the first that shows it.
            ("one zero_grad left out", "train/losses", 8),
            ("two batches swapped", "train/losses", 5),
            ("a parameter skipped", "train/weights/000001/output/bias", 1),
            ("not a number", "train/losses", 10),
            # Its 21st step is the first of the second epoch.
            ("last batch dropped", "train/weights/000021/hidden/bias", 21),
        ],
    )
    def test_faulty_training(
        self, runs: ShortRuns, sound: Observed, fault: str, tensor: str, training_step: int
    ) -> None:
        found = sound.trained(runs.faulty("train", fault)).first()
        assert (found.step, found.training_step) == (Step.TRAIN, training_step)
        assert found.tensor.rpartition("/")[0] == tensor.rpartition("/")[0]
        assert found.verdict is (Verdict.BREAK if fault == "not a number" else Verdict.DRIFT)

    def test_dropping_the_last_batch_breaks_the_series(self, runs: ShortRuns, sound: Observed) -> None:
        wrong = sound.trained(runs.faulty("train", "last batch dropped"))
        broken = {check.contract: check.reason for check in wrong.checks() if check.verdict is Verdict.BREAK}
        assert broken["losses"] == "train/losses: shape (40,) where (42,) is expected"
        assert "recorded_weights" in broken

    def test_a_run_that_differs_once_in_the_last_bit(self, sound: Observed) -> None:
        logits = sound.train.tensors["evaluate/logits"]
        name, index = "evaluate/logits", (9_999, 9)
        again = with_element(sound.train, name, index, np.nextafter(logits[index], np.float32(np.inf)))
        (found,) = failed(train.repeats(CASE, again, sound.train))
        assert (found.contract, found.kind) == ("repeatable/logits", Kind.EXACT)
        assert found.where is not None
        assert (found.where.tensor, found.where.index) == (name, index)

    def test_weights_that_change_when_training_ends(self, sound: Observed) -> None:
        name = "train/final_weights/output/bias"
        (found,) = failed(sound.trained(with_element(sound.train, name, (4,), 0.0)).checks())
        assert (found.contract, found.verdict) == ("final_weights/output/bias", Verdict.BREAK)
        assert (found.kind, found.where and found.where.tensor) == (Kind.EXACT, name)
        unrecorded = train.final_weights(CASE, without(sound.train, "weights/000042/output/bias"))
        assert [check.reason for check in failed(unrecorded)] == [
            f"{name}: train/weights/000042/output/bias was not recorded, so nothing was compared"
        ]

    def test_a_missing_recorded_step(self, sound: Observed) -> None:
        wrong = sound.trained(without(sound.train, "/000008/"))
        (found,) = failed(wrong.checks())
        assert (found.contract, found.verdict) == ("recorded_weights", Verdict.BREAK)
        assert found.where is not None
        assert "weights/000008/" in found.where.tensor

    def test_losses_missing(self, sound: Observed) -> None:
        found = failed(train.losses(CASE, without(sound.train, "train/losses"), sound.oracle, sound.oracle))
        assert [check.reason for check in found] == ["train/losses: is missing in what was observed of numpy"]

    def test_one_weight_of_the_last_step(self, sound: Observed) -> None:
        name = f"train/weights/{LAST:06d}/hidden/kernel"
        place = (400, 5)
        wrong = with_element(sound.train, name, place, sound.train.tensors[name][place] + np.float32(1e-4))
        found = sound.trained(wrong).first()
        assert (found.tensor, found.index, found.training_step) == (name, place, LAST)

    def test_a_weight_behind_a_pixel_that_is_always_zero_must_not_move(self, sound: Observed) -> None:
        name = f"train/weights/{LAST:06d}/hidden/kernel"
        moved = np.nextafter(sound.train.tensors[name][0, 0], np.float32(1))
        found = sound.trained(with_element(sound.train, name, (0, 0), moved)).first()
        assert (found.index, found.allowed) == ((0, 0), 0)

    def test_epoch_means_over_batches_instead_of_examples(self, sound: Observed) -> None:
        means = sound.train.tensors["train/losses"].reshape(2, 21).mean(axis=1)
        wrong = sound.trained(with_tensor(sound.train, "train/epoch_losses", means.astype(np.float64)))
        assert [check.contract for check in failed(wrong.checks())] == ["epoch_losses"]

    @pytest.mark.parametrize(
        ("name", "change", "contract"),
        [
            ("train/losses", lambda losses: losses[::-1], "loss_decreases/steps"),
            ("train/losses", np.zeros_like, "loss_decreases/steps"),
            ("train/losses", lambda losses: losses * np.nan, "loss_decreases/steps"),
            ("train/epoch_losses", lambda losses: losses[::-1], "loss_decreases/epochs"),
            ("train/epoch_losses", np.zeros_like, "loss_decreases/epochs"),
        ],
    )
    def test_a_loss_that_does_not_fall(
        self, sound: Observed, name: str, change: Callable[[Any], Any], contract: str
    ) -> None:
        wrong = with_tensor(sound.train, name, change(sound.train.tensors[name]))
        assert contract in {check.contract for check in failed(train.loss_decreases(CASE, wrong))}

    def test_a_repeat_with_other_bits(self, sound: Observed) -> None:
        name = "train/weights/000001/hidden/bias"
        other = with_element(sound.train, name, (3,), np.nextafter(sound.train.tensors[name][3], np.float32(1)))
        (found,) = failed(train.same_bits(CASE, "repeatable", sound.repeat, other))
        assert (found.contract, found.verdict) == ("repeatable/weights/000001/hidden/bias", Verdict.BREAK)

    def test_a_repeat_that_recorded_nothing(self, sound: Observed) -> None:
        nothing = replace(sound.repeat, tensors={"train/losses": np.zeros(0, np.float32)})
        (found,) = train.same_bits(CASE, "repeatable", nothing, sound.train)
        assert (found.contract, found.verdict) == ("repeatable/recorded", Verdict.BREAK)

    def test_a_counterpart_that_did_not_record_all(self, sound: Observed) -> None:
        other = without(sound.train, "/000004/hidden/bias")
        (found,) = failed(train.same_bits(CASE, "repeatable", sound.repeat, other))
        assert (found.contract, found.verdict) == ("repeatable/recorded", Verdict.BREAK)


class TestEvaluate:
    @pytest.mark.parametrize("loss", [10.0, float("nan")])
    def test_a_loss_that_does_not_fall(self, sound: Observed, loss: float) -> None:
        wrong = with_facts(sound.train, losses={"image_by_image": None, "batched": loss})
        found = {check.contract: check.step for check in failed(sound.trained(wrong).checks())}
        assert found == {"loss_decreases": Step.EVALUATE, "loss_recomputed/batched": Step.EVALUATE}

    def test_a_loss_in_which_every_batch_counts_alike(self, sound: Observed) -> None:
        logits = sound.train.tensors["evaluate/logits"].astype(np.float64)
        losses = logsumexp(logits, axis=1) - logits[np.arange(10_000), sound.train.tensors["evaluate/labels"]]
        right, alike = losses.mean(), np.mean([losses[at : at + 64].mean() for at in range(0, 10_000, 64)])

        def judged(loss: float) -> list[Check]:
            wrong = with_facts(sound.train, losses={"batched": float(loss)})
            return failed(evaluate.loss_recomputed(CASE, wrong, sound.oracle))

        assert judged(right) == []
        (found,) = judged(alike)
        assert (found.contract, found.verdict) == ("loss_recomputed/batched", Verdict.DRIFT)

    def test_one_prediction_changed(self, sound: Observed) -> None:
        logits = np.sort(sound.oracle.tensors["evaluate/logits"], axis=1)
        clear = int(np.argmax(logits[:, -1] - logits[:, -2]))
        before = int(sound.train.tensors["evaluate/predictions"][clear])
        wrong = sound.trained(with_element(sound.train, "evaluate/predictions", (clear,), (before + 1) % 10))
        found = wrong.first()
        assert (found.step, found.tensor, found.index) == (Step.EVALUATE, "evaluate/predictions", (clear,))
        assert "predictions" in {check.contract for check in failed(wrong.checks())}

    def test_one_logit(self, sound: Observed) -> None:
        logit = sound.train.tensors["evaluate/logits"][77, 7]
        found = sound.trained(with_element(sound.train, "evaluate/logits", (77, 7), logit + 0.01)).first()
        assert (found.tensor, found.index) == ("evaluate/logits", (77, 7))

    @pytest.mark.parametrize(
        ("reported", "verdict"),
        [
            (lambda accuracy: accuracy * 10_000 / 60_000, Verdict.BREAK),
            (lambda accuracy: accuracy + 1e-4, Verdict.DRIFT),
            (lambda accuracy: 100 * accuracy, Verdict.BREAK),
            (lambda accuracy: float("nan"), Verdict.BREAK),
        ],
        ids=["over the training images", "one image off", "in per cent", "not a number"],
    )
    def test_another_accuracy_than_the_predictions(
        self, sound: Observed, reported: Callable[[float], float], verdict: Verdict
    ) -> None:
        accuracy = sound.train.facts["accuracies"]["batched"]
        wrong = with_facts(sound.train, accuracies={"batched": reported(accuracy)})
        (found,) = failed(evaluate.accuracy_recomputed(CASE, wrong))
        assert (found.contract, found.verdict) == ("accuracy_recomputed/batched", verdict)

    def test_native_accuracies(self, sound: Observed) -> None:
        generator = np.random.default_rng(0)
        labels = sound.oracle.tensors["evaluate/labels"]

        def native(mean: float, seeds: int = 22) -> Observation:
            accuracies = mean + 0.01 * generator.standard_normal(seeds)
            right = generator.random((seeds, labels.size)) < accuracies[:, None]
            predictions = np.where(right, labels, (labels + 1) % 10).astype(np.uint8)
            return Observation(
                Key("short", "numpy", "native", "glorot"),
                {},
                {"native/predictions": predictions, "native/labels": labels},
            )

        good = native(0.864)
        assert not failed(evaluate.accuracy_threshold(CASE, good))
        one_bad = np.array(good.tensors["native/predictions"])
        one_bad[13] = 0
        (found,) = failed(evaluate.accuracy_threshold(CASE, with_tensor(good, "native/predictions", one_bad)))
        assert found.where is not None
        assert found.where.index == (13,)

        def verdict(other: Observation) -> Verdict:
            (check,) = evaluate.equivalent_accuracy(CASE, "equivalence", good, other)
            return check.verdict

        assert verdict(native(0.864)) is Verdict.ROUNDING
        assert verdict(native(0.84)) is Verdict.BREAK
        assert verdict(native(0.864, seeds=2)) is Verdict.DRIFT

    @staticmethod
    def native(*wrong: int) -> Observation:
        """Ten test images, so many of them predicted wrongly by each seed."""
        labels = np.arange(10)
        predictions = np.stack([np.where(labels < count, (labels + 1) % 10, labels) for count in wrong])
        return Observation(
            Key("short", "numpy", "native", "glorot"), {}, {"native/predictions": predictions, "native/labels": labels}
        )

    def test_the_lowest_native_accuracy_meets_the_threshold(self) -> None:
        observed = self.native(1, 0, 2)
        for threshold, verdict, reason in [
            (0.8, Verdict.IDENTICAL, ""),
            (0.81, Verdict.BREAK, "the run of seed 2 reaches 0.8000"),
        ]:
            case = replace(CASE, workload=replace(WORKLOAD, accuracy_threshold=threshold))
            (check,) = evaluate.accuracy_threshold(case, observed)
            assert (check.verdict, check.reason, check.kind) == (verdict, reason, Kind.STATISTICAL)
            assert (check.measured, check.allowed, check.elements) == (0.8, threshold, 30)
            assert check.where == Where("native/accuracy", (2,), value=0.8)
            assert check.details == {"accuracies": [0.9, 1.0, 0.8]}

    def test_the_interval_of_native_accuracies_is_told(self) -> None:
        case = replace(CASE, workload=replace(WORKLOAD, accuracy_margin=0.5))
        (check,) = evaluate.equivalent_accuracy(case, "equivalence", self.native(2, 3, 4), self.native(1, 2, 3, 2))
        assert (check.verdict, check.kind, check.elements) == (Verdict.ROUNDING, Kind.STATISTICAL, 30)
        assert check.measured == pytest.approx(0.1)
        assert check.allowed == 0.5
        assert check.details == {"seeds": [3, 4]}
        assert check.reason.startswith("equivalent: difference -0.1000, 90 % interval -0.2")
        (check,) = evaluate.equivalent_accuracy(CASE, "equivalence", self.native(2, 3, 4), self.native(1, 2, 3))
        assert (check.verdict, check.allowed) == (Verdict.DRIFT, WORKLOAD.accuracy_margin)

    def test_of_a_user_s_job_no_loss_is_known(self, sound: Observed) -> None:
        wrong = with_facts(sound.train, losses={"batched": 10.0})
        assert list(evaluate.loss_decreases(USER_S, wrong)) == []
        assert list(evaluate.loss_recomputed(USER_S, wrong, sound.oracle)) == []

    def test_the_loss_on_the_test_images_is_told(self, sound: Observed) -> None:
        trained = with_tensor(sound.train, "train/epoch_losses", np.array([2.0, 1.0, 1.5]))
        for losses, failing in [
            ({"a": None, "b": 1.4999}, False),
            ({"a": 1.5, "b": 1.0}, True),
            ({"a": None, "b": 1.75}, True),
        ]:
            (check,) = evaluate.loss_decreases(CASE, with_facts(trained, losses=losses))
            assert check.failed == failing
        assert check.reason == "the loss on the test images is 1.7500, the last epoch's mean was 1.5000"

    def test_what_was_recomputed_is_judged_as_it_was_summed(self, sound: Observed) -> None:
        loss, accuracy = float(sound.oracle.tensors["evaluate/loss"]), sound.train.facts["accuracies"]["batched"]
        ways = ("evaluate", "batched")
        observed = with_facts(sound.train, losses=dict.fromkeys(ways, loss), accuracies=dict.fromkeys(ways, accuracy))
        in_float32, otherwise = evaluate.loss_recomputed(CASE, observed, sound.oracle)
        source = f"evaluate/loss{filing.SUMMED_IN_FLOAT32}"
        assert in_float32.allowed == filing.allowance_of(source, sound.oracle)
        assert otherwise.allowed == filing.allowance_of("evaluate/loss", sound.oracle)
        assert in_float32.kind is otherwise.kind is Kind.ROUNDING
        found = list(evaluate.accuracy_recomputed(CASE, observed))
        assert [(check.kind, check.where and check.where.tensor) for check in found] == [
            (Kind.EXACT, f"evaluate/accuracy/{way}") for way in ways
        ]

    def test_ties_are_told_and_the_accuracy_may_differ_by_them(self, sound: Observed) -> None:
        logits = np.zeros((4, 3))
        logits[:, 0] = 1.0
        logits[2, 1] = 1.0
        labels = np.array([0, 0, 1, 0])
        oracle = Observation(
            Key("short", "oracle", "ensemble"),
            {},
            {"evaluate/logits": logits, "deviation/evaluate/logits": np.array([1e-6]), "evaluate/labels": labels},
        )

        def judged(*predicted: int) -> list[Check]:
            observed = Observation(Key("short", "numpy", "train"), {}, {"evaluate/predictions": np.array(predicted)})
            return list(evaluate.predicted(CASE, observed, oracle, oracle))

        predictions, accuracy = judged(0, 0, 1, 0)
        assert (predictions.verdict, accuracy.verdict) == (Verdict.ROUNDING, Verdict.ROUNDING)
        told = [{"label": 1, "examples": 1, "differences": 1, "ties": 1}]
        assert predictions.details == {"ties": 1, "classes": told}
        assert (accuracy.measured, accuracy.allowed, accuracy.contract) == (0.25, 0.25, "locked_accuracy")
        assert accuracy.where == Where("evaluate/accuracy", value=1.0, other=0.75)
        predictions, accuracy = judged(0, 2, 0, 0)
        assert (predictions.verdict, accuracy.verdict) == (Verdict.DRIFT, Verdict.DRIFT)
        assert predictions.kind is accuracy.kind is Kind.ROUNDING


class TestImports:
    SETTINGS: ClassVar = {
        "device": "cpu",
        "intra_op_threads": 1,
        "inter_op_threads": 1,
        "default_dtype": "float32",
        "deterministic": True,
        "tf32": False,
        "subnormals": True,
        "onednn_enabled": True,
        "backend": "torch",
    }
    VERSIONS: ClassVar = {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "2.4.6"}
    LOADED: ClassVar = {"torch": "2.15.0+cu130", "torchvision": "0.29.2", "numpy": "2.4.6"}
    INSTALLED: ClassVar = {"torch": ["2.15.0"], "torchvision": ["0.29.1", "0.29.2+cpu"], "numpy": ["2.4.6"]}
    PYTORCH = replace(CASE, framework="pytorch", partner="", variant=None)

    def observed(self, **facts: Any) -> Observation:
        sound = {
            "versions": self.VERSIONS,
            "loaded": self.LOADED,
            "installed": self.INSTALLED,
            "settings": self.SETTINGS,
            "devices": ["cpu"],
        }
        return Observation(Key("short", "pytorch", "imports"), {**sound, **facts}, {})

    def failures(self, threads: int = 1, **facts: Any) -> list[str]:
        return [check.contract for check in failed(imports.environment(self.PYTORCH, self.observed(**facts), threads))]

    def test_sound(self) -> None:
        assert self.failures() == []

    @pytest.mark.parametrize("package", list(VERSIONS))
    def test_a_version_that_nobody_knows(self, package: str) -> None:
        assert self.failures(versions={**self.VERSIONS, package: ""}) == ["versions"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("device", "cuda"),
            ("intra_op_threads", 2),
            ("inter_op_threads", 0),
            ("default_dtype", "float64"),
            ("deterministic", False),
            ("tf32", True),
            ("tf32", None),
            ("subnormals", False),
            ("onednn_enabled", False),
        ],
    )
    def test_another_setting(self, name: str, value: Any) -> None:
        assert self.failures(settings={**self.SETTINGS, name: value}) == ["settings"]

    def test_a_package_that_is_not_the_installed_one(self) -> None:
        observed = self.observed(loaded={**self.LOADED, "torch": "2.14.1+cu130"})
        (check,) = failed(imports.environment(self.PYTORCH, observed, 1))
        assert (check.contract, check.reason) == ("loaded", "torch is 2.14.1, expected 2.15.0")

    def test_a_package_of_which_no_distribution_is_known_is_not_compared(self) -> None:
        unknown = {name: versions for name, versions in self.INSTALLED.items() if name != "numpy"}
        assert not failed(imports.environment(self.PYTORCH, self.observed(installed=unknown), 1))
        observed = self.observed(installed={**self.INSTALLED, "numpy": []})
        checks = {check.contract: check for check in imports.environment(self.PYTORCH, observed, 1)}
        assert (checks["loaded"].verdict, checks["loaded"].elements) == (Verdict.IDENTICAL, 2)

    def test_keras_has_settings_of_its_own(self) -> None:
        def judged(**changes: Any) -> Check:
            keras = {"dtype_policy": "float32", "image_data_format": "channels_last"}
            observed = self.observed(settings={**self.SETTINGS, **keras, **changes})
            found = imports.environment(replace(self.PYTORCH, framework="tensorflow"), observed, 1)
            return next(check for check in found if check.contract == "settings")

        assert (judged().verdict, judged().elements) == (Verdict.IDENTICAL, 8)
        assert judged(dtype_policy="mixed_float16").failed
        assert judged(image_data_format="channels_first").failed
        assert judged(device="cuda").failed

    def test_other_threads_than_asked_for(self) -> None:
        assert self.failures(threads=4) == ["settings"]

    def test_a_device_that_is_not_there(self) -> None:
        assert self.failures(devices=["gpu"]) == ["device"]

    def test_what_is_missing_is_told(self) -> None:
        observed = self.observed(versions={"numpy": "2.4.6"}, devices=["cuda:0"])
        checks = {check.contract: check for check in imports.environment(self.PYTORCH, observed, 1)}
        assert checks["versions"].reason == "no version of torch, torchvision is known"
        assert checks["device"].reason == "cpu is not among ['cuda:0']"
        assert [checks[name].elements for name in ("versions", "settings", "device")] == [3, 8, 1]

    def test_a_user_s_framework_may_offer_more_variants_and_no_fewer(self) -> None:
        offered = {
            "train": ["compiled", "loader", "mine", "tensors"],
            "evaluate": ["batched", "image_by_image", "mine"],
        }
        fewer = {**offered, "train": ["loader", "mine", "tensors"]}
        user_s = replace(self.PYTORCH, workload=USER_S.workload)
        assert not failed(imports.variants(user_s, self.observed(variants=offered)))
        assert failed(imports.variants(user_s, self.observed(variants=fewer)))
        assert failed(imports.variants(self.PYTORCH, self.observed(variants=offered)))

    def test_variants(self) -> None:
        offered = {"train": ["compiled", "loader", "tensors"], "evaluate": ["batched", "image_by_image"]}
        assert not failed(imports.variants(self.PYTORCH, self.observed(variants=offered)))
        fewer = {**offered, "train": ["loader", "tensors"]}
        assert [check.contract for check in failed(imports.variants(self.PYTORCH, self.observed(variants=fewer)))] == [
            "variants"
        ]

    @pytest.mark.parametrize(
        ("facts", "reason"),
        [
            ({"exception": None, "configuration": {"learning_rate": 0.25}}, None),
            (
                {"exception": None, "configuration": {"learning_rate": 0.01}},
                "SGD(lr=0.25) trains at 0.01: the argument is ignored",
            ),
            (
                {"exception": {"kind": "ValueError", "message": "Argument(s) not recognized: {'lr': 0.25}"}},
                "SGD(lr=0.25) raised ValueError: Argument(s) not recognized: {'lr': 0.25}",
            ),
            (
                {"exception": {"kind": "ValueError", "message": ""}},
                "SGD(lr=0.25) raised ValueError: ",
            ),
        ],
    )
    def test_legacy_arguments(self, facts: dict[str, Any], reason: str | None) -> None:
        observed = Observation(Key("short", "pytorch", "tutorial", "lr=0.25"), facts, {})
        (check,) = objective.legacy_arguments(self.PYTORCH, "lr", observed)
        assert (check.reason or None) == reason
        assert check.failed == (reason is not None)
        rate = "inf" if facts["exception"] else str(facts["configuration"]["learning_rate"])
        assert check.where == Where("optimizer/learning_rate", value=rate, other="0.25")
        assert (check.contract, check.elements, check.allowed) == ("legacy_arguments/lr", 1, 0.0)
        assert check.kind is Kind.EXACT
        assert check.measured == pytest.approx(abs(float(rate) - 0.25))


def test_a_contract_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="data/misspelt is not among the known contracts"):
        filing.holds(CASE, Step.DATA, "misspelt", True, "")


def test_nothing_expected_is_no_pass() -> None:
    check = filing.exactly(CASE, Step.DATA, "shapes/train", {}, {})
    assert (check.verdict, check.elements) == (Verdict.BREAK, 0)
