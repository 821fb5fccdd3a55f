"""The collector: every observation once, for all who ask, and nothing that a kept file or a full disk could spoil."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from filelock import FileLock

from conformance import kept_ensembles
from conformance.collector import Collector
from conformance.observations import Key, ObservationUnwritable
from conformance.requests import Request, request_for
from conformance.subjects import Subject
from conformance.worker import ObservationFailed, WorkerFailed
from reference.workloads import MNIST_MLP
from tests.planted_workers import PATIENCE_SECONDS, Planted, exchange

ROOT = Path(__file__).resolve().parents[1]
KEY = Key("mnist_mlp", "numpy", "imports")
ENSEMBLE = Key("mnist_mlp", "oracle", "ensemble")


class Bench:
    """What collectors need, with planted operations that leave a mark each time they run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.planted = Planted(directory)
        self._open: list[Collector] = []

    def plant(self, body: str, name: str = "imports") -> None:
        """Let the operation count its runs in `times`, then do `body`."""
        self.planted.operation(f"times = mark({str(self.directory / 'marks')!r})\n{body}", name)

    @property
    def times(self) -> int:
        """How often the planted operation ran."""
        return len((self.directory / "marks").read_text().splitlines())

    def run(self, name: str = "run") -> Path:
        """The directory that the processes of one run share."""
        directory = self.directory / name
        directory.mkdir(exist_ok=True)
        return directory

    def collector(self, run: str = "run") -> Collector:
        """One process's collector."""
        subjects = {(name, "cpu"): Subject(name) for name in ("numpy", "oracle", "pytorch")}
        self._open.append(Collector(self.run(run), self.planted.code, subjects, {"mnist_mlp": MNIST_MLP}))
        return self._open[-1]

    def close(self) -> None:
        """End all workers."""
        for collector in self._open:
            collector.close()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "cache"))
    made = Bench(tmp_path)
    yield made
    made.close()


_PROCESS = """\
import json, sys
from pathlib import Path
from conformance.collector import Collector
from conformance.observations import Key
from conformance.subjects import Subject
from reference.workloads import MNIST_MLP
subjects = {(name, "cpu"): Subject(name) for name in ("numpy", "oracle")}
collector = Collector(Path(sys.argv[1]), Path(sys.argv[2]), subjects, {"mnist_mlp": MNIST_MLP})
print("ready", flush=True)
sys.stdin.readline()
try:
    found = collector.observe(Key(**json.loads(sys.argv[3])))
    answer = [found.facts, {name: array.tolist() for name, array in found.tensors.items()}]
except Exception as error:
    answer = [type(error).__name__, str(error)]
collector.close()
print(json.dumps(answer))
"""


def ask_at_once(bench: Bench, runs: Sequence[str], key: Key = KEY) -> list[Any]:
    """What processes, one for each of the runs, are told when they ask for the observation at the same moment."""
    commands = [
        [sys.executable, "-c", _PROCESS, str(bench.run(run)), str(bench.planted.code), json.dumps(asdict(key))]
        for run in runs
    ]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for command in commands
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("now\n")
            process.stdin.flush()
        return [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in processes]


def test_an_observation_that_several_want_at_once_is_made_once(bench: Bench) -> None:
    bench.plant("return {'times': times, 'pid': os.getpid()}, {'x': np.full(100_000, times)}")
    answers = ask_at_once(bench, ["run"] * 3)
    assert bench.times == 1
    assert answers[0][0]["times"] == 1
    assert set(answers[0][1]["x"]) == {1}
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("raise ValueError(f'attempt {times} by {os.getpid()}')", "ObservationFailed", "ValueError: attempt 1 by "),
        (
            "print('attempt', times, os.getpid(), file=sys.stderr)\nos.abort()",
            "WorkerFailed",
            "numpy: the worker was killed by SIGABRT during 'imports'; the end of its stderr:",
        ),
    ],
)
def test_a_failure_is_the_same_for_all_and_not_tried_again(bench: Bench, body: str, kind: str, words: str) -> None:
    bench.plant(body)
    answers = ask_at_once(bench, ["run"] * 2)
    assert bench.times == 1
    assert answers[0][0] == kind
    assert words in answers[0][1]
    assert answers == [answers[0]] * 2


def test_another_run_observes_anew(bench: Bench) -> None:
    bench.plant("return {'times': times}, {}")
    assert [bench.collector(run).observe(KEY).facts["times"] for run in ("first", "first", "second")] == [1, 1, 2]


