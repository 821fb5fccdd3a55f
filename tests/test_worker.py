"""Workers: whatever happens to the process, the one who asked learns what, soon, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from conformance.subjects import Subject
from conformance.worker import ObservationFailed, WorkerFailed
from tests.planted_workers import PATIENCE_SECONDS, Planted, exchange, interpreter

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these ways to fail are POSIX's")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def planted(tmp_path: Path) -> Planted:
    return Planted(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    this = psutil.Process()
    before = this.num_fds(), threading.active_count(), set(this.children(recursive=True))
    yield
    children = set(this.children(recursive=True))
    assert (this.num_fds(), threading.active_count(), children) == before


def test_a_worker_answers_and_ends(planted: Planted) -> None:
    planted.operation("return {'threads': session.threads, 'given': arguments}, {'twice': tensors['x'] * 2}")
    with planted.start() as worker:
        reply = worker.request("imports", {"a": [1, None]}, {"x": np.arange(3, dtype=np.float32)})
        assert not worker.has_ended
    assert worker.has_ended
    assert reply.facts == {"threads": 1, "given": {"a": [1, None]}, "warnings": []}
    np.testing.assert_array_equal(reply.tensors["twice"], np.array([0, 2, 4], np.float32))


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        ("raise ZeroDivisionError('by nothing')", "ZeroDivisionError", "by nothing"),
        ("return {'x': object()}, {}", "TypeError", "not JSON serializable"),
        ("return {}, {'z': np.zeros(2, complex)}", "TypeError", "'z' has dtype complex128"),
        ("return None", "TypeError", "cannot unpack"),
        ("sys.exit('bye')", "SystemExit", "bye"),
        ("raise KeyboardInterrupt('its own')", "KeyboardInterrupt", "its own"),
    ],
)
def test_a_worker_that_raises_lives_on(planted: Planted, body: str, kind: str, message: str) -> None:
    planted.operation(f"if arguments:\n    {body}")
    with planted.start() as worker:
        with pytest.raises(ObservationFailed, match=message) as raised:
            worker.request("imports", {"fail": True})
        assert worker.request("imports").facts == {"warnings": []}
    assert raised.value.kind == kind
    assert "Traceback" in raised.value.traceback


@pytest.mark.parametrize("end", ["sys.exit()", "raise ValueError", "return {'from': 'child'}, {}"])
def test_a_child_that_an_operation_forks_answers_nothing(planted: Planted, end: str) -> None:
    planted.operation(
        "if arguments:\n"
        "    return {'from': arguments['ask']}, {}\n"
        "if (child := os.fork()) == 0:\n"
        f"    {end}\n"
        "os.waitpid(child, 0)\n"
        "return {'from': 'parent'}, {}\n"
    )
    with planted.start() as worker:
        assert worker.request("imports").facts["from"] == "parent"
        assert worker.request("imports", {"ask": "second"}).facts["from"] == "second"


def test_an_unknown_operation_is_refused(planted: Planted) -> None:
    with planted.start() as worker, pytest.raises(ObservationFailed, match="unknown operation 'dance'"):
        worker.request("dance")


def test_warnings_and_output_of_a_framework_disturb_nothing(planted: Planted) -> None:
    planted.operation(
        """
        print("to Python's stdout")
        os.write(1, b"to the file descriptor")
        subprocess.run(["echo", "from a child"], check=True)
        assert sys.stdin.read() == ""
        warnings.warn("look out")
        """
    )
    with planted.start() as worker:
        assert worker.request("imports").facts == {"warnings": ["UserWarning: look out"]}
    log = planted.log.read_text()
    assert all(text in log for text in ("to Python's stdout", "to the file descriptor", "from a child"))


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("os.abort()", "was killed by SIGABRT"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed by SIGKILL"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("os._exit(3)", "ended with exit status 3"),
        ("os._exit(0)", "ended with exit status 0"),
        # A child that holds the pipe open, as a loader's processes do, must not hide the death.
        ("if os.fork():\n    os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(600)", "was killed by SIGKILL"),
    ],
)
def test_a_worker_that_dies_is_named_with_its_last_words(planted: Planted, body: str, how: str) -> None:
    planted.log.write_text("words of an earlier worker\n")
    planted.operation(f"print('LLVM ERROR: inconsistency', file=sys.stderr, flush=True)\n{body}")
    worker = planted.start()
    with pytest.raises(WorkerFailed) as failed:
        worker.request("imports", limit=PATIENCE_SECONDS)
    message = str(failed.value)
    assert message.startswith(f"numpy: the worker {how} during 'imports'; the end of its stderr:\n")
    assert "LLVM ERROR: inconsistency" in message
    assert "earlier" not in message
    with pytest.raises(WorkerFailed, match=how):
        worker.request("imports", limit=PATIENCE_SECONDS)


def test_a_worker_killed_from_outside_while_it_works(planted: Planted) -> None:
    planted.operation("time.sleep(600)")
    with exchange() as calls, planted.start() as worker:

        def kill() -> None:
            psutil.Process(calls.answer().pid).kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(WorkerFailed, match="numpy: the worker was killed by SIGKILL during 'imports'"):
            worker.request("imports", {"port": calls.port}, limit=PATIENCE_SECONDS)
        killer.join()


def test_a_worker_that_hangs_is_ended_at_its_limit(planted: Planted) -> None:
    planted.operation("print('thinking', file=sys.stderr, flush=True)\ntime.sleep(600)")
    worker = planted.start()
    with pytest.raises(WorkerFailed, match=r"no answer to 'imports' within 0.5 s; the worker was ended"):
        worker.request("imports", limit=0.5)
    assert worker.has_ended


def test_a_worker_that_does_not_even_read_is_ended_at_its_limit(planted: Planted) -> None:
    worker = planted.start()
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerFailed, match=r"no answer to 'imports' within 0.5 s"):
        worker.request("imports", tensors={"more than a pipe holds": np.zeros(1 << 20)}, limit=0.5)
    assert worker.has_ended


@pytest.mark.parametrize(
    ("program", "how"),
    [
        (
            "send_start(); send(b'Epoch 1/10 ' * 5); time.sleep(600)",
            "no message .*expected a message, found b'Epoch 1",
        ),
        (
            "send_start(); send(messages.MAGIC + struct.pack('<Q', 9) + b'123456789'); time.sleep(600)",
            "no message .*header of",
        ),
        (
            "send_start(); send(messages.MAGIC + struct.pack('<Q', 1 << 63) + b'123'); sys.exit(5)",
            "ended with exit status 5",
        ),
        ("send_start(); send(messages.MAGIC[:5]); os.abort()", "was killed by SIGABRT"),
        ("send_start(); os.close(1); time.sleep(600)", "closed its pipe and had to be ended"),
        ("send(b'x' * 100_000); time.sleep(600)", "no message .*bytes of other output, starting b'xxx"),
    ],
)
def test_garbage_instead_of_a_message(planted: Planted, program: str, how: str) -> None:
    planted.program(program)
    with pytest.raises(WorkerFailed, match=how):
        planted.start().request("imports", limit=PATIENCE_SECONDS)


def test_output_before_the_worker_starts_is_skipped(planted: Planted, tmp_path: Path) -> None:
    planted.operation("return {'fine': True}, {}")
    python = interpreter(tmp_path / "python", before="echo Loading modules; printf '\\0conformance-worker'")
    with planted.start(Subject("numpy", python)) as worker:
        assert worker.request("imports").facts["fine"]


def test_a_path_with_spaces(tmp_path: Path) -> None:
    planted = Planted(tmp_path / "my code")
    planted.operation("return {'file': __file__}, {}")
    python = interpreter(tmp_path / "my environment" / "the python")
    with planted.start(Subject("numpy", python)) as worker:
        assert worker.request("imports").facts["file"] == str(planted.code / "observer" / "imports.py")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("{}/missing", "missing cannot be started (No such file or directory): check the path given"),
        ("{}", "cannot be started (Permission denied): check the path given with --interpreter"),
        ("/bin/true", "/bin/true ended with exit status 0 before the worker could start: check that it is a Python"),
        ("/bin/false", "/bin/false ended with exit status 1 before the worker could start"),
        ("/bin/echo", "/bin/echo ended with exit status 0 before the worker could start"),
    ],
)
def test_an_interpreter_that_is_none(planted: Planted, tmp_path: Path, program: str, message: str) -> None:
    with pytest.raises(WorkerFailed) as failed:
        planted.start(Subject("numpy", program.format(tmp_path)))
    assert message in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1


def test_a_python_without_numpy_says_so(planted: Planted, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError(\"No module named 'numpy'\", name='numpy')")
    subject = Subject("pytorch", environment={"PYTHONPATH": str(tmp_path)})
    with pytest.raises(WorkerFailed, match="check that it is a Python with NumPy; the end of its stderr") as failed:
        planted.start(subject)
    assert "No module named 'numpy'" in str(failed.value)


def test_a_log_that_cannot_be_written_is_no_fault_of_the_interpreter(planted: Planted) -> None:
    planted.log = planted.log / "no directory" / "log"
    with pytest.raises(WorkerFailed, match=r"its log .* cannot be written \(No such file or directory\): free some"):
        planted.start()


@pytest.mark.parametrize("end", ["close", "kill"])
def test_what_a_worker_started_ends_with_it(planted: Planted, end: str) -> None:
    planted.operation(
        """
        line.set_inheritable(True)
        subprocess.Popen(["sleep", "600"], close_fds=False)
        """
    )
    with exchange() as calls:
        worker = planted.start()
        worker.request("imports", {"port": calls.port})
        getattr(worker, end)()
        calls.answer().wait_for_end()


def test_ending_does_not_wait_for_a_process_that_left_the_group(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.worker.GRACE_SECONDS", 0.1)
    planted.operation(
        """
        if os.fork() == 0:
            os.setsid()
            call(arguments["later"]).recv(1)
            os._exit(0)
        """
    )
    with exchange() as calls:
        worker = planted.start()
        worker.request("imports", {"later": calls.port})
        daemon = calls.answer()
        worker.kill()
        assert worker.has_ended
        daemon.hang_up()
        worker._reader.join(PATIENCE_SECONDS)
        worker.kill()


_PARENT = """\
import sys
from pathlib import Path
from conformance.subjects import Subject
from conformance.worker import Worker
worker = Worker(Subject("numpy"), Path(sys.argv[1]), Path(sys.argv[2]))
worker.request("imports", {"port": int(sys.argv[3])})
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_dies_with_a_parent_that_is_killed(planted: Planted, busy: bool) -> None:
    planted.operation(
        f"""
        line.set_inheritable(True)
        subprocess.Popen(["sleep", "600"], close_fds=False)
        if {busy}:
            while True:
                np.ones(1000).sum()
        """
    )
    command = [sys.executable, "-c", _PARENT, str(planted.code), str(planted.log)]
    with (
        exchange() as calls,
        subprocess.Popen([*command, str(calls.port)], cwd=ROOT, stdin=subprocess.PIPE) as parent,
    ):
        worker = calls.answer()
        parent.send_signal(signal.SIGKILL)
        worker.wait_for_end()


