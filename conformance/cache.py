"""Where this project keeps what it need not make again."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from conformance.ending import WrongUse


def cache_directory() -> Path:
    """The user's cache of this project: CONFORMANCE_CACHE where set, otherwise the platform's place for it.

    Raises WrongUse where that lies in a home directory which nobody has.
    """
    chosen = os.environ.get("CONFORMANCE_CACHE")
    path = os.path.expanduser(chosen or platformdirs.user_cache_dir("conformance"))
    if path.startswith("~"):
        raise WrongUse(f"the cache {path} lies in no home directory: set CONFORMANCE_CACHE to an absolute path")
    return Path(path).absolute()
