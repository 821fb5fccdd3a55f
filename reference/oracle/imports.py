"""Step 1: what is installed, and the settings in force."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from reference.errors import DeviceMissing

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def versions() -> dict[str, str]:
    """Distribution name to version."""
    return {"numpy": np.__version__, "python": platform.python_version()}


def configure(device: str, threads: int) -> None:
    """Check the device. NumPy's BLAS reads its thread count once, when NumPy is imported.

    So `threads` must already stand in OPENBLAS_NUM_THREADS (or its like) when this process starts.
    Raises DeviceMissing for a device other than `cpu`.
    """
    if device != "cpu":
        raise DeviceMissing(f"the oracle has no {device}: NumPy calculates on the CPU, use --device cpu")


def devices() -> list[str]:
    """The devices that `configure` accepts."""
    return ["cpu"]


def synchronize() -> None:
    """Nothing: NumPy has done what it was given when it returns."""


def device_memory() -> None:
    """None: NumPy uses no GPU."""


def settings() -> dict[str, Any]:
    """The values in force: thread variables of the BLAS, the BLAS itself, the device."""
    build: Any = np.show_config(mode="dicts")
    blas = build.get("Build Dependencies", {}).get("blas", {})
    return {
        "device": "cpu",
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
        "blas": {key: str(blas[key]) for key in ("name", "version") if key in blas},
    }
