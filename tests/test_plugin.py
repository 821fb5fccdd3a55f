"""The plugin in real runs of small suites: what a person is told, and the exit status that follows."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest

from conformance import verdict_file
from conformance.commands.report import draw
from tests.planted_workers import exchange, stop

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
        (["--framework", ""], "--framework names nothing: give one name or several, separated by commas"),
        (["--device", "gpu"], "unknown device 'gpu': choose from cpu, cuda"),
        (["--device", "cpu,tpu"], "unknown device 'tpu': choose from cpu, cuda"),
        (["--device", ""], "--device names nothing"),
        (["--workload", "mnist_mpl"], "unknown workload 'mnist_mpl': did you mean mnist_mlp?"),
        (["--workload", "none.py"], "workload file none.py: no such file"),
        (["--workload", "broken.py"], "workload file broken.py, line 2: SyntaxError: invalid syntax"),
        (["--workload", "a.py", "--workload", "b.py"], "--workload b.py: another workload is named 'same' already"),
        (["--seeds", "0"], "--seeds '0': give a whole number from 1 to 1,000"),
        (["--seeds", "few"], "--seeds 'few': give a whole number from 1 to 1,000"),
        (["--seeds", "²"], "--seeds '²': give a whole number from 1 to 1,000"),
        (["--seeds", "9" * 5000], "give a whole number from 1 to 1,000"),
        (["--seeds", "100000000"], "--seeds '100000000': give a whole number from 1 to 1,000"),
        (
            ["--workload", "for_pytorch.py", "--framework", "tensorflow"],
            "workload 'same' has no module for tensorflow: choose pytorch with --framework",
        ),
        (
            ["--interpreter", "torch=/bin/sh", "--interpreter", "pytorch=/bin/ls"],
            "--interpreter pytorch=/bin/ls: pytorch has the interpreter /bin/sh already, give one",
        ),
        (["--interpreter", "pytorch"], "--interpreter 'pytorch': write it as framework=PATH"),
        (["--interpreter", "pytorch=/no/python"], "/no/python is no executable file"),
        (["--interpreter", "oracle=/bin/sh"], "oracle is built in and part of every run"),
        (["--interpreter", "keras=/bin/sh"], "unknown framework 'keras'"),
        (["--data-source", "cloud"], "argument --data-source: invalid choice: 'cloud'"),
        (["--report", "broken.py"], "--report broken.py: a file is there already, give a directory"),
        (["--record", "broken.py"], "--record broken.py: a file is there already, give a directory"),
        (["--report", ""], "--report names nothing: give a path"),
        (["--record", ""], "--record names nothing: give a path"),
        (["--baseline", ""], "--baseline names nothing: give a path"),
        (["--ledger", ""], "--ledger names nothing: give a path"),
        (["--record", "broken.py/inside"], "broken.py is a file, give a directory"),
        (
            ["--report", "taken"],
            "verdict.json cannot be replaced (Is a directory): remove it, or give",
        ),
        (["--baseline", "nowhere"], "--baseline nowhere: nothing is there"),
        (["--baseline", "damaged"], "x.safetensors cannot be read as an observation"),
        (["--ledger", "nowhere.toml"], "--ledger nowhere.toml: nothing is there"),
        (["--ledger", "broken.py"], "broken.py"),
        (["--ledger", "deep.toml"], "deep.toml: the ledger cannot be read: maximum recursion depth exceeded"),
    ],
)
def test_wrong_use_is_one_line_and_status_4(suite: Suite, arguments: list[str], message: str) -> None:
    suite.write("broken", "x = 1\ny = = 2\n")
    for name in ("a", "b"):
        suite.write(name, _SAME)
    suite.write("for_pytorch", _SAME.replace('"same"', '"same", modules={"pytorch": "mine"}'))
    (suite.path / "deep.toml").write_text("a = " + "[" * 100_000)
    (suite.path / "taken" / "verdict.json").mkdir(parents=True)
    (suite.path / "damaged").mkdir()
    (suite.path / "damaged" / "x.safetensors").write_bytes(b"half an observ")
    result = suite.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in told(result)
    lines = [line for line in result.stderr.lines + result.stdout.lines if line.strip()]
    own = [line for line in lines if not line.startswith(("  inifile", "  rootdir", "ERROR: usage:"))]
    assert len(own) == 1, lines
    assert list(suite.temporary.iterdir()) == []


def test_one_workload_named_twice_is_one(suite: Suite) -> None:
    suite.write("mine", _SAME)
    files = ("--workload", "mine.py", "--workload", str(suite.path / "mine.py"))
    result = suite.run("--collect-only", "-q", "--framework", "pytorch", *files)
    assert result.ret == pytest.ExitCode.OK
    assert result.stdout.str().count("test_starts[") == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_cannot_be_written_is_told_at_once(suite: Suite) -> None:
    suite.path.joinpath("closed").mkdir(mode=0o500)
    result = suite.run("--record", "closed/inside")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "closed cannot be written to, give another directory" in told(result)


def test_a_cache_in_nobody_s_home_is_told_at_once(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_CACHE", "~nobody-of-this-name/cache")
    result = suite.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "the cache ~nobody-of-this-name/cache lies in no home directory: set CONFORMANCE_CACHE" in told(result)


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
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "identical exit status 3" in told(result)
    assert "pytorch on cuda: device 'cuda': PyTorch 1.0 sees only ['cpu'] here" in told(result)


def test_damaged_data_are_one_line_and_no_pass(suite: Suite) -> None:
    suite.write(
        "test_data",
        "import pytest\nfrom conformance.worker import ObservationFailed\n"
        "@pytest.mark.each('framework')\n"
        "def test_shapes(case, laboratory, verify, monkeypatch):\n"
        "    def damaged(*arguments):\n"
        "        raise ObservationFailed('DataError', 'x.gz is truncated; restore it', 'Traceback (most ...)')\n"
        "    monkeypatch.setattr(laboratory._collector, 'observe', damaged)\n"
        "    laboratory.observe(case, 'data')\n",
    )
    result = suite.run("--framework", "pytorch", "test_data.py")
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "data: x.gz is truncated; restore it" in told(result)
    assert "exit status 3" in told(result)
    assert "Traceback" not in told(result)


def test_a_user_s_exception_is_named_with_its_line(suite: Suite) -> None:
    suite.pretend("torch", r"raise ValueError('a \x1b[31mred\x1b[0m\ud800 word')")
    result = suite.run("--framework", "pytorch", "-k", "starts", "--report", "report")
    result.assert_outcomes(failed=1, deselected=1)
    line = f"pytorch raised ValueError: a [31mred[0m word ({suite.packages / 'torch.py'}, line 1)"
    assert line in told(result)
    assert "\x1b" not in told(result)
    reasons = [check.reason for check in verdict_file.read(suite.path / "report" / "verdict.json").checks]
    assert reasons == [f"test_starts[mnist_mlp-pytorch-cpu]: {line}"]


def test_a_command_that_repeats_has_the_run_s_own_options(suite: Suite) -> None:
    suite.write("test_imports", SUITE.replace('"device", True, ""', '"device", False, "no such device"'))
    suite.write("mine", _SAME)
    result = suite.run("--framework", "pytorch", "--workload", "mine.py", "--seeds", "2", "--report", "report")
    repeat = (
        "pytest -p conformance.plugin 'test_imports.py::test_starts[same-pytorch-cpu]' --workload mine.py --seeds 2"
    )
    assert f"repeat: {repeat}" in told(result)
    divergence = verdict_file.read(suite.path / "report" / "verdict.json").first_divergence
    assert divergence is not None
    assert divergence.command == repeat


def test_a_command_that_repeats_works_where_the_run_was_started(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    suite.write("test_imports", SUITE.replace('"device", True, ""', '"device", False, "no such device"'))
    elsewhere = suite.path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    words = ("--rootdir", str(suite.path), "--framework", "pytorch", "--report", "report")
    suite.run(str(suite.path / "test_imports.py"), *words).assert_outcomes(failed=1, passed=1)
    divergence = verdict_file.read(elsewhere / "report" / "verdict.json").first_divergence
    assert divergence is not None
    place = suite.path / "test_imports.py"
    assert divergence.command == f"pytest -p conformance.plugin '{place}::test_starts[mnist_mlp-pytorch-cpu]'"
    suite.run(*shlex.split(divergence.command)[1:]).assert_outcomes(failed=1)


def test_an_abort_fails_the_test_that_met_it(suite: Suite) -> None:
    suite.pretend("torch", "import os, sys\nprint('LLVM ERROR: twice', file=sys.stderr, flush=True)\nos.abort()")
    result = suite.run("--framework", "pytorch")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "pytorch: the worker was killed by SIGABRT during 'start'" in told(result)
    assert "LLVM ERROR: twice" in told(result)
    assert "verdict: break exit status 1" in told(result)
    assert "Traceback" not in told(result)


OBSERVING = """\
import pytest
from dataclasses import replace
from conformance.checks import Step
from conformance.contracts.filing import holds

