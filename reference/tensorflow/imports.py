"""Step 1, imports: TensorFlow and Keras, their versions, the device and the number of threads."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled  # has no public name

from ..errors import DeviceMissing


def versions() -> dict[str, str]:
    """Distribution name -> version, the framework first."""
    return {
        "tensorflow": tf.__version__,
        "keras": metadata.version("keras"),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def devices() -> list[str]:
    """The kinds of device that TensorFlow sees here: "cpu", and "cuda" where there is a GPU."""
    return ["cpu", "cuda"] if tf.config.list_physical_devices("GPU") else ["cpu"]


def configure(device: str, threads: int) -> None:
    """Choose the device ("cpu" or "cuda"), pin the threads, make operations deterministic and float32 exact.

    To be called once, before any other step. Raises DeviceMissing where the device is not there.
    """
    if device not in devices():
        raise DeviceMissing(
            f"device {device!r}: TensorFlow {tf.__version__} sees only {devices()} here; use --device cpu"
        )
    gpus = tf.config.list_physical_devices("GPU") if device == "cuda" else []
    tf.config.set_visible_devices(gpus, "GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.keras.utils.set_random_seed(0)  # without a seed no random operation can be deterministic
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)


def synchronize() -> None:
    """Wait until the device has done what it was given; on the CPU it always has."""
    if tf.config.get_visible_devices("GPU"):
        tf.test.experimental.sync_devices()


def device_memory() -> int | None:
    """The most bytes that tensors have held on the GPU since this was last asked; None on the CPU."""
    if not tf.config.get_visible_devices("GPU"):
        return None
    peak: int = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    tf.config.experimental.reset_memory_stats("GPU:0")
    return peak


def settings() -> dict[str, Any]:
    """The values in force, as JSON: device, threads, default dtype, determinism, TF32, subnormals, oneDNN, build."""
    return {
        "device": "cuda" if tf.config.get_visible_devices("GPU") else "cpu",
        "intra_op_threads": tf.config.threading.get_intra_op_parallelism_threads(),
        "inter_op_threads": tf.config.threading.get_inter_op_parallelism_threads(),
        "default_dtype": tf.keras.backend.floatx(),
        "dtype_policy": tf.keras.mixed_precision.global_policy().name,
        "image_data_format": tf.keras.backend.image_data_format(),
        "deterministic": is_op_determinism_enabled(),
        "tf32": tf.config.experimental.tensor_float_32_execution_enabled(),
        "subnormals": float(tf.constant(1e-45) * 1) != 0,
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "backend": tf.keras.backend.backend(),
        "build": {
            "compiler": tf.version.COMPILER_VERSION,
            "git": tf.version.GIT_VERSION,
            "flags": tf.sysconfig.get_compile_flags()[1:],
            **{name: str(value) for name, value in tf.sysconfig.get_build_info().items()},
        },
    }


def use_float64() -> None:
    """Build models in float64 from now on."""
    tf.keras.backend.set_floatx("float64")
    tf.keras.mixed_precision.set_global_policy("float64")
