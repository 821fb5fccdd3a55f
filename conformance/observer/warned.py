"""Collects the warnings that a framework gives, by Python's `warnings` and by its loggers."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

# Loggers of the frameworks that do not hand on to the root logger.
_LOGGERS = ("", "absl", "tensorflow", "torch")


class _Collector(logging.Handler):
    def __init__(self, found: set[str]) -> None:
        super().__init__(logging.WARNING)
        self.found = found

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record; a message that cannot be formatted is taken as it stands."""
        try:
            message = record.getMessage()
        except Exception:
            message = str(record.msg)
        self.found.add(f"{record.levelname} of {record.name}: {message}")


@contextlib.contextmanager
def collected() -> Iterator[set[str]]:
    """The set of all warnings given in the block, complete when it ends."""
    found: set[str] = set()
    handler = _Collector(found)
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            try:
                yield found
            finally:
                found.update(f"{warning.category.__name__}: {warning.message}" for warning in raised)
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
