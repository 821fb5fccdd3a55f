"""Formulas of recurrent layers: a cell takes what comes in at one step and the states, and gives the new states."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from .formulas import convolved, same_pads


def lstm_cell(a: Any, x: Any, states: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Hochreiter and Schmidhuber 1997, with forget gates; gates i, f, g, o. States h and c."""
    h, c = states
    units = recurrent.shape[0]
    z = x @ kernel + h @ recurrent + bias
    i, f, g, o = (z[:, k * units : (k + 1) * units] for k in range(4))
    c = a.sigmoid(f) * c + a.sigmoid(i) * a.tanh(g)
    return a.sigmoid(o) * a.tanh(c), c


def gru_cell(a: Any, x: Any, states: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Cho et al. 2014, the reset gate after the product; gates z, r, h."""
    (h,) = states
    units = recurrent.shape[0]
    ours, theirs = x @ kernel + bias[0], h @ recurrent + bias[1]
    z = a.sigmoid(ours[:, :units] + theirs[:, :units])
    r = a.sigmoid(ours[:, units : 2 * units] + theirs[:, units : 2 * units])
    candidate = a.tanh(ours[:, 2 * units :] + r * theirs[:, 2 * units :])
    return (z * h + (1.0 - z) * candidate,)


def gru_cell_reset_before(a: Any, x: Any, states: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The same with the reset gate before the product, as first published."""
    (h,) = states
    ours = x @ kernel + bias
    both = a.sigmoid(ours[:, :12] + h @ recurrent[:, :12])
    z, r = both[:, :6], both[:, 6:]
    return (z * h + (1.0 - z) * a.tanh(ours[:, 12:] + (r * h) @ recurrent[:, 12:]),)


def simple_cell(a: Any, x: Any, states: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """Elman 1990."""
    return (a.tanh(x @ kernel + states[0] @ recurrent + bias),)


def relu_cell(a: Any, x: Any, states: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The same with relu."""
    return (a.maximum(x @ kernel + states[0] @ recurrent + bias, 0.0),)


def steps_of(
    a: Any, cell: Any, x: Any, kernel: Any, recurrent: Any, bias: Any, *, states: Any = None, mask: Any = None
) -> list[Any]:
    """The states after each step of x, (n, steps, width); where the mask is false they stay as they are."""
    count = 2 if cell is lstm_cell else 1
    states = states or (a.constant(np.zeros((x.shape[0], recurrent.shape[0]))),) * count
    passed = []
    for t in range(x.shape[1]):
        new = cell(a, x[:, t], states, kernel, recurrent, bias)
        if mask is not None:
            kept = np.broadcast_to(mask[:, t, None], new[0].shape)
            new = tuple(a.where(kept, after, before) for after, before in zip(new, states))
        states = new
        passed.append(states)
    return passed


def sequence(a: Any, cell: Any, x: Any, *weights: Any, **more: Any) -> Any:
    """The outputs of all steps."""
    return a.stack([states[0] for states in steps_of(a, cell, x, *weights, **more)], axis=1)


def last(a: Any, cell: Any, x: Any, *weights: Any, **more: Any) -> Any:
    """The output of the last step."""
    return steps_of(a, cell, x, *weights, **more)[-1][0]


def both_ways(a: Any, cell: Any, x: Any, w: Mapping[str, Any], cell_name: str) -> tuple[Any, Any]:
    """The outputs of all steps forward, and of those backward in the order of time."""
    directions = []
    for direction, way in (("forward", 1), ("backward", -1)):
        own = (w[f"{direction}_{cell_name}_{name}"] for name in ("kernel", "recurrent_kernel", "bias"))
        directions.append(sequence(a, cell, x[:, ::way], *own)[:, ::way])
    return directions[0], directions[1]


def conv_lstm(a: Any, x: Any, kernel: Any, recurrent: Any, bias: Any) -> Any:
    """The last output of an LSTM whose products are convolutions (Shi et al. 2015)."""
    pads = same_pads(x.shape[2:4], 3, 1)
    h = c = a.constant(np.zeros((x.shape[0], *x.shape[2:4], 3)))
    for t in range(x.shape[1]):
        z = convolved(a, x[:, t], kernel, 1, pads) + convolved(a, h, recurrent, 1, pads) + bias
        i, f, g, o = (z[..., k * 3 : (k + 1) * 3] for k in range(4))
        c = a.sigmoid(f) * c + a.sigmoid(i) * a.tanh(g)
        h = a.sigmoid(o) * a.tanh(c)
    return h


def stacked(a: Any, x: Any, names: Iterable[str], w: Mapping[str, Any]) -> Any:
    """LSTMs, each over the outputs of the one before."""
    for name in names:
        x = sequence(a, lstm_cell, x, *(w[f"{name}_{part}"] for part in ("kernel", "recurrent_kernel", "bias")))
    return x
