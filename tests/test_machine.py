"""Trials of the machine: how an outcome is told from the ones that must not be, and what no clock may decide."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psutil
import pytest

from conformance.census import NotRun
from conformance.checks import Check, Kind, Step, Verdict
from conformance.ending import NotPossible
from conformance.trial.machine import SETTINGS, _fresh, role
from conformance.trial.machine_outcome import Outcome, differences, grows, judge_clock, judge_full, judge_kill
from conformance.trial.wall_clock import WallClock
from conformance.trial.watched_run import Ended, Setting, WatchedRun, _command, damaged, end_all_runs
from conformance.verdict import Partial, Run
from conformance.worker import WorkerFailed
from tests.planted_workers import Planted
from tests.synthetic_runs import conforming, make_check

ROOT = Path(__file__).resolve().parents[1]
CLEAN = replace(conforming(), partial=Partial(38, 953))
EXPECTED = len(CLEAN.checks)
KILLED = "pytorch: the worker was killed by SIGKILL during 'train'"
BROKEN_OFF = (
    "! Exit: pytest-xdist broke off (EOFError: expected 1 bytes, got 0), as it does where a process of its own ends"
)
FULL = "/tmp/x.safetensors cannot be written (No space left on device): free some space there, or set TMPDIR"


def unobserved(reason: str) -> Check:
    return make_check(
        Step.TRAIN, "observed", kind=Kind.EXACT, verdict=Verdict.BREAK, measured=1.0, allowed=0.0, reason=reason
    )


def failing(*checks: Check) -> Run:
    return replace(CLEAN, checks=(*CLEAN.checks[:-1], *checks))


DRIFT = make_check(Step.TRAIN, "losses", verdict=Verdict.DRIFT, measured=2.0, allowed=1.0, seed=3)
CRASHED = replace(CLEAN, not_run=(NotRun("test_train.py::test_losses", "worker 'gw0' crashed", required=True),))
PASSED = Ended(0, "953 passed", CLEAN)
TOLD = Ended(1, KILLED, failing(unobserved(KILLED)))
NO_ROOM = Ended(1, f"E   {FULL}", failing(unobserved(FULL)))


class TestKills:
    @pytest.mark.parametrize(
        ("killed", "ended", "outcome"),
        [
            (1, PASSED, Outcome.UNHARMED),
            (0, PASSED, Outcome.UNHARMED),
            (2, TOLD, Outcome.TOLD),
            (1, Ended(1, "", CRASHED), Outcome.TOLD),
            (1, Ended(3, BROKEN_OFF, None), Outcome.TOLD),
            (
                1,
                Ended(3, BROKEN_OFF, replace(CLEAN, not_run=(NotRun("the rest", "it was stopped", required=True),))),
                Outcome.TOLD,
            ),
        ],
    )
    def test_right(self, killed: int, ended: Ended, outcome: Outcome) -> None:
        assert judge_kill(killed, ended, EXPECTED)[0] is outcome

    @pytest.mark.parametrize(
        ("ended", "reason"),
        [
            (replace(PASSED, status=None), "did not end by itself"),
            (replace(PASSED, left=("process 7: python",)), "left process 7"),
            (replace(TOLD, damaged=("a.ensemble",)), "left a.ensemble"),
            (replace(TOLD, output="Traceback (most recent call last)"), "shows its user a"),
            (replace(TOLD, output="INTERNALERROR> x"), "shows its user a"),
            (replace(TOLD, run=None), "no verdict"),
            (Ended(1, BROKEN_OFF, None), "exit status 1 and no verdict"),
            (Ended(3, BROKEN_OFF, None, left=("process 7: python",)), "left process 7"),
            (Ended(3, f"{BROKEN_OFF}\nTraceback (most recent call last)", None), "shows its user a"),
            (replace(TOLD, run=failing(unobserved(KILLED), DRIFT)), "accuses the framework: train/losses"),
            (replace(PASSED, run=replace(CLEAN, checks=CLEAN.checks[1:])), f"passes with {EXPECTED - 1} of {EXPECTED}"),
            (replace(PASSED, run=CRASHED), "passes with"),
            (replace(TOLD, run=CLEAN), "exit status 1, but 0 in verdict.json"),
            (replace(TOLD, run=failing(unobserved("something else"))), "without a word about what was killed"),
        ],
    )
    def test_wrong(self, ended: Ended, reason: str) -> None:
        outcome, why = judge_kill(1, ended, EXPECTED)
        assert outcome is Outcome.WRONG
        assert reason in why

    def test_a_failure_where_nothing_was_killed_is_wrong(self) -> None:
        assert judge_kill(0, TOLD, EXPECTED) == (Outcome.WRONG, "exit status 1, though nothing was killed")

    @pytest.mark.parametrize(
        ("command", "what"),
        [
            (["python", "-I", "-u", "/tmp/code-1/observer/__main__.py"], "oracle's worker"),
            (["python", "/tmp/code-1/observer/__main__.py"], "framework's worker"),
            (["python", "-u", "-c", "import sys;exec(eval(sys.stdin.readline()))"], "xdist process"),
            (["uname", "-p"], "other process"),
        ],
    )
    def test_victims_are_named(self, command: list[str], what: str) -> None:
        assert role(command) == what


class TestFullDisk:
    @pytest.mark.parametrize(
        ("ended", "outcome"),
        [
            (PASSED, Outcome.UNHARMED),
            (NO_ROOM, Outcome.TOLD),
            (Ended(3, "r/report.html cannot be written: No space left on device: free some", CLEAN), Outcome.TOLD),
            (Ended(3, "r/verdict.json cannot be written: No space left on device: free some", None), Outcome.TOLD),
            (Ended(3, "pytorch train: OSError: [Errno 28] No space left on device; free some", CRASHED), Outcome.TOLD),
        ],
    )
    def test_right(self, ended: Ended, outcome: Outcome) -> None:
        assert judge_full(ended, EXPECTED)[0] is outcome

    @pytest.mark.parametrize(
        ("ended", "reason"),
        [
            (replace(NO_ROOM, output="it failed"), "without a word about the disk"),
            (replace(NO_ROOM, output=f"Traceback (most recent call last)\n{FULL}"), "shows its user a"),
            (replace(NO_ROOM, run=failing(unobserved(FULL), DRIFT)), "accuses the framework"),
            (replace(NO_ROOM, run=None, output="INTERNALERROR> x"), "shows its user a"),
            (replace(NO_ROOM, run=None, left=("half.part",)), "half.part"),
            (replace(NO_ROOM, status=None, run=None), "did not end by itself"),
            (replace(PASSED, run=None), "no verdict"),
        ],
    )
    def test_wrong(self, ended: Ended, reason: str) -> None:
        outcome, why = judge_full(ended, EXPECTED)
        assert outcome is Outcome.WRONG
        assert reason in why


class TestClockThatIsSet:
    STARTED = datetime(2027, 3, 1, 12, tzinfo=UTC)
    RUN = replace(CLEAN, started="2027-03-01T12:00:04+00:00", seconds=20.0)
    SET = Ended(0, "953 passed", RUN)

    def test_right(self) -> None:
        earlier = self.STARTED - timedelta(days=300)
        assert judge_clock(self.SET, EXPECTED, [earlier, self.STARTED], 21.5) == (Outcome.UNHARMED, "")

    @pytest.mark.parametrize(
        ("ended", "reason"),
        [
            (replace(SET, run=replace(RUN, started="2026-11-28T12:00:00+00:00")), "the clock was not set"),
            (replace(SET, status=1), "exit status 1"),
            (replace(SET, status=None), "did not end by itself"),
            (replace(SET, left=("process 7: python",)), "left process 7"),
            (replace(SET, run=replace(RUN, seconds=-86_400.0)), "says that it took -86400.0 s"),
            (replace(SET, run=replace(RUN, seconds=21.6)), "says that it took 21.6 s, and took 21.5 s"),
        ],
    )
    def test_wrong(self, ended: Ended, reason: str) -> None:
        outcome, why = judge_clock(ended, EXPECTED, [self.STARTED], 21.5)
        assert outcome is Outcome.WRONG
        assert reason in why

    def test_another_process_sees_it_set_and_set_back(self, tmp_path: Path) -> None:
        if not sys.platform.startswith("linux"):
            pytest.skip("the clock is set by a library preloaded as on Linux")
        try:
            clock = WallClock(tmp_path)
        except NotPossible as reason:
            pytest.skip(str(reason))
        asks = "import time\nwhile input() == 'now': print(time.time(), time.monotonic(), flush=True)"
        clock.put(86_400.0 * 300)
        with subprocess.Popen(
            [sys.executable, "-c", asks],
            env={**os.environ, **clock.variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            for days in (300, -300, 0):
                clock.put(86_400.0 * days)
                earlier = time.time(), time.monotonic()
                process.stdin.write("now\n")
                process.stdin.flush()
                wall, span = (float(word) for word in process.stdout.readline().split())
                later = time.time(), time.monotonic()
                assert earlier[0] <= wall - 86_400 * days <= later[0]
                assert earlier[1] <= span <= later[1]
            process.stdin.write("enough\n")


def test_runs_that_end_alike() -> None:
    changed = replace(CLEAN, checks=(*CLEAN.checks[:-1], replace(CLEAN.checks[-1], measured=0.5)))
    missing = replace(CLEAN, checks=CLEAN.checks[:-1])
    assert list(differences([CLEAN, CLEAN])) == []
    assert [line.partition(":")[0] for line in differences([CLEAN, changed, CLEAN, missing])] == ["run 2", "run 4"]


@pytest.mark.parametrize(
    ("values", "rising"),
    [
        ([5.0, 5.1, 4.9, 5.0, 5.2, 4.8, 5.1, 5.0, 4.9, 5.0], False),
        ([5.0] * 10, False),
        ([9.0, 8.0, 7.0, 6.0, 5.0, 4.0], False),
        ([5.0, 5.1, 5.2, 5.1, 5.3, 5.4, 5.5, 5.4, 5.6, 5.7], True),
    ],
)
def test_growth(values: list[float], rising: bool) -> None:
    assert grows(values) == rising
    with pytest.raises(ValueError, match="4 runs show no growth: at least 5 are needed"):
        grows(values[:4])


def test_a_kept_ensemble_that_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "ensembles"
    folder.mkdir()
    assert damaged(tmp_path) == ()
    (folder / "a.ensemble").write_bytes(b"half of it")
    assert damaged(tmp_path) == (str(folder / "a.ensemble"),)


def test_an_interrupt_ends_the_runs_that_are_going_on(tmp_path: Path) -> None:
    run = WatchedRun(tmp_path / "run", Setting("pytorch"), tmp_path / "cache")
    process = psutil.Process(run._process.pid)
    assert process.is_running()
    end_all_runs()
    assert run.is_over_within(0)
    assert not process.is_running()
    assert run.descendants() == []
    end_all_runs()  # has nothing left to do


def test_only_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    own = _fresh(tmp_path / "kills")
    (own / "001").mkdir()
    assert [path.name for path in _fresh(own).iterdir()] == [".machine"]
    of_others = tmp_path / "full"
    of_others.mkdir()
    (of_others / "thesis").touch()
    with pytest.raises(NotPossible, match="full holds files of others: name another place with --directory"):
        _fresh(of_others)
    assert (of_others / "thesis").exists()
    with pytest.raises(NotPossible, match=r"thesis cannot be used \(Not a directory\)"):
        _fresh(of_others / "thesis")


def test_small_runs_ask_for_the_one_epoch() -> None:
    words = _command(SETTINGS[-1])
    assert words[words.index("--workload") + 1].endswith("one_epoch.py")
    assert words[words.index("-n") + 1] == "2"


# What the wall clock may be asked for, by module: it may jump at any time.
_WALL_CLOCK = {
    "conformance/commands/accept.py": "a waiver's date",
    "conformance/commands/cache.py": "the date that a table shows",
    "conformance/environments/cache.py": "a name that nobody has",
    "conformance/gate/kept_verdicts.py": "a key: the day, for waivers expire",
    "conformance/gate/running.py": "when a run started, for its report",
    "conformance/gathering.py": "when a run started, for its report",
    "conformance/ledger.py": "whether a waiver has expired",
    "conformance/trial/machine.py": "when a run whose clock is set started, to see that it was set",
    "conformance/trial/running.py": "when a trial started, for its report",
}
_WALL_CLOCK_NAMES = {"time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime", "time.strftime"}
_WALL_CLOCK_NAMES |= {f"{name}.{now}" for name in ("datetime", "date") for now in ("now", "utcnow", "today")}


def wall_clock_of(source: str) -> Iterator[str]:
    """The calls in a source that ask the wall clock."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := ast.unparse(node)) in _WALL_CLOCK_NAMES:
            yield name
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (f"time.{alias.name}" for alias in node.names if f"time.{alias.name}" in _WALL_CLOCK_NAMES)


