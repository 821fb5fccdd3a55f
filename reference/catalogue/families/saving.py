"""Saving and loading: what a fresh process loads gives the same bits."""

from __future__ import annotations

from typing import Any

from ..drawing import normal
from ..entries import Entry, Family, Form

KERAS_MODEL = """
keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(5, activation='tanh', name='hidden'),
    keras.layers.Dense(2, name='output'),
])
"""
TORCH_MODEL = "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))"
MAPPED = {
    "0.weight": "hidden_kernel.T",
    "0.bias": "hidden_bias",
    "2.weight": "output_kernel.T",
    "2.bias": "output_bias",
}


def network(a: Any, x: Any, hidden_kernel: Any, hidden_bias: Any, output_kernel: Any, output_bias: Any) -> Any:
    """Two dense layers."""
    return a.tanh(x @ hidden_kernel + hidden_bias) @ output_kernel + output_bias


def saved(name: str, keras: tuple[str, str], torch: tuple[str, str], note: str) -> Entry:
    """The entry of a way to save and to load; each side gives both codes."""
    return Entry(
        name,
        keras=Form(KERAS_MODEL, save=keras[0], load=keras[1]),
        torch=Form(TORCH_MODEL, save=torch[0], load=torch[1], weights=MAPPED),
        inputs={"x": normal(6, 4)},
        weights={
            "hidden/kernel": normal(4, 5),
            "hidden/bias": normal(5),
            "output/kernel": normal(5, 2),
            "output/bias": normal(2),
        },
        oracle=network,
        kind="saving",
        note=note,
    )


ENTRIES = (
    saved(
        "whole-model",
        keras=("component.save(path + '.keras')", "keras.models.load_model(path + '.keras')"),
        torch=("torch.save(component, path)", "torch.load(path, weights_only=False)"),
        note="A .keras file is a zip of configuration, metadata and HDF5 weights. torch pickles the whole module: "
        "since 2.6 torch.load refuses it unless told weights_only=False; load only what you trust.",
    ),
    saved(
        "weights",
        keras=(
            "component.save_weights(path + '.weights.h5')",
            "component.load_weights(path + '.weights.h5')\ncomponent",
        ),
        torch=(
            "torch.save(component.state_dict(), path)",
            "component.load_state_dict(torch.load(path, weights_only=True))\ncomponent",
        ),
        note="The code builds the model, the file holds the weights.",
    ),
    saved(
        "named-arrays",
        keras=(
            "np.savez(path, *component.get_weights())",
            "component.set_weights(list(np.load(path + '.npz').values()))\ncomponent",
        ),
        torch=(
            "np.savez(path, **{k: v.numpy() for k, v in component.state_dict().items()})",
            "component.load_state_dict({k: torch.tensor(v) for k, v in np.load(path + '.npz').items()})\ncomponent",
        ),
        note="The way to exchange weights between the frameworks; a BatchNorm's state_dict has num_batches_tracked "
        "besides.",
    ),
)

FAMILY = Family("saving", "Saving and loading", "model", ENTRIES)
