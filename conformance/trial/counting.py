"""A pytest plugin for trials of the machine: notes every ensemble that is made in the file CONFORMANCE_MADE."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance import kept_ensembles


def pytest_configure(config: pytest.Config) -> None:
    """Let `keep`, which follows upon making one, write a line."""
    keep = kept_ensembles.keep

    def noted(path: Path, kept: Path) -> None:
        with open(os.environ["CONFORMANCE_MADE"], "a", encoding="utf-8") as made:
            made.write(f"{kept.name}\n")
        keep(path, kept)

    kept_ensembles.keep = noted
