"""Shapes and edge values that hypothesis draws for entries: what is drawn, and that what is wrong on one fails."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from conformance.catalogue.cases import EntryCase, entry_case
from conformance.catalogue.examples import drawn_examples
from conformance.catalogue.expected import Expected
from conformance.checks import Check, Kind, Verdict
from conformance.contracts import catalogue
from conformance.contracts import catalogue_examples as contracts
from conformance.laboratory import Laboratory, NotAvailable
from conformance.observations import Key, Observation
from conformance.observer import catalogue_examples as observer
from conformance.observer.session import Session
from reference.catalogue import family, find
from reference.catalogue.drawing import Draw, normal
from reference.catalogue.entries import INFERENCE, Entry, Family, Form, MalformedEntry
from reference.catalogue.varying import BATCHES, Vary
from tests.catalogue_observations import TWO_MODES, in_own_names

EDGES = ((0.0,), (-np.inf,), (3e38, -3e38))
SUMMED = Entry(
    "Summed",
    Form(call="x + y"),
    Form(call="x + y"),
    {"x": normal(4, 3), "y": normal(3)},
    oracle=lambda a, x, y: x + y,
    vary=Vary({"x": ("rows", "columns"), "y": ("columns",)}, lengths={"rows": (2, 6)}, edges={"x": EDGES}),
)
FAMILY = Family("made-up", "Made up", "model", (SUMMED,))
Arrays = dict[str, NDArray[Any]]


def inputs(drawn: Mapping[str, NDArray[Any]], name: str) -> list[NDArray[Any]]:
    return [array for place, array in drawn.items() if place.endswith(f"/input/{name}")]


def test_shapes_stay_in_their_bounds_and_lengths_of_one_name_are_one() -> None:
    drawn = drawn_examples(FAMILY)
    pairs = list(zip(inputs(drawn, "x"), inputs(drawn, "y"), strict=True))
    assert len(pairs) == 12, "three draws of one ordinary example and one for each group of edge values"
    assert all(2 <= len(x) <= 6 and 1 <= x.shape[1] <= 5 and y.shape == x.shape[1:] for x, y in pairs)
    assert len({x.shape for x, _ in pairs}) > 2
    assert {x.dtype for x, _ in pairs} == {np.dtype(np.float32)}


def test_every_edge_value_fills_the_smallest_shape_and_stands_among_others() -> None:
    drawn = inputs(drawn_examples(FAMILY), "x")
    for group in EDGES:
        numbers = np.asarray(group, np.float32)
        holding = [x for x in drawn if np.isin(x, numbers).any()]
        assert holding[0].shape == (2, 1)
        assert (holding[0] == numbers[0]).all()
        assert len(holding) == 3
    assert any(0 < np.isin(x, np.asarray(EDGES[1])).sum() < x.size for x in drawn)


def test_the_same_is_drawn_every_time_and_something_else_for_another_entry() -> None:
    first, again = drawn_examples(FAMILY), drawn_examples(FAMILY)
    assert {name: array.tobytes() for name, array in first.items()} == {
        name: array.tobytes() for name, array in again.items()
    }
    other = drawn_examples(replace(FAMILY, entries=(replace(SUMMED, name="Other"),)))
    assert any(
        a.shape != b.shape or (a != b).any() for a, b in zip(inputs(first, "x"), inputs(other, "x"), strict=True)
    )


def test_batches_vary_the_first_axis_of_every_input_and_nothing_else() -> None:
    drawn = drawn_examples(replace(FAMILY, entries=(replace(SUMMED, vary=BATCHES),)))
    assert {array.shape[1:] for array in inputs(drawn, "x")} == {(3,)}
    assert all(len(x) == len(y) for x, y in zip(inputs(drawn, "x"), inputs(drawn, "y"), strict=True))


def test_an_input_that_no_law_draws_cannot_vary() -> None:
    given = {"x": Draw("given", lambda generator: np.ones((4, 3), np.float32)), "y": normal(3)}
    with pytest.raises(MalformedEntry, match="entry Summed: input x is drawn by no law, so its shape cannot vary"):
        drawn_examples(replace(FAMILY, entries=(replace(SUMMED, inputs=given),)))


def formulas(drawn: Mapping[str, NDArray[Any]], entry: Entry, monkeypatch: pytest.MonkeyPatch) -> Observation:
    """What the worker of the formulas reports, here in this process."""
    monkeypatch.setattr("conformance.observer.catalogue.find", lambda family, name: entry)
    arguments = {"family": "made-up", "entries": [entry.name]}
    facts, tensors = observer.observe(Session("oracle", "cpu", 1), arguments, dict(drawn))
    return Observation(Key("catalogue", "oracle", "catalogue_examples", "made-up"), facts, tensors)


class Run:
    """An entry on its examples, in a framework that rounds correctly."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, entry: Entry = SUMMED) -> None:
        self.entry = entry
        drawn = drawn_examples(replace(FAMILY, entries=(entry,)))
        self.drawn = Observation(Key("catalogue", "oracle", "drawing", "made-up"), {}, drawn)
        self.oracle = formulas(drawn, entry, monkeypatch)
        self.tensors = in_own_names("pytorch", entry, self.oracle.tensors)
        told: dict[str, Any] = {"modes": {mode: {"constant": []} for mode in entry.modes}}
        self.facts = {"examples": dict.fromkeys(self.oracle.facts["entries"][entry.name]["examples"], told)}

    def checks(self, **changes: Any) -> dict[str, Check]:
        key = Key("catalogue", "pytorch", "catalogue_examples", "made-up")
        facts = {"entries": {self.entry.name: changes or self.facts}}
        case: EntryCase = entry_case(FAMILY, self.entry, "pytorch")
        found = contracts.checks(case, Observation(key, facts, self.tensors), self.oracle, self.drawn)
        return {check.contract: check for check in found}


