"""Dense layers: matrix products with weights."""

from __future__ import annotations

from typing import Any

from ..drawing import integers, normal
from ..entries import Divergence, Entry, Family, Form


def dense(a: Any, x: Any, kernel: Any, bias: Any) -> Any:
    """X kernel + bias."""
    return x @ kernel + bias


ENTRIES = (
    Entry(
        "Dense",
        keras=Form("keras.layers.Dense(16)", shipped={"kernel_initializer": "GlorotUniform"}),
        torch=Form("nn.Linear(784, 16)", weights={"weight": "kernel.T", "bias": "bias"}),
        inputs={"x": normal(32, 784)},
        weights={"kernel": normal(784, 16, scale=0.05), "bias": normal(16)},
        oracle=dense,
        compiled=True,
        note="The initialisers differ: Glorot uniform and zero bias in Keras, uniform within 1/sqrt(inputs) for both "
        "in torch. Copy the weights, or see GlorotUniform.",
    ),
    Entry(
        "Dense-rank-3",
        keras=Form("keras.layers.Dense(6)"),
        torch=Form("nn.Linear(5, 6)", weights={"weight": "kernel.T", "bias": "bias"}),
        inputs={"x": normal(4, 3, 5)},
        weights={"kernel": normal(5, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: (x.reshape(12, 5) @ kernel + bias).reshape(4, 3, 6),
        note="Both act on the last axis and keep the others.",
    ),
    Entry(
        "Flatten-Dense",
        keras=Form(
            "keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(7, name='dense')])",
            weights={"dense/kernel": "kernel", "dense/bias": "bias"},
        ),
        torch=Form(
            "nn.Linear(60, 7)",
            "component(x.permute(0, 2, 3, 1).flatten(1))",
            weights={"weight": "kernel.T", "bias": "bias"},
            channels_first=True,
        ),
        inputs={"x": normal(4, 4, 5, 3)},
        weights={"kernel": normal(60, 7), "bias": normal(7)},
        oracle=lambda a, x, kernel, bias: x.reshape(4, 60) @ kernel + bias,
        divergences=(
            Divergence(
                "without-permute",
                10.0,
                60.0,
                "Keras flattens height, width, channels; torch flattens channels, height, width: shapes agree, "
                "every feature meets another weight.",
                torch=Form(
                    "nn.Linear(60, 7)",
                    "component(x.flatten(1))",
                    weights={"weight": "kernel.T", "bias": "bias"},
                    channels_first=True,
                ),
            ),
        ),
    ),
    Entry(
        "Embedding",
        keras=Form("keras.layers.Embedding(10, 4)", weights={"embeddings": "table"}),
        torch=Form("nn.Embedding(10, 4)", weights={"weight": "table"}),
        inputs={"indices": integers(3, 5, below=10)},
        weights={"table": normal(10, 4)},
        oracle=lambda a, indices, table: table[indices],
        note="The initialisers differ: uniform within 0.05 in Keras, standard normal in torch. Keras's mask_zero does "
        "not zero row 0; torch's padding_idx gives a zero row without gradient.",
    ),
)

FAMILY = Family("dense", "Dense layers and embeddings", "model", ENTRIES)
