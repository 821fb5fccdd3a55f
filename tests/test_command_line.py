"""The command line: what it refuses, in how many words, with which exit status, and that it starts fast."""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from conformance import ledger_file, verdict_file
from conformance.__main__ import main
from conformance.census import NotRun
from conformance.checks import Step, Verdict
from conformance.commands import gate as gate_command
from conformance.commands.run import SUITE, run_suite, status_of
from conformance.contracts import KNOWN_CONTRACTS
from conformance.ending import NotPossible
from conformance.gate.observing import Observer
from conformance.gate.records import Records
from conformance.gate.running import Outcome
from conformance.observations import Key, ObservationUnwritable
from conformance.worker import ObservationFailed
from reference.workloads import MNIST_MLP
from tests.synthetic_runs import conforming, make_check
from tests.synthetic_runs import gate as gate_run

HERE = f"python:{sys.executable}"
TOMORROW = str(date.today() + timedelta(days=1))


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit status of `conformance` with these words."""
    monkeypatch.setattr(sys, "argv", ["conformance", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_help_starts_without_numpy_or_a_framework() -> None:
    code = (
        "import sys; sys.argv = ['conformance', 'gate', '--help']\n"
        "from conformance.__main__ import main\n"
        "try:\n    main()\n"
        "except SystemExit as ended:\n    assert ended.code == 0\n"
        "heavy = {'numpy', 'scipy', 'matplotlib', 'pytest', 'torch', 'tensorflow'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "--candidate-env" in ended.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["frobnicate"], "frobnicate"),
        (["gate", "torch"], "Missing argument 'CANDIDATE'"),
        (["gate", "torch", "torch", "--spede", "quick"], "--spede"),
        (["gate", "torch", "torch", "--device", "tpu"], "choose from cpu, cuda"),
        (["gate", "torch", "torch", "--framework", "jax"], "unknown framework 'jax'"),
        (["gate", "torch", "torch", "--framework", "oracle"], "a gate compares tensorflow and pytorch"),
        (["gate", "torch", "torch", "--framework", "torch,numpy"], "a gate compares tensorflow and pytorch"),
        (["gate", "torch", "torch", "--only", "training"], "start with a step"),
        (["gate", "torch", "torch", "--fail-on", "drift,rounding"], "choose from drift, break, slower, unresolved"),
        (["gate", "torch", "torch", "--candidate-env", "PATH"], "write it as NAME=VALUE"),
        (["gate", "torch", "torch", "--baseline-env", "=x"], "write it as NAME=VALUE"),
        (["gate", "torch", "torch", "--candidate-env", "OMP_NUM_THREADS=zero"], "a whole number of threads"),
        (["gate", "torch", "torch", "--workload", "mnist_mpl"], "did you mean mnist_mlp?"),
        (["gate", "torch", "torch", "--workload", "nowhere.py"], "no such file"),
        (["gate", "torch", "torch", "--ledger", "nowhere.toml"], "there is no such file"),
        (["gate", "-", "-"], "only one side can be read from standard input"),
        (["gate", "", HERE], "a side is empty"),
        (["gate", "numpy==2.0", HERE], "no framework in 'numpy==2.0'"),
        (["gate", "requirements/nowhere.txt", HERE], "there is no file requirements/nowhere.txt"),
        (["gate", HERE, HERE, "--baseline-python", "3.11"], "is a Python already"),
        (["bisect", "torch", "not-a-version", "2.15.0"], "not-a-version"),
        (["report", "nowhere"], "no directory"),
        (["accept", "x", "--reason", "r", "--until", "tomorrow"], "tomorrow"),
        (["accept", "x", "--reason", " ", "--until", TOMORROW], "--reason is empty"),
        (["accept", "x", "--reason", "r", "--until", "2020-01-01"], "has passed"),
    ],
)
def test_wrong_use_is_one_or_two_lines_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert call(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert len([line for line in error.splitlines() if not line.startswith("resolving")]) <= 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gate", "python:/nowhere/python", HERE], "there is no Python at /nowhere/python"),
        (["gate", "python:/tmp", HERE], "is a directory"),
        (["gate", "torch==2.15.0", "torch==2.15.0", "--baseline-python", "2.7"], "there is no Python 2.7"),
    ],
)
def test_what_cannot_be_carried_out_is_status_3_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert call(monkeypatch, *words) == 3
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_file_in_place_of_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "report").write_text("mine")
    assert call(monkeypatch, "gate", HERE, HERE, "--report", str(tmp_path / "report")) == 2
    assert "a file is there already" in capsys.readouterr().err


def test_two_gates_in_one_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with FileLock(tmp_path / ".lock"):
        assert call(monkeypatch, "gate", HERE, HERE, "--report", str(tmp_path)) == 2
    assert "another gate is writing there" in capsys.readouterr().err


def test_a_broken_ledger(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "ledger.toml"
    path.write_text("[[entry]]\n")
    assert call(monkeypatch, "gate", HERE, HERE, "--ledger", str(path)) == 2
    assert "lacks id" in capsys.readouterr().err


def test_what_a_gate_prints_and_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    run = gate_run()
    records = {name: Records() for name in ("oracle", "baseline", "candidate")}
    outcome = Outcome(run, records)
    monkeypatch.setattr(gate_command, "run_gate", lambda request, progress: outcome)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    report, junit = tmp_path / "report", tmp_path / "junit.xml"
    status = call(monkeypatch, "gate", HERE, HERE, "--report", str(report), "--junit-xml", str(junit))
    assert status == run.exit_status
    assert "verdict:" in capsys.readouterr().out
    assert verdict_file.read(report / "verdict.json") == run
    assert (report / "report.html").exists()
    assert (tmp_path / "summary.md").read_text() == (report / "report.md").read_text()
    assert junit.read_text().count("<failure") == sum(check.failed for check in run.checks)
    assert call(monkeypatch, "report", str(report)) == 3
    assert f"gate again with --report {report}" in capsys.readouterr().err
    (report / "observations" / "oracle").mkdir(parents=True)
    page = (report / "report.html").read_text()
    (report / "report.html").unlink()
    assert call(monkeypatch, "report", str(report)) == 0
    assert (report / "report.html").read_text() == page


def test_a_report_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "report", str(tmp_path)) == 3
    assert "verdict.json cannot be read" in capsys.readouterr().err


def test_accept_adds_a_waiver_that_the_ledger_reads(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    sides = ("pytorch@candidate", "pytorch@baseline")
    check = make_check(Step.OBJECTIVE, "loss", subjects=sides, verdict=Verdict.DRIFT, measured=1e-3)
    run = replace(gate_run(), checks=(check,))
    (tmp_path / "verdict.json").write_text(verdict_file.to_json(run))
    ledger = tmp_path / "ours.toml"
    words = ("--reason", "known", "--until", TOMORROW, "--report", str(tmp_path), "--ledger", str(ledger))
    assert call(monkeypatch, "accept", "objective/loss", *words) == 0
    (entry,) = ledger_file.load(ledger, KNOWN_CONTRACTS)
    assert entry.matches(check)
    assert entry.holds(check)
    assert set(entry.versions) == {"torch"}
    assert call(monkeypatch, "accept", "no/such", *words) == 2
    assert "no failed check" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "ours"), [(0, 0), (1, 1), (2, 3), (3, 3), (4, 2), (5, 3), (-9, 3)])
def test_pytests_statuses(tmp_path: Path, status: int, ours: int) -> None:
    assert status_of(status, tmp_path / "verdict.json") == ours


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        (["-k", "test_imports"], False),
        (["--framework", "torch"], False),
        (["conformance/test_imports.py"], True),
        (["conformance/test_imports.py::test_settings[x]"], True),
    ],
)
def test_the_whole_suite_runs_unless_tests_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], chosen: bool
) -> None:
    seen: list[list[str]] = []

    def start(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("conformance.commands.run.subprocess.run", start)
    assert run_suite(tmp_path, options) == 0
    assert (str(SUITE) not in seen[0]) is chosen


def test_a_run_that_lacks_a_framework_could_not_be_carried_out(tmp_path: Path) -> None:
    run = replace(conforming(), checks=(), not_run=(NotRun("torch", "not installed", required=True),))
    document = tmp_path / "verdict.json"
    document.write_text(verdict_file.to_json(run))
    assert json.loads(document.read_text())["exit_status"] == 3
    assert status_of(1, document) == 3


@pytest.mark.parametrize(("mode", "remedy"), [("run", "run again with --record"), ("gate", "gate again with --report")])
def test_a_report_without_observations(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, mode: str, remedy: str
) -> None:
    (tmp_path / "verdict.json").write_text(verdict_file.to_json(gate_run() if mode == "gate" else conforming()))
    assert call(monkeypatch, "report", str(tmp_path)) == 3
    assert remedy in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        ObservationUnwritable("/tmp/x.safetensors cannot be written (No space left on device)"),
        OSError(errno.ENOSPC, "No space left on device", "/tmp/x"),
        OSError(errno.EROFS, "Read-only file system", "/tmp/x"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    ],
)
def test_a_full_or_read_only_disk_is_one_line_and_status_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("conformance.gate.running.resolved", refuse)
    assert call(monkeypatch, "gate", HERE, HERE, "--report", str(tmp_path)) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in line or "/tmp/x cannot be written (Read-only file system)" in line


def test_a_worker_without_disk_accuses_no_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Key("mnist_mlp", "pytorch", "checkpoint_save")
    observer = Observer({"baseline": tmp_path}, tmp_path, {"baseline": {}}, [MNIST_MLP], lambda name, key: None)

    def fail(*arguments: object) -> None:
        raise ObservationFailed("OSError", "[Errno 28] No space left on device: '/tmp/y'", "")

    monkeypatch.setattr("conformance.collector.Collector.observe", fail)
    with pytest.raises(ObservationUnwritable, match=r"baseline, pytorch checkpoint_save: .*No space left on device"):
        observer.observe({"baseline": [key]})
    assert observer.records["baseline"].failed == {}


def test_a_disk_that_refuses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(request: object, progress: object) -> None:
        raise NotPossible("the disk is full")

    monkeypatch.setattr(gate_command, "run_gate", refuse)
    assert call(monkeypatch, "gate", HERE, HERE) == 3
    assert capsys.readouterr().err == "conformance: the disk is full\n"
