"""A worker: one process that holds one subject, started, asked and ended from here."""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

import conformance.observer
import reference
from conformance.observations import ObservationUnwritable
from conformance.observer import messages
from conformance.subjects import Subject

START_LIMIT_SECONDS = 180.0
REQUEST_LIMIT_SECONDS = 900.0
GRACE_SECONDS = 5.0
DYING_SECONDS = 1.0
POLL_SECONDS = 0.25
_ERROR_LINES = 12
_ERROR_BYTES = 8192
_STRAY_OUTPUT_LIMIT = 1 << 16
_PIPE_BYTES = 1 << 18

_live_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class WorkerFailed(Exception):
    """The worker's process is gone, hangs, or does not speak the protocol."""


class ObservationFailed(Exception):
    """The framework raised an exception while it was being observed; the worker lives on.

    `step` is the step at which it did, where that is another one than the operation's own.
    """

    def __init__(self, kind: str, message: str, traceback: str, step: str = "") -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.traceback = traceback
        self.step = step


@dataclass(frozen=True)
class Reply:
    """Facts (JSON values) and tensors that a worker reported."""

    facts: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def stage_code(directory: Path) -> Path:
    """Copy the code that workers run, the observer and the references, into `directory` and return that.

    Raises ObservationUnwritable where the disk refuses it.
    """
    ignore = shutil.ignore_patterns("__pycache__", "*.gz", "mnist")
    try:
        for name, package in (("observer", conformance.observer), ("reference", reference)):
            source = Path(package.__path__[0])
            shutil.copytree(source, directory / name, ignore=ignore, dirs_exist_ok=True)
    except OSError as error:
        raise ObservationUnwritable.because(directory, _first_of(error)) from error
    return directory


def _first_of(error: OSError) -> OSError:
    """The error itself, or what copying a tree gathered in its stead: (from, to, reason) of the first file."""
    if not isinstance(error, shutil.Error):
        return error
    return OSError(str(error.args[0][0][2]).partition(": ")[0])


