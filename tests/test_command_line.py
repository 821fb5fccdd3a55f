"""The command line: what it refuses, in how many words, with which exit status, and that it starts fast."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from filelock import FileLock

from conformance import kept_ensembles, ledger_file, verdict_file
from conformance.__main__ import main
from conformance.census import NotRun
from conformance.checks import Step, Verdict
from conformance.commands import gate as gate_command
from conformance.commands.run import SUITE, parallel, selection, status_of
from conformance.contracts import KNOWN_CONTRACTS
from conformance.ending import NotPossible
from conformance.gate.observing import Observer
from conformance.gate.records import Records
from conformance.gate.running import Outcome
from conformance.observations import Key, ObservationUnwritable
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.worker import ObservationFailed
from reference.workloads import MNIST_MLP
from tests.planted_workers import exchange, stop
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
    "words",
    [
        ["-k", "test_data_equality"],
        ["-k", "test_data.py"],
        ["--deselect", "conformance/test_data.py::test_data_equality"],
        ["--ignore", "test_data.py"],
        ["--workload", "test_mine.py"],
        ["--junitxml=test_results.xml"],
        [],
    ],
)
def test_a_run_is_of_the_suite_unless_tests_are_named(words: list[str]) -> None:
    assert selection(words) == [str(SUITE)]


@pytest.mark.parametrize("words", [["conformance/test_data.py"], ["-x", "test_data.py::test_data_equality[a-b]"]])
def test_a_run_of_tests_that_are_named(words: list[str]) -> None:
    assert selection(words) == []


@pytest.mark.parametrize(
    ("words", "variables", "expected"),
    [
        ([], {}, ["-n", "auto"]),
        (["-n0"], {}, []),
        (["-p", "no:xdist"], {}, []),
        (["-pno:xdist"], {}, []),
        ([], {"PYTEST_ADDOPTS": "-n 2"}, []),
        ([], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, []),
    ],
)
def test_a_run_uses_every_core_unless_it_may_not(
    words: list[str], variables: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert parallel(words) == expected


def run_elsewhere(directory: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`conformance run` in another directory."""
    command = [sys.executable, "-m", "conformance", "run", "-p", "no:cacheprovider", "-p", "no:randomly", "-n", "0"]
    variables = {**os.environ, "PYTHONPATH": str(SUITE.parent)}
    return subprocess.run([*command, *words], cwd=directory, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("place", ["", "file", "taken"])
def test_a_run_with_no_place_for_its_report(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "taken" / "verdict.json").mkdir(parents=True)
    done = run_elsewhere(tmp_path, "--report", place, "-k", "test_environment")
    assert done.returncode == 2
    assert done.stderr.startswith("ERROR: --report")
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.full
def test_a_run_that_compares_nothing_is_no_pass_and_leaves_no_old_verdict(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "verdict.json").write_text(verdict_file.to_json(conforming()))
    done = run_elsewhere(tmp_path, "--framework", "tensorflw")
    assert done.returncode == 2
    assert verdict_file.read(tmp_path / "report" / "verdict.json") == conforming()
    done = run_elsewhere(tmp_path, "--framework", "pytorch", "-k", "test_native_equivalence")
    assert done.returncode == 3
    assert "nothing was compared" in done.stderr
    assert not (tmp_path / "report" / "verdict.json").exists()


@pytest.mark.full
@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 3), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_ctrl_c_and_sigterm_in_a_run_leave_no_process_and_no_file(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    for name in ("temporary", "packages"):
        (tmp_path / name).mkdir()
    with exchange() as calls:
        (tmp_path / "packages" / "torch.py").write_text(
            "import os, socket, time\n"
            f"line = socket.create_connection(('127.0.0.1', {calls.port}))\n"
            "line.sendall(b'%8d' % os.getpid())\n"
            "time.sleep(600)\n"
        )
        paths = os.pathsep.join([str(tmp_path / "packages"), str(SUITE.parent)])
        with subprocess.Popen(
            [sys.executable, "-m", "conformance", "run", "-p", "no:cacheprovider", "-n", "0", "--framework", "pytorch"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(tmp_path / "temporary")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            worker = calls.answer()
            output = stop(run, number)
            worker.wait_for_end()
    assert run.returncode == status, output
    assert list((tmp_path / "temporary").iterdir()) == []


def test_oracle_runs_that_are_kept_are_listed_and_removed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path))
    kept = kept_ensembles.path_for(request_for(Key("mnist_mlp", "oracle", "ensemble"), MNIST_MLP), tmp_path)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"1" * 2_000_000)
    assert call(monkeypatch, "cache", "list") == 0
    assert "1 oracle runs, 2 MB" in capsys.readouterr().out
    assert call(monkeypatch, "cache", "clear") == 0
    assert "1 oracle runs" in capsys.readouterr().out
    assert not kept.exists()


def test_environments_are_listed_with_their_whole_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    name = f"keras-3.15.1-tensorflow-cpu-2.21.0-py3.11-{'0' * 60}"
    directory = tmp_path / "environments" / name
    directory.mkdir(parents=True)
    facts = {"python": "3.11.7", "packages": {}, "size_bytes": 1_200_000_000, "shared_bytes": 1_100_000_000}
    (directory / "environment.json").write_text(json.dumps(facts))
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "40")
    assert call(monkeypatch, "cache", "list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == name
    assert lines[1].startswith("  Python 3.11.7, 1.2 GB, 1.1 GB of it shared with uv, last used 20")
    assert lines[2] == f"1 environments, 1.2 GB, in {tmp_path}"


def test_a_cache_in_nobody_s_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CONFORMANCE_CACHE", "~nobody-of-this-name/x")
    assert call(monkeypatch, "cache", "list") == 2
    assert "~nobody-of-this-name/x lies in no home directory: set CONFORMANCE_CACHE" in capsys.readouterr().err


def test_a_run_that_lacks_a_framework_could_not_be_carried_out(tmp_path: Path) -> None:
    run = replace(conforming(), checks=(), not_run=(NotRun("torch", "not installed", required=True),))
    document = tmp_path / "verdict.json"
    document.write_text(verdict_file.to_json(run))
    assert json.loads(document.read_text())["exit_status"] == 3
    assert status_of(1, document) == 3


@pytest.mark.parametrize(("mode", "remedy"), [("run", "run again with --report"), ("gate", "gate again with --report")])
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
    subjects = {"baseline": {("pytorch", "cpu"): Subject("pytorch")}}
    observer = Observer({"baseline": tmp_path}, tmp_path, subjects, [MNIST_MLP], lambda name, key: None)

    def fail(*arguments: object) -> None:
        raise ObservationFailed("OSError", "[Errno 28] No space left on device: '/tmp/y'", "")

    monkeypatch.setattr("conformance.collector.Worker", fail)
    with pytest.raises(ObservationUnwritable, match=r"pytorch checkpoint_save: .*No space left on device"):
        observer.observe({"baseline": [key]})
    assert observer.records["baseline"].failed == {}


def test_a_disk_that_refuses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(request: object, progress: object) -> None:
        raise NotPossible("the disk is full")

    monkeypatch.setattr(gate_command, "run_gate", refuse)
    assert call(monkeypatch, "gate", HERE, HERE) == 3
    assert capsys.readouterr().err == "conformance: the disk is full\n"
