"""The six steps in TensorFlow with Keras."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # read when TensorFlow is imported; 3: no log at all
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@contextlib.contextmanager
def muted_log() -> Iterator[None]:
    """Nothing reaches stderr meanwhile: while it is imported, TensorFlow 2.21 logs whatever the level above."""
    stderr = os.dup(2)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
