"""What a contract files: the case, the judge's numbers and place, and the allowance that belongs to the tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import filing
from conformance.divergence import describe
from conformance.failure_text import failure_text
from conformance.judge.comparison import Comparison, broken
from conformance.observations import Key, Observation
from conformance.report.summary import facts
from conformance.variants import complete_variant
from reference.workloads import MNIST_MLP

CASE = Case(MNIST_MLP, "pytorch", "cuda", partner="oracle", variant=complete_variant("pytorch"), seed=3)
KERNEL, BIAS = "train/weights/{:06d}/hidden/kernel", "train/weights/{:06d}/hidden/bias"
Tensors = dict[str, NDArray[Any]]


def observed(tensors: Tensors, framework: str = "pytorch", operation: str = "train") -> Observation:
    return Observation(Key("mnist_mlp", framework, operation), {}, tensors)


def oracle(deviations: Mapping[str, float] | None = None, operation: str = "ensemble") -> Observation:
    """Losses of four steps and two parameters at two steps, with a deviation of 1 unless another is given."""
    tensors: Tensors = {"train/losses": np.array([4.0, 3.0, 2.0, 1.0])}
    tensors |= {form.format(step): np.array([1.0, 2.0]) for form in (KERNEL, BIAS) for step in (1, 2)}
    one_member = {name: np.ones((1, 4) if name == "train/losses" else 1) for name in tensors}
    found = {**one_member, **{name: np.array([value]) for name, value in (deviations or {}).items()}}
    tensors |= {f"deviation/{name}": values for name, values in found.items()}
    return observed(tensors, "oracle", operation)


def rounded(name: str, ours: NDArray[Any], theirs: Observation, formula: Observation, **more: Any) -> Check:
    return filing.rounded(CASE, Step.TRAIN, name, observed({name: ours}), theirs, formula, **more)


def test_a_check_tells_the_case_and_what_the_judge_found() -> None:
    where, first = Where("train/losses", (9,), 10, 3.0, 1.0, 1.0), Where("train/losses", (7,), 8)
    comparison = Comparison(Verdict.DRIFT, 2.0, 0.5, where, 12, "why", first)
    check = filing.file(CASE, Step.TRAIN, "losses", Kind.ROUNDING, comparison, more="detail")
    assert check == Check(
        step=Step.TRAIN,
        contract="losses",
        kind=Kind.ROUNDING,
        subjects=("pytorch", "oracle"),
        verdict=Verdict.DRIFT,
        workload="mnist_mlp",
        framework="pytorch",
        variant=complete_variant("pytorch").label,
        seed=3,
        device="cuda",
        measured=2.0,
        allowed=0.5,
        where=first,
        elements=12,
        reason="why",
        details={
            "more": "detail",
            "largest": {
                "tensor": "train/losses",
                "index": (9,),
                "training_step": 10,
                "value": 3.0,
                "other": 1.0,
                "oracle": 1.0,
            },
        },
    )
    within = filing.file(
        Case(MNIST_MLP, "pytorch"), Step.TRAIN, "losses", Kind.ROUNDING, Comparison(Verdict.ROUNDING, 0.1, 1, where, 1)
    )
    assert (within.where, within.details, within.variant, within.subjects) == (where, {}, "", ("pytorch",))


def test_the_text_tells_the_first_place_from_that_of_the_largest_difference() -> None:
    found = rounded("train/losses", np.array([4, 13, 2, 31], np.float32), oracle(), oracle())
    assert "  measured 30 at [3], allowed 3, 10 times the allowance\n" in failure_text(found)
    assert "  first at train/losses[1], training step 2: 13.0 against 3.0" in failure_text(found)
    assert dict(facts(describe(found)))["measured"] == "30 at [3]"
    alone = rounded("train/losses", np.array([4, 13, 2, 1], np.float32), oracle(), oracle())
    assert "  measured 10, allowed 3," in failure_text(alone)
    assert "  at train/losses[1], training step 2: 13.0 against 3.0" in failure_text(alone)
    assert dict(facts(describe(alone)))["measured"] == "10"


def test_a_loss_is_placed_at_its_training_step() -> None:
    formula = oracle()
    check = rounded("train/losses", np.array([4.0, 3.0, 2.0, 9.0]), formula, formula)
    assert check.where == Where("train/losses", (3,), 4, 9.0, 1.0, 1.0)
    assert (check.contract, check.kind, check.verdict) == ("losses", Kind.ROUNDING, Verdict.DRIFT)
    assert (check.measured, check.allowed, check.elements) == (8.0, 3.0, 4)


def test_only_the_leading_steps_of_a_short_variant_are_compared() -> None:
    formula = oracle()
    ours = np.array([4.0, 3.0])
    assert rounded("train/losses", ours, formula, formula).verdict is Verdict.BREAK
    check = rounded("train/losses", ours, formula, formula, length=2)
    assert (check.verdict, check.elements) == (Verdict.IDENTICAL, 2)
    theirs = observed({"train/losses": np.array([4.0, 3.5, 2.0, 1.0])}, "tensorflow")
    check = rounded("train/losses", ours, theirs, formula, length=2)
    assert (check.verdict, check.measured, check.elements) == (Verdict.ROUNDING, 0.5, 2)


def test_a_weight_is_placed_at_its_training_step_under_the_widest_allowance_so_far() -> None:
    formula = oracle({KERNEL.format(1): 5.0, KERNEL.format(2): 0.5, BIAS.format(1): 50.0})
    for step in (1, 2):
        name = KERNEL.format(step)
        check = rounded(name, np.array([1.0, 22.0]), formula, formula)
        assert check.where == Where(name, (1,), step, 22.0, 2.0, 2.0)
        assert (check.contract, check.measured, check.allowed) == (name.removeprefix("train/"), 20.0, 15.0)
    later = oracle({KERNEL.format(2): 5.0})
    assert filing.allowance_of(KERNEL.format(1), later) == 3.0


def test_another_framework_is_compared_by_the_oracle_s_allowance() -> None:
    name, formula = BIAS.format(2), oracle()
    theirs = observed({name: np.array([1.5, 2.0])}, "tensorflow")
    check = rounded(name, np.array([1.0, 7.0]), theirs, formula)
    assert check.where == Where(name, (1,), 2, 7.0, 2.0, 2.0)
    assert (check.measured, check.allowed, check.verdict) == (5.0, 3.0, Verdict.DRIFT)


def test_where_the_oracle_is_exact_nothing_is_allowed() -> None:
    name, formula = BIAS.format(1), oracle()
    formula = observed({**formula.tensors, f"exact/{name}": np.array([True, False])}, "oracle", "ensemble")
    check = rounded(name, np.array([1.0001, 3.0]), formula, formula)
    assert check.where is not None
    assert (check.verdict, check.where.index, check.allowed) == (Verdict.DRIFT, (0,), 0.0)


def test_a_tensor_may_have_another_name_in_the_oracle() -> None:
    name, formula = "model/inside/logits", oracle()
    ours = observed({name: np.array([1.0, 3.0])})
    check = filing.rounded(CASE, Step.MODEL, name, ours, formula, formula, oracle_name=BIAS.format(1))
    assert check.where == Where(name, (1,), None, 3.0, 2.0, 2.0)
    assert (check.contract, check.verdict) == ("inside/logits", Verdict.ROUNDING)


def test_what_a_side_lacks_is_said_of_that_side() -> None:
    name, formula, nothing = BIAS.format(1), oracle(), observed({}, "tensorflow")
    theirs = observed({name: np.ones(2)}, "tensorflow")
    for sides, lacking in [
        ((observed({}), nothing), "pytorch and tensorflow"),
        ((observed({}), formula), "pytorch"),
        ((observed({}), theirs), "pytorch"),
        ((observed({name: np.ones(2)}), nothing), "tensorflow"),
    ]:
        check = filing.rounded(CASE, Step.TRAIN, name, *sides, formula)
        assert (check.verdict, check.elements, check.kind) == (Verdict.BREAK, 0, Kind.ROUNDING)
        assert check.contract == name.removeprefix("train/")
        assert check.reason == f"{name}: is missing in what was observed of {lacking}"


def test_a_framework_that_vouches_for_itself_is_no_oracle() -> None:
    name, itself = BIAS.format(1), oracle(operation="self_ensemble")
    kinds = {
        rounded(name, np.array([1.0, 2.0]), itself, itself).kind,
        filing.rounded(CASE, Step.TRAIN, name, observed({}), itself, itself).kind,
    }
    assert kinds == {Kind.SELF_CONSISTENCY}


def test_values_under_names_are_told_apart() -> None:
    check = filing.exactly(CASE, Step.DATA, "shapes/train", {"a": 1, "c": 4, "d": 5}, {"a": 1, "b": 2, "c": 3})
    assert (check.verdict, check.measured, check.allowed, check.elements) == (Verdict.BREAK, 3.0, 0.0, 3)
    assert check.where == Where("data/shapes/train/b", value="absent", other="2")
    assert (check.reason, check.kind) == ("b is absent, expected 2", Kind.EXACT)
    more = filing.exactly(CASE, Step.DATA, "shapes/train", {"a": 1, "d": 5}, {"a": 1})
    assert (more.reason, more.measured) == ("d is 5, expected absent", 1.0)
    same = filing.exactly(CASE, Step.DATA, "shapes/train", {"a": 1}, {"a": 1})
    assert (same.verdict, same.measured, same.where, same.reason) == (Verdict.IDENTICAL, 0.0, None, "")
    nothing = filing.exactly(CASE, Step.DATA, "shapes/train", {"a": 1}, {})
    assert (nothing.verdict, nothing.reason) == (Verdict.BREAK, "nothing was expected, so nothing was compared")


def test_dtypes_are_those_of_the_other_side_or_float32() -> None:
    ours = observed({"a": np.zeros(2, np.float32), "b": np.zeros(2, np.float64), "c": np.zeros(2, np.float16)})
    check = filing.dtypes(CASE, Step.MODEL, ["a", "b", "missing"], ours, None)
    assert (check.reason, check.measured, check.elements) == ("b is float64, expected float32", 1.0, 2)
    assert (check.step, check.contract, check.kind) == (Step.MODEL, "dtypes", Kind.EXACT)
    assert filing.dtypes(CASE, Step.MODEL, ["a"], ours, None).verdict is Verdict.IDENTICAL
    theirs = observed({"b": np.zeros(2, np.float64)}, "tensorflow")
    assert filing.dtypes(CASE, Step.MODEL, ["a", "b"], ours, theirs).verdict is Verdict.IDENTICAL
    assert filing.dtypes(CASE, Step.MODEL, ["c"], ours, theirs).reason == "c is float16, expected float32"


def test_a_value_is_compared_to_the_bit() -> None:
    check = filing.exactly(CASE, Step.DATA, "batches", np.array([64, 32]), np.array([64, 64]))
    assert check.where == Where("data/batches", (1,), value=32.0, other=64.0)
    assert (check.verdict, check.kind, check.measured, check.elements) == (Verdict.BREAK, Kind.EXACT, 32.0, 2)


def test_a_rule_that_holds_says_nothing() -> None:
    place = Where("train/losses", (4,))
    kept = filing.holds(CASE, Step.TRAIN, "loss_decreases/steps", True, "why", 7, place)
    assert (kept.verdict, kept.measured, kept.allowed) == (Verdict.IDENTICAL, 0.0, 0.0)
    assert (kept.elements, kept.reason, kept.where) == (7, "", None)
    broken_rule = filing.holds(CASE, Step.TRAIN, "loss_decreases/steps", False, "why", 7, place)
    assert (broken_rule.verdict, broken_rule.measured, broken_rule.allowed) == (Verdict.BREAK, 1.0, 0.0)
    assert (broken_rule.elements, broken_rule.reason, broken_rule.where) == (7, "why", place)
    assert broken_rule.kind is kept.kind is Kind.EXACT
    assert filing.holds(CASE, Step.TRAIN, "loss_decreases/steps", True, "").elements == 1


@pytest.mark.parametrize("name", ["misspelt", "Batches"])
def test_a_break_of_an_unknown_contract_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"data/{name} is not among the known contracts"):
        filing.file(CASE, Step.DATA, name, Kind.EXACT, broken("x", "y"))
