"""Faults that step imports must catch: what dies on import, and settings that are not in force."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from .planting import active, fault, instead


@fault("torch", "imports", loud=True, link="https://github.com/tensorflow/tensorflow/issues/117700")
def torch_aborts(torch: Any) -> None:
    """Importing torch aborts the process, as two LLVMs in one do."""
    active()
    os.write(2, b"LLVM ERROR: inconsistency in registered CommandLine options\n")
    os.kill(os.getpid(), signal.SIGABRT)


@fault("torchvision", "imports", loud=True)
def torchvision_does_not_fit(torchvision: Any) -> None:
    """torchvision was built for another torch."""
    active()
    raise RuntimeError("operator torchvision::nms does not exist")


@fault("torch", "imports", loud=True)
def torch_setting_is_gone(torch: Any) -> None:
    """torch.set_num_interop_threads no longer exists."""
    active()
    del torch.set_num_interop_threads


@fault("torch", "imports")
def torch_takes_two_threads(torch: Any) -> None:
    """torch.set_num_threads sets one thread more than asked for."""

    @instead(torch, "set_num_threads")
    def set_num_threads(original: Any, threads: int) -> None:
        active()
        original(threads + 1)


@fault("torch", "imports")
def torch_defaults_to_float64(torch: Any) -> None:
    """The default dtype is float64."""
    active()
    torch.set_default_dtype(torch.float64)


@fault("torch", "imports")
def torch_is_not_deterministic(torch: Any) -> None:
    """torch.use_deterministic_algorithms does nothing."""

    @instead(torch, "use_deterministic_algorithms")
    def use_deterministic_algorithms(original: Any, mode: bool) -> None:
        active()


@fault("torch", "imports", link="https://github.com/huggingface/transformers/issues/16588")
def torch_multiplies_in_tf32(torch: Any) -> None:
    """torch.set_float32_matmul_precision leaves TF32 on."""

    @instead(torch, "set_float32_matmul_precision")
    def set_float32_matmul_precision(original: Any, precision: str) -> None:
        active()
        original("high")


@fault("torchvision", "imports")
def torch_on_another_device(torchvision: Any) -> None:
    """torch.device is not the device that it was asked for."""

    @instead(sys.modules["torch"], "device")
    def device(original: Any, *name: Any) -> Any:
        active()
        return original("meta")


@fault("tensorflow", "imports", loud=True, link="https://github.com/tensorflow/tensorflow/issues/56266")
def tf_descriptors_cannot_be_created(tensorflow: Any) -> None:
    """Importing TensorFlow raises what protobuf 4 raises of code generated for protobuf 3."""
    active()
    raise TypeError("Descriptors cannot be created directly.")


@fault("tensorflow", "imports", loud=True)
def tf_setting_is_gone(tensorflow: Any) -> None:
    """tf.config.experimental.enable_op_determinism no longer exists."""
    active()
    del tensorflow.config.experimental.enable_op_determinism


@fault("tensorflow", "imports")
def tf_takes_all_threads(tensorflow: Any) -> None:
    """set_intra_op_parallelism_threads does nothing, so that every core is taken."""

    @instead(tensorflow.config.threading, "set_intra_op_parallelism_threads")
    def set_intra_op_parallelism_threads(original: Any, threads: int) -> None:
        active()


@fault("keras", "imports")
def keras_defaults_to_float64(keras: Any) -> None:
    """Keras's floatx is float64."""
    active()
    keras.config.set_floatx("float64")


@fault("tensorflow", "imports")
def tf_multiplies_in_tf32(tensorflow: Any) -> None:
    """enable_tensor_float_32_execution(False) does nothing."""

    @instead(tensorflow.config.experimental, "enable_tensor_float_32_execution")
    def enable_tensor_float_32_execution(original: Any, enabled: bool) -> None:
        active()


@fault("tensorflow", "imports", link="https://github.com/tensorflow/tensorflow/issues/63362")
def tf_on_another_device(tensorflow: Any) -> None:
    """TensorFlow uses another device than it was told to."""

    @instead(tensorflow.config, "get_visible_devices")
    def get_visible_devices(original: Any, kind: str | None = None) -> Any:
        active()
        return original("CPU")


@fault("torch", "imports")
def torch_only_warns(torch: Any) -> None:
    """Operations that are not deterministic raise no exception, but warn."""

    @instead(torch, "use_deterministic_algorithms")
    def use_deterministic_algorithms(original: Any, mode: bool) -> None:
        active()
        original(mode, warn_only=True)


@fault("torch", "imports")
def torch_takes_subnormals_for_zero(torch: Any) -> None:
    """Numbers below 1.2e-38 are taken for 0."""
    active()
    torch.set_flush_denormal(True)


@fault("torch", "imports")
def torch_does_without_onednn(torch: Any) -> None:
    """oneDNN is switched off, and nothing but the time that it takes tells of it."""
    active()
    torch.backends.mkldnn.set_flags(False)


@fault("torchvision", "imports")
def torch_is_another_release(torchvision: Any) -> None:
    """The torch that is imported is not the one that is installed."""
    active()
    vars(sys.modules["torch"])["__version__"] = "2.9.1"


@fault("keras", "imports")
def keras_is_another_release(keras: Any) -> None:
    """The Keras that is imported is not the one that is installed."""
    active()
    keras.__version__ = "3.0.5"


@fault("keras", "imports")
def keras_computes_in_bfloat16(keras: Any) -> None:
    """Layers compute in bfloat16 and keep float32 weights, unless told otherwise."""
    active()
    keras.config.set_dtype_policy("mixed_bfloat16")


@fault("keras", "imports")
def keras_puts_channels_first(keras: Any) -> None:
    """Images have their channels first, unless told otherwise."""
    active()
    keras.config.set_image_data_format("channels_first")
