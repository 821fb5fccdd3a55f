"""The trial itself: faults that are read, tried and judged; and, with `-m trial`, all of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from conformance import __main__ as command_line
from conformance.cases import Case
from conformance.checks import Step
from conformance.commands import trial as trial_command
from conformance.ending import NotPossible, WrongUse
from conformance.laboratory import _availability as availability
from conformance.laboratory import unobserved
from conformance.observations import Key
from conformance.observer.failing import at_step, failed_step
from conformance.subjects import FRAMEWORKS, Subject
from conformance.trial import report
from conformance.trial.bench import prepared
from conformance.trial.faults import DIRECTORY, LENGTHY, Fault, chosen, load, planted, stage, was_imported
from conformance.trial.limits import HALVINGS, find_limit, with_sizes
from conformance.trial.outcome import Control, Row, StepResult, Trial
from conformance.trial.running import run_trial, side_by_side, taking_turns
from conformance.trial.suite import parts, suite_options
from conformance.worker import ObservationFailed, WorkerFailed
from reference.workloads import MNIST_MLP
from tests.planted_workers import PATIENCE_SECONDS, stop

FAULTS = load()
TRIED = chosen(FAULTS)
FAULT = Fault("torch-fault", "pytorch", Step.MODEL, "Something is wrong.", False, "https://example.org/1")


def step(name: Step, caught: bool = False, short: tuple[str, ...] = ()) -> StepResult:
    return StepResult(name, 1, 4, 100, caught, short)


def row(*steps: StepResult, active: bool = True, fault: Fault = FAULT) -> Row:
    return Row(fault, steps, active, "model/logits[mnist_mlp-pytorch-vs-oracle-0-cpu]", "it differs", seconds=1.5)


CAUGHT = row(step(Step.IMPORTS), step(Step.DATA), step(Step.MODEL, caught=True))


_DECLARED = """
from types import SimpleNamespace

