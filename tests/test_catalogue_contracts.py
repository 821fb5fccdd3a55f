"""What must hold of an entry in one framework: the contracts of the catalogue fail on what is wrong, and say what."""

from __future__ import annotations

import enum
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conformance.catalogue import laws
from conformance.checks import Kind, Verdict
from conformance.contracts import catalogue as contracts
from reference.catalogue.entries import TRAINING, Entry, Form
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
OUTPUT = "Scaled/inference/output"


@pytest.mark.parametrize(("framework", "own"), [("tensorflow", ["defaults"]), ("pytorch", [])])
def test_what_rounds_correctly_passes(framework: str, own: list[str]) -> None:
    checks = list(contracts.entry(case(framework), observed(framework), oracle()))
    weight = "kernel" if framework == "tensorflow" else "weight"
    names = ["output", "gradient/input/x", f"gradient/weight/{weight}", "repeatable", *own]
    assert sorted(check.contract for check in checks) == sorted(f"catalogue/Scaled/{name}" for name in names)
    assert failing(checks) == []
    assert not any("command" in check.details for check in checks)


@pytest.mark.parametrize("name", ["output", "gradient/input/x", "gradient/weight/weight"])
def test_a_tensor_out_of_its_allowance_fails(name: str) -> None:
    bad = scaled(observed("pytorch"), f"Scaled/inference/{name}")
    assert failing(contracts.entry(case("pytorch"), bad, oracle())) == [f"catalogue/Scaled/{name}"]


def test_a_missing_tensor_and_a_transposed_one_fail() -> None:
    good = observed("pytorch")
    place = "Scaled/inference/gradient/weight/weight"
    for bad in (lacking(good, place), spoiled(good, place, good.tensors[place].T)):
        checks = contracts.entry(case("pytorch"), bad, oracle())
        assert failing(checks) == ["catalogue/Scaled/gradient/weight/weight"]


def test_not_a_number_fails() -> None:
    good = observed("tensorflow")
    array = good.tensors[OUTPUT].copy()
    array[0, 0] = np.nan
    bad = spoiled(good, OUTPUT, array)
    assert failing(contracts.entry(case("tensorflow"), bad, oracle())) == ["catalogue/Scaled/output"]


def test_each_of_several_modes_is_judged_under_its_name() -> None:
    good = observed("pytorch", TWO_MODES)
    checks = list(contracts.entry(case("pytorch", entry=TWO_MODES), good, oracle(TWO_MODES)))
    assert failing(checks) == []
    assert {"inference/output", "training/output", "inference/repeatable", "training/repeatable"} <= {
        check.contract.removeprefix("catalogue/Scaled/") for check in checks
    }
    bad = scaled(good, "Scaled/training/output")
    found = contracts.entry(case("pytorch", entry=TWO_MODES), bad, oracle(TWO_MODES))
    assert failing(found) == ["catalogue/Scaled/training/output"]


def test_the_only_mode_is_named_where_it_is_training() -> None:
    entry = replace(TWO_MODES, modes=(TRAINING,), divergences=())
    good = observation("pytorch", {}, {}, entry)
    good = replace(good, facts=observed("pytorch", TWO_MODES).facts)
    names = failing(contracts.entry(case("pytorch", entry=entry), good, oracle(entry)))
    assert "catalogue/Scaled/training/output" in names


def test_other_bits_at_a_repeat_and_a_moved_default_fail() -> None:
    different = ["output", "gradient/input/x"]
    told = {"inference": {"calls": 20, "different": different, "constant": [], "dtypes": {"output": "float32"}}}
    bad = observed("tensorflow", modes=told, shipped={"epsilon": 0.25})
    checks = list(contracts.entry(case("tensorflow"), bad, oracle()))
    assert failing(checks) == ["catalogue/Scaled/repeatable", "catalogue/Scaled/defaults"]
    repeatable = the("repeatable", checks)
    assert repeatable.elements == 20
    assert repeatable.reason.startswith("output, gradient/input/x differ in their bits from one of 20 calls")
    assert "epsilon is 0.25, expected 0.5" in the("defaults", checks).reason


class Mode(enum.Enum):
    NEAREST = "nearest"


