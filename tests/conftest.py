"""For the suite's own tests alone: what they start is a run of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _runs_of_their_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide pytest-xdist's variables from the processes that a test starts, and let SIGINT reach them.

    A shell that starts a command in the background makes it ignore SIGINT, and with it whatever the command starts.
    """
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        monkeypatch.delenv(name)
    found = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, found)
