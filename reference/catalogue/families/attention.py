"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form

MASK = values(np.tril(np.ones((5, 5))), "bool")
PACKED = "np.concatenate([w.reshape(8, -1).T for w in (query_kernel, key_kernel, value_kernel)])"


def scaled_dot_product(a: Any, query: Any, key: Any, value: Any, mask: Any) -> Any:
    """Vaswani et al. 2017; where the mask is false nothing is attended to."""
    scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(query.shape[-1])
    return a.softmax(a.where(np.broadcast_to(mask, scores.shape), scores, -1e9)) @ value


def multi_head(a: Any, x: Any, **w: Any) -> Any:
    """Self-attention of two heads of four dimensions over (batch, steps, 8)."""
    n, steps, width = x.shape
    parts = []
    for name in ("query", "key", "value"):
        flat = x @ w[f"{name}_kernel"].reshape(width, width) + w[f"{name}_bias"].reshape(width)
        parts.append(flat.reshape(n, steps, 2, 4).transpose(0, 2, 1, 3))
    query, key, value = parts
    attended = scaled_dot_product(a, query, key, value, np.ones((1, 1), bool)).transpose(0, 2, 1, 3)
    kernel = w["attention_output_kernel"].reshape(width, width)
    return attended.reshape(n, steps, width) @ kernel + w["attention_output_bias"]


ENTRIES = (
    Entry(
        "scaled-dot-product",
        keras=Form(
            call="keras.ops.dot_product_attention(*[keras.ops.transpose(t, (0, 2, 1, 3)) for t in (query, key, value)],"
            " mask=mask[None, None])",
            since="3.8",
        ),
        torch=Form(
            call="F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)", since="2.0"
        ),
        inputs={"query": normal(2, 3, 5, 4), "key": normal(2, 3, 5, 4), "value": normal(2, 3, 5, 4), "mask": MASK},
        oracle=lambda a, **inputs: scaled_dot_product(a, **inputs).transpose(0, 2, 1, 3),
        note="Keras has the heads behind the steps, torch before them. In both masks True means attend.",
    ),
    Entry(
        "MultiHeadAttention",
        keras=Form("keras.layers.MultiHeadAttention(2, 4)", "component(x, x)"),
        torch=Form(
            "nn.MultiheadAttention(8, 2, batch_first=True)",
            "component(x, x, x, need_weights=False)[0]",
            weights={
                "in_proj_weight": PACKED,
                "in_proj_bias": "np.concatenate([query_bias.ravel(), key_bias.ravel(), value_bias.ravel()])",
                "out_proj.weight": "attention_output_kernel.reshape(8, 8).T",
                "out_proj.bias": "attention_output_bias",
            },
        ),
        inputs={"x": normal(2, 5, 8)},
        weights={
            **{f"{name}/kernel": normal(8, 2, 4, scale=0.4) for name in ("query", "key", "value")},
            **{f"{name}/bias": normal(2, 4) for name in ("query", "key", "value")},
            "attention_output/kernel": normal(2, 4, 8, scale=0.4),
            "attention_output/bias": normal(8),
        },
        oracle=multi_head,
        note="Masks are opposite: True attends in Keras, True blocks in nn.MultiheadAttention. In evaluation mode "
        "without gradients torch takes a fast path that rounds otherwise.",
        divergences=(
            Divergence(
                "row-fully-masked",
                float("inf"),
                float("inf"),
                "With a row that may attend to nothing, nn.MultiheadAttention gives NaN and Keras finite numbers.",
                keras=Form(
                    "keras.layers.MultiHeadAttention(2, 4)",
                    "component(x, x, attention_mask=keras.ops.zeros((2, 5, 5), 'bool'))",
                ),
                torch=Form(
                    "nn.MultiheadAttention(8, 2, batch_first=True)",
                    "component(x, x, x, attn_mask=torch.ones(5, 5, dtype=torch.bool))[0]",
                    weights={
                        "in_proj_weight": PACKED,
                        "in_proj_bias": "np.concatenate([query_bias.ravel(), key_bias.ravel(), value_bias.ravel()])",
                        "out_proj.weight": "attention_output_kernel.reshape(8, 8).T",
                        "out_proj.bias": "attention_output_bias",
                    },
                ),
            ),
        ),
    ),
)

FAMILY = Family("attention", "Attention", "model", ENTRIES)
