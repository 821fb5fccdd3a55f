"""The catalogue's entries are well formed, and its contracts fail on what is wrong."""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
from conformance.catalogue import laws
from conformance.catalogue.cases import EntryCase, entry_case
from conformance.catalogue.divergences import ledger_entries
from conformance.catalogue.phrases import found, nearest, phrases
from conformance.checks import Check, Step, Verdict
from conformance.contracts import catalogue as contracts
from conformance.observations import Key, Observation
from reference.catalogue import all_families, running
from reference.catalogue.drawing import drawn, normal
from reference.catalogue.entries import Divergence, Entry, Family, Form
from reference.catalogue.running import plain
from reference.oracle import catalogue as oracle_runner

ENTRIES = [(family, entry) for family in all_families() for entry in family.entries]

SCALED = Entry(
    "Scaled",
    keras=Form("make()", shipped={"epsilon": 0.5}),
    torch=Form("make()", weights={"weight": "kernel.T"}),
    inputs={"x": normal(4, 3)},
    weights={"kernel": normal(3, 2)},
    oracle=lambda a, x, kernel: x @ kernel,
    divergences=(Divergence("doubled", 1.0, 100.0, "twice as large"),),
)
FAMILY = Family("made-up", "Made up", "model", (SCALED,))


def oracle() -> Observation:
    sent = {**drawn(SCALED.inputs, SCALED.name), **drawn(SCALED.weights, SCALED.name)}
    tensors = {}
    for name, array in oracle_runner.observe(SCALED, {"x": sent["x"]}, {"kernel": sent["kernel"]}, "inference").items():
        prefix, _, rest = name.partition("/")
        place = f"{prefix}/inference/{rest}" if prefix in ("deviation", "exact") else f"inference/{name}"
        tensors[f"Scaled/{place}"] = array
    return Observation(Key("catalogue", "oracle", "catalogue", "made-up"), {"entries": {"Scaled": {}}}, tensors)


def observed(framework: str, **changes: Any) -> Observation:
    """What a framework that rounds correctly would report, in its own names and layouts."""
    exact = oracle().tensors
    own = "weight" if framework == "pytorch" else "kernel"
    kernel = exact["Scaled/inference/gradient/weight/kernel"]
    tensors = {
        "Scaled/inference/output": exact["Scaled/inference/output"],
        "Scaled/inference/gradient/input/x": exact["Scaled/inference/gradient/input/x"],
        f"Scaled/inference/gradient/weight/{own}": kernel.T if framework == "pytorch" else kernel,
        "Scaled/doubled/output": exact["Scaled/inference/output"] * (2 if framework == "pytorch" else 1),
    }
    facts = {
        "shipped": {"epsilon": 0.5} if framework == "tensorflow" else {},
        "modes": {"inference": {"calls": 20, "different": [], "constant": [], "dtypes": {"output": "float32"}}},
        "divergences": {"doubled": {}},
        **changes,
    }
    singles = {name: array.astype(np.float32) for name, array in tensors.items()}
    return Observation(Key("catalogue", framework, "catalogue", "made-up"), {"entries": {"Scaled": facts}}, singles)


def case(framework: str, partner: str = "oracle") -> EntryCase:
    return entry_case(FAMILY, SCALED, framework, partner)


def failing(checks: Iterator[Check]) -> list[str]:
    return [check.contract for check in checks if check.verdict in (Verdict.DRIFT, Verdict.BREAK)]


def spoiled(observation: Observation, name: str, array: np.ndarray) -> Observation:
    return replace(observation, tensors={**observation.tensors, name: array})


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch"])
def test_what_rounds_correctly_passes(framework: str) -> None:
    assert failing(contracts.entry(case(framework), observed(framework), oracle())) == []


@pytest.mark.parametrize("name", ["output", "gradient/input/x", "gradient/weight/weight"])
def test_a_tensor_out_of_its_allowance_fails(name: str) -> None:
    good = observed("pytorch")
    place = f"Scaled/inference/{name}"
    bad = spoiled(good, place, good.tensors[place] * np.float32(1.0001))
    assert failing(contracts.entry(case("pytorch"), bad, oracle())) == [f"catalogue/Scaled/{name}"]


def test_a_missing_tensor_and_a_transposed_one_fail() -> None:
    good = observed("pytorch")
    place = "Scaled/inference/gradient/weight/weight"
    lacking = replace(good, tensors={name: array for name, array in good.tensors.items() if name != place})
    assert failing(contracts.entry(case("pytorch"), lacking, oracle())) == ["catalogue/Scaled/gradient/weight/weight"]
    turned = spoiled(good, place, good.tensors[place].T)
    assert failing(contracts.entry(case("pytorch"), turned, oracle())) == ["catalogue/Scaled/gradient/weight/weight"]


def test_not_a_number_fails() -> None:
    good = observed("tensorflow")
    array = good.tensors["Scaled/inference/output"].copy()
    array[0, 0] = np.nan
    bad = spoiled(good, "Scaled/inference/output", array)
    assert failing(contracts.entry(case("tensorflow"), bad, oracle())) == ["catalogue/Scaled/output"]


def test_other_bits_at_a_repeat_and_a_moved_default_fail() -> None:
    told = {"inference": {"calls": 20, "different": ["output"], "constant": [], "dtypes": {"output": "float32"}}}
    bad = observed("tensorflow", modes=told, shipped={"epsilon": 0.25})
    expected = ["catalogue/Scaled/repeatable", "catalogue/Scaled/defaults"]
    assert failing(contracts.entry(case("tensorflow"), bad, oracle())) == expected


