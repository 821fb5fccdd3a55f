"""The catalogue's entries are well formed, its laws reject what is wrong, and its components are found."""

from __future__ import annotations

import ast
import enum
from pathlib import Path

import numpy as np
import pytest

import reference
from conformance.catalogue import laws
from conformance.catalogue.divergences import ledger_entries
from conformance.catalogue.phrases import found, nearest, phrases
from conformance.checks import Step
from reference.catalogue import all_families, running
from reference.catalogue.drawing import drawn
from reference.catalogue.entries import Entry, Family
from reference.catalogue.running import plain

ENTRIES = [(family, entry) for family in all_families() for entry in family.entries]


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