@pytest.mark.parametrize(
    ("recorded", "shipped", "holds"),
    [
        (0.001, float(np.float32(0.001)), True),
        (float(np.float32(0.001)), 0.001, True),
        (0.001, 0.001001, False),
        (Mode.NEAREST, "nearest", True),
        (None, "None", False),
        (1, 2, False),
    ],
)
def test_a_default_is_compared_as_float32_holds_it(recorded: Any, shipped: Any, holds: bool) -> None:
    entry = replace(SCALED, torch=replace(SCALED.torch, shipped={"setting": recorded}))
    told = observed("pytorch", shipped={"setting": shipped})
    check = the("defaults", contracts.entry(case("pytorch", entry=entry), told, oracle()))
    assert check.failed is not holds


@pytest.mark.parametrize(
    ("framework", "at_fault", "fact", "reason", "traceback"),
    [
        ("tensorflow", "tensorflow", {"absent": "keras.layers.None"}, "keras.layers.None does not exist", None),
        ("tensorflow", "tensorflow", {"error": ERROR}, "tensorflow raised TypeError: no such argument", "line 7"),
        ("tensorflow", "oracle", {"error": ERROR}, "oracle raised TypeError: no such argument", "line 7"),
        ("pytorch", "oracle", {"error": ERROR}, "oracle raised TypeError: no such argument", "line 7"),
    ],
)
def test_what_could_not_be_observed_fails_and_says_on_which_side(
    framework: str, at_fault: str, fact: dict[str, Any], reason: str, traceback: str | None
) -> None:
    sides = {framework: observed(framework), "oracle": oracle(), at_fault: observation(at_fault, fact, {})}
    (check,) = contracts.entry(case(framework), sides[framework], sides["oracle"])
    assert the("observed", [check]).failed
    assert (check.kind, check.verdict) == (Kind.EXACT, Verdict.BREAK)
    assert check.reason.startswith("Scaled: ")
    assert reason in check.reason
    assert check.details.get("traceback") == traceback


def test_a_check_that_failed_tells_the_command_that_repeats_it() -> None:
    subject = case("pytorch")
    raised = observation("pytorch", {"error": ERROR, "compilers": ["xla"]}, {})
    drifted = scaled(observed("pytorch"), OUTPUT)
    compiled = observed("pytorch", compilers=["xla"])
    for checks in (
        contracts.entry(subject, raised, oracle()),
        contracts.entry(subject, drifted, oracle()),
        contracts.pair(case("tensorflow", "pytorch"), observed("tensorflow"), drifted, oracle()),
        contracts.compiled(subject, raised, oracle()),
        contracts.compiled(subject, compiled, oracle()),
    ):
        failed = [check for check in checks if check.failed]
        assert failed
        selected = "made-up-Scaled-"
        assert subject.id.startswith(selected)
        assert {check.details["command"] for check in failed} == {
            f"pytest conformance/test_catalogue.py -k '{selected}'"
        }


def test_compiled_in_every_way_each_tensor_is_judged_in_every_mode() -> None:
    good = observed("pytorch", TWO_MODES, compilers=["eager", "inductor"])
    eager = {name: array for name, array in good.tensors.items() if name.split("/")[1] in TWO_MODES.modes}
    tensors = {
        name.replace("Scaled", f"Scaled/{compiler}"): array
        for compiler in ("eager", "inductor")
        for name, array in eager.items()
    }
    good = replace(good, tensors=tensors)
    checks = list(contracts.compiled(case("pytorch", entry=TWO_MODES), good, oracle(TWO_MODES)))
    assert failing(checks) == []
    assert [check.contract for check in checks if check.contract.endswith("/output")] == [
        f"catalogue/Scaled/compiled/{compiler}/{mode}/output"
        for compiler in ("eager", "inductor")
        for mode in ("inference", "training")
    ]
    for bad in (scaled(good, "Scaled/inductor/training/output"), lacking(good, "Scaled/inductor/training/output")):
        found = contracts.compiled(case("pytorch", entry=TWO_MODES), bad, oracle(TWO_MODES))
        assert failing(found) == ["catalogue/Scaled/compiled/inductor/training/output"]


@pytest.mark.parametrize("at_fault", ["pytorch", "oracle"])
def test_what_could_not_be_compiled_is_one_break(at_fault: str) -> None:
    sides = {"pytorch": observed("pytorch", compilers=["xla"]), "oracle": oracle()}
    sides[at_fault] = observation(at_fault, {"error": ERROR}, {})
    (check,) = contracts.compiled(case("pytorch"), sides["pytorch"], sides["oracle"])
    assert f"{at_fault} raised TypeError" in check.reason


