"""Workers whose code was tampered with, so that they fail in every way in which a worker can fail."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from conformance.subjects import Subject
from conformance.worker import Worker, stage_code

PATIENCE_SECONDS = 60.0  # what a test waits for something that is about to happen

_HELPERS = """\
import os, signal, socket, subprocess, sys, threading, time, warnings
import numpy as np

def mark(path):  # leaves a mark in the file; the number of marks it then has
    with open(path, "a") as marks:
        marks.write("was here\\n")
    with open(path) as marks:
        return len(marks.readlines())

def call(port):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(b"%8d" % os.getpid())
    return connection
"""
_OBSERVE = """
def observe(session, arguments, tensors):
    global line
    if "port" in arguments:
        line = call(arguments["port"])
"""


class Planted:
    """Code for workers in which the operation `imports` does what a test wants."""

    def __init__(self, directory: Path) -> None:
        self.code = stage_code(directory / "code")
        self.log = directory / "worker.stderr"

    def operation(self, body: str, name: str = "imports") -> None:
        """Let the operation run `body`, a function's body over `arguments` and `tensors`; it returns nothing."""
        text = f"{_HELPERS}{_OBSERVE}{_indented(body)}\n    return {{}}, {{}}\n"
        (self.code / "observer" / f"{name}.py").write_text(text)

    def start_of(self, framework: str, body: str) -> None:
        """Let the framework's `configure` run `body`."""
        text = f"{_HELPERS}def configure(device, threads):\n{_indented(body)}\n"
        (self.code / "reference" / framework / "imports.py").write_text(text)

    def program(self, source: str) -> None:
        """Let the worker be another program: `send(bytes)` writes to the parent, `send_start()` answers its start."""
        header = """\
            import os, struct, sys, time
            sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            from observer import messages
            def send(data):
                sys.stdout.buffer.write(data)
                sys.stdout.flush()
            def send_start():
                send(messages.READY + b"".join(messages.frame({}, {})))
            """
        (self.code / "observer" / "__main__.py").write_text(textwrap.dedent(header) + textwrap.dedent(source))

    def start(self, subject: Subject | None = None, start_limit: float = PATIENCE_SECONDS) -> Worker:
        """A worker of this code, of the cheapest subject there is."""
        return Worker(subject or Subject("numpy"), self.code, self.log, start_limit)


def _indented(body: str) -> str:
    return textwrap.indent(textwrap.dedent(body), "    ")


class Line:
    """A connection to a process elsewhere, which tells when it and all that inherited the connection have ended."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE_SECONDS)
        self._connection = connection
        self.pid = int(connection.recv(8, socket.MSG_WAITALL))

    def wait_for_end(self) -> None:
        """Return when nobody is at the other end; raises TimeoutError otherwise."""
        assert self._connection.recv(1) == b""

    def hang_up(self) -> None:
        """Close this end."""
        self._connection.close()


class Exchange:
    """Takes the connections of processes that a test has set going."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._accepted: list[socket.socket] = []
        self.port: int = listening.getsockname()[1]

    def answer(self) -> Line:
        """The next process that connects. Raises TimeoutError where none does."""
        connection, _ = self._listening.accept()
        self._accepted.append(connection)
        return Line(connection)

    def close(self) -> None:
        """Hang up."""
        for connection in self._accepted:
            connection.close()


@contextmanager
def exchange() -> Iterator[Exchange]:
    """An exchange on this machine's own network."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        listening.settimeout(PATIENCE_SECONDS)
        with closing(Exchange(listening)) as taken:
            yield taken


def interpreter(path: Path, before: str = "") -> str:
    """Write a command that runs this Python after the shell command `before`; its path as a string."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n{before}\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def stop(run: subprocess.Popen[str], number: signal.Signals) -> str:
    """Send a session of processes SIGINT, as a terminal does, or its first process SIGTERM, as a scheduler does.

    Gives what it printed until it ended.
    """
    (os.killpg if number == signal.SIGINT else os.kill)(run.pid, number)
    try:
        return run.communicate(timeout=PATIENCE_SECONDS)[0]
    finally:
        run.kill()
