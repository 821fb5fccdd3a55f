"""Embeddings."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import Draw, integers, normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

WORDS = values([[3, 1, 0, 0], [2, 5, 4, 0], [1, 2, 1, 3]], "int64")


def table_with_zero_row(generator: np.random.Generator) -> np.ndarray:
    """Normal numbers (6, 4), row 0 of zeros."""
    drawn: np.ndarray = generator.standard_normal((6, 4)).astype(np.float32)
    drawn[0] = 0
    return drawn


def without_row_0(a: Any, indices: Any, table: Any) -> Any:
    """The rows of a table, of which row 0 is not trained."""
    return table[indices] * a.constant((indices != 0)[..., None])


TABLE = {"table": normal(6, 4)}
KERAS_TABLE = {"embeddings": "table"}

ENTRIES = (
    Entry(
        "Embedding",
        keras=Form("keras.layers.Embedding(10, 4)", weights={"embeddings": "table"}),
        torch=Form("nn.Embedding(10, 4)", weights={"weight": "table"}),
        inputs={"indices": integers(3, 5, below=10)},
        weights={"table": normal(10, 4)},
        oracle=lambda a, indices, table: table[indices],
        vary=Vary({"indices": ("n", "steps")}),
        note="The initialisers differ: uniform within 0.05 in Keras, standard normal in torch.",
    ),
    Entry(
        "Embedding-mask_zero",
        keras=Form(
            "keras.layers.Embedding(6, 4)",
            "component(indices) * keras.ops.cast(indices != 0, 'float32')[..., None]",
            weights=KERAS_TABLE,
            since="3",
        ),
        torch=Form("nn.Embedding(6, 4, padding_idx=0)", weights={"weight": "table"}),
        inputs={"indices": WORDS},
        weights={"table": Draw("normal (6, 4), row 0 of zeros", table_with_zero_row)},
        oracle=without_row_0,
        vary=Vary({"indices": ("n", "steps")}),
        note="padding_idx starts with a zero row and gives it no gradient; mask_zero makes a mask for later layers and "
        "leaves the row as it is.",
        divergences=(
            Divergence(
                "gradient-of-row-0",
                1.5,
                2.1,
                "Keras trains row 0 unless the layers behind take the mask; torch never does.",
                keras=Form("keras.layers.Embedding(6, 4, mask_zero=True)", weights=KERAS_TABLE),
                gradients=True,
            ),
        ),
    ),
    Entry(
        "EmbeddingBag-mean",
        keras=Form(
            "keras.layers.Embedding(6, 4)", "keras.ops.mean(component(indices), 1)", weights=KERAS_TABLE, since="3"
        ),
        torch=Form("nn.EmbeddingBag(6, 4)", weights={"weight": "table"}, shipped={"mode": "mean"}),
        inputs={"indices": WORDS},
        weights=TABLE,
        oracle=lambda a, indices, table: a.mean(table[indices], 1),
        vary=Vary({"indices": ("n", "steps")}),
    ),
    Entry(
        "EmbeddingBag-weighted-sum",
        keras=Form(
            "keras.layers.Embedding(6, 4)",
            "keras.ops.sum(component(indices) * weights[..., None], 1)",
            weights=KERAS_TABLE,
            since="3",
        ),
        torch=Form(
            "nn.EmbeddingBag(6, 4, mode='sum')",
            "component(indices, per_sample_weights=weights)",
            weights={"weight": "table"},
        ),
        inputs={"indices": WORDS, "weights": normal(3, 4)},
        weights=TABLE,
        oracle=lambda a, indices, weights, table: a.sum(table[indices] * weights.reshape(*weights.shape, 1), 1),
        vary=Vary({"indices": ("n", "steps"), "weights": ("n", "steps")}),
    ),
    Entry(
        "Embedding-by-one-hot",
        keras=Form(
            "keras.layers.Dense(4, use_bias=False)",
            "component(keras.ops.one_hot(indices, 6))",
            weights={"kernel": "table"},
            since="3",
        ),
        torch=Form("nn.Embedding(6, 4)", weights={"weight": "table"}),
        inputs={"indices": WORDS},
        weights=TABLE,
        oracle=lambda a, indices, table: table[indices],
        vary=Vary({"indices": ("n", "steps")}),
        note="A dense layer on one-hot rows is an embedding.",
    ),
    Entry(
        "ReversibleEmbedding",
        keras=Form(
            "keras.layers.ReversibleEmbedding(6, 4)",
            "component(component(indices), reverse=True)",
            weights=KERAS_TABLE,
            since="3.12",
        ),
        torch=Form("nn.Embedding(6, 4)", "F.linear(component(indices), component.weight)", weights={"weight": "table"}),
        inputs={"indices": WORDS},
        weights=TABLE,
        oracle=lambda a, indices, table: (table[indices].reshape(-1, 4) @ table.transpose()).reshape(*indices.shape, 6),
        vary=Vary({"indices": ("n", "steps")}),
        note="Tied weights: the table that embeds also gives the logits.",
    ),
    Entry(
        "Embedding-initial-weights",
        keras=Form(call="made = keras.layers.Embedding(100, 64)\nmade.build()\nmade.embeddings + 0", since="3"),
        torch=Form(call="nn.Embedding(100, 64).weight"),
        inputs={},
        gradients=(),
        kind="sample",
        settings={"law": {"tensorflow": ("uniform", 0.05), "pytorch": ("normal", 1.0)}},
        note="Uniform within 0.05 in Keras, standard normal in torch: copy the weights.",
    ),
)

FAMILY = Family("embedding", "Embeddings", "model", ENTRIES)
