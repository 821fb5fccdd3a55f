"""How far a gate is, on stderr: a bar with the time left on a terminal, otherwise one line a stage."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar

from conformance.observations import Key

# Seconds that an observation takes on two cores with both sides at work; only their proportions matter.
_SECONDS = {"imports": 8, "data": 4, "model": 2, "objective": 2, "tutorial": 4, "train": 8, "repeat": 8, "native": 60}
_SLOW = {("pytorch", "compiled"): 40, ("tensorflow", "tape"): 14, ("tensorflow", "epoch_xla"): 10}


class Progress:
    """Says on stderr what is being done. Safe to use from several threads."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._lock = threading.Lock()
        self._bar: Bar | None = None
        self._tasks: dict[str, TaskID] = {}
        self._expected: dict[str, float] = {}
        self._passed: dict[str, float] = {}
        self._started = 0.0

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[left]}"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, text: str) -> None:
        """A stage has begun."""
        with self._lock:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def expect(self, plans: Mapping[str, Sequence[Key]]) -> None:
        """These observations are about to be made, by name of the side."""
        self._started = time.monotonic()
        counts = ", ".join(f"{len(plan)} of the {name}" for name, plan in plans.items())
        self.say(f"observing: {counts}")
        for name, plan in plans.items():
            self._expected[name] = sum(map(_seconds, plan))
            self._passed[name] = 0.0
            if self._bar is not None:
                self._tasks[name] = self._bar.add_task(name, total=self._expected[name], left="")

    def done(self, name: str, key: Key) -> None:
        """One observation has been made, or has failed."""
        with self._lock:
            self._passed[name] += _seconds(key)
            if self._bar is not None:
                description = f"{name:9} {key.framework} {key.operation} {key.variant}"
                self._bar.update(
                    self._tasks[name], completed=self._passed[name], description=description, left=self._left(name)
                )

    def round_done(self) -> Callable[[int, int], None]:
        """What to call after each round of a timing that begins now, with the number of rounds done and of all."""
        started = time.monotonic()

        def tell(done: int, rounds: int) -> None:
            minutes = (time.monotonic() - started) / done * (rounds - done) / 60
            self.say(f"round {done} of {rounds}" + (f", about {minutes:.1f} min left" if done < rounds else ""))

        return tell

    def _left(self, name: str) -> str:
        """The time left, if what is to come takes as much longer than its estimate as what has passed."""
        passed, expected = self._passed[name], self._expected[name]
        if passed == 0 or passed >= expected:
            return ""
        return f"about {(time.monotonic() - self._started) * (expected - passed) / passed:.0f} s left"


def _seconds(key: Key) -> float:
    if key.operation in ("ensemble", "self_ensemble"):
        return 60.0
    return float(_SLOW.get((key.framework, key.variant), _SECONDS.get(key.operation, 5)))