@pytest.mark.each("framework")
def test_environment(case, laboratory, verify):
    laboratory.observe(replace(case, framework="numpy"), "imports")
    verify([holds(case, Step.IMPORTS, "device", True, "")])
"""


def test_a_report_can_be_drawn_again_from_its_own_directory(suite: Suite) -> None:
    suite.write("test_imports", OBSERVING)
    report = suite.path / "report"
    (report / "observations").mkdir(parents=True)
    (report / "observations" / "of.an.earlier.run.safetensors").write_bytes(b"")
    run = suite.run("--framework", "pytorch", "--report", "report")
    run.assert_outcomes(passed=1)
    run.stdout.fnmatch_lines([f"report: {Path('*report', 'report.html')}"])
    assert [path.name for path in (report / "observations").iterdir()] == [
        "mnist_mlp.numpy.imports.default.0.cpu.safetensors"
    ]
    page = (report / "report.html").read_text()
    (report / "report.html").unlink()
    assert draw(report, []) == 0
    assert (report / "report.html").read_text() == page


def test_a_recording_is_neither_mixed_nor_replaced(suite: Suite) -> None:
    suite.write("test_imports", OBSERVING)
    words = ("--framework", "pytorch", "--record")
    suite.run(*words, "kept").assert_outcomes(passed=1)
    before = {path: path.read_bytes() for path in (suite.path / "kept").iterdir()}
    assert len(before) == 1
    refused = suite.run(*words, "kept")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "--record kept: another run is recorded there, remove it or name another" in told(refused)
    assert {path: path.read_bytes() for path in (suite.path / "kept").iterdir()} == before


def test_a_report_does_not_replace_its_baseline(suite: Suite) -> None:
    (suite.path / "report" / "observations").mkdir(parents=True)
    result = suite.run("--baseline", "report/observations", "--report", "report")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--report report: the baseline is part of the report there, give another directory" in told(result)


@pytest.mark.parametrize("options", [[], ["-n", "1"], ["-q"]], ids=["alone", "xdist", "quiet"])
def test_a_selection_that_matches_nothing_says_so(suite: Suite, options: list[str]) -> None:
    result = suite._pytester.run(*suite.command("-k", "nothing", *options))
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "nothing was compared: no test was selected" in told(result)


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
    result.assert_outcomes(skipped=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "cannot be written (No space left on device): free some space there, or set TMPDIR" in told(result)
    assert "exit status 3" in told(result)
    assert "Traceback" not in told(result)


@pytest.mark.parametrize(
    "refusal",
    [
        OSError(28, "No space left on device"),
        shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")]),
    ],
)
def test_a_disk_too_full_for_the_workers_code_is_one_line(
    suite: Suite, refusal: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise refusal

    monkeypatch.setattr("shutil.copytree", full)
    result = suite.run("--framework", "pytorch", "--report", "report")
    result.assert_outcomes(skipped=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "No space left on device" in told(result)
    assert "free some space there, or set TMPDIR to another directory" in told(result)
    assert "Traceback" not in told(result)
    assert verdict_file.read(suite.path / "report" / "verdict.json").exit_status == 3


def test_no_place_for_temporary_files_is_one_line(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(prefix: str) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("conformance.plugin.tempfile.mkdtemp", full)
    result = suite.run("--framework", "pytorch")
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
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
    assert "repeat: pytest -p conformance.plugin 'test_imports.py::test_starts[mnist_mlp-pytorch-cpu]'" in told(result)
    assert "exit status 1" in told(result)


@pytest.mark.parametrize(
    "selection", [["-k", "again"], ["test_imports.py::test_again"], ["--deselect", "test_imports.py::test_starts"]]
)
def test_a_filtered_run_says_partial(suite: Suite, selection: list[str]) -> None:
    suite.pretend("tensorflow", PRETENCE)
    result = suite.run(*selection)
    assert result.ret == pytest.ExitCode.OK
    assert "partial: 2 of " in told(result)


@pytest.mark.parametrize(
    "selection", [["--ignore", "test_more.py"], ["--ignore-glob", "*more.py"], ["--pyargs", "test_imports"], ["--sw"]]
)
def test_a_run_without_some_files_says_partial(
    suite: Suite, selection: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(suite.path)
    suite.pretend("tensorflow", PRETENCE)
    suite.write("test_more", SUITE.replace("test_starts", "test_more"))
    plugins = [word for word in PLUGINS if word != "no:cacheprovider"]  # without which there is no --sw
    del plugins[plugins.index("-p", 1)]
    result = suite._pytester.runpytest_inprocess(*plugins, *selection)
    assert result.ret == pytest.ExitCode.OK
    assert "partial: " in told(result)


@pytest.mark.parametrize("options", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_a_run_that_was_stopped_permits_nothing(suite: Suite, options: list[str]) -> None:
    """Neither by another test's failure under -x, nor by an interrupt."""
    suite.write("test_other", "def test_other():\n    assert False\n")
    suite.write("test_imports", SUITE.replace("assert not laboratory.worker(case).has_ended", "pass"))
    words = (
        "-x",
        "--framework",
        "pytorch",
        "--report",
        "report",
        "test_imports.py",
        "test_other.py",
        "test_imports.py",
    )
    result = suite._pytester.run(*suite.command(*options, *words))
    assert result.ret != pytest.ExitCode.OK
    run = verdict_file.read(suite.path / "report" / "verdict.json")
    assert run.exit_status == 3
    assert "the rest of the run was not run: it was stopped before its end" in run.incomplete


