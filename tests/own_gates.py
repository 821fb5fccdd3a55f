"""What gates of this very interpreter need: its name as a side, and progress that nobody sees."""

from __future__ import annotations

import sys

from rich.console import Console

from conformance.gate.progress import Progress

HERE = f"python:{sys.executable}"


def quiet() -> Progress:
    """Progress that is shown to nobody."""
    return Progress(Console(quiet=True))