def test_a_parent_that_ends_without_closing_leaves_no_worker(planted: Planted) -> None:
    planted.operation("")
    command = [sys.executable, "-c", _PARENT, str(planted.code), str(planted.log)]
    with exchange() as calls:
        ended = subprocess.run(
            [*command, str(calls.port)], cwd=ROOT, input=b"", capture_output=True, timeout=PATIENCE_SECONDS, check=False
        )
        calls.answer().wait_for_end()
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_environment_is_the_callers_then_the_pins_then_the_sides_own(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    caller = {
        "KERAS_BACKEND": "jax",
        "OMP_NUM_THREADS": "8",
        "OPENBLAS_NUM_THREADS": "8",
        "CUDA_VISIBLE_DEVICES": "0",
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "ONEDNN_VERBOSE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    for name, value in caller.items():
        monkeypatch.setenv(name, value)
    planted.operation("return {'environment': dict(os.environ)}, {}")
    with planted.start(Subject("numpy", environment={"TF_ENABLE_ONEDNN_OPTS": "0", "OMP_NUM_THREADS": "3"})) as worker:
        found = worker.request("imports").facts["environment"]
    assert {name: found[name] for name in caller} == {
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "ONEDNN_VERBOSE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def test_temporary_files_lie_beside_the_code(planted: Planted) -> None:
    planted.operation("import tempfile\nreturn {'directory': tempfile.mkdtemp()}, {}")
    with planted.start() as worker:
        made = Path(worker.request("imports").facts["directory"])
    assert made.parent == planted.code.parent / "temporary"
    assert made.is_dir()


SECRETS = {
    "GITHUB_TOKEN": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "PGPASSWORD": "x",
    "MYSQL_PWD": "x",
    "DB_PASS": "x",
    "GPG_PASSPHRASE": "x",
    "SERVICE_API_KEY": "x",
    "OPENAI_KEY": "x",
    "NPM_CONFIG__AUTH": "x",
    "GOOGLE_APPLICATION_CREDENTIALS": "x",
    "wandb_api_key": "x",
    "DATABASE_URL": "postgres://someone:secret@host/db",
    "HTTPS_PROXY": "http://someone:secret@proxy:8080",
    "PIP_EXTRA_INDEX_URL": "https://token@index.example/simple",
    "DOCKER_AUTH_CONFIG": "{}",
    "CI_JOB_JWT": "x",
    "AZURE_STORAGE_CONNECTION_STRING": "x",
    "SLACK_WEBHOOK_URL": "https://hooks.example/x",
}
HARMLESS = {
    "PWD": "/somewhere",
    "OLDPWD": "/elsewhere",
    "PATH": "/usr/bin",
    "TOKENIZERS_PARALLELISM": "false",
    "KEYBOARD": "us",
    "COMPASS": "north",
    "PIP_INDEX_URL": "https://index.example:8080/simple/@stable",
    "http_proxy": "http://proxy:8080",
}


def test_secrets_are_left_out() -> None:
    variables = Subject("pytorch", environment={}).worker_environment({**SECRETS, **HARMLESS})
    assert not set(SECRETS) & set(variables)
    assert set(HARMLESS) <= set(variables)


def test_a_secret_that_is_asked_for_is_passed_on() -> None:
    subject = Subject("pytorch", environment={"MY_TOKEN": "own"}, pass_environment=("GITHUB_TOKEN",))
    variables = subject.worker_environment(SECRETS)
    assert set(SECRETS) & set(variables) == {"GITHUB_TOKEN"}
    assert variables["MY_TOKEN"] == "own"


def test_a_caller_s_path_reaches_frameworks_but_not_the_oracle(planted: Planted, tmp_path: Path) -> None:
    (tmp_path / "planted_fault.py").write_text("")
    planted.operation(
        "import importlib.util\nreturn {'found': importlib.util.find_spec('planted_fault') is not None}, {}"
    )
    planted.start_of("pytorch", "pass")
    path = {"PYTHONPATH": str(tmp_path)}
    found = {}
    for framework in ("pytorch", "oracle"):
        with planted.start(Subject(framework, environment=path)) as worker:
            found[framework] = worker.request("imports").facts["found"]
    assert found == {"pytorch": True, "oracle": False}


@pytest.mark.parametrize("threads", ["0", "-1", "many", ""])
def test_a_thread_count_that_is_none_is_refused(planted: Planted, threads: str) -> None:
    with pytest.raises(ValueError, match=f"OMP_NUM_THREADS={threads}: give a whole number of threads"):
        planted.start(Subject("numpy", environment={"OMP_NUM_THREADS": threads}))
    assert not planted.log.exists()
