"""Recurrent layers: LSTMs, and what all recurrent entries share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..cells import (
    conv_lstm,
    gru_cell,
    gru_cell_reset_before,
    last,
    lstm_cell,
    sequence,
    stacked,
    steps_of,
)
from ..drawing import Draw, normal, values
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary

X = {"x": normal(3, 5, 4)}
LENGTHS = (5, 2, 3)
MASK = values([[step < length for step in range(5)] for length in LENGTHS], "bool")
# torch's r, z, n for Keras's z, r, h: the first two blocks of six columns change places.
SWAPPED = "np.concatenate([{0}[..., 6:12], {0}[..., :6], {0}[..., 12:]], -1)"
PACKED = "nn.utils.rnn.pack_padded_sequence(x, mask.sum(1), batch_first=True, enforce_sorted=False)"
UNPACKED = f"nn.utils.rnn.pad_packed_sequence(component({PACKED})[0], batch_first=True)[0]"
SEQUENCES = "keras.layers.LSTM(6, return_sequences=True)"
KERAS_NAMES = {"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"}
CONV_LSTM = """
class ConvLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = nn.Conv2d(2, 12, 3, padding=1)
        self.recurrent = nn.Conv2d(3, 12, 3, padding=1, bias=False)
    def forward(self, x):
        x = x.permute(1, 0, 4, 2, 3)
        h = c = x.new_zeros(x.shape[1], 3, *x.shape[3:])
        for now in x:
            i, f, g, o = (self.inputs(now) + self.recurrent(h)).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        return h.permute(0, 2, 3, 1)
ConvLSTM()
"""


def weights_of(gates: int, inputs: int = 4, prefix: str = "", bias: tuple[int, ...] = ()) -> dict[str, Draw]:
    """The weights of six units; under a prefix such as `first/lstm_cell/` they have Keras's names."""
    recurrent = f"{prefix}recurrent_kernel" if prefix else "recurrent"
    return {
        f"{prefix}kernel": normal(inputs, 6 * gates, scale=0.5),
        recurrent: normal(6, 6 * gates, scale=0.4),
        f"{prefix}bias": normal(*bias or (6 * gates,)),
    }


def plain_in_torch(build: str, call: str, gates: int, layers: Iterable[tuple[str, str]] = (("_l0", ""),)) -> Form:
    """A torch form whose second bias is zero; `layers` pairs torch's endings with the prefixes of Keras's weights."""
    weights, fixed = {}, {}
    for ending, prefix in layers:
        weights[f"weight_ih{ending}"] = f"{prefix}kernel.T"
        weights[f"weight_hh{ending}"] = f"{prefix}recurrent{'_kernel' if prefix else ''}.T"
        weights[f"bias_ih{ending}"] = f"{prefix}bias"
        fixed[f"bias_hh{ending}"] = f"np.zeros({6 * gates})"
    return Form(build, call, weights=weights, fixed=fixed)


def gru_in_torch(build: str, call: str, layers: Iterable[tuple[str, str]] = (("_l0", ""),)) -> Form:
    """A torch form with the gates in torch's order."""
    weights = {}
    for ending, prefix in layers:
        recurrent = f"{prefix}recurrent{'_kernel' if prefix else ''}"
        weights[f"weight_ih{ending}"] = SWAPPED.format(f"{prefix}kernel") + ".T"
        weights[f"weight_hh{ending}"] = SWAPPED.format(recurrent) + ".T"
        weights[f"bias_ih{ending}"] = SWAPPED.format(f"{prefix}bias[0]")
        weights[f"bias_hh{ending}"] = SWAPPED.format(f"{prefix}bias[1]")
    return Form(build, call, weights=weights)


def entry(name: str, keras: str, torch: Form, cell: Any, oracle: Any, call: str = "", **more: Any) -> Entry:
    """The entry of one layer of six units over (3, 5, 4)."""
    gates = {lstm_cell: 4, gru_cell: 3, gru_cell_reset_before: 3}.get(cell, 1)
    bias = (2, 18) if cell is gru_cell else ()
    inputs = {**X, **more.pop("inputs", {})}
    return Entry(
        name,
        keras=Form(keras, call, weights=KERAS_NAMES),
        torch=torch,
        inputs=inputs,
        weights=weights_of(gates, bias=bias),
        oracle=oracle,
        **more,
    )


def lstm(name: str, keras: str, call: str, oracle: Any, keras_call: str = "", **more: Any) -> Entry:
    """The entry of an LSTM."""
    torch = plain_in_torch("nn.LSTM(4, 6, batch_first=True)", call, 4)
    return entry(name, keras, torch, lstm_cell, oracle, keras_call, **more)


