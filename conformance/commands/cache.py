"""`conformance cache`: what is kept between runs, and its removal."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from conformance import environments
from conformance.cache import cache_directory
from conformance.ending import NotPossible


def show() -> None:
    """Print every environment with its size and its last use, and the oracle's runs in one line.

    A terminal may be narrow and names are long, so no line is cut to fit.
    """
    console = Console()
    try:
        found = environments.list_cache()
    except (environments.EnvironmentFailure, OSError) as error:
        raise NotPossible(str(error)) from error
    for one in found:
        used = "in use" if one.in_use else time.strftime("last used %Y-%m-%d %H:%M", time.localtime(one.last_used))
        room = f"{_gigabytes(one.size_bytes)}, {_gigabytes(one.shared_bytes)} of it shared with uv"
        console.print(one.name, soft_wrap=True)
        console.print(f"  Python {one.python}, {room}, {used}", soft_wrap=True)
    total = sum(one.size_bytes for one in found)
    console.print(f"{len(found)} environments, {_gigabytes(total)}, in {cache_directory()}", soft_wrap=True)
    runs = _ensembles()
    size = sum(path.stat().st_size for path in runs)
    console.print(f"{len(runs)} oracle runs, {size / 1e6:.0f} MB, in {cache_directory()}", soft_wrap=True)


def remove() -> None:
    """Remove what nobody uses, and say what stayed."""
    try:
        removed, in_use = environments.clear_cache()
        runs = _ensembles()
        for path in runs:
            path.unlink(missing_ok=True)
    except (environments.EnvironmentFailure, OSError) as error:
        raise NotPossible(str(error)) from error
    print(f"removed {len(removed)} environments and {len(runs)} oracle runs")
    for name in in_use:
        print(f"kept {name}: it is in use")


def _ensembles() -> list[Path]:
    return sorted((cache_directory() / "ensembles").glob("*.ensemble"))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
