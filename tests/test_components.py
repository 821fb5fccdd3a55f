"""The catalogue in a gate: a component that moved is named, and what one side lacks or raises is told apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from conformance.checks import Check, Kind, Verdict
from conformance.gate import components, equivalence
from conformance.gate.plan import is_wanted
from conformance.gate.records import Records
from conformance.gate.request import Request, SideRequest
from conformance.gate.sides import ReadySides
from conformance.observations import Key, Observation
from conformance.report import html, markdown, summary, terminal
from conformance.worker import WorkerFailed
from reference.catalogue.drawing import drawn, normal
from reference.catalogue.entries import Divergence, Entry, Family, Form
from reference.oracle import catalogue as oracle_runner
from tests.synthetic_runs import gate

SCALED = Entry(
    "Scaled",
    keras=Form("make()"),
    torch=Form("make()", shipped={"epsilon": 0.5}, weights={"weight": "kernel.T"}),
    inputs={"x": normal(4, 3)},
    weights={"kernel": normal(3, 2)},
    oracle=lambda a, x, kernel: x @ kernel,
    divergences=(Divergence("at-the-bound", 1.0, 1.0, "one or none"),),
)
FAMILY = Family("made_up", "Made up", "model", (SCALED,))
BOTH = ("pytorch@candidate", "pytorch@baseline")


class Sides:
    """The part of a gate's sides that the catalogue looks at."""

    frameworks = ("pytorch",)


SIDES = cast("ReadySides", Sides())


def key(framework: str) -> Key:
    return Key("catalogue", framework, "catalogue", "made_up")


def oracle() -> Observation:
    sent = {**drawn(SCALED.inputs, SCALED.name), **drawn(SCALED.weights, SCALED.name)}
    tensors = {}
    for name, array in oracle_runner.observe(SCALED, {"x": sent["x"]}, {"kernel": sent["kernel"]}, "inference").items():
        prefix, _, rest = name.partition("/")
        place = f"{prefix}/inference/{rest}" if prefix in ("deviation", "exact") else f"inference/{name}"
        tensors[f"Scaled/{place}"] = array
    return Observation(key("oracle"), {"entries": {"Scaled": {}}}, tensors)


def observed(**changes: Any) -> Observation:
    """What a framework that rounds correctly reports; `tensors` replace its own, other changes its facts."""
    exact = oracle().tensors
    tensors = {
        "Scaled/inference/output": exact["Scaled/inference/output"],
        "Scaled/inference/gradient/input/x": exact["Scaled/inference/gradient/input/x"],
        "Scaled/inference/gradient/weight/weight": exact["Scaled/inference/gradient/weight/kernel"].T,
        "Scaled/at-the-bound/gradient/x": np.asarray([1.0]),
        **changes.pop("tensors", {}),
    }
    facts = {
        "shipped": {"epsilon": 0.5},
        "signature": {"epsilon": "0.5", "axis": "-1"},
        "modes": {"inference": {"calls": 20, "different": [], "constant": [], "dtypes": {"output": "float32"}}},
        "divergences": {"at-the-bound": {}},
        **changes,
    }
    singles = {name: np.asarray(array, np.float32) for name, array in tensors.items()}
    return Observation(key("pytorch"), {"entries": {"Scaled": facts}, "warnings": []}, singles)


def only(facts: dict[str, Any]) -> Observation:
    return Observation(key("pytorch"), {"entries": {"Scaled": facts}, "warnings": []}, {})


@pytest.fixture(autouse=True)
def one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reference.catalogue.all_families", lambda: (FAMILY,))


def checks(candidate: Observation, baseline: Observation, **chosen: Any) -> list[Check]:
    return list(components.component_checks(request(**chosen), SIDES, records(candidate, baseline)))


def request(**chosen: Any) -> Request:
    return Request(SideRequest("a"), SideRequest("b"), **{"catalogue": True, **chosen})


def records(candidate: Observation, baseline: Observation) -> dict[str, Records]:
    found = {"candidate": candidate, "baseline": baseline, "oracle": oracle()}
    return {name: Records({one.key: one}) for name, one in found.items()}


def failing(found: list[Check]) -> list[str]:
    return [check.contract for check in found if check.failed and check.subjects == BOTH]


