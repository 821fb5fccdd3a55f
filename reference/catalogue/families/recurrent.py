"""Recurrent layers."""

from __future__ import annotations

from typing import Any

from ..drawing import normal
from ..entries import Divergence, Entry, Family, Form

UNITS = 6


def lstm(a: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The outputs of all steps (Hochreiter and Schmidhuber 1997, with forget gates); gates i, f, g, o."""
    n, steps, _ = x.shape
    h = c = a.constant([[0.0] * UNITS] * n)
    outputs = []
    for t in range(steps):
        z = x[:, t] @ kernel + h @ recurrent + bias
        i, f, g, o = (z[:, k * UNITS : (k + 1) * UNITS] for k in range(4))
        c = a.sigmoid(f) * c + a.sigmoid(i) * a.tanh(g)
        h = a.sigmoid(o) * a.tanh(c)
        outputs.append(h)
    return a.stack(outputs, axis=1)


def gru(a: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The outputs of all steps (Cho et al. 2014), the reset gate after the product; gates z, r, h."""
    n, steps, _ = x.shape
    h = a.constant([[0.0] * UNITS] * n)
    outputs = []
    for t in range(steps):
        ours, theirs = x[:, t] @ kernel + bias[0], h @ recurrent + bias[1]
        z = a.sigmoid(ours[:, :UNITS] + theirs[:, :UNITS])
        r = a.sigmoid(ours[:, UNITS : 2 * UNITS] + theirs[:, UNITS : 2 * UNITS])
        candidate = a.tanh(ours[:, 2 * UNITS :] + r * theirs[:, 2 * UNITS :])
        h = z * h + (1.0 - z) * candidate
        outputs.append(h)
    return a.stack(outputs, axis=1)


def simple(a: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The outputs of all steps of a plain recurrent layer (Elman 1990)."""
    h = a.constant([[0.0] * UNITS] * x.shape[0])
    outputs = []
    for t in range(x.shape[1]):
        h = a.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        outputs.append(h)
    return a.stack(outputs, axis=1)


# torch's r, z, n for Keras's z, r, h: the first two blocks of six columns change places.
SWAPPED = "np.concatenate([{0}[..., 6:12], {0}[..., :6], {0}[..., 12:]], -1)"

ENTRIES = (
    Entry(
        "LSTM",
        keras=Form(
            "keras.layers.LSTM(6, return_sequences=True)",
            weights={"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"},
        ),
        torch=Form(
            "nn.LSTM(4, 6, batch_first=True)",
            "component(x)[0]",
            weights={"weight_ih_l0": "kernel.T", "weight_hh_l0": "recurrent.T", "bias_ih_l0": "bias"},
            fixed={"bias_hh_l0": "np.zeros(24)"},
        ),
        inputs={"x": normal(3, 7, 4)},
        weights={"kernel": normal(4, 24, scale=0.5), "recurrent": normal(6, 24, scale=0.4), "bias": normal(24)},
        oracle=lstm,
        compiled=True,
        note="torch has two biases, which add up: leave one at zero. Keras starts the forget gate's bias at 1.",
    ),
    Entry(
        "GRU",
        keras=Form(
            "keras.layers.GRU(6, return_sequences=True)",
            weights={"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"},
        ),
        torch=Form(
            "nn.GRU(4, 6, batch_first=True)",
            "component(x)[0]",
            weights={
                "weight_ih_l0": SWAPPED.format("kernel") + ".T",
                "weight_hh_l0": SWAPPED.format("recurrent") + ".T",
                "bias_ih_l0": SWAPPED.format("bias[0]"),
                "bias_hh_l0": SWAPPED.format("bias[1]"),
            },
        ),
        inputs={"x": normal(3, 7, 4)},
        weights={"kernel": normal(4, 18, scale=0.5), "recurrent": normal(6, 18, scale=0.4), "bias": normal(2, 18)},
        oracle=gru,
        divergences=(
            Divergence(
                "gates-not-swapped",
                0.3,
                2.0,
                "Keras orders the gates update, reset, candidate; torch reset, update, candidate.",
                torch=Form(
                    "nn.GRU(4, 6, batch_first=True)",
                    "component(x)[0]",
                    weights={
                        "weight_ih_l0": "kernel.T",
                        "weight_hh_l0": "recurrent.T",
                        "bias_ih_l0": "bias[0]",
                        "bias_hh_l0": "bias[1]",
                    },
                ),
            ),
        ),
        note="With reset_after=False, which is not the default, Keras's GRU has no twin in torch.",
    ),
    Entry(
        "SimpleRNN",
        keras=Form(
            "keras.layers.SimpleRNN(6, return_sequences=True)",
            weights={"kernel": "kernel", "recurrent_kernel": "recurrent", "bias": "bias"},
        ),
        torch=Form(
            "nn.RNN(4, 6, batch_first=True)",
            "component(x)[0]",
            weights={"weight_ih_l0": "kernel.T", "weight_hh_l0": "recurrent.T", "bias_ih_l0": "bias"},
            fixed={"bias_hh_l0": "np.zeros(6)"},
        ),
        inputs={"x": normal(3, 7, 4)},
        weights={"kernel": normal(4, 6, scale=0.5), "recurrent": normal(6, 6, scale=0.4), "bias": normal(6)},
        oracle=simple,
    ),
)

FAMILY = Family("recurrent", "Recurrent layers", "model", ENTRIES)
