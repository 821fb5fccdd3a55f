"""The plugin in real runs of small suites: what a person is told, and the exit status that follows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from tests.planted_workers import PATIENCE_SECONDS, exchange

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]

# Hypothesis would be imported anew at the end of every run.
PLUGINS = ("-p", "conformance.plugin", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:randomly")

# A suite of one test for each framework, whose worker starts and is asked nothing.
SUITE = """\
import pytest
from conformance.checks import Step
from conformance.contracts.filing import holds

@pytest.mark.each("framework")
def test_starts(case, laboratory, verify):
    assert not laboratory.worker(case).has_ended
    verify([holds(case, Step.IMPORTS, "device", True, "")])

@pytest.mark.each("framework")
def test_again(case, laboratory, verify):
    verify([holds(case, Step.IMPORTS, "versions", True, "")])
"""

_SAME = """\
from dataclasses import replace
from reference.workloads import MNIST_MLP
SAME = replace(MNIST_MLP, name="same")
"""

# As much of PyTorch and TensorFlow as it takes to start a worker: any name, any call.
PRETENCE = """\
import sys
for _part in ("python", "python.framework", "python.framework.config"):
    sys.modules[f"{__name__}.{_part}"] = sys.modules[__name__]
class Anything:
    def __getattr__(self, name):
        return self
    def __call__(self, *arguments, **named):
        return self
    def __iter__(self):
        return iter(())
    def __bool__(self):
        return False
__version__ = "1.0"
__path__ = []
cuda = Anything()
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Anything()
"""


class Suite:
    """A small suite in a directory of its own, run with pretended frameworks."""

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
        self._pytester = pytester
        self.path = pytester.path
        self.packages = pytester.mkdir("packages")
        self.temporary = pytester.mkdir("temporary")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(self.packages), str(ROOT)]))
        monkeypatch.setenv("TMPDIR", str(self.temporary))
        for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
            monkeypatch.delenv(name)
        monkeypatch.setattr("tempfile.tempdir", None)
        monkeypatch.syspath_prepend(str(ROOT))
        self.write("test_imports", SUITE)
        for package in ("torch", "torchvision"):
            self.pretend(package, PRETENCE)
        self.pretend("tensorflow", "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')")

    def write(self, name: str, source: str) -> None:
        """Write a module of the suite."""
        (self.path / f"{name}.py").write_text(source)

    def pretend(self, package: str, source: str) -> None:
        """Write a package of this name, which workers import in place of the real one."""
        (self.packages / f"{package}.py").write_text(source)

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run pytest in this process."""
        return self._pytester.runpytest_inprocess(*PLUGINS, *arguments)

    def command(self, *arguments: str) -> list[str]:
        """The command that runs pytest in a process of its own."""
        return [sys.executable, "-m", "pytest", *PLUGINS, *arguments]


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Suite:
    return Suite(pytester, monkeypatch)


def told(result: pytest.RunResult) -> str:
    """All output, wrapped lines joined."""
    return " ".join((result.stdout.str() + result.stderr.str()).split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--framework", "tensorflwo"], "unknown framework 'tensorflwo': did you mean tensorflow?"),
        (["--framework", "jax"], "unknown framework 'jax': choose from tensorflow, pytorch (torch means pytorch)"),
        (["--framework", "numpy"], "numpy is built in and part of every run: choose from tensorflow, pytorch"),
        (["--framework", ","], "--framework names nothing: give one name or several, separated by commas"),
        (["--device", "gpu"], "unknown device 'gpu': choose from cpu, cuda"),
        (["--device", "cpu,tpu"], "unknown device 'tpu': choose from cpu, cuda"),
        (["--device", ""], "--device names nothing"),
        (["--workload", "mnist_mpl"], "unknown workload 'mnist_mpl': did you mean mnist_mlp?"),
        (["--workload", "none.py"], "workload file none.py: no such file"),
        (["--workload", "broken.py"], "workload file broken.py, line 2: SyntaxError: invalid syntax"),
        (["--workload", "a.py", "--workload", "b.py"], "--workload b.py: another workload is named 'same' already"),
        (["--seeds", "0"], "--seeds '0': give a whole number, 1 or more"),
        (["--seeds", "few"], "--seeds 'few': give a whole number, 1 or more"),
        (["--interpreter", "pytorch"], "--interpreter 'pytorch': write it as framework=PATH"),
        (["--interpreter", "pytorch=/no/python"], "/no/python is no executable file"),
        (["--interpreter", "oracle=/bin/sh"], "oracle is built in and part of every run"),
        (["--interpreter", "keras=/bin/sh"], "unknown framework 'keras'"),
        (["--data-source", "cloud"], "argument --data-source: invalid choice: 'cloud'"),
        (["--report", "broken.py"], "--report broken.py: a file is there already, give a directory"),
        (["--record", "broken.py"], "--record broken.py: a file is there already, give a directory"),
        (["--baseline", "nowhere"], "--baseline nowhere: nothing is there"),
        (["--baseline", "damaged"], "x.safetensors cannot be read as an observation"),
        (["--ledger", "nowhere.toml"], "--ledger nowhere.toml: nothing is there"),
        (["--ledger", "broken.py"], "broken.py"),
    ],
)
def test_wrong_use_is_one_line_and_status_4(suite: Suite, arguments: list[str], message: str) -> None:
    suite.write("broken", "x = 1\ny = = 2\n")
    for name in ("a", "b"):
        suite.write(name, _SAME)
    (suite.path / "damaged").mkdir()
    (suite.path / "damaged" / "x.safetensors").write_bytes(b"half an observ")
    result = suite.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in told(result)
    lines = [line for line in result.stderr.lines + result.stdout.lines if line.strip()]
    own = [line for line in lines if not line.startswith(("  inifile", "  rootdir", "ERROR: usage:"))]
    assert len(own) == 1, lines
    assert list(suite.temporary.iterdir()) == []