ENTRIES = (
    lstm(
        "LSTM",
        "keras.layers.LSTM(6, return_sequences=True)",
        "component(x)[0]",
        lambda a, x, **w: sequence(a, lstm_cell, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="torch has two biases, which add up: leave one at zero. Keras starts the forget gate's bias at 1. "
        "torch.compile refuses nn.LSTM unless torch._dynamo.config.allow_rnn is set.",
        divergences=(
            Divergence(
                "batch_first-as-shipped",
                0.38,
                0.51,
                "torch takes the first axis for the steps unless told batch_first=True; the shapes agree.",
                torch=plain_in_torch("nn.LSTM(4, 6)", "component(x)[0]", 4),
            ),
        ),
    ),
    lstm(
        "LSTM-last",
        "keras.layers.LSTM(6)",
        "component(x)[0][:, -1]",
        lambda a, x, **w: last(a, lstm_cell, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="Keras gives the last output alone unless told return_sequences=True.",
    ),
    lstm(
        "LSTM-states",
        "keras.layers.LSTM(6, return_sequences=True, return_state=True)",
        "output, (h, c) = component(x)\noutput, h[0], c[0]",
        lambda a, x, **w: (sequence(a, lstm_cell, x, **w), *steps_of(a, lstm_cell, x, **w)[-1]),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="torch's states have the layers first.",
    ),
    lstm(
        "LSTM-initial_state",
        "keras.layers.LSTM(6, return_sequences=True)",
        "component(x, (h[None], c[None]))[0]",
        lambda a, x, h, c, **w: sequence(a, lstm_cell, x, states=(h, c), **w),
        "component(x, initial_state=[h, c])",
        inputs={"h": normal(3, 6), "c": normal(3, 6)},
        vary=Vary({"x": ("n", "steps", 4), "h": ("n", 6), "c": ("n", 6)}),
    ),
    lstm(
        "LSTM-masked",
        "keras.layers.LSTM(6)",
        f"component({PACKED})[1][0][0]",
        lambda a, x, mask, **w: last(a, lstm_cell, x, mask=mask, **w),
        "component(x, mask=mask)",
        inputs={"mask": MASK},
        note="The last output that is not padded. Keras takes any mask, torch's packed sequences padding behind.",
        divergences=(
            Divergence(
                "last-step",
                0.22,
                0.33,
                "component(x)[0][:, -1] runs over the padding.",
                torch=plain_in_torch("nn.LSTM(4, 6, batch_first=True)", "component(x)[0][:, -1]", 4),
            ),
            Divergence(
                "padded-outputs",
                0.53,
                0.72,
                "At padded steps Keras repeats the last output, torch gives zeros.",
                keras=Form(SEQUENCES, "component(x, mask=mask)", weights=KERAS_NAMES),
                torch=plain_in_torch("nn.LSTM(4, 6, batch_first=True)", UNPACKED, 4),
            ),
        ),
    ),
    lstm(
        "LSTM-go_backwards",
        "keras.layers.LSTM(6, return_sequences=True, go_backwards=True)",
        "component(x.flip(1))[0]",
        lambda a, x, **w: sequence(a, lstm_cell, x[:, ::-1], **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="Keras leaves the outputs in the order in which they were made, the last step's first.",
    ),
    Entry(
        "LSTM-stacked",
        keras=Form(
            "keras.Sequential([keras.layers.LSTM(6, return_sequences=True, name=name) for name in ('one', 'two')])"
        ),
        torch=plain_in_torch(
            "nn.LSTM(4, 6, num_layers=2, batch_first=True)",
            "component(x)[0]",
            4,
            (("_l0", "one_lstm_cell_"), ("_l1", "two_lstm_cell_")),
        ),
        inputs=X,
        weights={**weights_of(4, prefix="one/lstm_cell/"), **weights_of(4, 6, prefix="two/lstm_cell/")},
        oracle=lambda a, x, **w: stacked(a, x, [f"{name}_lstm_cell" for name in ("one", "two")], w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="torch drops out between layers; Keras a layer's inputs (dropout) and states (recurrent_dropout).",
    ),
    Entry(
        "StackedRNNCells",
        keras=Form(
            "keras.layers.RNN([keras.layers.LSTMCell(6, name=name) for name in ('one', 'two')], return_sequences=True)"
        ),
        torch=plain_in_torch(
            "nn.LSTM(4, 6, num_layers=2, batch_first=True)", "component(x)[0]", 4, (("_l0", "one_"), ("_l1", "two_"))
        ),
        inputs=X,
        weights={**weights_of(4, prefix="one/"), **weights_of(4, 6, prefix="two/")},
        oracle=lambda a, x, **w: stacked(a, x, ("one", "two"), w),
        vary=Vary({"x": ("n", "steps", 4)}),
    ),
    Entry(
        "LSTM-first-bias",
        keras=Form(
            "keras.layers.LSTM(6)",
            "component(x)\nkeras.ops.convert_to_tensor(component.cell.bias)",
            shipped={"unit_forget_bias": True},
            since="3",
        ),
        torch=Form(call="bias = torch.zeros(24)\nbias[6:12] = 1\nbias"),
        inputs=X,
        oracle=lambda a, x: a.constant(np.repeat([0.0, 1.0, 0.0, 0.0], 6)),
        exact=True,
        gradients=(),
        divergences=(
            Divergence(
                "as-made",
                1.3,
                1.8,
                "torch draws both biases within 1/sqrt(units), the forget gate's too.",
                torch=Form(call="made = nn.LSTM(4, 6)\nmade.bias_ih_l0 + made.bias_hh_l0"),
            ),
        ),
    ),
    Entry(
        "ConvLSTM2D",
        keras=Form("keras.layers.ConvLSTM2D(3, 3, padding='same')", weights=KERAS_NAMES),
        torch=Form(
            CONV_LSTM,
            weights={
                "inputs.weight": "kernel.transpose(3, 2, 0, 1)",
                "recurrent.weight": "recurrent.transpose(3, 2, 0, 1)",
                "inputs.bias": "bias",
            },
        ),
        inputs={"x": normal(2, 3, 4, 5, 2)},
        weights={
            "kernel": normal(3, 3, 2, 12, scale=0.3),
            "recurrent": normal(3, 3, 3, 12, scale=0.3),
            "bias": normal(12),
        },
        oracle=conv_lstm,
        vary=Vary({"x": ("n", "steps", "h", "w", 2)}, {"steps": (1, 3)}),
        note="torch has none. Keras 2's recurrent_activation was the hard sigmoid.",
    ),
)


FAMILY = Family("recurrent", "Recurrent layers: LSTM", "model", ENTRIES)
