"""Where this project keeps what it need not make again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_directory() -> Path:
    """The user's cache of this project: CONFORMANCE_CACHE where set, otherwise the platform's place for it."""
    chosen = os.environ.get("CONFORMANCE_CACHE")
    return Path(chosen).expanduser().absolute() if chosen else platformdirs.user_cache_path("conformance")
