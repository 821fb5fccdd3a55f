"""Attention of several heads, with projections."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from ..drawing import normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary
from .attention import ANY, CAUSAL, PADDED, scaled_dot_product

INFINITE = float("inf")
SELF = {"x": normal(2, 5, 8)}
PACKED = "np.concatenate([w.reshape(8, -1).T for w in (query_kernel, key_kernel, value_kernel)])"
MAPPED = {
    "in_proj_weight": PACKED,
    "in_proj_bias": "np.concatenate([query_bias.ravel(), key_bias.ravel(), value_bias.ravel()])",
    "out_proj.weight": "attention_output_kernel.reshape(8, 8).T",
    "out_proj.bias": "attention_output_bias",
}
KERNELS = {
    **{f"{name}/kernel": normal(8, 2, 4, scale=0.4) for name in ("query", "key", "value")},
    "attention_output/kernel": normal(2, 4, 8, scale=0.4),
}
WEIGHTS = {
    **KERNELS,
    **{f"{name}/bias": normal(2, 4) for name in ("query", "key", "value")},
    "attention_output/bias": normal(8),
}
GROUPED = """
class Grouped(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4)
        self.output = nn.Linear(8, 8)
    def forward(self, x):
        query, key, value = (p(x).unflatten(-1, (-1, 2)).transpose(1, 2) for p in (self.query, self.key, self.value))
        attended = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
        return self.output(attended.transpose(1, 2).flatten(2))
