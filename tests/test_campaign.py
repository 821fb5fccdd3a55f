"""The campaign's own arithmetic: what is counted, how contracts are grouped, and what is told of their ratios."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import typer

from conformance import verdict_file
from conformance.census import CensusComparison, NotRun
from conformance.checks import Check, Kind, Step, Verdict
from conformance.trial import campaign
from conformance.trial.campaign import CONDITIONS, Condition, absent, chosen, collect, read_kept
from conformance.trial.campaign_figures import figures, group_of, histogram, markdown
from conformance.verdict import Run
from tests.synthetic_runs import conforming, drifting, exact, make_check


def ratios(contract: str, *values: float, step: Step = Step.TRAIN) -> list[Check]:
    return [make_check(step, contract, measured=value, allowed=1.0, seed=place) for place, value in enumerate(values)]


def run_of(*checks: Check) -> Run:
    return replace(conforming(), checks=checks)


class TestFigures:
    @pytest.mark.parametrize(
        ("contract", "group"),
        [
            ("weights/000016/hidden/kernel", "train/weights/*/hidden/kernel"),
            ("weights/009380/hidden/kernel", "train/weights/*/hidden/kernel"),
            ("weights/000016/hidden/bias", "train/weights/*/hidden/bias"),
            ("losses", "train/losses"),
        ],
    )
    def test_a_contract_is_one_at_all_training_steps(self, contract: str, group: str) -> None:
        assert group_of(make_check(Step.TRAIN, contract)) == group

    def test_a_run_that_is_short_of_its_census_is_a_false_alarm(self) -> None:
        short = CensusComparison(judged=True, reason="", short=("train: no checks ran, 300 expected",))
        found = figures({"a": replace(run_of(*ratios("losses", 0.5)), census_comparison=short)})
        assert found.alarms == ("a: exit status 1, train: no checks ran, 300 expected",)
        assert found.total.alarms == 1

    def test_ratios_are_gathered_over_runs(self) -> None:
        one, two = ratios("weights/000001/hidden/bias", 0.4, 0.1), ratios("weights/000002/hidden/bias", 0.2)
        (found,) = figures({"a": run_of(*one), "b": run_of(*two)}).contracts
        assert found.contract == "train/weights/*/hidden/bias"
        assert found.values.tolist() == [0.1, 0.2, 0.4]
        assert found.median == 0.2

    @pytest.mark.parametrize(
        ("values", "inside"),
        [
            ((0.0, 0.3, 0.9), True),
            ((0.001, 0.01, 0.9), False),  # slack
            ((0.1, 0.71, 0.9), False),  # near to flaky
            ((0.0, 0.0, 0.5), False),
        ],
    )
    def test_the_median_tells_slack_and_tight_apart(self, values: tuple[float, ...], inside: bool) -> None:
        found = figures({"a": run_of(*ratios("losses", *values))})
        assert found.contracts[0].in_band == inside
        assert bool(found.outside) != inside
        assert ("median outside 0.02 to 0.7" in markdown(found, {"a": "clean"}, {})) != inside

    def test_choices_and_exact_rules_are_no_ratios(self) -> None:
        checks = [
            *ratios("predictions", 0.0, 0.0, 0.3, step=Step.EVALUATE),
            *ratios("edge_cases/zero", 0.0, step=Step.OBJECTIVE),
            exact(Step.DATA, "labels", "pytorch", 60_000),
            make_check(Step.TRAIN, "losses", measured=0.0, allowed=0.0),
        ]
        found = figures({"a": run_of(*checks)})
        assert found.contracts == ()
        assert found.choices == {"evaluate/predictions": (3, 1), "objective/edge_cases/zero": (1, 0)}

    def test_only_locked_checks_count_and_every_alarm(self) -> None:
        statistical = make_check(Step.EVALUATE, "accuracy_threshold", kind=Kind.STATISTICAL, verdict=Verdict.BREAK)
        accepted = make_check(
            Step.OBJECTIVE, "loss", verdict=Verdict.DRIFT, measured=9.0, allowed=1.0, ledger_id="known"
        )
        checks = (*ratios("losses", 0.1, 0.2), exact(Step.DATA, "labels", "pytorch", 60_000), statistical, accepted)
        found = figures({"a": run_of(*checks), "b": drifting()})
        assert (found.tallies["a"].checks, found.tallies["a"].accepted, found.tallies["a"].alarms) == (3, 1, 1)
        assert found.tallies["a"].elements == 100 * 4 + 60_000
        assert found.tallies["b"].alarms > 0
        assert found.total.checks == 3 + found.tallies["b"].checks
        assert "a: evaluate/accuracy_threshold[mnist_mlp-pytorch-vs-oracle-cpu]" in found.alarms
        assert "objective/loss" not in [contract.contract for contract in figures({"a": run_of(*checks)}).contracts]

    def test_what_is_told(self) -> None:
        text = markdown(figures({"a": conforming()}), {"a": "clean", "b": "shuffled"}, {"b": "it is not installed"})
        assert "| `b` | shuffled | not run: it is not installed |" in text
        assert "False alarms:" not in text
        assert "- a: train/weights" in markdown(figures({"a": drifting()}), {"a": "faulty"}, {})

    def test_the_histogram_is_the_same_for_the_same_ratios(self) -> None:
        one, other = (figures({"a": run_of(*ratios("losses", *values))}) for values in ((0.1, 0.2), (0.1, 0.4)))
        assert histogram(one) == histogram(one)
        assert histogram(one) != histogram(other)
        assert "dc:date" not in histogram(one)
        assert "2 rounding checks; 0 more are 0" in histogram(one)


class TestConditions:
    def keep(self, directory: Path, run: Run) -> None:
        directory.mkdir(parents=True)
        (directory / "verdict.json").write_text(verdict_file.to_json(run))

    def test_each_has_a_name_and_changes_something(self) -> None:
        assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
        commands = [
            (condition.command(Path("r")), dict(condition.variables), condition.loaded) for condition in CONDITIONS
        ]
        assert all(commands.count(command) == 1 for command in commands)

    def test_only_the_shuffled_one_shuffles(self) -> None:
        shuffled = [one.name for one in CONDITIONS if not one.gate and "no:randomly" not in one.command(Path("r"))]
        assert shuffled == ["shuffled"]

    def test_names(self) -> None:
        assert chosen([]) == list(CONDITIONS)
        assert [condition.name for condition in chosen(["loaded"])] == ["loaded"]
        with pytest.raises(typer.BadParameter, match="no condition is called 'loud': choose from as-installed, "):
            chosen(["loud"])

    def test_what_is_kept_is_not_repeated(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def carry_out(condition: Condition, report: Path) -> str:
            asked.append(condition.name)
            return "no room"

        monkeypatch.setattr(campaign, "carry_out", carry_out)
        self.keep(tmp_path / "kept", conforming())
        runs, missing = collect(tmp_path, [Condition("kept", ""), Condition("new", "")])
        assert asked == ["new"]
        assert list(runs) == ["kept"]
        assert missing == {"new": "no room"}

    def test_what_was_cut_short_is_not_taken(self, tmp_path: Path) -> None:
        stopped = NotRun("the rest of the run", "it was stopped before its end", required=True)
        self.keep(tmp_path / "stopped", replace(conforming(), not_run=(stopped,)))
        self.keep(tmp_path / "partial", conforming())
        assert read_kept(tmp_path / "stopped") is None
        assert read_kept(tmp_path / "none") is None
        assert read_kept(tmp_path / "partial") is not None
        document = tmp_path / "partial" / "verdict.json"
        document.write_text(document.read_text()[:-100])
        assert read_kept(tmp_path / "partial") is None

    def test_a_run_has_the_condition_s_variables(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = "import json, os, sys; print(json.dumps([os.environ['WORD'], sys.argv[1:]])); sys.exit(3)"
        monkeypatch.setattr(Condition, "command", lambda self, report: [sys.executable, "-c", source, *self.arguments])
        reason = campaign.carry_out(Condition("a", "", arguments=("-q",), variables={"WORD": "said"}), tmp_path / "a")
        assert json.loads((tmp_path / "a" / "output.txt").read_text()) == ["said", ["-q"]]
        assert reason.startswith("exit status 3: ")

    def test_a_plugin_that_is_absent_is_said(self) -> None:
        assert absent(Condition("a", "", plugin="of_nobody")) == "pytest_of_nobody is not installed"
        assert absent(Condition("a", "")) == ""

    def test_busy_cores_are_left_idle(self) -> None:
        this = psutil.Process()
        before = set(this.children())
        with campaign.busy():
            loops = set(this.children()) - before
            assert len(loops) == os.cpu_count()
        assert not [loop for loop in loops if loop.is_running()]
