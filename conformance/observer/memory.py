"""The most memory that this process has held."""

from __future__ import annotations

import contextlib
import sys

try:
    import resource
except ImportError:  # Windows has no such module
    resource = None  # type: ignore[assignment]


def forget_peak() -> None:
    """Start the peak anew from the present size. Only Linux can; elsewhere it stays that of the process's life."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as stream:
        stream.write("5")  # proc(5): resets the peak resident set size to the present one


def peak_bytes() -> int | None:
    """Peak resident memory of this process in bytes; None where the system does not tell."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024
