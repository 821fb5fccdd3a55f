"""Checkpoints in every format of the framework, saved and then loaded into new models."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import checkpoint_load, checkpoint_save
from .session import Session


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors `checkpoint/<format>/{probabilities,weights/<param>}`; facts: the formats, and exceptions of loading."""
    saving, saved = checkpoint_save.observe(session, arguments, tensors)
    loading, loaded = checkpoint_load.observe(session, arguments, saved)
    return {**saving, **loading}, loaded