def test_an_example_that_was_not_observed_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    run.facts["examples"].popitem()
    (number,) = set(run.oracle.facts["entries"][run.entry.name]["examples"]) - set(run.facts["examples"])
    run.tensors = {name: array for name, array in run.tensors.items() if f"/{number}/" not in name}
    checks = run.checks()
    (failed,) = (check for check in checks.values() if check.failed)
    assert f"pytorch: what it makes of {number} does not exist" in failed.reason


def test_numbers_where_truth_values_are_expected() -> None:
    case: EntryCase = entry_case(FAMILY, SUMMED, "pytorch")
    wanted = Expected(np.array([True, False]), np.zeros(2), Kind.EXACT)
    for found, fails in ((np.array([True, False]), False), (np.array([1.5, 0.4], np.float32), True)):
        check = catalogue.compared(case, INFERENCE, "output", found, wanted.values, wanted)
        assert check.failed is fails, check.reason


def test_what_rounds_correctly_passes_and_all_examples_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    checks = run.checks()
    assert set(checks) == {
        f"catalogue/Summed/examples/{name}" for name in ("output", "gradient/input/x", "gradient/input/y")
    }
    assert not any(check.failed for check in checks.values())
    count = sum(array.size for array in inputs(run.drawn.tensors, "x"))
    assert checks["catalogue/Summed/examples/output"].elements == count


def test_one_number_out_of_its_allowance_fails_and_shows_the_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    place = "Summed/004/inference/output"
    run.tensors[place] = run.tensors[place] * np.float32(1.001)
    check = run.checks()["catalogue/Summed/examples/output"]
    assert check.verdict is Verdict.DRIFT
    assert "(example 004: x = [[" in check.reason
    assert "y = [" in check.reason


def test_a_missing_infinity_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    infinite = [name for name, array in run.tensors.items() if name.endswith("output") and np.isinf(array).any()]
    run.tensors[infinite[0]] = np.nan_to_num(run.tensors[infinite[0]])
    assert run.checks()["catalogue/Summed/examples/output"].verdict is Verdict.BREAK


def test_what_float32_cannot_hold_is_expected_to_be_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, replace(SUMMED, oracle=lambda a, x, y: x * 4.0 + y))
    outputs = [array for name, array in run.tensors.items() if name.endswith("output")]
    assert any(np.isposinf(array).any() for array in outputs), "four times 3e38"
    assert not run.checks()["catalogue/Summed/examples/output"].failed


def test_an_example_that_raises_and_an_entry_that_is_absent_are_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    error = {"kind": "ValueError", "message": "no such shape", "traceback": ""}
    raised = run.checks(examples={**run.facts["examples"], "005": {"error": error}})
    broken = raised["catalogue/Summed/observed/examples"]
    assert broken.verdict is Verdict.BREAK
    assert "ValueError: no such shape (example 005: x = [[" in broken.reason
    assert [check.verdict for check in run.checks(absent="torch.add").values()] == [Verdict.BREAK]


def test_the_formulas_of_one_example_may_raise_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def oracle(a: Any, x: Any, y: Any) -> Any:
        if len(x.shape) and x.shape[0] == 2:
            raise ArithmeticError("two rows")
        return x + y

    facts = Run(monkeypatch, replace(SUMMED, oracle=oracle)).oracle.facts["entries"]["Summed"]["examples"]
    raised = [number for number, told in facts.items() if "error" in told]
    assert 0 < len(raised) < len(facts)


def test_without_hypothesis_the_examples_are_told_as_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    case = entry_case(family("activations"), find("activations", "tanh"), "pytorch")
    with pytest.raises(NotAvailable, match=r"hypothesis.*install framework-conformance\[test\]"):
        Laboratory(cast("Any", None)).drawn(case, "activations")


