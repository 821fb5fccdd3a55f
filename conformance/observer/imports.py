"""Step imports: what is installed, on what machine, and the settings that are really in force."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from .machine import cpu_model
from .session import Session

_RECORDED_VARIABLES = (
    "CUDA_",
    "KERAS_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
    "PYTHONPATH",
    "TF_",
    "TORCH",
    "XLA_",
)
_DISTRIBUTIONS = {
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly"),
    "keras": ("keras", "keras-nightly"),
    "torch": ("torch",),
    "torchvision": ("torchvision",),
    "numpy": ("numpy",),
}
"""The packages in question, and the distributions that may install each."""


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts: versions, devices, settings in force, variants, warnings at start, platform, environment variables.

    `loaded` holds the version that each package gives of itself, `installed` those of its distributions.
    """
    from reference.workloads import Workload

    steps = session.steps(Workload.from_dict(arguments["workload"]))
    facts = {
        "versions": steps.versions(),
        "loaded": {name: str(sys.modules[name].__version__) for name in _DISTRIBUTIONS if name in sys.modules},
        "installed": {name: _installed(name) for name in _DISTRIBUTIONS if name in sys.modules},
        "devices": steps.devices(),
        "settings": steps.settings(),
        "variants": {step: sorted(steps.variants(step)) for step in ("train", "evaluate")},
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "warnings_at_start": session.warnings_at_start,
        "cpu": cpu_model(),
        "environment": {
            name: value for name, value in sorted(os.environ.items()) if name.startswith(_RECORDED_VARIABLES)
        },
    }
    return facts, {}


def _installed(package: str) -> list[str]:
    found = []
    for name in _DISTRIBUTIONS[package]:
        try:
            found.append(metadata.version(name))
        except metadata.PackageNotFoundError:
            continue
    return found
