"""Recurrent layers: GRUs."""

from __future__ import annotations

from typing import Any

from ..cells import gru_cell, gru_cell_reset_before, last, sequence
from ..entries import Divergence, Entry, Family, Form
from ..varying import Vary
from .recurrent import MASK, PACKED, SWAPPED, entry, gru_in_torch

RESET_BEFORE = """
class ResetBefore(nn.Module):
    def __init__(self):
        super().__init__()
        self.kernel, self.recurrent = nn.Parameter(torch.zeros(4, 18)), nn.Parameter(torch.zeros(6, 18))
        self.bias = nn.Parameter(torch.zeros(18))
    def forward(self, x):
        h, outputs = x.new_zeros(len(x), 6), []
        for now in (x @ self.kernel + self.bias).unbind(1):
            z, r = (now[:, :12] + h @ self.recurrent[:, :12]).sigmoid().chunk(2, 1)
            h = z * h + (1 - z) * torch.tanh(now[:, 12:] + (r * h) @ self.recurrent[:, 12:])
            outputs.append(h)
        return torch.stack(outputs, 1)
ResetBefore()
"""


def gru(name: str, keras: str, call: str, oracle: Any, keras_call: str = "", **more: Any) -> Entry:
    """The entry of a GRU."""
    torch = gru_in_torch("nn.GRU(4, 6, batch_first=True)", call)
    return entry(name, keras, torch, gru_cell, oracle, keras_call, **more)


ENTRIES = (
    gru(
        "GRU",
        "keras.layers.GRU(6, return_sequences=True)",
        "component(x)[0]",
        lambda a, x, **w: sequence(a, gru_cell, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        divergences=(
            Divergence(
                "gates-not-swapped",
                1.1,
                1.6,
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
        note="torch's GRU is Keras's with reset_after=True, its default.",
    ),
    gru(
        "GRU-states",
        "keras.layers.GRU(6, return_state=True)",
        "output, h = component(x)\noutput[:, -1], h[0]",
        lambda a, x, **w: (last(a, gru_cell, x, **w),) * 2,
        vary=Vary({"x": ("n", "steps", 4)}),
    ),
    gru(
        "GRU-masked",
        "keras.layers.GRU(6)",
        f"component({PACKED})[1][0]",
        lambda a, x, mask, **w: last(a, gru_cell, x, mask=mask, **w),
        "component(x, mask=mask)",
        inputs={"mask": MASK},
    ),
    entry(
        "GRU-reset_before",
        "keras.layers.GRU(6, return_sequences=True, reset_after=False)",
        Form(RESET_BEFORE, weights={"kernel": "kernel", "recurrent": "recurrent", "bias": "bias"}),
        gru_cell_reset_before,
        lambda a, x, **w: sequence(a, gru_cell_reset_before, x, **w),
        vary=Vary({"x": ("n", "steps", 4)}),
        note="Has no twin in torch: write the cell.",
        divergences=(
            Divergence(
                "nn.GRU",
                0.21,
                0.29,
                "nn.GRU multiplies with the reset gate behind the product; no weights make up for it.",
                torch=Form(
                    "nn.GRU(4, 6, batch_first=True)",
                    "component(x)[0]",
                    weights={
                        "weight_ih_l0": SWAPPED.format("kernel") + ".T",
                        "weight_hh_l0": SWAPPED.format("recurrent") + ".T",
                        "bias_ih_l0": SWAPPED.format("bias"),
                    },
                    fixed={"bias_hh_l0": "np.zeros(18)"},
                ),
            ),
        ),
    ),
)

FAMILY = Family("recurrent_gru", "Recurrent layers: GRU", "model", ENTRIES)