def test_after_a_worker_has_died_the_next_observation_has_a_new_one(bench: Bench) -> None:
    bench.plant("os.abort()")
    bench.planted.operation("return {'fine': True}, {}", "model")
    collector = bench.collector()
    with pytest.raises(WorkerFailed, match="SIGABRT"):
        collector.observe(KEY)
    assert collector.observe(replace(KEY, operation="model")).facts["fine"]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("os.abort()", WorkerFailed, "the worker was killed by SIGABRT during 'start'"),
        ("raise ImportError(f'attempt {times}')", ObservationFailed, "ImportError: attempt 1"),
    ],
)
def test_a_worker_that_does_not_start_is_not_started_for_every_observation(
    bench: Bench, body: str, kind: type[Exception], words: str
) -> None:
    bench.planted.start_of("pytorch", f"times = mark({str(bench.directory / 'marks')!r})\n{body}")
    messages = set()
    for collector in (bench.collector(), bench.collector()):
        for operation in ("imports", "data", "data", "model"):
            with pytest.raises(kind, match=words) as failed:
                collector.observe(replace(KEY, framework="pytorch", operation=operation))
            messages.add(str(failed.value))
    assert len(messages) == 1
    assert bench.times == 1


def test_what_a_killed_process_left_unfinished_is_made_by_the_next(bench: Bench) -> None:
    with exchange() as calls:
        bench.plant(
            f"if times == 1:\n    line = call({calls.port})\n    time.sleep(600)\nreturn {{'times': times}}, {{}}"
        )
        command = [sys.executable, "-c", _PROCESS, str(bench.run()), str(bench.planted.code), json.dumps(asdict(KEY))]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.write(b"now\n")
            process.stdin.flush()
            worker = calls.answer()
            psutil.Process(process.pid).kill()
            worker.wait_for_end()
    assert bench.collector().observe(KEY).facts["times"] == 2


def test_a_disk_that_refuses_is_told_in_one_line_and_not_tried_again(bench: Bench) -> None:
    bench.plant("return {}, {'x': np.zeros(3)}")
    collector = bench.collector()
    (bench.run() / KEY.file_name).with_suffix(".safetensors.lock").mkdir()
    for _ in range(2):
        with pytest.raises(ObservationUnwritable, match=r"cannot be written \(Is a directory\): free some") as refused:
            collector.observe(KEY)
        assert len(str(refused.value).splitlines()) == 1


