"""What a worker can be asked: to start its framework, then one operation per step."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import messages, warned
from .session import Session

# Each names the module of this package whose `observe` answers it.
OPERATIONS = (
    "imports",
    "data",
    "model",
    "checkpoint",
    "checkpoint_save",
    "checkpoint_load",
    "objective",
    "train",
    "native",
    "tutorial",
    "throughput",
    "plan",
    "ensemble",
    "self_ensemble",
    "catalogue",
    "catalogue_compiled",
    "catalogue_examples",
)

_session: Session | None = None


def perform(operation: str, arguments: dict[str, Any], tensors: messages.Tensors) -> Any:
    """Do one operation; returns its facts (JSON values) and tensors. Raises whatever the framework raises."""
    global _session
    if operation == "start":
        _session = Session(arguments["framework"], arguments["device"], arguments["threads"])
        with warned.collected() as seen, _garbage_left_alone():
            _session.configure()
        _session.warnings_at_start = sorted(seen)
        return {}, {}
    if _session is None:
        raise RuntimeError("the worker was asked before it was started")
    if operation not in OPERATIONS:
        raise ValueError(f"unknown operation {operation!r}")
    return importlib.import_module(f".{operation}", __package__).observe(_session, arguments, tensors)


@contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """What an import creates lives on; looking for garbage among it takes a fifth of the import's time."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.enable()
