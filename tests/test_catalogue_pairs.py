"""What must hold of an entry in two frameworks, or two versions of one, and how one tensor is compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.catalogue.expected import Expected, expected
from conformance.checks import Check, Kind, Verdict, Where
from conformance.contracts import catalogue as contracts
from conformance.observations import Observation
from reference.catalogue.entries import INFERENCE, Divergence, Entry
from tests.catalogue_observations import (
    SCALED,
    TWO_MODES,
    case,
    failing,
    lacking,
    observation,
    observed,
    oracle,
    scaled,
    spoiled,
    the,
)

ERROR = {"kind": "TypeError", "message": "no such argument", "traceback": "line 7"}
OUTPUT, DOUBLED = "Scaled/inference/output", "Scaled/doubled/output"
INFINITE = np.inf
Values = NDArray[Any]


def paired(ours: Observation, theirs: Observation, entry: Entry = SCALED) -> list[Check]:
    return list(contracts.pair(case("tensorflow", "pytorch", entry), ours, theirs, oracle(entry)))


def test_frameworks_are_compared_in_one_layout_and_by_their_divergences() -> None:
    checks = paired(observed("tensorflow"), observed("pytorch"))
    names = ["output", "gradient/input/x", "gradient/weight/weight", "dtypes", "diverges/doubled"]
    assert sorted(check.contract for check in checks) == sorted(f"catalogue/Scaled/{name}" for name in names)
    assert failing(checks) == ["catalogue/Scaled/diverges/doubled"]
    moved = scaled(observed("tensorflow"), "Scaled/inference/gradient/weight/kernel")
    assert "catalogue/Scaled/gradient/weight/weight" in failing(paired(moved, observed("pytorch")))


@pytest.mark.parametrize("at_fault", ["tensorflow", "pytorch", "oracle"])
def test_a_pair_of_which_one_side_raised_is_one_break(at_fault: str) -> None:
    sides = {"tensorflow": observed("tensorflow"), "pytorch": observed("pytorch"), "oracle": oracle()}
    sides[at_fault] = observation(at_fault, {"error": ERROR}, {})
    (check,) = contracts.pair(case("tensorflow", "pytorch"), *sides.values())
    assert (check.contract, check.verdict) == ("catalogue/Scaled/observed", Verdict.BREAK)
    assert f"{at_fault} raised TypeError: no such argument" in check.reason


def test_versions_of_one_framework_are_compared_without_divergences() -> None:
    good = observed("pytorch")
    subject = case("pytorch", "pytorch@baseline")
    assert failing(contracts.pair(subject, good, good, oracle())) == []
    bad = scaled(good, "Scaled/inference/gradient/weight/weight")
    for sides in ((good, bad), (bad, good)):
        checks = list(contracts.pair(subject, *sides, oracle()))
        assert failing(checks) == ["catalogue/Scaled/gradient/weight/weight"]
        assert not any("diverges" in check.contract for check in checks)


def test_what_one_side_alone_was_observed_of_is_missing_on_the_other() -> None:
    ours, theirs = observed("tensorflow"), observed("pytorch")
    mine = the("output", paired(lacking(ours, OUTPUT), theirs))
    other = the("output", paired(ours, lacking(theirs, OUTPUT)))
    assert mine.reason == "output: was not observed"
    assert other.reason == "output: was not observed of pytorch"
    assert (other.kind, other.verdict) == (Kind.ROUNDING, Verdict.BREAK)
    neither = paired(lacking(ours, OUTPUT), lacking(theirs, OUTPUT))
    assert "catalogue/Scaled/output" not in {check.contract for check in neither}


def test_both_modes_of_a_pair_are_compared_each_with_its_own() -> None:
    ours, theirs = observed("tensorflow", TWO_MODES), observed("pytorch", TWO_MODES)
    assert failing(paired(ours, theirs, TWO_MODES)) == ["catalogue/Scaled/diverges/doubled"]
    assert the("training/dtypes", paired(ours, theirs, TWO_MODES)).elements == 1
    for bad in (scaled(theirs, "Scaled/training/output"), lacking(theirs, "Scaled/training/output")):
        assert "catalogue/Scaled/training/output" in failing(paired(ours, bad, TWO_MODES))


def test_outputs_of_another_dtype_fail_but_not_gradients() -> None:
    dtypes = {"output": "float16", "gradient/input/x": "float64"}
    mode = {"calls": 20, "different": [], "constant": [], "dtypes": dtypes}
    checks = paired(observed("tensorflow", modes={"inference": mode}), observed("pytorch"))
    assert the("dtypes", checks).reason == "output is float16, expected float32"
    same = paired(
        observed("tensorflow", modes={"inference": {**mode, "dtypes": {**dtypes, "output": "float32"}}}),
        observed("pytorch"),
    )
    assert not the("dtypes", same).failed


def largest_allowed(entry: Entry, mode: str, name: str) -> float:
    told = observed("pytorch", entry)
    limits = expected(case("pytorch", entry=entry), "pytorch", mode, told, oracle(entry))
    return float(limits[name].allowed.max())


@pytest.mark.parametrize(
    ("entry", "training", "mode"),
    [
        (SCALED, False, "inference"),
        (SCALED, True, "inference"),
        (TWO_MODES, False, "inference"),
        (TWO_MODES, True, "training"),
    ],
)
def test_a_divergence_is_held_to_what_rounding_allows_of_the_outputs(entry: Entry, training: bool, mode: str) -> None:
    divergence = replace(SCALED.divergences[0], training=training)
    entry = replace(entry, divergences=(divergence,))
    ours, theirs = observed("tensorflow", entry), observed("pytorch", entry)
    check = the("diverges/doubled", paired(ours, theirs, entry))
    difference = np.abs(theirs.tensors[DOUBLED] - ours.tensors[DOUBLED].astype(np.float64))
    assert (check.kind, check.verdict, check.reason) == (Kind.ROUNDING, Verdict.DRIFT, "twice as large")
    assert check.measured == difference.max()
    assert check.allowed == largest_allowed(entry, mode, "output") > 0
    assert check.elements == difference.size
    assert check.where is not None
    assert check.where.index == np.unravel_index(difference.argmax(), difference.shape)
    same = spoiled(theirs, DOUBLED, ours.tensors[DOUBLED])
    assert the("diverges/doubled", paired(ours, same, entry)).verdict is Verdict.ROUNDING


def test_a_divergence_without_a_formula_for_its_outputs_is_allowed_nothing() -> None:
    entry = replace(SCALED, oracle=None, kind="saving")
    ours, theirs = observed("tensorflow"), observed("pytorch")
    subject = case("tensorflow", "pytorch", entry)
    drifted = the("diverges/doubled", contracts.pair(subject, ours, theirs, None))
    assert (drifted.verdict, drifted.allowed) == (Verdict.DRIFT, 0.0)
    same = spoiled(theirs, DOUBLED, ours.tensors[DOUBLED])
    agreeing = the("diverges/doubled", contracts.pair(subject, ours, same, None))
    assert (agreeing.verdict, agreeing.measured) == (Verdict.ROUNDING, 0.0)


def test_a_divergence_of_outputs_without_elements_is_of_nothing() -> None:
    entry = replace(SCALED, oracle=lambda a, x, kernel: np.zeros(0, np.int64), gradients=())
    check = the("diverges/doubled", paired(observed("tensorflow", entry), observed("pytorch", entry), entry))
    assert (check.measured, check.allowed, check.elements) == (0.0, 0.0, 0)


@pytest.mark.parametrize(("raising", "elements"), [("tensorflow", 0), ("pytorch", 8)])
def test_a_divergence_that_one_side_raises_on_is_infinite(raising: str, elements: int) -> None:
    raised = observed(raising, divergences={"doubled": {"raised": ERROR}})
    sides = {"tensorflow": observed("tensorflow"), "pytorch": observed("pytorch"), raising: raised}
    check = the("diverges/doubled", paired(sides["tensorflow"], sides["pytorch"]))
    assert (check.verdict, check.measured, check.elements) == (Verdict.DRIFT, INFINITE, elements)


def test_every_declared_divergence_is_judged_by_its_own_tensors() -> None:
    entry = replace(SCALED, divergences=(*SCALED.divergences, Divergence("other", 1.0, 2.0, "something else")))
    ours, theirs = observed("tensorflow", entry), observed("pytorch", entry)
    theirs = spoiled(theirs, "Scaled/other/output", ours.tensors["Scaled/other/output"])
    checks = paired(ours, theirs, entry)
    assert the("diverges/doubled", checks).failed
    assert not the("diverges/other", checks).failed


def compared(value: Values | None, other: Values, wanted: Values, allowed: float = 0.25) -> Check:
    limits = Expected(wanted, np.full(wanted.shape, allowed), Kind.SELF_CONSISTENCY)
    check = contracts.compared(case("pytorch"), INFERENCE, "output", value, other, limits)
    assert check.where is None or check.where.tensor == "output"
    return the("output", [check])


@pytest.mark.parametrize(
    ("wanted", "kind"),
    [(np.zeros(2), Kind.SELF_CONSISTENCY), (np.array([1, 2]), Kind.EXACT), (np.array([True, False]), Kind.EXACT)],
)
def test_a_tensor_that_was_not_observed_is_a_break_of_the_kind_expected(wanted: Values, kind: Kind) -> None:
    check = compared(None, wanted, wanted)
    assert (check.kind, check.verdict, check.elements) == (kind, Verdict.BREAK, 0)
    assert check.reason == "output: was not observed"


def test_one_number_is_held_to_the_other_side_within_what_is_allowed() -> None:
    wanted = np.array([1.0, 2.0, 3.0])
    check = compared(np.array([1.0, 2.3, 3.0], np.float32), np.array([1.0, 2.2, 3.0], np.float32), wanted)
    assert (check.kind, check.verdict, check.elements) == (Kind.SELF_CONSISTENCY, Verdict.ROUNDING, 3)
    assert check.allowed == 0.25
    assert check.where is not None
    assert (check.where.index, check.where.oracle) == ((1,), 2.0)
    assert compared(np.array([1.0, 2.5, 3.0]), wanted + 0.2, wanted).verdict is Verdict.DRIFT


@pytest.mark.parametrize(
    ("value", "other", "reason"),
    [
        (np.zeros((3, 2)), np.zeros((2, 3)), "output: shape (3, 2) where (2, 3) is expected"),
        (np.zeros((2, 3)), np.zeros(6), "output: shape (6,) where (2, 3) is expected"),
        (np.zeros((3, 2)), np.zeros((3, 2)), "output: shape (3, 2) where (2, 3) is expected"),
    ],
)
def test_the_shape_that_differs_is_told(value: Values, other: Values, reason: str) -> None:
    check = compared(value, other, np.zeros((2, 3)))
    assert (check.kind, check.verdict, check.reason) == (Kind.SELF_CONSISTENCY, Verdict.BREAK, reason)


@pytest.mark.parametrize(
    ("value", "other", "verdict"),
    [
        (np.array([3, 4], np.int32), np.array([3, 4], np.int64), Verdict.IDENTICAL),
        (np.array([3, 4], np.uint8), np.array([3, 5], np.int64), Verdict.BREAK),
        (np.array([True, False]), np.array([1, 0]), Verdict.IDENTICAL),
        (np.array([3.0, 4.0], np.float32), np.array([3, 4]), Verdict.BREAK),
        (np.array([3, 4]), np.array([3.0, 4.0], np.float32), Verdict.BREAK),
    ],
)
def test_whole_numbers_are_compared_exactly_whatever_their_width(
    value: Values, other: Values, verdict: Verdict
) -> None:
    check = compared(value, other, np.array([3, 4]))
    assert (check.kind, check.verdict) == (Kind.EXACT, verdict)
    if "f" in value.dtype.kind + other.dtype.kind:
        assert check.reason == "output: dtype float32 where whole numbers or truth values are expected"


SPECIAL = np.array([1.0, np.inf, np.nan, -np.inf])


def test_what_is_not_finite_must_be_the_same_on_both_sides_and_is_counted() -> None:
    rounded = np.array([1.1, np.inf, np.nan, -np.inf], np.float32)
    check = compared(rounded, SPECIAL, SPECIAL)
    assert (check.verdict, check.elements, check.kind) == (Verdict.ROUNDING, 4, Kind.SELF_CONSISTENCY)
    assert compared(SPECIAL[1:], SPECIAL[1:], SPECIAL[1:]).allowed == 0.0
    assert compared(np.array([1.5, np.inf, np.nan, -np.inf]), SPECIAL, SPECIAL).verdict is Verdict.DRIFT
    assert compared(np.array([np.nan, np.inf, np.nan, -np.inf]), SPECIAL, SPECIAL).verdict is Verdict.BREAK


@pytest.mark.parametrize(
    ("index", "found", "shown", "other"),
    [(1, 3e38, float(np.float32(3e38)), "inf"), (2, np.inf, "inf", "nan"), (3, np.nan, "nan", "-inf")],
)
def test_the_first_place_that_is_finite_or_otherwise_infinite_is_told(
    index: int, found: float, shown: float | str, other: str
) -> None:
    wrong = SPECIAL.astype(np.float32)
    wrong[index] = found
    check = compared(wrong, SPECIAL, SPECIAL)
    assert (check.verdict, check.kind) == (Verdict.BREAK, Kind.SELF_CONSISTENCY)
    assert check.reason == "output: the oracle is not finite here"
    assert check.where == Where("output", (index,), value=shown, other=other)
    theirs = compared(SPECIAL, wrong, SPECIAL)
    assert theirs.where == Where("output", (index,), value=other, other=shown)


@pytest.mark.parametrize("dtype", [np.int64, np.bool_, np.complex64])
def test_where_floating_point_numbers_are_expected_no_others_will_do(dtype: Any) -> None:
    wanted = np.array([1.0, 0.0])
    for sides in ((wanted.astype(dtype), wanted), (wanted, wanted.astype(dtype))):
        check = compared(*sides, wanted)
        assert (check.verdict, check.kind) == (Verdict.BREAK, Kind.SELF_CONSISTENCY)
        assert check.reason == f"output: dtype {np.dtype(dtype)} where floating-point numbers are expected"
