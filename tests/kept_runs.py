"""For mutation testing alone (`-p tests.kept_runs`), which runs the tests once for every mutant.

What the workers of a short run showed is kept for all tests of a process and of those forked from it: the workers
do not run what is mutated there. Hypothesis draws fewer examples, the same every time, and does not shrink them.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from conformance.observations import Observation
from tests.short_runs import ShortRuns

_KEPT: dict[bytes, Observation] = {}
_PHASES = (hypothesis.Phase.explicit, hypothesis.Phase.generate)

hypothesis.settings.register_profile(
    "mutation", derandomize=True, database=None, deadline=None, max_examples=30, phases=_PHASES
)


class KeptRuns(ShortRuns):
    """Short runs that start their workers at the first question that nobody has asked before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs: ShortRuns | None = None

    def observe(self, *arguments: Any, **named: Any) -> Observation:
        """As `ShortRuns.observe`."""
        return self._kept("observe", arguments, named)

    def faulty(self, *arguments: Any, **named: Any) -> Observation:
        """As `ShortRuns.faulty`."""
        return self._kept("faulty", arguments, named)

    def close(self) -> None:
        """End the workers, where any were started."""
        if self._runs:
            self._runs.close()

    def _kept(self, question: str, arguments: tuple[Any, ...], named: dict[str, Any]) -> Observation:
        key = pickle.dumps((question, arguments, named))
        if key not in _KEPT:
            self._runs = self._runs or ShortRuns(self._directory)
            _KEPT[key] = getattr(self._runs, question)(*arguments, **named)
        return _KEPT[key]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the modules use the kept runs, and those that are slow come last."""
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        if hasattr(module, "ShortRuns"):
            module.ShortRuns = KeptRuns
    items.sort(key=lambda item: item.path.stem == "test_contracts")