def test_a_process_that_died_permits_nothing(suite: Suite) -> None:
    suite.write("test_imports", SUITE.replace("assert not laboratory.worker(case).has_ended", "import os; os._exit(9)"))
    words = ("-n", "1", "--max-worker-restart", "0", "--framework", "pytorch", "--report", "report")
    result = suite._pytester.run(*suite.command(*words))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    run = verdict_file.read(suite.path / "report" / "verdict.json")
    assert run.exit_status == 3
    assert "test_imports.py::test_starts[mnist_mlp-pytorch-cpu] was not run: worker 'gw0' crashed" in str(
        run.incomplete
    )


def test_a_run_without_pytest_benchmark_is_collected(suite: Suite) -> None:
    suite.write("test_imports", SUITE + "\n@pytest.mark.benchmark(group='x')\ndef test_it():\n    pass\n")
    # In a process of its own, for known markers are kept by the process.
    words = ("-p", "no:benchmark", "--strict-markers", "--framework", "pytorch")
    result = suite._pytester.run(*suite.command(*words))
    result.assert_outcomes(passed=3)


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


@pytest.mark.skipif(os.name != "posix", reason="puts a shell script in Python's place")
@pytest.mark.parametrize("sound_starts", [0, 1], ids=["first", "replacement"])
def test_an_xdist_process_that_ends_before_it_has_begun_is_told_in_a_line(suite: Suite, sound_starts: int) -> None:
    suite.write("test_model", "import os, signal\n\ndef test_dies():\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    script = suite.path / "python"
    script.write_text(
        "#!/bin/sh\n"
        "echo started >> starts\n"
        f'[ "$(wc -l < starts)" -le {sound_starts} ] && exec {shlex.quote(sys.executable)} "$@"\n'
        "exit 1\n"
    )
    script.chmod(0o755)
    processes = ("--dist=load", f"--tx=popen//python={script}")
    result = suite._pytester.run(*suite.command(*processes, "--framework", "pytorch"))
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    assert "pytest-xdist broke off (" in told(result)
    assert "Traceback" not in told(result)
    assert list(suite.temporary.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("options", [[], pytest.param(["-n", "1"], marks=pytest.mark.full)], ids=["alone", "xdist"])
@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, pytest.ExitCode.INTERRUPTED), (signal.SIGTERM, 143)],
    ids=["SIGINT", "SIGTERM"],
)
def test_ctrl_c_and_sigterm_leave_no_process_and_no_file(
    suite: Suite, options: list[str], number: signal.Signals, status: int
) -> None:
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
            output = stop(run, number)
            worker.wait_for_end()
    assert run.returncode == status, output
    assert ("ended by SIGTERM" if number == signal.SIGTERM else "KeyboardInterrupt") in output
    assert list(suite.temporary.iterdir()) == []


@pytest.mark.full
def test_a_plugin_that_fails_at_the_end_leaves_no_file_either(suite: Suite) -> None:
    suite.write("failing", "def pytest_unconfigure():\n    raise RuntimeError('planted')\n")
    command = suite.command("-p", "failing", "--framework", "pytorch")
    done = subprocess.run(command, cwd=suite.path, capture_output=True, text=True, check=False)
    assert "planted" in done.stderr
    assert list(suite.temporary.iterdir()) == []
