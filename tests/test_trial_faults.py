"""Faults to be planted: those that there are, directories that are no use, and what a planted one tells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import __main__ as command_line
from conformance.checks import Step
from conformance.commands import trial as trial_command
from conformance.ending import NotPossible, WrongUse
from conformance.subjects import FRAMEWORKS, Subject
from conformance.trial.faults import DIRECTORY, LENGTHY, chosen, load, planted, stage, was_imported
from conformance.worker import WorkerFailed
from tests.trial_rows import FAULT

FAULTS = load()
TRIED = chosen(FAULTS)

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
