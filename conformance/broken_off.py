"""What pytest-xdist raises where it loses a process that has not begun to work: told in a line, without a traceback."""

from __future__ import annotations

import gc
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_XDIST = ("execnet", "xdist")


@contextmanager
def told_in_a_line() -> Iterator[None]:
    """End the session with status 3 and a line where the block raises what pytest-xdist itself does not handle."""
    try:
        yield
    except Exception as error:
        if _raised_in(error) not in _XDIST:
            raise
        reason = f"{type(error).__name__}: {error}"
        _let_go(error)
    else:
        return
    pytest.exit(
        f"pytest-xdist broke off ({reason}), as it does where a process of its own ends before it has begun to work: "
        "run again, or without -n",
        returncode=pytest.ExitCode.INTERNAL_ERROR,
    )


def _raised_in(error: Exception) -> str:
    """The package whose code raised the error."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else str(place.tb_frame.f_globals.get("__name__", "")).partition(".")[0]


def _let_go(error: Exception) -> None:
    """Free the pipes and the process that the error's frames hold, which warn that nobody has closed them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        traceback.clear_frames(error.__traceback__)
        error.__traceback__ = None
        gc.collect()