def test_equal_sides_are_identical_and_compare_every_kind() -> None:
    found = checks(observed(), observed())
    assert {check.verdict for check in found} == {Verdict.IDENTICAL}
    assert {check.subjects for check in found} == {BOTH}
    assert {check.contract.removeprefix("catalogue/Scaled/") for check in found} == {
        "output",
        "gradient/input/x",
        "gradient/weight/weight",
        "dtypes",
        "defaults",
        "signature",
        "arguments",
        "diverges/at-the-bound",
        "warnings",
    }
    assert all(check.elements for check in found)


@pytest.mark.parametrize("name", ["output", "gradient/input/x", "gradient/weight/weight"])
def test_a_moved_value_is_named_by_component_and_both_sides_meet_the_formula(name: str) -> None:
    place = f"Scaled/inference/{name}"
    moved = observed().tensors[place] * np.float32(1.001)
    found = checks(observed(tensors={place: moved}), observed())
    assert failing(found) == [f"catalogue/Scaled/{name}"]
    guilty = {check.subjects for check in found if check.failed and check.subjects != BOTH}
    assert guilty == {("pytorch@candidate", "oracle")}
    (component,) = summary.components(replace(gate(), checks=tuple(found)))
    assert (component.name, component.framework, component.what) == ("Scaled", "pytorch", name)


def test_a_component_has_no_accuracy_to_compare() -> None:
    place = "Scaled/inference/output"
    moved = checks(observed(tensors={place: observed().tensors[place] * np.float32(1.001)}), observed())
    assert equivalence.to_resolve(moved) == []
    assert equivalence.told(moved) == moved


def test_every_form_of_the_report_names_the_component() -> None:
    place = "Scaled/inference/output"
    moved = checks(observed(tensors={place: observed().tensors[place] * np.float32(1.001)}), observed())
    run = replace(gate(), checks=tuple(moved))
    assert "components that moved\n  PyTorch Scaled: drift in output, " in terminal.as_text(run)
    assert "| Scaled | PyTorch | drift | output |" in markdown.page(run)
    page = html.page(run, {}, {}, {})
    assert '<h2 id="components">Components that moved</h2>' in page
    assert "Components that moved" not in markdown.page(gate())


def test_a_gradient_that_no_formula_decides_may_not_move_either() -> None:
    found = checks(observed(tensors={"Scaled/at-the-bound/gradient/x": np.asarray([0.0])}), observed())
    (check,) = (check for check in found if check.failed and check.subjects == BOTH)
    assert check.contract == "catalogue/Scaled/diverges/at-the-bound"
    assert (check.kind, check.verdict, check.measured) == (Kind.ROUNDING, Verdict.DRIFT, 1.0)


@pytest.mark.parametrize(
    ("after", "before", "verdict"),
    [
        (np.nan, np.nan, Verdict.IDENTICAL),
        (np.inf, np.inf, Verdict.IDENTICAL),
        (np.inf, -np.inf, Verdict.BREAK),
        (np.nan, 1.0, Verdict.BREAK),
        (1.0 + 2**-23, 1.0, Verdict.ROUNDING),
    ],
)
def test_what_is_not_finite_must_stay_so(after: float, before: float, verdict: Verdict) -> None:
    place = "Scaled/at-the-bound/gradient/x"
    found = checks(observed(tensors={place: [after]}), observed(tensors={place: [before]}))
    (check,) = (check for check in found if "/diverges/" in check.contract)
    assert check.verdict is verdict


@pytest.mark.parametrize(
    ("changes", "contract"),
    [
        ({"shipped": {"epsilon": 0.25}}, "defaults"),
        ({"signature": {"epsilon": "0.25", "axis": "-1"}}, "signature"),
        ({"signature": {"epsilon": "0.5"}}, "signature"),
        ({"divergences": {"at-the-bound": {"raised": {"kind": "ValueError"}}}}, "diverges/at-the-bound"),
    ],
)
def test_changed_defaults_and_one_sided_errors_break(changes: dict[str, Any], contract: str) -> None:
    found = checks(observed(**changes), observed())
    assert failing(found) == [f"catalogue/Scaled/{contract}"]
    assert {check.verdict for check in found if check.failed and check.subjects == BOTH} == {Verdict.BREAK}