class Worker:
    """A running worker. Use it as a context manager, or call `close`.

    `code` is the directory that `stage_code` filled, beside which the worker's temporary files lie; its stderr goes
    to `log`.
    Raises WorkerFailed if the process cannot be started or does not answer.
    """

    def __init__(self, subject: Subject, code: Path, log: Path, start_limit: float = START_LIMIT_SECONDS) -> None:
        self.subject = subject
        self._log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._inbox: queue.Queue[Any] = queue.Queue()
        self._ready = False
        self._process = _start(subject, code, log)
        _live_workers.add(self)
        self._reader = threading.Thread(target=self._receive, daemon=True)
        self._sender: threading.Thread | None = None
        try:
            self._reader.start()
            self.request(
                "start",
                {"framework": subject.framework, "device": subject.device, "threads": subject.threads},
                limit=start_limit,
            )
        except BaseException:
            self.kill()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The worker's process id, also its process group's on POSIX."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """Whether the process is gone, so that nothing can be asked any more."""
        return self._process.poll() is not None

    def request(
        self,
        operation: str,
        arguments: Mapping[str, Any] | None = None,
        tensors: Mapping[str, NDArray[Any]] | None = None,
        limit: float = REQUEST_LIMIT_SECONDS,
    ) -> Reply:
        """Ask for one operation and wait for its reply, `limit` seconds at the most.

        Raises ObservationFailed where the framework raised, WorkerFailed where the process died, hung past the
        limit (it is then killed) or sent something that is no message.
        """
        chunks = messages.frame({"operation": operation, "arguments": dict(arguments or {})}, tensors or {})
        # In a thread, because a worker that hangs does not read, and a pipe holds 64 KiB.
        self._sender = threading.Thread(target=self._send, args=(chunks,), daemon=True)
        try:
            self._sender.start()
            answer = self._next_answer(limit)
        except queue.Empty:
            self.kill()
            raise WorkerFailed(
                f"{self.subject.framework}: no answer to {operation!r} within {limit:g} s; the worker was ended"
                f"{self._end_of_log()}"
            ) from None
        except BaseException:
            self.kill()
            raise
        if answer is None:
            raise self._gone(operation)
        if isinstance(answer, Exception):
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._process.wait(DYING_SECONDS):
                    raise self._gone(operation) from answer
            self.kill()
            raise WorkerFailed(
                f"{self.subject.framework}: the worker answered {operation!r} with something that is no message "
                f"({answer}){self._end_of_log()}"
            ) from answer
        facts, received = answer
        if "error" in facts:
            raise ObservationFailed(**facts["error"])
        return Reply(facts, received)

    def close(self) -> None:
        """Let the worker end by itself, then end its whole process group."""
        stdin = self._process.stdin
        assert stdin is not None
        with contextlib.suppress(OSError):
            stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the worker and everything that it started, at once."""
        if self not in _live_workers:
            return
        self._end_group()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        closed_stdout = _close_after(self._reader, self._process.stdout)
        closed_stdin = _close_after(self._sender, self._process.stdin)
        if closed_stdout and closed_stdin:
            _live_workers.discard(self)

    def _end_group(self) -> None:
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True, check=False)

    def _send(self, chunks: Sequence[bytes | memoryview]) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        # Where the worker is gone, whoever waits for its answer learns of it.
        with contextlib.suppress(OSError, ValueError):
            for chunk in chunks:
                stdin.write(chunk)
            stdin.flush()

    def _receive(self) -> None:
        stdout = self._process.stdout
        assert isinstance(stdout, BufferedReader)
        try:
            self._ready = _skip_stray_output(stdout)
            while (message := messages.read(stdout)) is not None:
                self._inbox.put(message)
            self._inbox.put(None)
        except (messages.NotAMessage, MemoryError, OSError, ValueError) as error:
            self._inbox.put(error)

    def _next_answer(self, limit: float) -> Any:
        """What the reader received; None where the process ended instead. Raises queue.Empty past the limit."""
        deadline = time.monotonic() + limit
        while True:
            remaining = deadline - time.monotonic()
            try:
                return self._inbox.get(timeout=max(0.0, min(remaining, POLL_SECONDS)))
            except queue.Empty:
                if self.has_ended:
                    break
                if remaining <= 0:
                    raise
        # Its end closes the pipe, unless it left a child behind that holds it open.
        self._end_group()
        self._reader.join(GRACE_SECONDS)
        with contextlib.suppress(queue.Empty):
            return self._inbox.get_nowait()
        return None

    def _gone(self, operation: str) -> WorkerFailed:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(DYING_SECONDS)
        status = self._process.poll()
        self.kill()
        if status is None:
            how = "closed its pipe and had to be ended"
        elif -status in set(signal.Signals):
            how = f"was killed by {signal.Signals(-status).name}"
        else:
            how = f"ended with exit status {status}"
        subject = self.subject
        if self._ready:
            return WorkerFailed(f"{subject.framework}: the worker {how} during {operation!r}{self._end_of_log()}")
        return WorkerFailed(
            f"{subject.framework}: the interpreter {subject.interpreter} {how} before the worker could start: "
            f"check that it is a Python with NumPy{self._end_of_log()}"
        )

    def _end_of_log(self) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(self._log_start, self._log.stat().st_size - _ERROR_BYTES))
                text = log.read().decode(errors="replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()][-_ERROR_LINES:]
        return "; the end of its stderr:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def _start(subject: Subject, code: Path, log: Path) -> subprocess.Popen[bytes]:
    # -I takes PYTHONUNBUFFERED away with the rest, hence -u.
    isolation = ["-I", "-u"] if subject.is_built_in else []
    # Frameworks leave files where they are killed, and cache what they compile: all that goes with the run's code.
    temporary = code.parent / "temporary"
    variables = subject.worker_environment({**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary))})
    try:
        temporary.mkdir(exist_ok=True)
        stderr = log.open("ab")
    except OSError as error:
        raise WorkerFailed(
            f"{subject.framework}: its log {log} cannot be written ({error.strerror}): free some space there, or set "
            f"TMPDIR to another directory"
        ) from error
    try:
        with stderr:
            process = subprocess.Popen(
                [subject.interpreter, *isolation, str(code / "observer" / "__main__.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=variables,
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
    except OSError as error:
        raise WorkerFailed(
            f"{subject.framework}: the interpreter {subject.interpreter} cannot be started ({error.strerror}): "
            f"check the path given with --interpreter"
        ) from error
    _widen(process.stdout)
    return process


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more than its 64 KiB where the system can: the data, 280 MB, take half the time."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)  # type: ignore[arg-type]


def _close_after(thread: threading.Thread | None, pipe: IO[bytes] | None) -> bool:
    """Close a pipe and say so, unless its thread lives on: then closing would wait for ever."""
    if thread is not None and thread.is_alive():
        thread.join(GRACE_SECONDS)
        if thread.is_alive():
            return False
    if pipe is not None:
        with contextlib.suppress(OSError):
            pipe.close()
    return True


def _skip_stray_output(stdout: IO[bytes]) -> bool:
    """Read past what a `sitecustomize` printed before the worker's own code took stdout away; False at the end."""
    seen = bytearray()
    while not seen.endswith(messages.READY):
        byte = stdout.read(1)
        if not byte:
            return False
        seen += byte
        if len(seen) > _STRAY_OUTPUT_LIMIT:
            raise messages.NotAMessage(f"{len(seen)} bytes of other output, starting {bytes(seen[:60])!r}")
    return True


@atexit.register
def end_all_workers() -> None:
    """End every worker of this process, those that are still starting too."""
    for worker in list(_live_workers):
        worker.kill()
