"""SIGTERM ends a command as Ctrl-C does: by an exception, so that workers end and temporary directories go."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

TERMINATED = 128 + signal.SIGTERM
"""The exit status by which shells tell that SIGTERM has ended a command."""


class Terminated(KeyboardInterrupt):
    """This process has been asked to end."""


@contextmanager
def sigterm_interrupts() -> Iterator[threading.Event]:
    """Raise Terminated in the main thread where SIGTERM arrives, and set the event that is given.

    A second SIGTERM does not disturb the cleaning up. Nothing is changed where this is another thread, or where
    SIGTERM has a handler already.
    """
    arrived = threading.Event()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield arrived
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        if not arrived.is_set():
            arrived.set()
            raise Terminated("ended by SIGTERM")

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield arrived
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Termination:
    """In pytest: SIGTERM ends the session as Ctrl-C does, with the exit status of its own."""

    def __init__(self, config: pytest.Config) -> None:
        handling = ExitStack()
        handling.enter_context(sigterm_interrupts())
        config.add_cleanup(handling.close)
        self._terminated = False

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell SIGTERM from Ctrl-C."""
        self._terminated = isinstance(excinfo.value, Terminated)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Set the exit status."""
        if self._terminated:
            session.exitstatus = TERMINATED
