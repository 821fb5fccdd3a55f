"""Attention without projections: the operation, and layers that are nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

CAUSAL = np.tril(np.ones((5, 5), bool))
ANY = np.ones((1, 1), bool)
PADDED = values([[True] * 5, [True, True, True, False, False]], "bool")
HEADS = {name: normal(2, 3, 5, 4) for name in ("query", "key", "value")}
STEPS_FIRST = "*[keras.ops.transpose(t, (0, 2, 1, 3)) for t in (query, key, value)]"


def scaled_dot_product(a: Any, query: Any, key: Any, value: Any, mask: Any = ANY, scale: float = 0.0) -> Any:
    """Vaswani et al. 2017; where the mask is false nothing is attended to."""
    scores = query @ key.transpose(0, 1, 3, 2) * (scale or 1 / math.sqrt(query.shape[-1]))
    return a.attend(a.where(np.broadcast_to(mask, scores.shape), scores, -1e9), value)


def additive(a: Any, query: Any, value: Any, scale: Any) -> Any:
    """Bahdanau et al. 2015, without projections."""
    sums = query[:, :, None] + value[:, None]
    return a.attend(a.sum(scale * a.tanh(sums)), value)


ENTRIES = (
    Entry(
        "scaled-dot-product",
        keras=Form(call=f"keras.ops.dot_product_attention({STEPS_FIRST}, mask=mask[None, None])", since="3.6"),
        torch=Form(call="F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)"),
        inputs={**HEADS, "mask": values(CAUSAL, "bool")},
        oracle=lambda a, **inputs: scaled_dot_product(a, **inputs).transpose(0, 2, 1, 3),
        vary=Vary(dict.fromkeys(("query", "key", "value"), ("n", "heads", 5, "d"))),
        note="Keras has the heads behind the steps, torch before them. In both masks True means attend.",
        divergences=(
            Divergence(
                "row-fully-masked",
                0.88,
                1.2,
                "A row that may attend to nothing is the mean of all values in Keras, zero in torch.",
                inputs={"mask": values(np.zeros((5, 5)), "bool")},
                versions={"keras": ">=3.6", "torch": ">=2.5"},
            ),
        ),
    ),
    Entry(
        "scaled-dot-product-causal",
        keras=Form(call=f"keras.ops.dot_product_attention({STEPS_FIRST}, is_causal=True)", since="3.6"),
        torch=Form(call="F.scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2)"),
        inputs=HEADS,
        oracle=lambda a, query, key, value: scaled_dot_product(a, query, key, value, CAUSAL).transpose(0, 2, 1, 3),
        vary=Vary(dict.fromkeys(("query", "key", "value"), ("n", "heads", 5, "d"))),
    ),
    Entry(
        "scaled-dot-product-bias",
        keras=Form(
            call=f"keras.ops.dot_product_attention({STEPS_FIRST}, bias=bias[None, None], scale=0.25)", since="3.6"
        ),
        torch=Form(
            call="F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=0.25).transpose(1, 2)"
        ),
        inputs={**HEADS, "bias": normal(5, 5)},
        oracle=lambda a, query, key, value, bias: (
            a.attend(query @ key.transpose(0, 1, 3, 2) * 0.25 + bias, value)
        ).transpose(0, 2, 1, 3),
        vary=Vary(dict.fromkeys(("query", "key", "value"), ("n", "heads", 5, "d"))),
        note="A mask of floating-point numbers is added in torch; Keras calls it bias.",
    ),
    Entry(
        "scaled-dot-product-grouped",
        keras=Form(call=f"keras.ops.dot_product_attention({STEPS_FIRST})", since="3.15"),
        torch=Form(
            call="F.scaled_dot_product_attention(query, key, value, enable_gqa=True).transpose(1, 2)", since="2.5"
        ),
        inputs={"query": normal(2, 4, 5, 4), "key": normal(2, 2, 5, 4), "value": normal(2, 2, 5, 4)},
        oracle=lambda a, query, key, value: scaled_dot_product(
            a, query, key[:, [0, 0, 1, 1]], value[:, [0, 0, 1, 1]]
        ).transpose(0, 2, 1, 3),
    ),
    Entry(
        "Attention",
        keras=Form("keras.layers.Attention()", "component([query, value])"),
        torch=Form(call="F.scaled_dot_product_attention(query, value, value, scale=1.0)"),
        inputs={"query": normal(2, 4, 6, scale=0.5), "value": normal(2, 5, 6)},
        oracle=lambda a, query, value: a.attend(query @ value.transpose(0, 2, 1), value),
        vary=Vary({"query": ("n", "steps", "d"), "value": ("n", "others", "d")}),
        note="Luong's attention: scores are not divided by the root of the width, as torch's are by default.",
        divergences=(
            Divergence(
                "scale-as-shipped",
                0.57,
                0.77,
                "torch divides the scores by the root of the width.",
                torch=Form(call="F.scaled_dot_product_attention(query, value, value)"),
            ),
        ),
    ),
    Entry(
        "Attention-masked",
        keras=Form("keras.layers.Attention()", "component([query, value], mask=[None, mask])", since="3.12"),
        torch=Form(call="F.scaled_dot_product_attention(query, value, value, attn_mask=mask[:, None], scale=1.0)"),
        inputs={"query": normal(2, 4, 6, scale=0.5), "value": normal(2, 5, 6), "mask": PADDED},
        oracle=lambda a, query, value, mask: a.attend(
            a.where(np.broadcast_to(mask[:, None], (*query.shape[:2], 5)), query @ value.transpose(0, 2, 1), -1e9),
            value,
        ),
    ),
    Entry(
        "AdditiveAttention",
        keras=Form("keras.layers.AdditiveAttention()", "component([query, value])"),
        torch=Form(
            "nn.Linear(6, 1, bias=False)",
            "component((query[:, :, None] + value[:, None]).tanh())[..., 0].softmax(-1) @ value",
            weights={"weight": "scale[None]"},
        ),
        inputs={"query": normal(2, 4, 6), "value": normal(2, 5, 6)},
        weights={"scale": normal(6)},
        oracle=additive,
        vary=Vary({"query": ("n", "steps", 6), "value": ("n", "others", 6)}),
        note="Bahdanau's attention, without projections. torch has none.",
    ),
)

FAMILY = Family("attention", "Attention", "model", ENTRIES)
