"""The end of a run on a terminal: it fits, it says everything, and nothing steers the terminal."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from conformance.census import CensusComparison
from conformance.checks import Step
from conformance.report.terminal import as_text
from tests import synthetic_runs
from tests.synthetic_runs import RUNS


@pytest.mark.parametrize("name", RUNS)
def test_terminal_fits_eighty_columns_and_ends_with_the_verdict(name: str) -> None:
    run = RUNS[name]()
    lines = as_text(run).rstrip("\n").split("\n")
    too_wide = [line for line in lines if len(line) > 80 and not line.startswith("  pytest ")]
    assert not too_wide
    assert lines[-1].startswith(f"verdict: {run.verdict or 'nothing compared'}  exit status {run.exit_status}  (")


@pytest.mark.parametrize("colour", [False, True])
def test_terminal_colours_only_where_asked_and_passes_on_no_escapes(colour: bool) -> None:
    text = as_text(synthetic_runs.broken(), colour=colour)
    assert ("\x1b" in text) is colour
    assert "\x1b[31m<script>" not in text
    assert "[31m<script>alert(1)</script>|" in text


def row(text: str, step: str, framework: str) -> list[str]:
    """The columns of the table's line of a step and a framework."""
    current = ""
    for line in text.split("\n"):
        columns = line.split()
        if columns and columns[0] in list(Step):
            current, *columns = columns
        if current == step and columns and columns[0] == framework:
            return columns[1:]
    raise AssertionError(f"no line for {step} and {framework}")


def test_terminal_table_has_verdict_checks_ratio_and_elements() -> None:
    text = as_text(synthetic_runs.drifting())
    assert row(text, "data", "TensorFlow") == ["identical", "3", "exact", "109,830,000"]
    assert row(text, "objective", "TensorFlow") == ["rounding", "9", "0.22", "15,921"]
    assert row(text, "objective", "PyTorch") == ["drift", "9", "712", "15,921"]
    assert row(text, "train", "PyTorch")[:3] == ["drift", "5", "35.0"]


def test_terminal_shows_the_first_divergence_with_all_that_is_known() -> None:
    text = as_text(synthetic_runs.drifting())
    shown = text[text.index("first divergence: drift") :]
    for expected in (
        "objective/updated/output/bias[3]",
        "-0.00116421",
        "-0.00116304",
        "5.20e-06",
        "7.30e-09",
        "712",
        "  pytest conformance/test_objective.py --framework pytorch --workload mnist_mlp --device cpu\n",
    ):
        assert expected in shown


def test_a_step_that_the_ledger_excuses_shows_the_verdict_of_the_rest() -> None:
    text = as_text(synthetic_runs.with_ledger())
    assert row(text, "objective", "PyTorch") == ["rounding", "10", "1", "0.22", "15,922"]
    assert "loss-of-a-zero-probability (framework-default): Keras clips" in text


def test_terminal_says_what_was_not_run_and_what_is_partial() -> None:
    text = as_text(synthetic_runs.lacking_a_framework())
    assert row(text, "train", "TensorFlow")[:2] == ["not", "run"]
    assert "tensorflow: No module named 'tensorflow'; install it" in text
    assert "partial: 12 of 214" in as_text(synthetic_runs.partial())


def test_terminal_shows_what_a_gate_changed_and_how_fast_it_is() -> None:
    text = as_text(synthetic_runs.gate())
    assert "torch 2.14.1 -> 2.15.0, named" in text
    assert "sympy 1.13.1 -> (none), dropped" in text
    assert "aten::addmm: 2 calls, float32 -> 2 calls, bfloat16" in text
    assert re.search(r"pytorch train step +1\.247 +1\.214 - 1\.283 +1\.090 +slower", text)


def test_a_short_census_is_listed() -> None:
    run = synthetic_runs.conforming()
    short = CensusComparison(judged=True, reason="", short=("data: 2 checks, 3 expected",))
    text = as_text(replace(run, census_comparison=short))
    assert "data: 2 checks, 3 expected" in text
    assert "verdict: break  exit status 1" in text