@pytest.mark.parametrize(
    "fact", [{"absent": "keras.layers.None"}, {"error": {"kind": "E", "message": "", "traceback": ""}}]
)
def test_what_could_not_be_observed_fails(fact: dict[str, Any]) -> None:
    bad = replace(observed("tensorflow"), facts={"entries": {"Scaled": fact}})
    assert failing(contracts.entry(case("tensorflow"), bad, oracle())) == ["catalogue/Scaled/observed"]


def test_frameworks_are_compared_in_one_layout_and_by_their_divergences() -> None:
    pair = case("tensorflow", "pytorch")
    checks = list(contracts.pair(pair, observed("tensorflow"), observed("pytorch"), oracle()))
    assert failing(iter(checks)) == ["catalogue/Scaled/diverges/doubled"]
    assert {check.contract for check in checks} >= {
        "catalogue/Scaled/gradient/weight/weight",
        "catalogue/Scaled/dtypes",
    }
    moved = observed("tensorflow")
    place = "Scaled/inference/gradient/weight/kernel"
    bad = spoiled(moved, place, moved.tensors[place] * np.float32(1.0001))
    found_failing = failing(contracts.pair(pair, bad, observed("pytorch"), oracle()))
    assert "catalogue/Scaled/gradient/weight/weight" in found_failing


def test_absence_is_explained_only_outside_the_versions_named() -> None:
    later = replace(SCALED, keras=replace(SCALED.keras, since="3.9"))
    gone = replace(observed("tensorflow"), facts={"entries": {"Scaled": {"absent": "keras.layers.Scaled"}}})
    subject = entry_case(FAMILY, later, "tensorflow")
    assert "absent in keras 3.5" in contracts.absence(subject, gone, lambda: {"keras": "3.5"})
    assert contracts.absence(subject, gone, lambda: {"keras": "3.10"}) == ""
    assert "there with keras>=3" in contracts.absence(case("tensorflow"), gone, lambda: {"keras": "2.15.0"})


def test_what_an_older_release_raises_is_absence_only_where_the_form_says_since_when() -> None:
    error = {"kind": "TypeError", "message": "no such argument", "traceback": ""}
    raised = replace(observed("tensorflow"), facts={"entries": {"Scaled": {"error": error}}})
    later = entry_case(FAMILY, replace(SCALED, keras=replace(SCALED.keras, since="3.9")), "tensorflow")
    assert "raises TypeError in keras 3.5" in contracts.absence(later, raised, lambda: {"keras": "3.5"})
    assert contracts.absence(later, raised, lambda: {"keras": "3.9"}) == ""
    assert contracts.absence(case("tensorflow"), raised, lambda: {"keras": "2.15"}) == ""


@pytest.mark.parametrize(
    ("chance", "stranger", "holds"),
    [(0.75, None, True), (0.7, None, False), (0.75, 1.0, False), (0.75, np.nan, False)],
)
def test_dropout_keeps_as_many_as_it_says_and_scales_them(chance: float, stranger: float | None, holds: bool) -> None:
    sample = np.where(np.arange(8000) % 4 == 0, 0.0, 4 / 3).astype(np.float32)
    if stranger is not None:
        sample[17] = stranger
    (result,) = laws.judged(("two_values", (0.0, 4 / 3, chance)), {"output": sample})
    assert result.holds == holds, result.reason


@pytest.mark.parametrize(("family", "entry"), ENTRIES, ids=[entry.name for _, entry in ENTRIES])
def test_entries_are_well_formed(family: Family, entry: Entry) -> None:
    assert not set(entry.name) & set("[]*?/ "), "a name stands in ids, patterns and paths"
    assert family.step in set(Step)
    for form in (entry.keras, entry.torch):
        for code in (form.build, form.call, form.save, form.load):
            ast.parse(code, feature_version=(3, 9))
        form.as_shipped()
    assert set(entry.keras.weights.values()) <= {name.replace("/", "_") for name in entry.weights}
    drawn(entry.inputs, entry.name)
    if entry.vary is not None:
        assert entry.oracle is not None, "on examples drawn, a formula decides"
        assert {*entry.vary.axes, *entry.vary.edges} <= {*entry.inputs}
    assert len({divergence.id for divergence in entry.divergences}) == len(entry.divergences)


def test_names_are_unique_and_the_ledger_has_every_divergence() -> None:
    names = [entry.name for _, entry in ENTRIES]
    assert len(set(names)) == len(names)
    assert len({entry.id for entry in ledger_entries()}) == sum(len(entry.divergences) for _, entry in ENTRIES)


def test_the_catalogue_imports_no_framework_and_parses_on_python_39() -> None:
    for path in Path(reference.__path__[0], "catalogue").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        imported = {
            (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not imported & {"tensorflow", "keras", "torch", "torchvision", "scipy"}, path


def test_absent_names_are_found_before_anything_runs() -> None:
    assert running.absent_name("np.no_such(np.sum(1))", {"np": np}) == "np.no_such"
    assert running.absent_name("np.linalg.norm(x).y", {"np": np}) is None


def test_components_are_found_by_either_name_and_near_names_are_offered() -> None:
    known = phrases(None)
    assert "BatchNormalization" in [phrase.name for phrase in found("nn.BatchNorm2d", known)]
    assert found("NoSuchThing", known) == []
    assert "BatchNormalization" in nearest("BatchNormalisation", known)


def test_a_member_of_an_enumeration_counts_as_its_value() -> None:
    class Mode(enum.Enum):
        BILINEAR = "bilinear"

    assert plain(Mode.BILINEAR) == plain("bilinear") == "bilinear"
    assert plain(lambda x: x) == "<lambda>"
