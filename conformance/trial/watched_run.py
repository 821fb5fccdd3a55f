"""One run of a small part of the suite, watched from outside: what it starts, takes, says and leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

import conformance
from conformance import kept_ensembles, verdict_file
from conformance.ending import NotPossible
from conformance.trial import one_epoch
from conformance.verdict import Run

ROOT = Path(conformance.__path__[0]).parent
SELECTION = (
    "-k",
    "(test_parameter or test_outputs or test_loss_gradients_and_first_update or test_predictions"
    " or ((test_losses or test_weights) and (tape or tensors))) and not inside",
)
LIMIT_SECONDS = 900.0
_PATIENCE_SECONDS = 15.0  # for what ends by itself once the run has ended
_GRACE_SECONDS = 30.0  # for a run that has been asked to end
_MARK = "CONFORMANCE_WATCHED_RUN"

_going: set[WatchedRun] = set()


@dataclass(frozen=True)
class Setting:
    """Which small run: its frameworks, separated by commas, and how many xdist processes (0: none)."""

    frameworks: str
    processes: int = 0

    def __str__(self) -> str:
        return f"{self.frameworks} -n {self.processes}"


@dataclass(frozen=True)
class Ended:
    """How a watched run ended.

    `status` is pytest's exit status, None where the run had to be ended after 15 minutes; `run` is its
    verdict.json, None where there is none that can be read; `peak_bytes` the largest resident set of one of its
    processes; `left` names the processes and files that it left, `damaged` the kept ensembles that are none.
    """

    status: int | None
    output: str
    run: Run | None
    peak_bytes: int = 0
    left: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()


class WatchedRun:
    """A run that is going on, with `temporary` as its TMPDIR and its output and report below `directory`."""

    def __init__(
        self,
        directory: Path,
        setting: Setting,
        cache: Path,
        words: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
        temporary: Path | None = None,
        report: Path | None = None,
    ) -> None:
        self._cache = cache
        self._mark = uuid.uuid4().hex
        self._temporary = temporary or directory / "temporary"
        self._temporary.mkdir(parents=True, exist_ok=True)
        directory.mkdir(parents=True, exist_ok=True)
        self._report = report or directory / "report"
        self._output = directory / "output.txt"
        own = {"TMPDIR": str(self._temporary), "CONFORMANCE_CACHE": str(cache), _MARK: self._mark}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                # pytest keeps the directories of its last three runs, by default in TMPDIR.
                [*_command(setting), f"--report={self._report}", f"--basetemp={directory / 'pytest'}", *words],
                cwd=ROOT,
                env={**os.environ, **(variables or {}), **own},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _going.add(self)
        self._peak_bytes = 0
        self._over = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        self._over.set()

    def is_over_within(self, seconds: float) -> bool:
        """Wait so long at the most; whether the run has ended by then."""
        return self._over.wait(seconds)

    def descendants(self) -> list[psutil.Process]:
        """The processes that the run has started, and these in turn, that are alive."""
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if process.status() != psutil.STATUS_ZOMBIE:
                        found.append(process)
        return found

    def end(self) -> Ended:
        """Wait for the end, and look at what there is then; what was left running is ended."""
        by_itself = self._over.wait(LIMIT_SECONDS)
        if not by_itself:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._over.wait()
        _going.discard(self)
        left = [*self._left_processes(), *(str(path) for path in sorted(self._temporary.iterdir()))]
        try:
            run = verdict_file.read(self._report / "verdict.json")
        except verdict_file.VerdictUnreadable:
            run = None
        return Ended(
            status=self._process.returncode if by_itself else None,
            output=self._output.read_text(encoding="utf-8", errors="replace"),
            run=run,
            peak_bytes=self._peak_bytes,
            left=tuple(left),
            damaged=damaged(self._cache),
        )

    def stop(self) -> None:
        """End the run before its time, with all that it has started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        if not self._over.wait(_GRACE_SECONDS):
            os.killpg(self._process.pid, signal.SIGKILL)
            self._over.wait()
        _going.discard(self)
        self._left_processes()

    def _left_processes(self) -> list[str]:
        """End the processes of this run that are still there after a while, and name them."""
        _, alive = psutil.wait_procs([p for p in psutil.process_iter() if self._is_ours(p)], _PATIENCE_SECONDS)
        names = []
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                names.append(f"process {process.pid}: {' '.join(process.cmdline())[:120]}")
                process.kill()
        return names

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(_MARK) == self._mark
        except (psutil.Error, OSError):
            return False


def end_all_runs() -> None:
    """Stop the runs that are going on: an interrupt does not reach them, for each is a session of its own."""
    for run in list(_going):
        with suppress(ProcessLookupError):
            run.stop()


def _command(setting: Setting) -> list[str]:
    words = ["-n", str(setting.processes), "-p", "no:randomly", "-p", "no:cacheprovider", *SELECTION]
    workload = str(Path(one_epoch.__file__))
    return [
        *(sys.executable, "-m", "pytest", "conformance", *words),
        *("--workload", workload, "--framework", setting.frameworks),
    ]


def clean_run(directory: Path, setting: Setting, cache: Path) -> Run:
    """A run that nothing disturbs. Raises NotPossible where it does not pass, or leaves something."""
    ended = WatchedRun(directory, setting, cache).end()
    if ended.status or ended.run is None or ended.left or ended.damaged:
        reason = "; ".join((*ended.left, *ended.damaged)) or f"exit status {ended.status}"
        raise NotPossible(f"an undisturbed run of {setting} is not clean ({reason}): see {directory}/output.txt")
    return ended.run


def damaged(cache: Path) -> tuple[str, ...]:
    """The kept ensembles that do not hold what they were made as, and what is half written."""
    folder = cache / "ensembles"
    wrong = [path for path in folder.glob("*.ensemble") if not kept_ensembles.is_sound(path.read_bytes())]
    return tuple(str(path) for path in sorted(wrong))