words = dict(name="a", framework="pytorch", step="model", what="", loud=True, link="", needs=[], size=None)
FAULTS = {{"a": SimpleNamespace(**{{**words, **dict({words})}})}}
"""


class TestFaults:
    def test_there_are_enough_of_every_kind(self) -> None:
        assert len(TRIED) >= 60
        for framework in FRAMEWORKS:
            for name in Step:
                kinds = {fault.loud for fault in TRIED if (fault.framework, fault.step) == (framework, name)}
                assert kinds == {True, False}, (framework, name)

    def test_each_says_what_it_does_and_what_it_copies(self) -> None:
        assert all(fault.what.endswith(".") for fault in FAULTS.values())
        links = [fault.link for fault in FAULTS.values() if fault.link]
        assert len(links) > 20
        assert all(link.startswith("https://github.com/") for link in links)

    @pytest.mark.parametrize("need", sorted(LENGTHY))
    def test_lengthy_ones_are_left_to_those_who_name_them(self, need: str) -> None:
        lengthy = [name for name, fault in FAULTS.items() if need in fault.needs]
        assert lengthy
        assert not {*lengthy} & {fault.name for fault in TRIED}
        assert [fault.name for fault in chosen(FAULTS, lengthy)] == lengthy

    def test_a_name_mistyped(self) -> None:
        with pytest.raises(
            WrongUse, match=r"no fault is called 'torch-label-are-wrong': did you mean torch-labels-are-"
        ):
            chosen(FAULTS, ["torch-label-are-wrong"])

    def test_one_framework(self) -> None:
        assert {fault.framework for fault in chosen(FAULTS, [], ["pytorch"])} == {"pytorch"}
        with pytest.raises(WrongUse, match="none of these faults is one of tensorflow"):
            chosen(FAULTS, ["torch-aborts"], ["tensorflow"])

    def test_no_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        nowhere = tmp_path / "nowhere"
        monkeypatch.setattr("sys.argv", ["conformance", "trial", "--faults", str(nowhere)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == 2
        assert capsys.readouterr().err == f"conformance: --faults {nowhere}: there is no such directory\n"
        monkeypatch.setattr("conformance.trial.faults.DIRECTORY", nowhere)
        with pytest.raises(NotPossible, match="is not there: run this in a clone of the repository"):
            load(nowhere)

    def test_a_framework_that_cannot_be_observed_without_a_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def fails(*words: object) -> None:
            raise WorkerFailed("pytorch: no answer to 'start' within 180 s; the worker was ended")

        monkeypatch.setattr(trial_command, "run_trial", fails)
        earlier = tmp_path / "trial.json"
        earlier.touch()
        monkeypatch.setattr("sys.argv", ["conformance", "trial", "--fault", "torch-aborts", "--report", str(tmp_path)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == 3
        assert not earlier.exists()
        told = capsys.readouterr().err
        assert "a framework without a fault cannot be observed: pytorch: no answer to 'start'" in told
        assert "Traceback" not in told

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ("1 / 0", r"ZeroDivisionError: division by zero \(__init__\.py, line 1\)"),
            ("a = (", r"SyntaxError: '\(' was never closed \(__init__\.py, line 1\)$"),
            ("", "it has no mapping FAULTS: let its __init__.py import that of its planting.py"),
            ("FAULTS = {}", "declares no faults"),
            ("FAULTS = {'a': 1}", "AttributeError"),
            ("FAULTS = []", "it has no mapping FAULTS"),
            ("import sys; sys.exit(0)", "SystemExit: 0"),
            (_DECLARED.format(words="needs=['nonsense']"), "a needs 'nonsense': choose from"),
            (_DECLARED.format(words="needs='native'"), "a needs 'native': put it into a list"),
            (_DECLARED.format(words="name='a/b'"), "a fault is called 'a/b': letters, digits, - and _"),
            (_DECLARED.format(words="name=3"), "a fault is called 3:"),
            (_DECLARED.format(words="size=0"), "a has the size 0: give a number above 0"),
            (_DECLARED.format(words="size='0.1'"), "a has the size '0.1': give a number above 0"),
            (_DECLARED.format(words="step='modell'"), "a belongs to the step 'modell': choose from imports, data"),
            (_DECLARED.format(words="framework='jax'"), "a is a fault of 'jax', which is no framework"),
        ],
    )
    def test_a_directory_that_is_no_use(self, tmp_path: Path, source: str, reason: str) -> None:
        (tmp_path / "__init__.py").write_text(source)
        (tmp_path / "planting.py").touch()
        with pytest.raises(WrongUse, match=reason):
            load(tmp_path)

    def test_a_directory_that_lacks_a_file(self, tmp_path: Path) -> None:
        with pytest.raises(WrongUse, match=r"it has no __init__\.py, which declares its faults \(docs/trial\.md"):
            load(tmp_path)
        (tmp_path / "__init__.py").write_text("FAULTS = {}")
        with pytest.raises(WrongUse, match=r"it has no planting\.py, which plants them: copy that of ours"):
            load(tmp_path)

    def test_a_wrong_declaration_is_located(self, tmp_path: Path) -> None:
        shutil.copy(DIRECTORY / "planting.py", tmp_path)
        (tmp_path / "__init__.py").write_text("from . import mine\nfrom .planting import FAULTS\n")
        source = "from .planting import fault\n\n\n@fault('torch', 'model', needs='native')\ndef a(torch): ...\n"
        (tmp_path / "mine.py").write_text(source)
        with pytest.raises(WrongUse, match=r"a needs 'native': put it into a list \(mine\.py, line 4\)"):
            load(tmp_path)

    def test_a_directory_that_cannot_be_copied(self, tmp_path: Path) -> None:
        source = tmp_path / "faults"
        source.mkdir()
        (source / "__init__.py").write_text("FAULTS = {}")
        (source / ".#__init__.py").symlink_to(tmp_path / "nowhere")  # as editors make them
        assert (stage(source, tmp_path / "staged") / "conformance_faults" / "__init__.py").exists()
        (source / "more.py").symlink_to(tmp_path / "nowhere")
        with pytest.raises(NotPossible, match=r"faults cannot be copied: .*more\.py"):
            stage(source, tmp_path / "again")

    def test_a_name_given_twice_is_tried_once(self) -> None:
        faults = load(DIRECTORY)
        names = ["torch-aborts", "keras-gives-nan", "torch-aborts"]
        assert [fault.name for fault in chosen(faults, names)] == names[:2]

    def test_a_report_that_cannot_be_written_is_told_before_anything_is_tried(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = tmp_path / "file"
        place.touch()
        monkeypatch.setattr(trial_command, "run_trial", None)
        monkeypatch.setattr("sys.argv", ["conformance", "trial", "--fault", "torch-aborts", "--report", str(place)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == 2
        assert f"--report {place}: a file is there already, give a directory" in capsys.readouterr().err
        monkeypatch.setattr("sys.argv", [*sys.argv[:-1], str(place / "report")])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        assert ended.value.code == 3
        assert f"{place / 'report'} cannot be written: Not a directory" in capsys.readouterr().err


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


def test_an_earlier_planting_does_not_tell_whether_the_module_was_imported(tmp_path: Path) -> None:
    staged = stage(DIRECTORY, tmp_path / "staged")
    assert not was_imported(staged, tmp_path / "active")
    (staged / "conformance_faults" / "planting.py").write_text("")
    assert was_imported(staged, tmp_path / "active")


@pytest.mark.parametrize(("module", "found"), [("json", ["active.imported"]), ("wave", [])])
def test_a_fault_tells_that_its_module_was_imported(tmp_path: Path, module: str, found: list[str]) -> None:
    (tmp_path / "faults").mkdir()
    shutil.copy(DIRECTORY / "planting.py", tmp_path / "faults")
    source = f"from .planting import FAULTS, fault\n\n\n@fault({module!r}, 'model')\ndef a(module): ...\n"
    (tmp_path / "faults" / "__init__.py").write_text(source)
    (tmp_path / "marks").mkdir()
    subject = planted(
        Subject("pytorch"), FAULT, stage(tmp_path / "faults", tmp_path / "staged"), tmp_path / "marks" / "active"
    )
    variables = {**os.environ, **subject.environment, "CONFORMANCE_FAULT": "a"}
    subprocess.run([sys.executable, "-c", "import json"], env=variables, check=True)
    assert [path.name for path in (tmp_path / "marks").iterdir()] == found


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
