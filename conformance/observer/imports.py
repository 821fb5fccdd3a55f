"""Step imports: what is installed, on what machine, and the settings that are really in force."""

from __future__ import annotations

import os
import platform
import sys
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


def observe(session: Session, arguments: dict[str, Any], tensors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Facts: versions, devices, settings in force, variants, warnings at start, platform, environment variables."""
    from reference.workloads import Workload

    steps = session.steps(Workload.from_dict(arguments["workload"]))
    facts = {
        "versions": steps.versions(),
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