Grouped()
"""
ENCODER = """
class Encoder(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.attention = keras.layers.MultiHeadAttention(2, 4, name='attention')
        self.first = keras.layers.LayerNormalization(epsilon=1e-5, name='first')
        self.inner = keras.layers.Dense(6, activation='relu', name='inner')
        self.outer = keras.layers.Dense(8, name='outer')
        self.second = keras.layers.LayerNormalization(epsilon=1e-5, name='second')
    def call(self, x):
        x = self.first(x + self.attention(x, x))
        return self.second(x + self.outer(self.inner(x)))
Encoder()
"""


def heads(x: Any, kernel: Any, bias: Any = 0.0) -> Any:
    """The projection of (n, steps, width) to (n, heads, steps, size); kernel (width, heads, size)."""
    n, steps, width = x.shape
    _, count, size = kernel.shape
    flat = x.reshape(n * steps, width) @ kernel.reshape(width, count * size)
    return (flat.reshape(n, steps, count, size) + bias).transpose(0, 2, 1, 3)


def joined(attended: Any, kernel: Any, bias: Any = 0.0) -> Any:
    """The output projection of (n, heads, steps, size); kernel (heads, size, width)."""
    n, count, steps, size = attended.shape
    flat = attended.transpose(0, 2, 1, 3).reshape(n * steps, count * size)
    return (flat @ kernel.reshape(count * size, kernel.shape[-1])).reshape(n, steps, kernel.shape[-1]) + bias


def multi_head(a: Any, x: Any, memory: Any = None, mask: Any = ANY, **w: Any) -> Any:
    """Attention of several heads over x, or from x to a memory, (n, steps, width)."""
    query, key, value = (
        heads(source, w[f"{name}_kernel"], w.get(f"{name}_bias", 0.0))
        for name, source in (("query", x), ("key", memory or x), ("value", memory or x))
    )
    attended = scaled_dot_product(a, query, key, value, mask)
    return joined(attended, w["attention_output_kernel"], w.get("attention_output_bias", 0.0))


def grouped(a: Any, x: Any, **w: Any) -> Any:
    """Four heads of queries share two heads of keys and values (Ainslie et al. 2023)."""
    query, key, value = (heads(x, w[f"{n}_kernel"], w[f"{n}_bias"]) for n in ("query", "key", "value"))
    twice = np.repeat(np.arange(2), 2)
    attended = scaled_dot_product(a, query, key[:, twice], value[:, twice])
    return joined(attended, w["attention_output_kernel"], w["attention_output_bias"])


def encoder(a: Any, x: Any, **w: Any) -> Any:
    """A layer of a transformer's encoder that normalises behind each sum."""
    own = {name.removeprefix("attention_"): weight for name, weight in w.items() if name.startswith("attention_")}
    x = layer_norm(a, x + multi_head(a, x, **own), w["first_gamma"], w["first_beta"])
    inner = a.maximum(x.reshape(-1, 8) @ w["inner_kernel"] + w["inner_bias"], 0.0)
    fed = (inner @ w["outer_kernel"] + w["outer_bias"]).reshape(*x.shape)
    return layer_norm(a, x + fed, w["second_gamma"], w["second_beta"])


def layer_norm(a: Any, x: Any, gamma: Any, beta: Any) -> Any:
    """Over the last axis."""
    centred = x - a.mean(x, keepdims=True)
    return centred / a.sqrt(a.mean(centred * centred, keepdims=True) + 1e-5) * gamma + beta


ENCODER_MAPPED = {
    **{
        f"self_attn.{own}": re.sub(r"\b(query|key|value|attention_output)_(kernel|bias)", r"attention_\g<0>", text)
        for own, text in MAPPED.items()
    },
    **{
        f"{own}.{part}": f"{norm}_{name}"
        for own, norm in (("norm1", "first"), ("norm2", "second"))
        for part, name in (("weight", "gamma"), ("bias", "beta"))
    },
    "linear1.weight": "inner_kernel.T",
    "linear1.bias": "inner_bias",
    "linear2.weight": "outer_kernel.T",
    "linear2.bias": "outer_bias",
}
KERAS_MHA = "keras.layers.MultiHeadAttention(2, 4)"
TORCH_MHA = Form("nn.MultiheadAttention(8, 2, batch_first=True)", weights=MAPPED)

ENTRIES = (
    Entry(
        "MultiHeadAttention",
        keras=Form(KERAS_MHA, "component(x, x)"),
        torch=replace(TORCH_MHA, call="component(x, x, x, need_weights=False)[0]"),
        inputs=SELF,
        weights=WEIGHTS,
        oracle=multi_head,
        vary=Vary({"x": ("n", "steps", 8)}),
        note="Masks are opposite: True attends in Keras, True blocks in nn.MultiheadAttention. In evaluation mode "
        "without gradients torch takes a fast path that rounds otherwise.",
        divergences=(
            Divergence(
                "row-fully-masked",
                INFINITE,
                INFINITE,
                "With a row that may attend to nothing, nn.MultiheadAttention gives NaN and Keras finite numbers.",
                keras=Form(KERAS_MHA, "component(x, x, attention_mask=np.zeros((2, 5, 5), bool))"),
                torch=replace(TORCH_MHA, call="component(x, x, x, attn_mask=torch.ones(5, 5, dtype=torch.bool))[0]"),
            ),
            Divergence(
                "batch_first-as-shipped",
                2.9,
                3.9,
                "nn.MultiheadAttention takes the first axis for the steps unless told batch_first=True.",
                torch=Form("nn.MultiheadAttention(8, 2)", "component(x, x, x)[0]", weights=MAPPED),
            ),
        ),
    ),
    Entry(
        "MultiHeadAttention-causal",
        keras=Form(KERAS_MHA, "component(x, x, use_causal_mask=True)"),
        torch=replace(
            TORCH_MHA,
            call="later = torch.ones(5, 5, dtype=torch.bool).triu(1)\n"
            "component(x, x, x, attn_mask=later, is_causal=True, need_weights=False)[0]",
        ),
        inputs=SELF,
        weights=WEIGHTS,
        oracle=lambda a, x, **w: multi_head(a, x, mask=CAUSAL, **w),
        vary=Vary({"x": ("n", 5, 8)}),
        note="is_causal is a hint and wants the mask as well.",
    ),
    Entry(
        "MultiHeadAttention-attention_mask",
        keras=Form(KERAS_MHA, "component(x, x, attention_mask=mask)"),
        torch=replace(
            TORCH_MHA, call="component(x, x, x, attn_mask=~mask.repeat_interleave(2, 0), need_weights=False)[0]"
        ),
        inputs={**SELF, "mask": values(np.stack([CAUSAL, CAUSAL.T]), "bool")},
        weights=WEIGHTS,
        oracle=lambda a, x, mask, **w: multi_head(a, x, mask=mask[:, None], **w),
        note="A mask for each example has batch * heads rows in torch, the heads of one example beside each other.",
        divergences=(
            Divergence(
                "not-inverted",
                3.1,
                4.2,
                "True attends in Keras and blocks in torch.",
                torch=replace(TORCH_MHA, call="component(x, x, x, attn_mask=mask.repeat_interleave(2, 0))[0]"),
                inputs={"mask": values(np.stack([np.eye(5) > 0] * 2), "bool")},
            ),
        ),
    ),
    Entry(
        "MultiHeadAttention-padding",
        keras=Form(KERAS_MHA, "component(x, x, key_mask=mask)", since="3"),
        torch=replace(TORCH_MHA, call="component(x, x, x, key_padding_mask=~mask, need_weights=False)[0]"),
        inputs={**SELF, "mask": PADDED},
        weights=WEIGHTS,
        oracle=lambda a, x, mask, **w: multi_head(a, x, mask=mask[:, None, None], **w),
        note="A mask that comes with the inputs, such as an Embedding's, is taken for the queries as well.",
    ),
    Entry(
        "MultiHeadAttention-cross",
        keras=Form(KERAS_MHA, "component(x, memory)"),
        torch=replace(TORCH_MHA, call="component(x, memory, memory, need_weights=False)[0]"),
        inputs={**SELF, "memory": normal(2, 3, 8)},
        weights=WEIGHTS,
        oracle=multi_head,
        vary=Vary({"x": ("n", "steps", 8), "memory": ("n", "others", 8)}),
        note="Keras's order is query, value, key; torch's query, key, value.",
    ),
    Entry(
        "MultiHeadAttention-without-bias",
        keras=Form("keras.layers.MultiHeadAttention(2, 4, use_bias=False)", "component(x, x)"),
        torch=Form(
            "nn.MultiheadAttention(8, 2, bias=False, batch_first=True)",
            "component(x, x, x, need_weights=False)[0]",
            weights={name: MAPPED[name] for name in ("in_proj_weight", "out_proj.weight")},
        ),
        inputs=SELF,
        weights=KERNELS,
        oracle=multi_head,
        vary=Vary({"x": ("n", "steps", 8)}),
    ),
    Entry(
        "MultiHeadAttention-scores",
        keras=Form(KERAS_MHA, "component(x, x, return_attention_scores=True)[1]"),
        torch=replace(TORCH_MHA, call="component(x, x, x, average_attn_weights=False)[1]"),
        inputs=SELF,
        weights=WEIGHTS,
        oracle=lambda a, x, **w: a.softmax(
            heads(x, w["query_kernel"], w["query_bias"])
            @ heads(x, w["key_kernel"], w["key_bias"]).transpose(0, 1, 3, 2)
            / 2.0
        ),
        vary=Vary({"x": ("n", "steps", 8)}),
        note="torch gives the mean over the heads unless told average_attn_weights=False.",
    ),
    Entry(
        "GroupQueryAttention",
        keras=Form("keras.layers.GroupQueryAttention(2, 4, 2)", "component(x, x)", since="3"),
        torch=Form(
            GROUPED,
            weights={
                **{f"{n}.weight": f"{n}_kernel.reshape(8, -1).T" for n in ("query", "key", "value")},
                **{f"{n}.bias": f"{n}_bias.ravel()" for n in ("query", "key", "value")},
                "output.weight": "attention_output_kernel.reshape(8, 8).T",
                "output.bias": "attention_output_bias",
            },
            since="2.5",
        ),
        inputs=SELF,
        weights={
            "query/kernel": normal(8, 4, 2, scale=0.4),
            **{f"{name}/kernel": normal(8, 2, 2, scale=0.4) for name in ("key", "value")},
            "query/bias": normal(4, 2),
            **{f"{name}/bias": normal(2, 2) for name in ("key", "value")},
            "attention_output/kernel": normal(4, 2, 8, scale=0.4),
            "attention_output/bias": normal(8),
        },
        oracle=grouped,
        vary=Vary({"x": ("n", "steps", 8)}),
        note="Keras names the size of a head first, MultiHeadAttention the number of heads.",
    ),
    Entry(
        "TransformerEncoderLayer",
        keras=Form(ENCODER),
        torch=Form(
            "nn.TransformerEncoderLayer(8, 2, 6, dropout=0, batch_first=True)",
            weights=ENCODER_MAPPED,
        ),
        inputs=SELF,
        weights={
            **{f"attention/{name}": draw for name, draw in WEIGHTS.items()},
            **{f"{norm}/{name}": normal(8) for norm in ("first", "second") for name in ("gamma", "beta")},
            "inner/kernel": normal(8, 6, scale=0.4),
            "inner/bias": normal(6),
            "outer/kernel": normal(6, 8, scale=0.4),
            "outer/bias": normal(8),
        },
        oracle=encoder,
        vary=Vary({"x": ("n", "steps", 8)}),
        note="Keras has none; torch normalises behind the sums unless told norm_first=True.",
    ),
)

FAMILY = Family("attention_multi_head", "Attention of several heads", "model", ENTRIES)
