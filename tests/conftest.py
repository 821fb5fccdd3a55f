"""For the suite's own tests alone: what they start is a run of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

SLOWEST = ("test_gate", "test_plugin", "test_throughput_plumbing", "test_worker", "test_toy_workload", "test_contracts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest files before the others, so that none of them is left to one process at the end."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.path.parent != Path(__file__).parent:
        return -1
    return SLOWEST.index(item.path.stem) if item.path.stem in SLOWEST else len(SLOWEST)


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