def test_the_real_suite_says_the_same() -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "conformance", "--framework", "tensorflwo"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert done.stderr.split("\n")[0] == "ERROR: unknown framework 'tensorflwo': did you mean tensorflow?"
    assert "Traceback" not in done.stdout + done.stderr


def test_one_framework_missing_is_told_and_no_pass(suite: Suite) -> None:
    result = suite.run()
    result.assert_outcomes(passed=3, skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    reason = "tensorflow is not installed: install it, or choose others with --framework"
    assert f"tensorflow: {reason}" in told(result)
    assert "verdict: identical exit status 3" in told(result)
    assert list(suite.temporary.iterdir()) == []


def test_a_framework_that_was_ruled_out_is_not_missed(suite: Suite) -> None:
    result = suite.run("--framework", "torch")
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK
    assert "tensorflow" not in told(result).lower()
    assert "partial: 2 of " in told(result)
    assert "exit status 0" in told(result)


def test_an_interpreter_without_the_framework(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = suite.path / "an environment"
    venv.create(environment, symlinks=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    for part in ("numpy", "numpy.libs"):
        source = Path(np.__file__).parents[1] / part
        if source.exists():
            (packages / part).symlink_to(source)
    monkeypatch.delenv("PYTHONPATH")
    result = suite.run(
        "--framework", "pytorch", "--interpreter", f"torch={environment / 'bin' / 'python'}", "-k", "starts"
    )
    result.assert_outcomes(skipped=1, deselected=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "pytorch: torch is not installed: install it" in told(result)


def test_torchvision_without_torch_s_operators(suite: Suite) -> None:
    suite.pretend("torchvision", "raise RuntimeError('operator torchvision::nms does not exist')")
    result = suite.run("--framework", "pytorch", "-k", "starts")
    result.assert_outcomes(skipped=1, deselected=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "pytorch: it cannot be imported: torchvision" in told(result)
    assert "does not fit torch 1.0 (operator torchvision::nms does not exist)" in told(result)
    assert "Traceback" not in told(result)


def test_a_dependency_that_is_missing_is_named(suite: Suite) -> None:
    suite.pretend("torch", "import a_dependency_of_torch")
    result = suite.run("--framework", "pytorch", "-k", "starts")
    result.assert_outcomes(skipped=1, deselected=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "pytorch: it cannot be imported: No module named 'a_dependency_of_torch'" in told(result)


def test_a_framework_that_raises_on_import_fails(suite: Suite) -> None:
    suite.pretend("torch", "raise AttributeError('np.float_ was removed in the NumPy 2.0 release')")
    result = suite.run("--framework", "pytorch", "-k", "starts")
    result.assert_outcomes(failed=1, deselected=1)
    assert "pytorch raised AttributeError: np.float_ was removed in the NumPy 2.0 release" in told(result)


def test_cuda_where_there_is_none(suite: Suite) -> None:
    result = suite.run("--framework", "pytorch", "--device", "cpu,cuda", "-k", "starts")
    result.assert_outcomes(passed=1, skipped=1, deselected=2)
    assert "pytorch on cuda: device 'cuda': PyTorch 1.0 sees only ['cpu'] here" in told(result)


def test_an_abort_fails_the_test_that_met_it(suite: Suite) -> None:
    suite.pretend("torch", "import os, sys\nprint('LLVM ERROR: twice', file=sys.stderr, flush=True)\nos.abort()")
    result = suite.run("--framework", "pytorch")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "pytorch: the worker was killed by SIGABRT during 'start'" in told(result)
    assert "LLVM ERROR: twice" in told(result)
    assert "verdict: break exit status 1" in told(result)
    assert "Traceback" not in told(result)


def test_a_full_disk_is_one_line(suite: Suite) -> None:
    suite.write(
        "test_imports",
        "import pytest\nfrom dataclasses import replace\n"
        "@pytest.mark.each('framework')\n"
        "def test_environment(case, laboratory, verify, monkeypatch):\n"
        "    def full(self, target):\n"
        "        raise OSError(28, 'No space left on device')\n"
        "    monkeypatch.setattr('pathlib.Path.replace', full)\n"
        "    laboratory.observe(replace(case, framework='numpy'), 'imports')\n",
    )
    result = suite.run("--framework", "pytorch")
    result.assert_outcomes(failed=1)
    assert "cannot be written (No space left on device): free some space there, or set TMPDIR" in told(result)
    assert "Traceback" not in told(result)


def test_a_test_that_checks_nothing_fails(suite: Suite) -> None:
    suite.write("test_imports", SUITE.replace('verify([holds(case, Step.IMPORTS, "device", True, "")])', "verify([])"))
    result = suite.run("--framework", "pytorch")
    result.assert_outcomes(passed=1, failed=1)
    assert "the contract compared nothing" in told(result)


def test_a_failed_check_says_what_where_and_how_to_repeat(suite: Suite) -> None:
    suite.write("test_imports", SUITE.replace('"device", True, ""', '"device", False, "no such device"'))
    result = suite.run("--framework", "pytorch")
    result.assert_outcomes(passed=1, failed=1)
    assert "break: imports/device[mnist_mlp-pytorch-cpu] no such device measured 1, allowed 0" in told(result)
    assert "repeat: pytest 'test_imports.py::test_starts[mnist_mlp-pytorch-cpu]'" in told(result)
    assert "exit status 1" in told(result)


@pytest.mark.parametrize(
    "selection", [["-k", "again"], ["test_imports.py::test_again"], ["--deselect", "test_imports.py::test_starts"]]
)
def test_a_filtered_run_says_partial(suite: Suite, selection: list[str]) -> None:
    suite.pretend("tensorflow", PRETENCE)
    result = suite.run(*selection)
    assert result.ret == pytest.ExitCode.OK
    assert "partial: 2 of " in told(result)


def test_a_run_that_is_short_of_its_census_is_no_pass(suite: Suite) -> None:
    suite.pretend("tensorflow", PRETENCE)
    result = suite.run("-k", "")
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "partial" not in told(result)
    assert "verdict: break exit status 1" in told(result)


def test_collecting_starts_nothing(suite: Suite) -> None:
    result = suite.run("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    assert "test_imports.py::test_starts[mnist_mlp-pytorch-cpu]" in result.stdout.str()
    assert "verdict" not in told(result)
    assert list(suite.temporary.iterdir()) == []


def test_xdist_gathers_the_checks_of_all_processes(suite: Suite) -> None:
    result = suite._pytester.run(*suite.command("-n", "2", "--framework", "pytorch"))
    result.assert_outcomes(passed=2)
    assert "partial: 2 of " in told(result)
    assert list(suite.temporary.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_ctrl_c_leaves_no_process_and_no_file(suite: Suite, options: list[str]) -> None:
    with exchange() as calls:
        suite.pretend(
            "torch",
            "import os, socket, subprocess, time\n"
            f"line = socket.create_connection(('127.0.0.1', {calls.port}))\n"
            "line.set_inheritable(True)\n"
            "subprocess.Popen(['sleep', '600'], close_fds=False)\n"
            "line.sendall(b'%8d' % os.getpid())\n"
            "time.sleep(600)\n",
        )
        with subprocess.Popen(
            suite.command("--framework", "pytorch", *options),
            cwd=suite.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as run:
            worker = calls.answer()
            os.killpg(run.pid, signal.SIGINT)  # as a terminal does
            output, _ = run.communicate(timeout=PATIENCE_SECONDS)
            worker.wait_for_end()
    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "KeyboardInterrupt" in output
    assert list(suite.temporary.iterdir()) == []
