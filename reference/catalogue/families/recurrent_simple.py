"""Recurrent layers: simple ones, and cells of one step."""

from __future__ import annotations

from ..cells import gru_cell, lstm_cell, relu_cell, sequence, simple_cell
from ..drawing import normal
from ..entries import Family
from ..varying import BATCHES, Vary
from .recurrent import entry, gru_in_torch, plain_in_torch

ENTRIES = (
    entry(
        "SimpleRNN",
        "keras.layers.SimpleRNN(6, return_sequences=True)",
        plain_in_torch("nn.RNN(4, 6, batch_first=True)", "component(x)[0]", 1),
        simple_cell,
        lambda a, x, **w: sequence(a, simple_cell, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
    ),
    entry(
        "SimpleRNN-relu",
        "keras.layers.SimpleRNN(6, activation='relu', return_sequences=True)",
        plain_in_torch("nn.RNN(4, 6, nonlinearity='relu', batch_first=True)", "component(x)[0]", 1),
        relu_cell,
        lambda a, x, **w: sequence(a, relu_cell, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="nn.RNN knows tanh and relu alone.",
    ),
    entry(
        "LSTMCell",
        "keras.layers.LSTMCell(6)",
        plain_in_torch("nn.LSTMCell(4, 6)", "component(x[:, 0], (h, c))", 4, (("", ""),)),
        lstm_cell,
        lambda a, x, h, c, **w: lstm_cell(a, x[:, 0], (h, c), **w),
        "component(x[:, 0], [h, c])[1]",
        compiled=True,
        inputs={"h": normal(3, 6), "c": normal(3, 6)},
        vary=BATCHES,
    ),
    entry(
        "GRUCell",
        "keras.layers.GRUCell(6)",
        gru_in_torch("nn.GRUCell(4, 6)", "component(x[:, 0], h)", (("", ""),)),
        gru_cell,
        lambda a, x, h, **w: gru_cell(a, x[:, 0], (h,), **w)[0],
        "component(x[:, 0], [h])[0]",
        inputs={"h": normal(3, 6)},
        vary=BATCHES,
    ),
    entry(
        "SimpleRNNCell",
        "keras.layers.SimpleRNNCell(6)",
        plain_in_torch("nn.RNNCell(4, 6)", "component(x[:, 0], h)", 1, (("", ""),)),
        simple_cell,
        lambda a, x, h, **w: simple_cell(a, x[:, 0], (h,), **w)[0],
        "component(x[:, 0], [h])[0]",
        inputs={"h": normal(3, 6)},
        vary=BATCHES,
    ),
)

FAMILY = Family("recurrent_simple", "Recurrent layers: simple, and cells", "model", ENTRIES)