def test_a_trap_that_raises_on_both_sides_has_not_moved() -> None:
    raises = observed(divergences={"at-the-bound": {"raised": {"kind": "ValueError"}}})
    del raises.tensors["Scaled/at-the-bound/gradient/x"]  # type: ignore[attr-defined]
    (check,) = (check for check in checks(raises, raises) if "/diverges/" in check.contract)
    assert check.verdict is Verdict.IDENTICAL


def test_a_new_argument_is_told_and_fails_nothing() -> None:
    before = observed(signature={"epsilon": "0.5", "axis": "-1", "name": "'scaled'"})
    found = checks(observed(signature={"epsilon": "0.5", "axis": "-1", "fused": "None", "name": "None"}), before)
    (check,) = (check for check in found if check.verdict is not Verdict.IDENTICAL)
    assert (check.contract, check.verdict, check.reason) == (
        "catalogue/Scaled/arguments",
        Verdict.ROUNDING,
        "fused=None",
    )


_RAISED = {"error": {"kind": "ValueError", "message": "no\nmore", "traceback": ""}}
_ABSENT = {"absent": "torch.scaled"}


@pytest.mark.parametrize(
    ("after", "before", "reason"),
    [
        (_RAISED, None, "the candidate alone raises ValueError: no"),
        (None, _RAISED, "the baseline alone raises ValueError: no"),
        (_ABSENT, None, "torch.scaled is gone"),
    ],
)
def test_what_one_side_cannot_run_breaks(after: Any, before: Any, reason: str) -> None:
    found = checks(only(after) if after else observed(), only(before) if before else observed())
    (check,) = (check for check in found if check.failed)
    assert check.contract == "catalogue/Scaled/observed"
    assert check.verdict is Verdict.BREAK
    assert reason in check.reason


@pytest.mark.parametrize(
    ("after", "before", "reason"),
    [
        (observed(), only(_ABSENT), "torch.scaled is absent in the baseline"),
        (only(_ABSENT), only(_ABSENT), "torch.scaled is absent in the baseline"),
        (only(_RAISED), only(_RAISED), "raises on both sides: ValueError: no"),
    ],
)
def test_what_an_older_release_lacks_is_told_and_fails_nothing(
    after: Observation, before: Observation, reason: str
) -> None:
    assert not any(check.failed for check in checks(after, before))
    (absent,) = components.absences(request(), SIDES, records(after, before))
    assert (absent.what, absent.reason, absent.required) == ("pytorch Scaled", reason, False)


def test_a_family_that_kills_its_worker_is_a_break_of_that_side() -> None:
    found = records(observed(), observed())
    del found["candidate"].made[key("pytorch")]
    found["candidate"].failed[key("pytorch")] = WorkerFailed("killed by SIGABRT")
    (check,) = components.component_checks(request(), SIDES, found)
    assert (check.contract, check.subjects) == ("observed/catalogue/made_up", ("pytorch@candidate",))
    assert "SIGABRT" in check.reason


@pytest.mark.parametrize(
    ("chosen", "planned"),
    [
        ({}, True),
        ({"catalogue": False}, False),
        ({"catalogue": False, "only": "catalogue"}, True),
        ({"catalogue": False, "only": "model/catalogue"}, True),
        ({"catalogue": False, "only": "model/catalogue/Scaled/gradient"}, True),
        ({"only": "model"}, True),
        ({"only": "model/logits"}, False),
        ({"only": "objective"}, False),
        ({"only": "model/catalogue/Other"}, False),
    ],
)
def test_what_is_planned(chosen: dict[str, Any], planned: bool) -> None:
    assert bool(list(components.plan(request(**chosen), "pytorch"))) is planned


@pytest.mark.parametrize(
    ("name", "only", "wanted"),
    [
        ("model/catalogue/Dense/output", "", True),
        ("model/catalogue/Dense/output", "catalogue", True),
        ("model/logits", "catalogue", False),
        ("model/logits", "model", True),
        ("model/logits", "model/log", True),
        ("train/plan", "train/plan/devices", True),
        ("train/plan", "train/losses", False),
    ],
)
def test_what_only_asks_for(name: str, only: str, wanted: bool) -> None:
    assert is_wanted(name, only) is wanted
