"""The trial itself: how faults are tried; and, with `-m trial`, all of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.cases import Case
from conformance.checks import Step
from conformance.laboratory import _availability as availability
from conformance.laboratory import unobserved
from conformance.observations import Key
from conformance.observer.failing import at_step, failed_step
from conformance.subjects import FRAMEWORKS
from conformance.trial.bench import prepared
from conformance.trial.faults import DIRECTORY, Fault, chosen, load
from conformance.trial.outcome import Trial
from conformance.trial.running import run_trial, side_by_side, taking_turns
from conformance.trial.suite import parts, suite_options
from conformance.worker import ObservationFailed, WorkerFailed
from reference.workloads import MNIST_MLP
from tests.planted_workers import PATIENCE_SECONDS, stop
from tests.trial_rows import FAULT

TRIED = chosen(load())


def test_frameworks_take_turns_step_by_step() -> None:
    steps = (Step.TRAIN, Step.DATA, Step.DATA, Step.DATA, Step.TRAIN)
    frameworks = ("pytorch", "pytorch", "pytorch", "tensorflow", "tensorflow")
    faults = [
        replace(FAULT, name=str(number), step=step, framework=framework)
        for number, (step, framework) in enumerate(zip(steps, frameworks, strict=True))
    ]
    assert [fault.name for fault in taking_turns(faults)] == ["1", "3", "2", "0", "4"]


def test_nothing_is_observed_once_a_trial_has_been_stopped() -> None:
    with prepared(DIRECTORY) as bench:
        bench.stop.set()
        with pytest.raises(WorkerFailed, match="nothing is observed any more"):
            bench.collector.observe(Key("mnist_mlp", "oracle", "imports"))


def test_an_error_ends_a_trial_at_once() -> None:
    early, late = replace(FAULT, name="early"), replace(FAULT, name="late", step=Step.EVALUATE)
    stopped: list[bool] = []

    with prepared(DIRECTORY) as bench:

        def do(fault: Fault) -> None:
            if fault is early:
                raise ValueError("no")
            stopped.append(bench.stop.wait(PATIENCE_SECONDS))

        with pytest.raises(ValueError, match="no"):
            side_by_side(bench, [late, early], do, 1, lambda done: None)
    assert stopped in ([True], [])


class TestParts:
    """What of the suite a fault goes through."""

    def ids(self, framework: str, *needs: str) -> set[str]:
        options = suite_options()
        return {part.id for name in Step for part in parts(options, name, framework, needs)}

    def test_every_test_of_the_suite_is_among_them(self) -> None:
        tests = {
            line.split("(")[0].removeprefix("def ")
            for name in Step
            for line in Path(f"conformance/test_{name}.py").read_text().splitlines()
            if line.startswith("def test_")
        }
        assert {name.partition("[")[0] for name in self.ids("pytorch", "native", "tutorial", "repeat")} == tests

    @pytest.mark.parametrize("framework", FRAMEWORKS)
    def test_long_ones_only_where_needed(self, framework: str) -> None:
        quick = self.ids(framework)
        long = {"tensorflow": "epoch_xla", "pytorch": "compiled"}[framework]
        assert not [
            name for name in quick if {"native", "tutorial", "repeatable", long, "full"} & {*re.split(r"[-_\[]", name)}
        ]
        assert {name for name in self.ids(framework, long) - quick if long in name} == self.ids(framework, long) - quick
        assert len(self.ids(framework, long)) > len(quick)

    def test_full_ones_where_full_is_needed(self) -> None:
        more = self.ids("pytorch", "full") - self.ids("pytorch")
        assert more
        assert all("-full" in name for name in more)

    def test_only_those_of_the_framework(self) -> None:
        assert not [name for name in self.ids("pytorch") if "pytorch" not in name]


class TestPlaceOfAFailure:
    """What raises is filed under the step at which it did, though an operation goes through several."""

    @pytest.mark.parametrize(("said", "step"), [("evaluate", Step.EVALUATE), ("", Step.TRAIN)])
    def test_of_an_observation(self, said: str, step: Step) -> None:
        with pytest.raises(pytest.fail.Exception) as failed, availability("pytorch", "cpu", ""):
            raise ObservationFailed("RuntimeError", "no", "Traceback", said)
        check = unobserved(Case(MNIST_MLP, "pytorch"), Step.TRAIN, "test_losses", failed.value)
        assert (check.step, check.contract, check.failed) == (step, "observed", True)

    def test_in_a_worker(self) -> None:
        with pytest.raises(ValueError, match="no") as raised, at_step("train"), at_step("evaluate"):
            raise ValueError("no")
        assert failed_step(raised.value) == "evaluate"
        assert failed_step(ValueError("no")) == ""


_OWN = '''
from typing import Any

from .planting import FAULTS, active, fault, instead


@fault("torch", "imports")
def torch_marked(torch: Any) -> None:
    """Two threads, and says so."""

    @instead(torch, "set_num_threads")
    def set_num_threads(original: Any, threads: int) -> None:
        active()
        original(threads + 1)


@fault("torch", "imports")
def torch_unmarked(torch: Any) -> None:
    """Two threads, and leaves no mark."""
    instead(torch, "set_num_threads")(lambda original, threads: original(threads + 1))


@fault("torch", "data")
def torch_elsewhere(torch: Any) -> None:
    """Said to belong to step data, and shows at step imports."""
    active()
    torch.set_default_dtype(torch.float64)
'''


@pytest.mark.full
@pytest.mark.skipif(os.name != "posix", reason="sends a POSIX signal")
def test_an_interrupted_trial_reports_what_was_tried(tmp_path: Path) -> None:
    faults = ["--fault=torch-aborts", "--fault=keras-is-killed"]
    with subprocess.Popen(
        [sys.executable, "-m", "conformance", "trial", *faults, "--report", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        assert run.stderr is not None
        assert run.stderr.readline().startswith("  1 of 2  torch-aborts")
        printed = stop(run, signal.SIGINT)
    assert run.returncode == 130
    assert "interrupted: 1 of 2 faults were tried" in printed
    document = json.loads((tmp_path / "trial.json").read_text())
    assert [row["name"] for row in document["rows"]] == ["torch-aborts"]
    assert (document["untried"], document["passed"]) == (1, False)
    assert {"torch", "torchvision"} <= {*document["versions"]}
    assert "tensorflow" not in document["versions"]


@pytest.mark.full
def test_faults_of_ones_own(tmp_path: Path) -> None:
    shutil.copy(DIRECTORY / "planting.py", tmp_path)
    (tmp_path / "__init__.py").write_text(_OWN)
    faults = load(tmp_path)
    told: list[str] = []
    trial = run_trial(list(faults.values()), tmp_path, 2, told.append)
    assert {tried.fault.name: tried.verdict for tried in trial.rows} == {
        "torch-marked": "caught",
        "torch-unmarked": "not active",
        "torch-elsewhere": "named imports",
    }
    assert [tried.by.partition("[")[0] for tried in trial.rows] == ["imports/settings"] * 3
    (control,) = trial.controls
    assert control.failures == ()
    assert not trial.passed
    assert len(told) == 3


@pytest.mark.full
def test_the_fault_that_the_documentation_shows(tmp_path: Path) -> None:
    documentation = DIRECTORY.parents[1] / "docs" / "trial.md"
    (source,) = re.findall(r"```python\n(.*?)```", documentation.read_text(encoding="utf-8"), re.DOTALL)
    shutil.copy(DIRECTORY / "planting.py", tmp_path)
    (tmp_path / "__init__.py").write_text(source)
    assert run_trial(list(load(tmp_path).values()), tmp_path, 1, print).passed


@pytest.fixture(scope="module")
def whole() -> Trial:
    return run_trial(TRIED, DIRECTORY, 2, print)


@pytest.mark.trial
@pytest.mark.parametrize("name", [fault.name for fault in TRIED])
def test_fault(whole: Trial, name: str) -> None:
    (tried,) = [tried for tried in whole.rows if tried.fault.name == name]
    assert tried.verdict == "caught", f"{tried.by}: {tried.reason}"


@pytest.mark.trial
def test_no_false_alarm(whole: Trial) -> None:
    assert [control.failures for control in whole.controls] == [()] * len(FRAMEWORKS)
