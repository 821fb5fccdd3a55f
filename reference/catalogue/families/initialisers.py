"""Initialisers: what they draw follows the law that they document."""

from __future__ import annotations

import math
from typing import Any

from ..entries import Divergence, Entry, Family, Form


def initialiser(name: str, keras: Form, torch: Form, law: Any, **more: Any) -> Entry:
    """The entry of an initialiser that fills (256, 128) in Keras, (128, 256) in torch."""
    return Entry(name, keras, torch, {}, gradients=(), kind="sample", settings={"law": law}, **more)


ENTRIES = (
    initialiser(
        "GlorotUniform",
        keras=Form(call="keras.initializers.GlorotUniform(seed=0)((256, 128))"),
        torch=Form(call="nn.init.xavier_uniform_(torch.empty(128, 256))"),
        law=("uniform", math.sqrt(6 / (256 + 128))),
        note="Keras's default for kernels. torch's default for kernels and biases is uniform within 1/sqrt(fan_in).",
    ),
    initialiser(
        "HeNormal",
        keras=Form(call="keras.initializers.HeNormal(seed=0)((256, 128))"),
        torch=Form(call="nn.init.kaiming_normal_(torch.empty(128, 256), nonlinearity='relu')"),
        law={
            "tensorflow": ("truncated_normal", math.sqrt(2 / 256) / 0.87962566103423978),
            "pytorch": ("normal", math.sqrt(2 / 256)),
        },
        divergences=(
            Divergence(
                "largest-value",
                0.1,
                0.4,
                "The standard deviations agree; Keras cuts the normal at two of them, torch does not.",
                keras=Form(call="keras.ops.max(keras.initializers.HeNormal(seed=0)((256, 128)))"),
                torch=Form(call="nn.init.kaiming_normal_(torch.empty(128, 256), nonlinearity='relu').max()"),
            ),
        ),
    ),
    initialiser(
        "RandomNormal",
        keras=Form(
            "keras.initializers.RandomNormal(stddev=0.25, seed=0)",
            "component((256, 128))",
            shipped={"stddev": 0.05},
        ),
        torch=Form(call="nn.init.normal_(torch.empty(128, 256), std=0.25)", shipped={"std": 1.0}),
        law=("normal", 0.25),
    ),
    initialiser(
        "Zeros",
        keras=Form(call="keras.initializers.Zeros()((256, 128))"),
        torch=Form(call="nn.init.zeros_(torch.empty(128, 256))"),
        law=("zeros", 0.0),
    ),
)

FAMILY = Family("initialisers", "Initialisers", "model", ENTRIES)
