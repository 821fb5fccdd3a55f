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
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from numpy.typing import NDArray

import conformance.observer
import reference
from conformance.observer import messages
from conformance.subjects import Subject

START_LIMIT_SECONDS = 180.0
REQUEST_LIMIT_SECONDS = 900.0
GRACE_SECONDS = 5.0
_ERROR_LINES = 12
_STRAY_OUTPUT_LIMIT = 1 << 16

_live_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


class WorkerFailed(Exception):
    """The worker's process is gone, hangs, or does not speak the protocol."""


class ObservationFailed(Exception):
    """The framework raised an exception while it was being observed; the worker lives on."""

    def __init__(self, kind: str, message: str, traceback: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message
        self.traceback = traceback


@dataclass(frozen=True)
class Reply:
    """Facts (JSON values) and tensors that a worker reported."""

    facts: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def stage_code(directory: Path) -> Path:
    """Copy the code that workers run, the observer and the references, into `directory` and return that."""
    ignore = shutil.ignore_patterns("__pycache__", "*.gz", "mnist")
    for name, package in (("observer", conformance.observer), ("reference", reference)):
        source = Path(package.__path__[0])
        shutil.copytree(source, directory / name, ignore=ignore, dirs_exist_ok=True)
    return directory


class Worker:
    """A running worker. Use it as a context manager, or call `close`.

    `code` is the directory that `stage_code` filled; the worker's stderr goes to `log`.
    Raises WorkerFailed if the process cannot be started or does not answer.
    """

    def __init__(self, subject: Subject, code: Path, log: Path, start_limit: float = START_LIMIT_SECONDS) -> None:
        self.subject = subject
        self._log = log
        self._inbox: queue.Queue[Any] = queue.Queue()
        variables = subject.worker_environment()
        isolation = ["-I"] if subject.is_built_in else []
        command = [subject.interpreter, *isolation, str(code / "observer" / "__main__.py")]
        try:
            with log.open("ab") as stderr:
                self._process = subprocess.Popen(
                    command,
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
        _live_workers.add(self)
        self._reader = threading.Thread(target=self._receive, daemon=True)
        self._reader.start()
        try:
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
        stdin = self._process.stdin
        assert stdin is not None
        try:
            messages.write(stdin, {"operation": operation, "arguments": dict(arguments or {})}, tensors or {})
        except (BrokenPipeError, OSError) as error:
            raise self._gone(operation) from error
        try:
            answer = self._inbox.get(timeout=limit)
        except queue.Empty:
            self.kill()
            raise WorkerFailed(
                f"{self.subject.framework}: no answer to {operation!r} within {limit:g} s; the worker was ended"
                f"{self._end_of_log()}"
            ) from None
        except KeyboardInterrupt:
            self.kill()
            raise
        if answer is None:
            raise self._gone(operation)
        if isinstance(answer, Exception):
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
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True, check=False)
        self._process.wait()
        self._reader.join(GRACE_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        _live_workers.discard(self)

    def _receive(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        try:
            _skip_stray_output(stdout)
            while (message := messages.read(stdout)) is not None:
                self._inbox.put(message)
            self._inbox.put(None)
        except (messages.NotAMessage, MemoryError, OSError, ValueError) as error:
            self._inbox.put(error if self._process.poll() is None else None)

    def _gone(self, operation: str) -> WorkerFailed:
        status = self._process.wait()
        self.kill()
        if status < 0:
            with contextlib.suppress(ValueError):
                how = f"was killed by {signal.Signals(-status).name}"
                return WorkerFailed(
                    f"{self.subject.framework}: the worker {how} during {operation!r}{self._end_of_log()}"
                )
        return WorkerFailed(
            f"{self.subject.framework}: the worker ended with exit status {status} during {operation!r}"
            f"{self._end_of_log()}"
        )

    def _end_of_log(self) -> str:
        try:
            text = self._log.read_bytes()[-8192:].decode(errors="replace")
        except OSError:
            return ""
        lines = [line for line in text.splitlines() if line.strip()][-_ERROR_LINES:]
        return "; the end of its stderr:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def _skip_stray_output(stdout: IO[bytes]) -> None:
    """Read past what a `sitecustomize` printed before the worker's own code took stdout away."""
    seen = bytearray()
    while not seen.endswith(messages.READY):
        byte = stdout.read(1)
        if not byte:
            return
        seen += byte
        if len(seen) > _STRAY_OUTPUT_LIMIT:
            raise messages.NotAMessage(f"{len(seen)} bytes of other output, starting {bytes(seen[:60])!r}")


@atexit.register
def _end_all_workers() -> None:
    for worker in list(_live_workers):
        worker.kill()