@pytest.mark.parametrize(
    ("factors", "shown"),
    [
        ({"004": 1.001, "008": 1.1}, "008"),
        ({"004": 1.1, "008": 1.001}, "004"),
        ({"004": 1.1, "008": np.nan}, "008"),
        ({"004": np.nan, "008": 1.1}, "004"),
        ({"003": 1.00001, "004": 1.1}, "004"),  # of 3e38, but only a few times what is allowed there
    ],
)
def test_of_several_examples_the_one_that_fares_worst_is_shown(
    factors: dict[str, float], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(monkeypatch)
    for number, factor in factors.items():
        run.tensors[f"Summed/{number}/inference/output"] *= np.float32(factor)
    assert f"(example {shown}: " in run.checks()["catalogue/Summed/examples/output"].reason


def test_of_examples_that_pass_the_one_farthest_off_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, replace(SUMMED, oracle=lambda a, x, y: x, gradients=("x",)))
    run.tensors["Summed/001/inference/output"] *= np.float32(-1)
    output = run.tensors["Summed/004/inference/output"]
    moved = np.nextafter(output, np.float32(np.inf))
    run.tensors["Summed/004/inference/output"] = moved
    check = run.checks()["catalogue/Summed/examples/output"]
    assert (check.verdict, check.measured) == (Verdict.ROUNDING, np.max(moved.astype(np.float64) - output))


@pytest.mark.parametrize(("first", "second", "shown"), [(1, 3, "008"), (3, 1, "004"), (2, 2, "004"), (0, 2, "008")])
def test_of_whole_numbers_the_example_that_is_farthest_off_is_shown(
    first: int, second: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(monkeypatch, replace(SUMMED, oracle=lambda a, x, y: np.argsort(x.value, axis=0), gradients=()))
    for number, more in (("004", first), ("008", second)):
        run.tensors[f"Summed/{number}/inference/output"] += more
    check = run.checks()["catalogue/Summed/examples/output"]
    assert (check.kind, check.measured) == (Kind.EXACT, max(first, second))
    assert f"(example {shown}: " in check.reason


def test_every_mode_is_judged_in_the_names_and_layouts_of_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, replace(TWO_MODES, vary=BATCHES))
    checks = run.checks()
    assert not any(check.failed for check in checks.values())
    names = {"output", "gradient/input/x", "gradient/weight/weight"}
    assert set(checks) == {
        f"catalogue/Scaled/{place}/{name}" for place in ("examples", "examples/training") for name in names
    }
    assert {check.kind for check in checks.values()} == {Kind.ROUNDING}
    run.tensors["Scaled/001/training/output"] *= np.float32(1.001)
    assert [name for name, check in run.checks().items() if check.failed] == [
        "catalogue/Scaled/examples/training/output"
    ]


@pytest.mark.parametrize(
    ("exact", "places", "fails"), [(False, 2.5, False), (False, 3.5, True), (True, 1, True), (True, 0, False)]
)
def test_three_places_of_the_largest_number_are_allowed_even_of_steps_without_error(
    exact: bool, places: float, fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(monkeypatch, replace(SUMMED, oracle=lambda a, x, y: x, gradients=("x",), exact=exact))
    output = run.tensors["Summed/003/inference/output"]
    assert (np.abs(output) == np.float32(3e38)).any()
    output -= np.float32(places) * np.spacing(np.abs(output).max())
    output[0] += np.float32(2.0**-127)
    assert run.checks()["catalogue/Summed/examples/output"].failed is fails


def test_the_oracle_may_be_what_could_not_be_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    error = {"kind": "ArithmeticError", "message": "two rows", "traceback": ""}
    run.oracle.facts["entries"]["Summed"]["examples"]["004"] = {"error": error}
    checks = run.checks()
    assert [name for name, check in checks.items() if check.failed] == ["catalogue/Summed/observed/examples"]
    assert "oracle raised ArithmeticError" in checks["catalogue/Summed/observed/examples"].reason
    run.oracle.facts["entries"]["Summed"] = {"error": error}
    assert list(run.checks()) == ["catalogue/Summed/observed"]


@pytest.mark.parametrize(("tens", "cut"), [(0, False), (2, False), (3, True)])
def test_inputs_are_shown_up_to_300_characters(tens: int, cut: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch)
    run.tensors["Summed/004/inference/output"] *= np.float32(1.001)
    x = [10] * tens + [1] * (95 - tens)
    told = f"x = {x}, y = [2]"
    assert len(told) == 298 + tens
    shown = {"Summed/004/input/x": np.array(x), "Summed/004/input/y": np.array([2])}
    run.drawn = replace(run.drawn, tensors=shown)
    reason = run.checks()["catalogue/Summed/examples/output"].reason
    assert reason.endswith(f"(example 004: {told[:300]} ...)" if cut else f"(example 004: {told})")