DRAWN = Entry("Drawn", Form("make()"), Form("make()"), gradients=(), kind="sample")
UNIFORM = np.random.default_rng(0).uniform(-1, 1, 4000).astype(np.float32)
BY_FRAMEWORK = {"tensorflow": ("uniform", 1.0), "pytorch": ("uniform", 2.0)}


@pytest.mark.parametrize(
    ("law", "framework", "holds"),
    [
        (("uniform", 1.0), "pytorch", True),
        (("uniform", 2.0), "pytorch", False),
        (BY_FRAMEWORK, "tensorflow", True),
        (BY_FRAMEWORK, "pytorch", False),
    ],
)
def test_random_numbers_must_follow_the_law_of_the_framework(law: Any, framework: str, holds: bool) -> None:
    entry = replace(DRAWN, settings={"law": law})
    mode = {"calls": 20, "different": [], "constant": [], "dtypes": {"output": "float32"}}
    tensors = {"Drawn/inference/output": UNIFORM, "Drawn/inference/state/seed": np.zeros(2, np.float32)}
    told = observation(framework, {"shipped": {}, "modes": {"inference": mode}}, tensors, entry)
    check, repeatable = contracts.entry(case(framework, entry=entry), told, None)
    assert not repeatable.failed
    assert (check.step, check.contract, check.kind) == ("model", "catalogue/Drawn/law/output", Kind.STATISTICAL)
    assert check.verdict is (Verdict.IDENTICAL if holds else Verdict.BREAK)
    (result,) = laws.judged(law[framework] if law is BY_FRAMEWORK else law, {"output": UNIFORM})
    assert (check.measured, check.allowed, check.reason) == (result.p, result.allowed, result.reason)
    assert check.where is not None
    assert (check.where.tensor, check.elements, check.details["law"]) == ("output", UNIFORM.size, result.law)


@pytest.mark.parametrize(
    ("since", "until", "fact", "version", "told"),
    [
        ("3.9", "", {"absent": "keras.layers.Scaled"}, "3.5", "keras.layers.Scaled is absent in keras 3.5 (there with"),
        ("3.9", "", {"absent": "keras.layers.Scaled"}, "3.10", ""),
        ("3.9", "", {"absent": "keras.layers.Scaled"}, "3.10.0rc1", ""),
        ("", "", {"absent": "keras.layers.Scaled"}, "2.15.0", "keras 2.15.0 (there with keras>=3)"),
        ("", "", {"absent": "keras.layers.Scaled"}, "3.0", ""),
        ("", "3.4", {"absent": "keras.layers.Scaled"}, "3.5", "(there with keras<=3.4,>=3)"),
        ("", "3.4", {"absent": "keras.layers.Scaled"}, "3.4", ""),
        ("3.9", "", {"error": ERROR}, "3.5", "it raises TypeError in keras 3.5 (there with keras>=3.9)"),
        ("3.9", "", {"error": ERROR}, "3.9", ""),
        ("", "3.4", {"error": ERROR}, "3.5", "it raises TypeError in keras 3.5"),
        ("", "", {"error": ERROR}, "2.15", ""),
        ("3.9", "", {}, "3.5", ""),
    ],
)
def test_absence_is_explained_only_outside_the_versions_named(
    since: str, until: str, fact: dict[str, Any], version: str, told: str
) -> None:
    entry = replace(SCALED, keras=replace(SCALED.keras, since=since, until=until))
    side = observation("tensorflow", fact, {})
    found = contracts.absence(case("tensorflow", entry=entry), side, lambda: {"keras": version})
    assert bool(found) is bool(told)
    assert told in found


def test_absence_from_the_other_framework_is_by_its_own_form_and_versions() -> None:
    entry = replace(SCALED, keras=replace(SCALED.keras, since="3.9"))
    side = observation("pytorch", {"absent": "torch.scaled"}, {})
    pair = case("tensorflow", "pytorch", entry)
    assert "(there with torch>=2.2)" in contracts.absence(pair, side, lambda: {"keras": "3.5", "torch": "2.1"})
    assert contracts.absence(pair, side, lambda: {"keras": "3.5", "torch": "2.2"}) == ""
