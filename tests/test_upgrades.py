"""docs/upgrades.md: what is measured is shown, what is done is kept, and what cannot be had is said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance import verdict_file
from conformance.checks import Step, Verdict
from conformance.ending import NotPossible
from conformance.gate import upgrades
from conformance.gate.progress import Progress
from conformance.gate.records import Records
from conformance.gate.request import Request
from conformance.gate.running import Outcome
from conformance.verdict import Run
from tests.synthetic_runs import gate, make_check

BETWEEN = ("pytorch@candidate", "pytorch@baseline")
STEP = upgrades.Upgrade("PyTorch", "torch==2.14.1 torchvision==0.29.1", "torch==2.15.0 torchvision==0.29.2")


def run() -> Run:
    rounding = make_check(Step.TRAIN, "losses", subjects=BETWEEN, measured=3e-7, allowed=6e-7)
    moved = make_check(
        Step.MODEL,
        "catalogue/clip/diverges/at-the-bound",
        subjects=BETWEEN,
        workload="catalogue",
        verdict=Verdict.DRIFT,
        measured=1.0,
        reason="gradient/x: differs by 1",
    )
    side = replace(gate().candidate, packages={"torch": "2.15.0", "python": "3.11.7"}, flags={"pytorch": {"cpu": "X1"}})
    return replace(gate(), checks=(rounding, moved), candidate=side, throughput=())


def test_every_step_from_release_to_release_is_there() -> None:
    titles = [upgrade.title for upgrade in upgrades.upgrades()]
    assert "TensorFlow 2.16.2 → 2.17.1" in titles
    assert "TensorFlow 2.20.0 → 2.21.0" in titles
    assert "PyTorch 2.14.1 → 2.15.0" in titles
    assert len(titles) == 9


def test_the_page_keeps_the_six_steps_and_the_components_apart() -> None:
    page = upgrades.page([(STEP, run())])
    (row,) = (line for line in page.splitlines() if line.startswith("| PyTorch"))
    assert row == "| PyTorch 2.14.1 → 2.15.0 | `rounding` | none | 0.50 | 1 | 1 | 4 | 148 |"
    assert "verdict with the catalogue `drift`, exit status 1" in page
    assert "- clip: drift in `diverges/at-the-bound`, gradient/x: differs by 1" in page
    assert "- triton 3.6.0 → 3.7.0 (forced)" in page
    assert "2026-03-02, Python 3.11.7, X1." in page


def test_a_step_that_cannot_be_had_says_why() -> None:
    page = upgrades.page([(STEP, "there is no wheel")])
    assert "| PyTorch 2.14.1 → 2.15.0 | not carried out: there is no wheel |" in page


def test_what_is_done_is_not_gated_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def carry_out(request: Request, progress: Progress) -> Outcome:
        asked.append(request.baseline.text)
        if request.baseline.text.startswith("torch==2.11"):
            raise NotPossible("no disk")
        return Outcome(run(), {name: Records() for name in ("baseline", "candidate", "oracle")})

    monkeypatch.setattr(upgrades, "run_gate", carry_out)
    monkeypatch.setattr(upgrades, "PAGE", tmp_path / "upgrades.md")
    monkeypatch.setattr(upgrades, "Progress", lambda: Progress(Console(quiet=True)))
    upgrades.main(tmp_path)
    assert len(asked) == 9
    assert verdict_file.read(tmp_path / "pytorch-2.14.1-to-2.15.0" / "verdict.json") == run()
    upgrades.main(tmp_path)
    assert asked[9:] == ["torch==2.11.0 torchvision==0.26.0"]
    assert (tmp_path / "upgrades.md").read_text().count("`rounding`") == 8
