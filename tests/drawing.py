"""Pages as the tests draw them."""

from __future__ import annotations

import pytest

from conformance.report import plots
from conformance.report.html import page
from conformance.verdict import Run
from reference.workloads import WORKLOADS
from tests.synthetic_observations import Observed


def drawn(run: Run, observations: Observed | None = None, baseline: Observed | None = None) -> str:
    return page(run, observations or {}, baseline or {}, WORKLOADS)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures left out, for the tests of the words around them."""
    monkeypatch.setattr(plots, "_draw", lambda draw, size, alt: f'<svg role="img" aria-label="{alt}"></svg>')