class TestClocks:
    @pytest.mark.parametrize(
        "source", ["import time\nlimit = time.time() + 5", "from time import time", "x = datetime.now(UTC)"]
    )
    def test_no_way_to_ask_the_wall_clock_escapes_this_test(self, source: str) -> None:
        assert list(wall_clock_of(source))

    def test_the_wall_clock_is_asked_for_dates_and_names_alone(self) -> None:
        paths = [path for folder in ("conformance", "reference") for path in (ROOT / folder).rglob("*.py")]
        asking = {str(path.relative_to(ROOT)) for path in paths if list(wall_clock_of(path.read_text()))}
        assert asking == set(_WALL_CLOCK)

    def test_a_clock_that_jumps_moves_no_limit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """By a day to and fro at every look at it, while a worker answers, and while one hangs."""
        planted = Planted(tmp_path)
        planted.operation("if arguments:\n    time.sleep(600)")
        days, true_time = count(), time.time
        monkeypatch.setattr(time, "time", lambda: true_time() + 86_400 * (next(days) % 3 - 1))
        with planted.start() as worker:
            assert worker.request("imports").facts == {"warnings": []}
            with pytest.raises(WorkerFailed, match=r"no answer to 'imports' within 0.5 s"):
                worker.request("imports", {"hang": True}, limit=0.5)