def test_a_full_disk_costs_one_attempt(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.plant("return {}, {'x': np.zeros(3)}")
    collector = bench.collector()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    for _ in range(2):
        with pytest.raises(ObservationUnwritable, match=r"cannot be written \(No space left on device\): free some"):
            collector.observe(KEY)
    assert bench.times == 1
    assert not list(bench.run().glob("*.part"))


@pytest.mark.parametrize(
    "body",
    [
        "raise OSError(28, 'No space left on device')",
        "print('OSError: [Errno 28] No space left on device', file=sys.stderr, flush=True)\nos.abort()",
    ],
    ids=["raised", "died of it"],
)
def test_a_worker_without_disk_accuses_no_framework(bench: Bench, body: str) -> None:
    bench.plant(body)
    for _ in range(2):
        with pytest.raises(ObservationUnwritable, match=r"numpy imports: .*No space left on device; free") as refused:
            bench.collector().observe(KEY)
        assert len(str(refused.value).splitlines()) == 1
    assert bench.times == 1


def kept_files(bench: Bench) -> list[Path]:
    files = (path for path in (bench.directory / "cache").rglob("*") if path.is_file())
    return sorted(path for path in files if path.suffix != ".lock")


def plant_ensemble(bench: Bench) -> None:
    bench.plant(
        "return {'members': 16}, {'train/losses': np.arange(5.0), 'deviation/train/losses': np.ones(16)}", "ensemble"
    )


def is_whole(collector: Collector) -> bool:
    found = collector.observe(ENSEMBLE)
    losses: bool = np.array_equal(found.tensors["train/losses"], np.arange(5.0))
    return losses and found.facts["members"] == 16 and found.key == ENSEMBLE


def test_an_ensemble_is_kept_for_later_runs(bench: Bench) -> None:
    plant_ensemble(bench)
    assert is_whole(bench.collector("first"))
    assert is_whole(bench.collector("second"))
    assert bench.times == 1


def test_other_observations_are_not_kept(bench: Bench) -> None:
    bench.plant("return {}, {}")
    bench.collector().observe(KEY)
    assert not (bench.directory / "cache").exists()


def _flip(content: bytes) -> bytes:
    return content[:-20] + bytes([content[-20] ^ 1]) + content[-19:]


@pytest.mark.parametrize(
    "damage",
    [
        _flip,
        lambda content: content[:-8],
        lambda content: b"",
        lambda content: b"word" * 100,
        lambda content: content * 2,
    ],
    ids=["one bit", "truncated", "empty", "other content", "written twice"],
)
def test_a_damaged_kept_ensemble_is_made_anew(bench: Bench, damage: Any) -> None:
    plant_ensemble(bench)
    assert is_whole(bench.collector("first"))
    (kept,) = kept_files(bench)
    sound = kept.read_bytes()
    kept.write_bytes(damage(sound))
    assert is_whole(bench.collector("second"))
    assert bench.times == 2
    assert kept.read_bytes() == sound


@pytest.mark.parametrize("obstacle", ["a file", "a directory in the way", "no room"])
def test_a_cache_that_cannot_be_written_does_no_harm(
    bench: Bench, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_ensemble(bench)
    if obstacle == "a file":
        (bench.directory / "cache").write_text("in the way")
    elif obstacle == "a directory in the way":
        kept_ensembles.path_for(request_for(ENSEMBLE, MNIST_MLP), bench.planted.code).mkdir(parents=True)
    else:
        monkeypatch.setenv("CONFORMANCE_CACHE", "/dev/full/cache")
    assert is_whole(bench.collector("first"))
    assert is_whole(bench.collector("second"))
    assert bench.times == 2


def test_two_runs_at_once_on_one_cache(bench: Bench) -> None:
    plant_ensemble(bench)
    answers = ask_at_once(bench, ["first", "second"], ENSEMBLE)
    assert answers[0][1]["train/losses"] == [0, 1, 2, 3, 4]
    assert answers == [answers[0]] * 2
    assert len(kept_files(bench)) == 1
    assert is_whole(bench.collector("third"))
    assert bench.times == 1


def test_nobody_waits_for_an_ensemble_once_the_run_ends(tmp_path: Path) -> None:
    stop, entered, kept = threading.Event(), threading.Event(), tmp_path / "a.ensemble"

    def wait() -> None:
        with kept_ensembles.alone(kept, stop):
            entered.set()

    with FileLock(f"{kept}.lock"):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not entered.is_set()
        stop.set()
        waiting.join(timeout=60)
        assert entered.is_set()


def test_no_worker_is_started_once_the_run_ends(bench: Bench) -> None:
    collector = bench.collector("first")
    collector._stop.set()
    with pytest.raises(WorkerFailed, match="nothing is observed any more"):
        collector.worker("numpy", "cpu")


def test_what_a_run_was_killed_over_does_not_stay_in_the_cache(bench: Bench) -> None:
    plant_ensemble(bench)
    kept = kept_ensembles.path_for(request_for(ENSEMBLE, MNIST_MLP), bench.planted.code)
    kept.parent.mkdir(parents=True)
    kept.with_name(f"{kept.name}.0123.part").write_bytes(b"half")
    of_another = kept.with_name(f"other{kept.suffix}.0123.part")
    of_another.write_bytes(b"being written")
    assert is_whole(bench.collector("first"))
    assert kept_files(bench) == sorted([kept, of_another])


def test_a_kept_ensemble_has_a_key_of_all_that_it_depends_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    code = bench.planted.code

    def path(key: Key = ENSEMBLE, request: Request | None = None, **changes: Any) -> Path:
        return kept_ensembles.path_for(request or request_for(key, replace(MNIST_MLP, **changes)), code)

    plain = request_for(ENSEMBLE, MNIST_MLP)
    paths = [
        path(),
        path(replace(ENSEMBLE, seed=1)),
        path(learning_rate=0.02),
        path(batch_size=32),
        path(request=replace(plain, arguments={**plain.arguments, "members": 8})),
    ]
    monkeypatch.setattr(np, "__version__", "9.9")
    paths.append(path())
    monkeypatch.undo()
    monkeypatch.setenv("CONFORMANCE_CACHE", str(bench.directory / "cache"))
    source = code / "reference" / "oracle" / "train.py"
    source.write_text(source.read_text() + "# changed\n")
    paths.append(path())
    assert len(set(paths)) == len(paths)
    assert path() == paths[-1]
