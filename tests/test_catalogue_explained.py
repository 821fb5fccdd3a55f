"""What the phrase book says of an entry, and `conformance explain` of a name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conformance.catalogue.measured import EntryMeasured
from conformance.catalogue.phrases import found, phrase, phrases
from conformance.commands.explain import explain
from conformance.ending import WrongUse
from reference.catalogue import family, find


def measured(agreement: float | None, ratio: float | None, kind: str = "rounding") -> EntryMeasured:
    return EntryMeasured(9, 0, (kind,), agreement, ratio, {})


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (measured(0.0, 0.324), "the outputs of both are the same bits; from the formula in float64, outputs and "),
        (measured(0.0, 0.324), "gradients stray by at most 32% of what rounding allows; 9 checks"),
        (measured(2.1e-6, 0.004), "the outputs of both differ by at most 2.1e-06; from the formula"),
        (measured(2.1e-6, 0.004), "at most 1% of what rounding allows"),
        (measured(0.0, None), "the outputs of both are the same bits; none strays from the formula in float64"),
        (measured(1e-7, 0.5, "self-consistency"), "from its own float64 run, outputs and gradients stray"),
        (measured(None, None), "each follows its law"),
        (None, "not measured yet"),
    ],
)
def test_how_far_forms_agree_is_said_in_two_measures(figures: EntryMeasured | None, words: str) -> None:
    assert words in phrase(family("dense"), find("dense", "Dense"), figures).agreement


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("nn.Linear", "Dense"),
        ("nn.BatchNorm2d", "BatchNormalization"),
        ("BatchNormalization", "BatchNormalization"),
        ("BatchNormalization-training", "BatchNormalization-training"),
        ("F.cross_entropy", "SparseCategoricalCrossentropy-after-softmax"),
        ("keras.activations.relu", "relu"),
    ],
)
def test_the_entry_that_is_the_component_comes_first(name: str, entry: str) -> None:
    assert found(name, phrases(None))[0].name == entry


def test_one_entry_is_printed_whole_and_the_others_are_named_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    explain("nn.Linear")
    printed = capsys.readouterr().out
    assert printed.startswith("Dense  (")
    assert printed.count("\ncheck  ") == 1
    assert printed.splitlines()[-1].startswith(f"also: {found('nn.Linear', phrases(None))[1].name}, ")


def test_one_entry_alone_names_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    explain("Dense-rank-3")
    assert "also:" not in capsys.readouterr().out


def test_it_needs_no_hypothesis() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None; from conformance.commands.explain import explain; explain('GRU')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_an_unknown_component_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(WrongUse, match=r"no component 'BatchNormalisation': did you mean BatchNormalization"):
        explain("BatchNormalisation")
    with pytest.raises(WrongUse, match=r"no component 'qqqqqqqq': docs/catalogue.md lists all"):
        explain("qqqqqqqq")
