"""At which step an operation failed, where that is another one than its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def at_step(step: str) -> Iterator[None]:
    """What is raised in the block is a failure of the step."""
    try:
        yield
    except Exception as error:
        error.__dict__.setdefault("failed_step", step)
        raise


def failed_step(error: BaseException) -> Any:
    """The step at which the error was raised; empty where nothing was said."""
    return error.__dict__.get("failed_step", "")
