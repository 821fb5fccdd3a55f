"""Recurrent layers in both directions of time."""

from __future__ import annotations

from typing import Any

from ..cells import both_ways, gru_cell, lstm_cell
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary
from .recurrent import X, gru_in_torch, plain_in_torch, weights_of


def bidirectional(name: str, keras: str, call: str, oracle: Any, **more: Any) -> Entry:
    """The entry of an LSTM in both directions."""
    ways = (("_l0", "forward_lstm_lstm_cell_"), ("_l0_reverse", "backward_lstm_lstm_cell_"))
    return Entry(
        name,
        keras=Form(keras),
        torch=plain_in_torch("nn.LSTM(4, 6, batch_first=True, bidirectional=True)", call, 4, ways),
        inputs=X,
        weights={
            **weights_of(4, prefix="forward_lstm/lstm_cell/"),
            **weights_of(4, prefix="backward_lstm/lstm_cell/"),
        },
        oracle=lambda a, x, **w: oracle(a, *both_ways(a, lstm_cell, x, w, "lstm_lstm_cell")),
        **more,
    )


ENTRIES = (
    bidirectional(
        "Bidirectional-LSTM",
        "keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True, name='lstm'))",
        "component(x)[0]",
        lambda a, forward, backward: a.concatenate([forward, backward]),
        vary=Vary({"x": ("n", "steps", 4)}),
    ),
    bidirectional(
        "Bidirectional-LSTM-last",
        "keras.layers.Bidirectional(keras.layers.LSTM(6, name='lstm'))",
        "torch.cat(list(component(x)[1][0]), 1)",
        lambda a, forward, backward: a.concatenate([forward[:, -1], backward[:, 0]]),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="The last output of each direction, which is the first step's for the backward one.",
        divergences=(
            Divergence(
                "last-step",
                0.39,
                0.53,
                "component(x)[0][:, -1] has the backward direction's first output, which has seen one step.",
                torch=plain_in_torch(
                    "nn.LSTM(4, 6, batch_first=True, bidirectional=True)",
                    "component(x)[0][:, -1]",
                    4,
                    (("_l0", "forward_lstm_lstm_cell_"), ("_l0_reverse", "backward_lstm_lstm_cell_")),
                ),
            ),
        ),
    ),
    bidirectional(
        "Bidirectional-LSTM-sum",
        "keras.layers.Bidirectional(keras.layers.LSTM(6, return_sequences=True, name='lstm'), merge_mode='sum')",
        "component(x)[0].unflatten(-1, (2, 6)).sum(2)",
        lambda a, forward, backward: forward + backward,
        vary=Vary({"x": ("n", "steps", 4)}),
        note="'mul' and 'ave' likewise; torch has concatenation alone.",
    ),
    Entry(
        "Bidirectional-GRU",
        keras=Form("keras.layers.Bidirectional(keras.layers.GRU(6, return_sequences=True, name='gru'))"),
        torch=gru_in_torch(
            "nn.GRU(4, 6, batch_first=True, bidirectional=True)",
            "component(x)[0]",
            (("_l0", "forward_gru_gru_cell_"), ("_l0_reverse", "backward_gru_gru_cell_")),
        ),
        inputs=X,
        weights={
            **weights_of(3, prefix="forward_gru/gru_cell/", bias=(2, 18)),
            **weights_of(3, prefix="backward_gru/gru_cell/", bias=(2, 18)),
        },
        oracle=lambda a, x, **w: a.concatenate(list(both_ways(a, gru_cell, x, w, "gru_gru_cell"))),
        vary=Vary({"x": ("n", "steps", 4)}),
    ),
)

FAMILY = Family("recurrent_bidirectional", "Recurrent layers: both directions", "model", ENTRIES)
