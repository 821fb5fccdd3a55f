"""Throughput: the rounds are long enough, all the work is in them, and the table shows the worker's own clock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conformance import observations
from conformance.benchmarks import Timing, WorkerClock, benchmarks, fastest_epoch, named
from conformance.cases import Case
from conformance.checks import Check, Step
from conformance.contracts import throughput as contract
from conformance.observations import Key, Observation
from conformance.observer import throughput
from conformance.observer.throughput import ROUND_SECONDS, Calls, Epochs, measure
from conformance.report import markdown, terminal
from conformance.requests import request_for
from conformance.verdict import Throughput
from reference.workloads import MNIST_MLP
from tests import synthetic_runs

ROOT = Path(__file__).resolve().parents[1]
SUITE = "conformance/test_throughput.py"
ITEMS = 3 + sum(len(list(benchmarks(name))) for name in ("numpy", "tensorflow", "pytorch"))


class Machine:
    """A clock that only moves when work is done, and a record of what happened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.events: list[str] = []
        monkeypatch.setattr(throughput, "perf_counter", self.read)

    def read(self) -> float:
        self.events.append("read")
        return self.now

    def work(self, seconds: float) -> None:
        self.events.append("work")
        self.now += seconds

    def synchronize(self) -> None:
        self.events.append("synchronize")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.mark.parametrize("cost", [1e-6, 3e-4, 0.049, 0.05, 2.0])
def test_every_round_lasts_long_enough(cost: float) -> None:
    passes: list[int] = []

    def timed(rounds: int, repeats: int) -> list[float]:
        passes.append(repeats)
        return [cost * repeats * (1 + 0.1 * number) for number in range(rounds)]

    seconds, repeats = measure(timed, 5)
    assert len(seconds) == 5
    assert min(seconds) >= ROUND_SECONDS
    assert repeats == passes[-1]
    assert (len(passes) == 1) == (cost >= ROUND_SECONDS)
    assert max(seconds) < 3 * max(ROUND_SECONDS, cost)


def test_rounds_are_done_again_when_work_gets_faster_on_the_way() -> None:
    costs = iter([0.01, 0.001])

    def timed(rounds: int, repeats: int) -> list[float]:
        return [next(costs, 0.0005) * repeats] * rounds

    seconds, repeats = measure(timed, 2)
    assert seconds == [0.0005 * repeats] * 2
    assert min(seconds) >= ROUND_SECONDS


def test_calls_are_timed_between_finished_devices(machine: Machine) -> None:
    calls = Calls(lambda: machine.work(0.25), lambda result: 7, machine.synchronize)
    machine.events.clear()
    assert calls(2, 3) == [0.75, 0.75]
    one_round = ["synchronize", "read", "work", "work", "work", "synchronize", "read"]
    assert machine.events == one_round * 2
    assert calls.samples() == 7


def test_the_first_epoch_is_not_timed(machine: Machine) -> None:
    seconds = iter([9.0, 0.5, 0.25, 0.125, 1.0])
    assert _epochs(machine, lambda: next(seconds), batches=4)(2, 2) == [0.75, 1.125]


def test_an_epoch_that_drops_its_last_batch_is_seen(machine: Machine) -> None:
    whole, dropping = (_epochs(machine, lambda: 1.0, batches) for batches in (4, 3))
    whole(1, 1)
    assert whole.samples() == 25
    with pytest.raises(RuntimeError, match="on_steps heard of 3 epochs' ends, of 4"):
        dropping(3, 1)


def _epochs(machine: Machine, seconds: Callable[[], float], batches: int) -> Epochs:
    """Epochs of 25 examples in batches of 8."""
    workload = replace(MNIST_MLP, train_examples=25, batch_size=8)
    job: Any = SimpleNamespace(workload=workload, steps=SimpleNamespace(synchronize=machine.synchronize), variant="x")

    def train(epochs: int, on_steps: Callable[[int, Sequence[Any]], None]) -> None:
        for epoch in range(epochs):
            for batch in range(batches):
                if batch == batches - 1:
                    machine.work(seconds())
                on_steps(epoch * batches + batch + 1, [])

    return Epochs(job, train)


