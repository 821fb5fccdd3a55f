"""Step 1, imports: PyTorch and torchvision, their versions, the device and the number of threads."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

import numpy as np
import torch

from ..errors import DeviceMissing

try:
    import torchvision
except (ImportError, OSError, RuntimeError) as error:  # its operators are compiled for one torch alone
    raise ImportError(
        f"torchvision {metadata.version('torchvision')} does not fit torch {torch.__version__} ({error});"
        " install the pair that was built together"
    ) from error

_chosen = torch.device("cpu")


def versions() -> dict[str, str]:
    """Distribution name -> version, the framework first."""
    return {
        "torch": str(torch.__version__),
        "torchvision": torchvision.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def devices() -> list[str]:
    """The kinds of device that PyTorch sees here: "cpu", and "cuda" where there is a GPU."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def device() -> torch.device:
    """The device on which models and tensors are put."""
    return _chosen


def configure(device: str, threads: int) -> None:
    """Choose the device ("cpu" or "cuda"), pin the threads, make operations deterministic and float32 exact.

    To be called once, before any other step. Raises DeviceMissing where the device is not there.
    """
    global _chosen
    if device not in devices():
        raise DeviceMissing(
            f"device {device!r}: PyTorch {torch.__version__} sees only {devices()} here; use --device cpu"
        )
    _chosen = torch.device(device)
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS cannot be deterministic
    torch.use_deterministic_algorithms(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False


def synchronize() -> None:
    """Wait until the device has done what it was given; on the CPU it always has."""
    if _chosen.type == "cuda":
        torch.cuda.synchronize()


def device_memory() -> int | None:
    """The most bytes that tensors have held on the GPU since this was last asked; None on the CPU."""
    if _chosen.type != "cuda":
        return None
    peak: int = torch.cuda.max_memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    return peak


def settings() -> dict[str, Any]:
    """The values in force, as JSON: device, threads, default dtype, determinism, TF32, subnormals, oneDNN, build."""
    return {
        "device": _chosen.type,
        "intra_op_threads": torch.get_num_threads(),
        "inter_op_threads": torch.get_num_interop_threads(),
        "default_dtype": str(torch.get_default_dtype()).replace("torch.", ""),
        "deterministic": torch.are_deterministic_algorithms_enabled()
        and not torch.is_deterministic_algorithms_warn_only_enabled(),
        "tf32": torch.get_float32_matmul_precision() != "highest",
        "subnormals": (torch.tensor(1e-45) * 1).item() != 0,  # a setting of the CPU alone
        "onednn": torch.backends.mkldnn.is_available(),
        "onednn_enabled": torch.backends.mkldnn.enabled,
        "backend": "torch",
        "build": {
            "git": torch.version.git_version,
            "cuda": torch.version.cuda,
            "flags": [line.strip() for line in torch.__config__.show().splitlines()],
            "cpu": torch.backends.cpu.get_cpu_capability(),
        },
    }


def use_float64() -> None:
    """Build models in float64 from now on."""
    torch.set_default_dtype(torch.float64)
