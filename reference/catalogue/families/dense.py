"""Dense layers: matrix products with weights."""

from __future__ import annotations

import math
from typing import Any

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form
from ..varying import BATCHES, Vary


def dense(a: Any, x: Any, kernel: Any, bias: Any) -> Any:
    """X kernel + bias."""
    return x @ kernel + bias


def rows_of(x: Any, kernel: Any, bias: Any) -> Any:
    """The same of (n, steps, width)."""
    return (x.reshape(-1, x.shape[-1]) @ kernel + bias).reshape(*x.shape[:2], bias.shape[0])


BILINEAR = """
class Bilinear(keras.layers.Layer):
    def build(self, shapes):
        self.kernel = self.add_weight(name='kernel', shape=(3, shapes[0][-1], shapes[1][-1]))
        self.bias = self.add_weight(name='bias', shape=(3,))
    def call(self, inputs):
        return keras.ops.einsum('ni,kij,nj->nk', inputs[0], self.kernel, inputs[1]) + self.bias
Bilinear()
"""


def initial(name: str, keras: str, torch: str, keras_limit: float, torch_limit: float) -> Entry:
    """The entry of the kernel that a layer starts with, uniform within a limit on each side."""
    return Entry(
        name,
        keras=Form(call=keras),
        torch=Form(call=torch),
        inputs={},
        gradients=(),
        kind="sample",
        settings={"law": {"tensorflow": ("uniform", keras_limit), "pytorch": ("uniform", torch_limit)}},
        note="Keras: Glorot uniform, zero bias; torch: both uniform within 1/sqrt(inputs). Copy the weights, "
        "or call nn.init.xavier_uniform_ and nn.init.zeros_.",
    )


ENTRIES = (
    Entry(
        "Dense",
        keras=Form("keras.layers.Dense(16)", shipped={"kernel_initializer": "GlorotUniform"}),
        torch=Form("nn.Linear(784, 16)", weights={"weight": "kernel.T", "bias": "bias"}),
        inputs={"x": normal(32, 784)},
        weights={"kernel": normal(784, 16, scale=0.05), "bias": normal(16)},
        oracle=dense,
        compiled=True,
        vary=Vary({"x": ("n", 784)}),
        note="The initialisers differ: Glorot uniform and zero bias in Keras, uniform within 1/sqrt(inputs) for both "
        "in torch. Copy the weights, or see GlorotUniform.",
    ),
    Entry(
        "Dense-rank-3",
        keras=Form("keras.layers.Dense(6)"),
        torch=Form("nn.Linear(5, 6)", weights={"weight": "kernel.T", "bias": "bias"}),
        inputs={"x": normal(4, 3, 5)},
        weights={"kernel": normal(5, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: rows_of(x, kernel, bias),
        vary=Vary({"x": ("n", "steps", 5)}),
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
        oracle=lambda a, x, kernel, bias: x.reshape(-1, 60) @ kernel + bias,
        vary=Vary({"x": ("n", 4, 5, 3)}),
        divergences=(
            Divergence(
                "without-permute",
                20.0,
                28.0,
                "Keras flattens height, width, channels; torch channels first: every feature meets another weight.",
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
        "Dense-activation",
        keras=Form("keras.layers.Dense(6, activation='tanh')"),
        torch=Form("nn.Sequential(nn.Linear(5, 6), nn.Tanh())", weights={"0.weight": "kernel.T", "0.bias": "bias"}),
        inputs={"x": normal(4, 5)},
        weights={"kernel": normal(5, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: a.tanh(x @ kernel + bias),
        vary=Vary({"x": ("n", 5)}, {"n": (4, 9)}),
    ),
    Entry(
        "Dense-without-bias",
        keras=Form("keras.layers.Dense(6, use_bias=False)", shipped={"use_bias": True}),
        torch=Form("nn.Linear(5, 6, bias=False)", weights={"weight": "kernel.T"}),
        inputs={"x": normal(4, 5)},
        weights={"kernel": normal(5, 6)},
        oracle=lambda a, x, kernel: x @ kernel,
        vary=Vary({"x": ("n", 5)}),
    ),
    Entry(
        "EinsumDense",
        keras=Form("keras.layers.EinsumDense('abc,cde->abde', output_shape=(None, 2, 3), bias_axes='de')"),
        torch=Form(
            "nn.Linear(4, 6)",
            "component(x).unflatten(-1, (2, 3))",
            weights={"weight": "kernel.reshape(4, 6).T", "bias": "bias.ravel()"},
        ),
        inputs={"x": normal(2, 5, 4)},
        weights={"kernel": normal(4, 2, 3), "bias": normal(2, 3)},
        oracle=lambda a, x, kernel, bias: (x.reshape(-1, 4) @ kernel.reshape(4, 6)).reshape(*x.shape[:2], 2, 3) + bias,
        vary=Vary({"x": ("n", "steps", 4)}),
        note="torch.einsum takes the same letters.",
    ),
    Entry(
        "TimeDistributed",
        keras=Form("keras.layers.TimeDistributed(keras.layers.Dense(6))", weights={"kernel": "kernel", "bias": "bias"}),
        torch=Form("nn.Linear(5, 6)", weights={"weight": "kernel.T", "bias": "bias"}),
        inputs={"x": normal(2, 3, 5)},
        weights={"kernel": normal(5, 6), "bias": normal(6)},
        oracle=lambda a, x, kernel, bias: rows_of(x, kernel, bias),
        vary=Vary({"x": ("n", "steps", 5)}),
        note="torch's modules take further axes as they are, or torch.vmap.",
    ),
    Entry(
        "Bilinear",
        keras=Form(BILINEAR, "component([x, y])", since="3"),
        torch=Form("nn.Bilinear(4, 5, 3)", weights={"weight": "kernel", "bias": "bias"}),
        inputs={"x": normal(6, 4), "y": normal(6, 5)},
        weights={"kernel": normal(3, 4, 5), "bias": normal(3)},
        oracle=lambda a, x, y, kernel, bias: a.stack([a.sum((x @ kernel[k]) * y) for k in range(3)], 1) + bias,
        vary=BATCHES,
        note="Keras has none.",
    ),
    initial(
        "Dense-initial-weights",
        "made = keras.layers.Dense(64)\nmade.build((None, 200))\nmade.kernel + 0",
        "nn.Linear(200, 64).weight",
        math.sqrt(6 / (200 + 64)),
        1 / math.sqrt(200),
    ),
    initial(
        "Conv2D-initial-weights",
        "made = keras.layers.Conv2D(64, 3)\nmade.build((None, 8, 8, 32))\nmade.kernel + 0",
        "nn.Conv2d(32, 64, 3).weight",
        math.sqrt(6 / (9 * (32 + 64))),
        1 / math.sqrt(9 * 32),
    ),
)

FAMILY = Family("dense", "Dense layers", "model", ENTRIES)