def test_the_clock_reads_what_the_worker_measured() -> None:
    facts: dict[str, Any] = {
        "seconds": [0.25, 0.75, 0.5],
        "repeats": 5,
        "samples": 64,
        "peak_bytes": 9,
        "peak_device_bytes": None,
    }
    timing = Timing.of(facts)
    clock = WorkerClock()
    readings = [clock.read()]
    for seconds in timing.seconds:
        clock.advance(seconds)
        readings.append(clock.read())
    assert [after - before for before, after in pairwise(readings)] == pytest.approx([0.05, 0.15, 0.1])
    assert clock.read() * timing.repeats == pytest.approx(sum(facts["seconds"]))
    assert timing.samples_per_second == pytest.approx(640)


def _checks(samples: int, seconds: list[float]) -> list[Check]:
    benchmark = named("numpy", "epoch-float32")
    case = Case(MNIST_MLP, "numpy", variant=benchmark.variant, benchmark=benchmark)
    facts = {"samples": samples, "seconds": seconds}
    return list(contract.whole_work(case, benchmark, Observation(Key("mnist_mlp", "numpy", "throughput"), facts, {})))


@pytest.mark.parametrize(
    ("samples", "seconds", "failing"),
    [
        (60_000, [0.1, 0.11], []),
        (59_968, [0.1, 0.11], ["throughput/epoch/samples"]),
        (60_000, [0.1, 0.049], ["throughput/epoch/rounds"]),
    ],
)
def test_a_timing_of_less_than_the_work_fails(samples: int, seconds: list[float], failing: list[str]) -> None:
    assert [check.contract for check in _checks(samples, seconds) if check.failed] == failing


def test_a_pair_of_which_one_side_did_less_fails() -> None:
    benchmark = fastest_epoch("pytorch")
    case = Case(MNIST_MLP, "pytorch", partner="numpy", variant=benchmark.variant, benchmark=benchmark)
    whole, less = (
        Observation(Key("mnist_mlp", "numpy", "throughput"), {"samples": samples}, {}) for samples in (60_000, 59_968)
    )
    assert not any(check.failed for check in contract.whole_pairs(case, benchmark, [(whole, whole)]))
    (check,) = contract.whole_pairs(case, benchmark, [(whole, whole), (whole, less)])
    assert check.failed
    assert (check.step, check.where and check.where.index) == (benchmark.step, (3,))


def test_the_shortest_round_is_told() -> None:
    samples, rounds = _checks(60_000, [0.2, 0.049, 0.3])
    assert rounds.step is samples.step is Step.TRAIN
    assert rounds.elements == 3
    assert rounds.reason == f"a round took 0.049 s, less than {ROUND_SECONDS} s"
    assert not _checks(60_000, [ROUND_SECONDS])[1].failed


@pytest.mark.parametrize("framework", ["tensorflow", "pytorch", "numpy"])
def test_every_benchmark_can_be_asked_for(framework: str) -> None:
    found = list(benchmarks(framework))
    assert {benchmark.name for benchmark in found} == set(throughput.BENCHMARKS)
    assert [named(framework, benchmark.label) for benchmark in found] == found
    for benchmark in found:
        request = request_for(Key("mnist_mlp", framework, "throughput", benchmark.label), MNIST_MLP)
        assert request.arguments["benchmark"] == benchmark.name
        assert request.arguments["variant"] == (benchmark.variant.name if benchmark.variant else "")
    with pytest.raises(KeyError, match="no benchmark 'nap'"):
        named(framework, "nap")


def test_a_run_shows_its_speeds_beside_its_throughput() -> None:
    run = synthetic_runs.conforming()
    ratio = Throughput("pytorch epoch-tensors / numpy", "train: epoch", "pytorch", ratio=2.5, low=2.25, high=2.75)
    run = replace(run, throughput=(*run.throughput, ratio))
    for text in (markdown.page(run), terminal.as_text(run, width=120)):
        assert "time over NumPy's" in text
        assert "2.500" in text
        assert "candidate/baseline" not in text
    assert "samples/s" in markdown.page(run)
    assert "candidate/baseline" in markdown.page(synthetic_runs.gate())


