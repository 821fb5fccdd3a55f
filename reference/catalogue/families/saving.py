"""Saving and loading: what a fresh process loads gives the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..drawing import normal, uniform, values
from ..entries import Entry, Family, Form
from ..resuming import (
    LOADED_TRAINING,
    MODEL_AND_OPTIMIZER,
    RESUMED_IN_KERAS,
    RESUMED_IN_TORCH,
    SAVED_TRAINING,
    TRAINED_IN_KERAS,
    TRAINED_IN_TORCH,
    resumed,
)

KERAS_MODEL = """
keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(5, activation='tanh', name='hidden'),
    keras.layers.Dense(2, name='output'),
])
"""
TORCH_MODEL = "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))"
WEIGHTS = {
    "hidden/kernel": normal(4, 5),
    "hidden/bias": normal(5),
    "output/kernel": normal(5, 2),
    "output/bias": normal(2),
}
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
        weights=WEIGHTS,
        oracle=network,
        kind="saving",
        note=note,
    )


def normalised_network(
    a: Any, x: Any, hidden_kernel: Any, gamma: Any, beta: Any, moving_mean: Any, moving_variance: Any
) -> Any:
    """A dense layer without bias and batch normalisation with its running statistics."""
    return (x @ hidden_kernel - moving_mean) / a.sqrt(moving_variance + 2.0**-10) * gamma + beta


NORMALISED_IN_KERAS = """
keras.Sequential([
    keras.Input((4,)),
    keras.layers.Dense(5, use_bias=False, name='hidden'),
    keras.layers.BatchNormalization(epsilon=2**-10, name='norm'),
])
"""
NORMALISED_IN_TORCH = "nn.Sequential(nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5, eps=2**-10))"
LINE = {"x": values(np.arange(8.0).reshape(8, 1) / 8), "y": values(np.arange(8.0).reshape(8, 1) / 4 - 1)}
CUSTOM_IN_KERAS = """
@keras.utils.register_keras_serializable()
class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2 * x
"""
CUSTOM_IN_TORCH = """
class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x
"""

NORMALISED_MAPPED = {
    "0.weight": "hidden_kernel.T",
    "1.weight": "gamma",
    "1.bias": "beta",
    "1.running_mean": "moving_mean",
    "1.running_var": "moving_variance",
}
NORMALISED_WEIGHTS = {
    "hidden/kernel": normal(4, 5),
    "gamma": normal(5),
    "beta": normal(5),
    "moving_mean": normal(5),
    "moving_variance": uniform(5, low=0.5, high=2.0),
}

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
    saved(
        "legacy-file",
        keras=("component.save(path + '.h5')", "keras.models.load_model(path + '.h5')"),
        torch=(
            "torch.save(component.state_dict(), path, _use_new_zipfile_serialization=False)",
            "component.load_state_dict(torch.load(path, weights_only=True))\ncomponent",
        ),
        note="Files of Keras 2 (.h5) and of torch before 1.6 (no zip) are still read and written.",
    ),
    saved(
        "checkpoint",
        keras=(
            "tf.train.Checkpoint(model=component).write(path)",
            "tf.train.Checkpoint(model=component).read(path).assert_consumed()\ncomponent",
        ),
        torch=(
            "torch.save(dict(model=component.state_dict(), epoch=3), path)",
            "component.load_state_dict(torch.load(path, weights_only=True)['model'])\ncomponent",
        ),
        note="tf.train.Checkpoint finds variables by the names of attributes, whatever their layers are called.",
    ),
    saved(
        "configuration-and-weights",
        keras=(
            "open(path + '.json', 'w').write(component.to_json())\ncomponent.save_weights(path + '.weights.h5')",
            "component = keras.models.model_from_json(open(path + '.json').read())\n"
            "component.load_weights(path + '.weights.h5')\ncomponent",
        ),
        torch=(
            "torch.save(component.state_dict(), path)",
            "component.load_state_dict(torch.load(path, weights_only=True, mmap=True))\ncomponent",
        ),
        note="A module of torch has no configuration to save: its code is.",
    ),
    Entry(
        "exported-program",
        keras=Form(
            KERAS_MODEL,
            "tf.function(component)(x)",
            save="component.export(path, verbose=False)",
            load="loaded = tf.saved_model.load(path)\nlambda x: loaded.serve(x)",
        ),
        torch=Form(
            TORCH_MODEL,
            save="torch.jit.save(torch.jit.trace(component, torch.zeros(6, 4)), path)",
            load="torch.jit.load(path)",
            weights=MAPPED,
        ),
        inputs={"x": normal(6, 4)},
        weights=WEIGHTS,
        oracle=network,
        kind="saving",
        note="Runs without the code that made it, as a graph, which may round otherwise than the model that is called. "
        "Keras 3 loads no SavedModel as a model: keras.layers.TFSMLayer wraps its call.",
    ),
    Entry(
        "weights-with-statistics",
        keras=Form(
            NORMALISED_IN_KERAS,
            save="component.save_weights(path + '.weights.h5')",
            load="component.load_weights(path + '.weights.h5')\ncomponent",
            weights={
                "hidden/kernel": "hidden_kernel",
                "norm/gamma": "gamma",
                "norm/beta": "beta",
                "norm/moving_mean": "moving_mean",
                "norm/moving_variance": "moving_variance",
            },
        ),
        torch=Form(
            NORMALISED_IN_TORCH,
            save="torch.save(component.state_dict(), path)",
            load="component.load_state_dict(torch.load(path, weights_only=True))\ncomponent",
            weights=NORMALISED_MAPPED,
        ),
        inputs={"x": normal(6, 4)},
        weights=NORMALISED_WEIGHTS,
        oracle=normalised_network,
        kind="saving",
        note="named_parameters() lacks the running statistics, state_dict() has them, and num_batches_tracked besides.",
    ),
    Entry(
        "training-resumed",
        keras=Form(
            TRAINED_IN_KERAS,
            RESUMED_IN_KERAS,
            save="component.save(path + '.keras')",
            load="keras.models.load_model(path + '.keras')",
        ),
        torch=Form(
            TRAINED_IN_TORCH,
            RESUMED_IN_TORCH,
            save=SAVED_TRAINING,
            load=f"{MODEL_AND_OPTIMIZER}{LOADED_TRAINING}",
        ),
        inputs=LINE,
        oracle=resumed,
        gradients=(),
        kind="saving",
        note="One step after loading is as without: a .keras file holds the optimizer's state, in torch it is saved "
        "beside the model's.",
    ),
    Entry(
        "custom-layer",
        keras=Form(
            f"{CUSTOM_IN_KERAS}\nkeras.Sequential([keras.Input((4,)), Doubled()])",
            save="component.save(path + '.keras')",
            load=f"{CUSTOM_IN_KERAS}\nkeras.models.load_model(path + '.keras')",
        ),
        torch=Form(
            f"{CUSTOM_IN_TORCH}\nnn.Sequential(Doubled())",
            save="torch.save(component.state_dict(), path)",
            load=f"{CUSTOM_IN_TORCH}\ncomponent = nn.Sequential(Doubled())\n"
            "component.load_state_dict(torch.load(path, weights_only=True))\ncomponent",
        ),
        inputs={"x": normal(6, 4)},
        oracle=lambda a, x: 2.0 * x,
        kind="saving",
        note="The class must be there, and in Keras registered, before the file is read.",
    ),
)

FAMILY = Family("saving", "Saving and loading", "model", ENTRIES)
