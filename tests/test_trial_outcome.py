"""What a trial amounts to: the verdict of a row, the report, and how small a fault may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance.checks import Step
from conformance.ending import WrongUse
from conformance.trial import report
from conformance.trial.faults import Fault
from conformance.trial.limits import HALVINGS, find_limit, with_sizes
from conformance.trial.outcome import Control, Row, Trial
from tests.trial_rows import CAUGHT, FAULT, row, step


class TestOutcome:
    @pytest.mark.parametrize(
        ("tried", "verdict"),
        [
            (CAUGHT, "caught"),
            (replace(CAUGHT, active=False), "not active"),
            (row(*map(step, Step)), "missed"),
            (row(step(Step.IMPORTS), step(Step.DATA, caught=True)), "named data"),
            (row(step(Step.IMPORTS, short=("fewer",)), step(Step.MODEL, caught=True)), "compared less"),
            (replace(CAUGHT, by="model/observed[mnist_mlp-pytorch-cpu]"), "not observed"),
            (replace(CAUGHT, by="model/observed[mnist_mlp-pytorch-cpu]", fault=replace(FAULT, loud=True)), "caught"),
        ],
    )
    def test_verdicts(self, tried: Row, verdict: str) -> None:
        assert tried.verdict == verdict
        assert Trial((tried,), ()).passed == tried.right == (verdict == "caught")

    @pytest.mark.parametrize(
        ("tried", "why"),
        [
            (CAUGHT, ""),
            (replace(CAUGHT, active=False, imported=False), "the module for which it waits was never imported"),
            (replace(row(*map(step, Step)), active=False), "what it patches never ran, or made no difference"),
            (replace(CAUGHT, active=False, by="model/observed[a]"), "it left no mark before this"),
            (replace(CAUGHT, active=False), "it left no mark: let it call active() or altered()"),
        ],
    )
    def test_why_a_fault_was_not_active(self, tried: Row, why: str) -> None:
        assert tried.why_inactive == why
        assert [why in line for line in report.complaints(Trial((tried,), ()))] == [True] * bool(why)

    def test_what_an_interrupt_left_out_fails_the_trial(self) -> None:
        trial = Trial((CAUGHT,), (), untried=2)
        assert not trial.passed
        assert "interrupted: 1 of 3 faults were tried" in report.headline(trial)

    def test_a_false_alarm_fails_the_trial(self) -> None:
        control = Control("pytorch", (step(Step.IMPORTS),), ("data/batches: wrong",))
        trial = Trial((CAUGHT,), (control,))
        assert not trial.passed
        assert "false alarm: data/batches: wrong" in report.complaints(trial)
        assert Trial((CAUGHT,), (replace(control, failures=()),)).passed

    def test_figures(self) -> None:
        missed = row(*map(step, Step))
        elsewhere = row(step(Step.IMPORTS, caught=True))
        trial = Trial((CAUGHT, missed, elsewhere, replace(CAUGHT, active=False)), ())
        assert (trial.caught, trial.right) == (2, 1)
        assert report.headline(trial)[0].startswith("caught 2 of 4 (50.0%), first step named right 1 of 4 (25.0%)")

    def test_the_report(self, tmp_path: Path) -> None:
        trial = Trial(
            (CAUGHT, row(*map(step, Step))), (Control("pytorch", (step(Step.IMPORTS),)),), {"torch": "2.15.0"}
        )
        report.write(tmp_path, trial)
        document = json.loads((tmp_path / "trial.json").read_text())
        assert [entry["verdict"] for entry in document["rows"]] == ["caught", "missed"]
        assert [result["caught"] for result in document["rows"][0]["steps"]] == [False, False, True]
        markdown = (tmp_path / "trial.md").read_text()
        assert "| silent | · | · | ✕ |  |  |  | caught | model/logits |" in markdown
        page = (tmp_path / "trial.html").read_text()
        assert "<td>·</td><td>·</td><td>✕</td><td></td><td></td><td></td>" in page
        assert 'class="verdict break"' in page

    def test_the_table(self) -> None:
        console = Console(width=140, record=True)
        report.show(Trial((CAUGHT,), ()), console)
        assert "torch-fault" in console.export_text()


class TestLimits:
    SIZED = replace(FAULT, size=1e-3)

    def probe(self, smallest: float, asked: list[float]) -> Callable[[Fault], Row]:
        def one(fault: Fault) -> Row:
            assert fault.size is not None
            asked.append(fault.size)
            return row(step(Step.MODEL, caught=fault.size >= smallest), fault=fault)

        return one

    def test_halving(self) -> None:
        asked: list[float] = []
        found = find_limit(self.SIZED, self.probe(3e-6, asked))
        assert (found.caught, found.missed) == (1e-3 / 2**8, 1e-3 / 2**9)
        assert found.step is Step.MODEL
        assert found.probes == len(asked) <= 7

    def test_missed_at_full_size(self) -> None:
        found = find_limit(self.SIZED, self.probe(1.0, []))
        assert (found.caught, found.missed, found.probes) == (None, 1e-3, 1)

    def test_nothing_missed(self) -> None:
        found = find_limit(self.SIZED, self.probe(0.0, []))
        assert (found.caught, found.missed) == (1e-3 / 2**HALVINGS, None)

    def test_one_element_is_not_halved(self) -> None:
        asked: list[float] = []
        found = find_limit(replace(FAULT, size=1), self.probe(0.0, asked))
        assert (found.caught, found.missed, asked) == (1, None, [1])

    def test_a_fault_that_is_not_active_is_not_caught(self) -> None:
        found = find_limit(self.SIZED, lambda fault: row(step(Step.MODEL, caught=True), active=False, fault=fault))
        assert found.caught is None

    def test_nothing_to_halve(self) -> None:
        with pytest.raises(WrongUse, match="none of these faults has a size"):
            with_sizes([FAULT])