def _pytest(*arguments: str, python_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The suite's throughput in a pytest of its own, as a user starts it."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    if python_path is not None:
        variables["PYTHONPATH"] = str(python_path)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", SUITE, *arguments]
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.full
def test_the_table_shows_the_workers_seconds_and_no_others(tmp_path: Path) -> None:
    table, kept, report = tmp_path / "table.json", tmp_path / "kept", tmp_path / "report"
    ran = _pytest(
        "--benchmark-only",
        "-k",
        "numpy-train_step",
        f"--benchmark-json={table}",
        f"--record={kept}",
        f"--report={report}",
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (row,) = json.loads(table.read_text(encoding="utf-8"))["benchmarks"]
    (observed,) = (seen for key, seen in observations.read_all(kept).items() if key.operation == "throughput")
    seconds, repeats = observed.facts["seconds"], observed.facts["repeats"]
    assert row["stats"]["data"] == pytest.approx([second / repeats for second in seconds], rel=1e-9)
    assert row["stats"]["iterations"] == repeats > 1
    assert row["group"] == "train: train_step"
    assert "numpy" in row["name"]
    assert row["extra_info"]["samples_per_second"] == pytest.approx(64 / row["stats"]["median"])
    assert row["extra_info"]["peak_memory_bytes"] > 2**20
    (told,) = json.loads((report / "verdict.json").read_text(encoding="utf-8"))["throughput"]
    assert told["samples_per_second"] == row["extra_info"]["samples_per_second"]
    assert (told["framework"], told["name"]) == ("numpy", "train_step-float32")


@pytest.mark.full
def test_plain_pytest_skips_timing_and_says_why() -> None:
    ran = _pytest("-rs")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "timing runs with pytest --benchmark-only" in ran.stdout
    assert f"{ITEMS} skipped" in ran.stdout


@pytest.mark.full
def test_xdist_deselects_timing_and_counts_it() -> None:
    ran = _pytest("-n", "1")
    assert ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, ran.stdout + ran.stderr
    assert f"{ITEMS} deselected" in ran.stdout
    assert "arning" not in ran.stdout + ran.stderr


def test_timing_in_several_processes_is_refused() -> None:
    ran = _pytest("-n", "2", "--benchmark-only")
    assert ran.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--benchmark-only" in ran.stderr
    assert "xdist" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.full
@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        ("ModuleNotFoundError(\"No module named 'torch'\")", "1 skipped", "torch is not installed"),
        ('RuntimeError("planted")', "1 failed", "RuntimeError: planted"),
    ],
)
def test_a_framework_that_cannot_be_timed_is_one_outcome(tmp_path: Path, error: str, outcome: str, reason: str) -> None:
    (tmp_path / "torch.py").write_text(f"raise {error}\n", encoding="utf-8")
    ran = _pytest("--benchmark-only", "-k", "pytorch-load", python_path=tmp_path)
    assert reason in ran.stdout
    assert outcome in ran.stdout.splitlines()[-1], ran.stdout
    assert " error" not in ran.stdout.splitlines()[-1]


@pytest.mark.full
def test_an_interrupt_ends_timing_without_a_traceback(tmp_path: Path) -> None:
    plugin = (
        "from conformance.worker import Worker\n"
        "def interrupted(*arguments, **options):\n"
        "    raise KeyboardInterrupt\n"
        "Worker.request = interrupted\n"
    )
    (tmp_path / "interrupting.py").write_text(plugin, encoding="utf-8")
    ran = _pytest("--benchmark-only", "-p", "interrupting", "-k", "numpy-load", python_path=tmp_path)
    assert ran.returncode == pytest.ExitCode.INTERRUPTED, ran.stdout + ran.stderr
    assert "KeyboardInterrupt" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr
