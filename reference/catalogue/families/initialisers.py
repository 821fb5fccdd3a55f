"""Initialisers: what they draw follows the law that they document."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..entries import Divergence, Entry, Family, Form

# The standard deviation of a normal of deviation 1 that is cut at two of them.
CUT = 0.87962566103423978
KERNEL, IN_TORCH = "((256, 128))", "torch.empty(128, 256)"


def initialiser(name: str, keras: Form, torch: Form, law: Any, **more: Any) -> Entry:
    """The entry of an initialiser that fills (256, 128) in Keras, (128, 256) in torch."""
    return Entry(name, keras, torch, {}, gradients=(), kind="sample", settings={"law": law}, **more)


def normal_laws(deviation: float) -> dict[str, tuple[str, float]]:
    """Of one standard deviation, cut at two of the uncut normal's in Keras, uncut in torch."""
    return {"tensorflow": ("truncated_normal", deviation / CUT), "pytorch": ("normal", deviation)}


def orthonormal(rows: int, columns: int) -> np.ndarray:
    """Columns of length 1 at right angles."""
    return np.linalg.qr(np.random.default_rng(0).standard_normal((rows, columns)))[0]


def gram(a: Any) -> Any:
    """The identity as the product of an orthonormal matrix with itself."""
    columns = a.constant(orthonormal(64, 32))
    return columns.transpose() @ columns


ENTRIES = (
    initialiser(
        "GlorotUniform",
        keras=Form(call=f"keras.initializers.GlorotUniform(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.xavier_uniform_({IN_TORCH})"),
        law=("uniform", math.sqrt(6 / (256 + 128))),
        note="Keras's default for kernels. torch's default for kernels and biases is uniform within 1/sqrt(fan_in).",
        divergences=(
            Divergence(
                "drawn-twice",
                0.19,
                0.3,
                "An initialiser of Keras with a seed gives the same numbers every time; torch's generator runs on.",
                keras=Form(
                    "keras.initializers.GlorotUniform(seed=0)",
                    f"keras.ops.max(component{KERNEL} - component{KERNEL})",
                ),
                torch=Form(call=f"(nn.init.xavier_uniform_({IN_TORCH}) - nn.init.xavier_uniform_({IN_TORCH})).max()"),
            ),
        ),
    ),
    initialiser(
        "GlorotUniform-convolution",
        keras=Form(call="keras.initializers.GlorotUniform(seed=0)((3, 3, 32, 64))"),
        torch=Form(call="nn.init.xavier_uniform_(torch.empty(64, 32, 3, 3))"),
        law=("uniform", math.sqrt(6 / (9 * (32 + 64)))),
        note="Keras counts fans of (height, width, in, out), torch of (out, in, height, width): fill, then transpose.",
    ),
    initialiser(
        "GlorotNormal",
        keras=Form(call=f"keras.initializers.GlorotNormal(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.xavier_normal_({IN_TORCH})"),
        law=normal_laws(math.sqrt(2 / (256 + 128))),
        note="The standard deviations agree; Keras cuts the normal at two of them, torch does not.",
    ),
    initialiser(
        "HeUniform",
        keras=Form(call=f"keras.initializers.HeUniform(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.kaiming_uniform_({IN_TORCH})"),
        law=("uniform", math.sqrt(6 / 256)),
    ),
    initialiser(
        "HeNormal",
        keras=Form(call=f"keras.initializers.HeNormal(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.kaiming_normal_({IN_TORCH}, nonlinearity='relu')"),
        law=normal_laws(math.sqrt(2 / 256)),
        divergences=(
            Divergence(
                "largest-value",
                0.12,
                0.2,
                "The standard deviations agree; Keras cuts the normal at two of them, torch does not.",
                keras=Form(call=f"keras.ops.max(keras.initializers.HeNormal(seed=0){KERNEL})"),
                torch=Form(call=f"nn.init.kaiming_normal_({IN_TORCH}, nonlinearity='relu').max()"),
            ),
        ),
    ),
    initialiser(
        "HeNormal-cut",
        keras=Form(call=f"keras.initializers.HeNormal(seed=0){KERNEL}"),
        torch=Form(
            call=f"std = math.sqrt(2 / 256) / {CUT}\nnn.init.trunc_normal_({IN_TORCH}, std=std, a=-2 * std, b=2 * std)"
        ),
        law=("truncated_normal", math.sqrt(2 / 256) / CUT),
        note="Keras's law in torch: the deviation of the uncut normal is larger by 1 / 0.8796.",
    ),
    initialiser(
        "LecunUniform",
        keras=Form(call=f"keras.initializers.LecunUniform(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.kaiming_uniform_({IN_TORCH}, nonlinearity='linear')"),
        law=("uniform", math.sqrt(3 / 256)),
    ),
    initialiser(
        "LecunNormal",
        keras=Form(call=f"keras.initializers.LecunNormal(seed=0){KERNEL}"),
        torch=Form(call=f"nn.init.kaiming_normal_({IN_TORCH}, nonlinearity='linear')"),
        law=normal_laws(math.sqrt(1 / 256)),
    ),
    initialiser(
        "VarianceScaling",
        keras=Form(
            "keras.initializers.VarianceScaling(2.0, 'fan_out', 'untruncated_normal', seed=0)", f"component{KERNEL}"
        ),
        torch=Form(call=f"nn.init.kaiming_normal_({IN_TORCH}, mode='fan_out', nonlinearity='relu')"),
        law=("normal", math.sqrt(2 / 128)),
        note="As shipped: scale 1, fan_in, truncated normal.",
    ),
    initialiser(
        "Dense-as-torch-ships",
        keras=Form(call=f"keras.initializers.VarianceScaling(1 / 3, 'fan_in', 'uniform', seed=0){KERNEL}"),
        torch=Form(call="nn.Linear(256, 128).weight.detach()"),
        law=("uniform", 1 / math.sqrt(256)),
        note="nn.Linear and convolutions draw by kaiming_uniform_(a=sqrt(5)), which is uniform within 1/sqrt(fan_in).",
    ),
    initialiser(
        "Dense-as-Keras-ships",
        keras=Form(
            call="layer = keras.layers.Dense(128)\nlayer.build((None, 256))\ntf.convert_to_tensor(layer.kernel)"
        ),
        torch=Form(call="nn.init.xavier_uniform_(nn.Linear(256, 128).weight.detach())"),
        law=("uniform", math.sqrt(6 / (256 + 128))),
    ),
    initialiser(
        "Dense-bias",
        keras=Form(call="layer = keras.layers.Dense(128)\nlayer.build((None, 256))\ntf.convert_to_tensor(layer.bias)"),
        torch=Form(call="nn.Linear(256, 128).bias.detach()"),
        law={"tensorflow": ("zeros", 0.0), "pytorch": ("uniform", 1 / math.sqrt(256))},
        note="As shipped: zeros in Keras; in torch uniform within 1/sqrt(fan_in), as the kernel. nn.init.zeros_ makes "
        "them agree.",
    ),
    initialiser(
        "Conv2D-as-shipped",
        keras=Form(
            call="layer = keras.layers.Conv2D(64, 3)\nlayer.build((None, 8, 8, 32))\ntf.convert_to_tensor(layer.kernel)"
        ),
        torch=Form(call="nn.Conv2d(32, 64, 3).weight.detach()"),
        law={
            "tensorflow": ("uniform", math.sqrt(6 / (9 * (32 + 64)))),
            "pytorch": ("uniform", 1 / math.sqrt(9 * 32)),
        },
        note="Keras's bound is larger than torch's by a factor of sqrt(6 fan_in / (fan_in + fan_out)), here 1.41.",
    ),
    initialiser(
        "Embedding-as-shipped",
        keras=Form(
            "keras.layers.Embedding(1000, 16)",
            "component.build((None,))\ntf.convert_to_tensor(component.embeddings)",
        ),
        torch=Form(call="nn.Embedding(1000, 16).weight.detach()"),
        law={"tensorflow": ("uniform", 0.05), "pytorch": ("normal", 1.0)},
        note="Keras's rows are 35 times as short.",
    ),
    initialiser(
        "RandomNormal",
        keras=Form(
            "keras.initializers.RandomNormal(stddev=0.25, seed=0)", f"component{KERNEL}", shipped={"stddev": 0.05}
        ),
        torch=Form(call=f"nn.init.normal_({IN_TORCH}, std=0.25)", shipped={"std": 1.0}),
        law=("normal", 0.25),
    ),
    initialiser(
        "RandomUniform",
        keras=Form(
            "keras.initializers.RandomUniform(minval=-0.25, maxval=0.25, seed=0)",
            f"component{KERNEL}",
            shipped={"minval": -0.05, "maxval": 0.05},
        ),
        torch=Form(call=f"nn.init.uniform_({IN_TORCH}, a=-0.25, b=0.25)", shipped={"a": 0.0, "b": 1.0}),
        law=("uniform", 0.25),
    ),
    initialiser(
        "TruncatedNormal",
        keras=Form(
            "keras.initializers.TruncatedNormal(stddev=0.25, seed=0)", f"component{KERNEL}", shipped={"stddev": 0.05}
        ),
        torch=Form(
            call=f"nn.init.trunc_normal_({IN_TORCH}, std=0.25, a=-0.5, b=0.5)",
            shipped={"std": 1.0, "a": -2.0, "b": 2.0},
        ),
        law=("truncated_normal", 0.25),
        note="Keras cuts at two standard deviations; torch at a and b themselves, whatever the deviation is.",
        divergences=(
            Divergence(
                "bounds-as-shipped",
                0.42,
                0.64,
                "As shipped torch cuts at -2 and 2: with a small deviation that is not at all.",
                keras=Form(call=f"keras.ops.max(keras.initializers.TruncatedNormal(stddev=0.25, seed=0){KERNEL})"),
                torch=Form(call=f"nn.init.trunc_normal_({IN_TORCH}, std=0.25).max()"),
            ),
        ),
    ),
    initialiser(
        "Zeros",
        keras=Form(call=f"keras.initializers.Zeros(){KERNEL}"),
        torch=Form(call=f"nn.init.zeros_({IN_TORCH})"),
        law=("zeros", 0.0),
    ),
    Entry(
        "Constant",
        keras=Form("keras.initializers.Constant(value=0.25)", "component((3, 2))", shipped={"value": 0.0}),
        torch=Form(call="nn.init.constant_(torch.empty(3, 2), 0.25)"),
        inputs={},
        oracle=lambda a: a.constant(np.full((3, 2), 0.25)),
        gradients=(),
        exact=True,
    ),
    Entry(
        "Identity",
        keras=Form("keras.initializers.Identity()", "component((3, 5))"),
        torch=Form(call="nn.init.eye_(torch.empty(3, 5))"),
        inputs={},
        oracle=lambda a: a.constant(np.eye(3, 5)),
        gradients=(),
        exact=True,
    ),
    Entry(
        "Orthogonal",
        keras=Form(
            "keras.initializers.Orthogonal(seed=0)",
            "kernel = component((64, 32))\nkeras.ops.matmul(keras.ops.transpose(kernel), kernel)",
        ),
        torch=Form(call="kernel = nn.init.orthogonal_(torch.empty(32, 64))\nkernel @ kernel.T"),
        inputs={},
        oracle=gram,
        gradients=(),
        note="Keras's default for recurrent kernels, torch's is uniform within 1/sqrt(units).",
    ),
    Entry(
        "LSTM-forget-bias",
        keras=Form(
            "keras.layers.LSTM(3)",
            "component.build((None, None, 2))\ntf.convert_to_tensor(component.cell.bias)",
            shipped={"unit_forget_bias": True},
        ),
        torch=Form(
            "nn.LSTM(2, 3)",
            "bias = component.bias_ih_l0.detach().zero_()\nbias[3:6] = 1\nbias + component.bias_hh_l0.detach().zero_()",
        ),
        inputs={},
        oracle=lambda a: a.constant(np.repeat([0.0, 1.0, 0.0, 0.0], 3)),
        gradients=(),
        exact=True,
        note="As shipped torch draws both of its biases uniformly within 1/sqrt(units), that of the forget gate, too.",
    ),
)

FAMILY = Family("initialisers", "Initialisers", "model", ENTRIES)
