"""Step 3: the network, a sigmoid layer and a softmax layer."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from reference.oracle import data
from reference.oracle.arithmetic import EXACT, Arithmetic, Array
from reference.workloads import Workload


class Model:
    """Weights, under the workload's names, and the arithmetic in which the network is calculated.

    With `preprocessing` "outside" it takes pixels in [0, 1], (n, pixels); "inside", raw images, uint8
    (n, 28, 28).
    """

    def __init__(self, workload: Workload, preprocessing: str, arithmetic: Arithmetic) -> None:
        self.workload = workload
        self.preprocessing = preprocessing
        self.arithmetic = arithmetic
        self.weights: dict[str, Array] = {}
        glorot_weights(self, seed=0)

    def calculate_in(self, arithmetic: Arithmetic) -> None:
        """Change the arithmetic, and the weights with it."""
        self.arithmetic = arithmetic
        self.weights = {name: arithmetic.array(values) for name, values in self.weights.items()}


def build_model(workload: Workload, preprocessing: str = "outside", arithmetic: Arithmetic = EXACT) -> Model:
    """A network with Glorot-uniform kernels of seed 0 and zero biases."""
    return Model(workload, preprocessing, arithmetic)


def seed_everything(seed: int) -> None:
    """Nothing: no random number here comes from a hidden generator."""


def glorot_weights(model: Model, seed: int) -> None:
    """Kernels uniform within sqrt(6 / (inputs + units)) of 0 (Glorot and Bengio 2010); zero biases."""
    generator = np.random.default_rng(seed)
    weights = {}
    for parameter in model.workload.parameters:
        limit = np.sqrt(6 / sum(parameter.shape)) if parameter.initializer == "glorot_uniform" else 0.0
        weights[parameter.name] = generator.uniform(-limit, limit, parameter.shape).astype(np.float32)
    set_weights(model, weights)


def get_weights(model: Model) -> dict[str, np.ndarray]:
    """The weights as they are, kernels (inputs, units), biases (units,)."""
    return dict(model.weights)


def set_weights(model: Model, weights: Mapping[str, np.ndarray]) -> None:
    """Take over float32 weights. Raises ValueError where names or shapes are not the model's."""
    expected = {parameter.name: parameter.shape for parameter in model.workload.parameters}
    given = {name: np.shape(values) for name, values in weights.items()}
    if given != expected:
        raise ValueError(f"weights {given} do not fit the model's {expected}")
    model.weights = {name: model.arithmetic.array(values) for name, values in weights.items()}


def count_parameters(model: Model) -> dict[str, int]:
    """Layer name to its number of weights."""
    counts: dict[str, int] = {}
    for parameter in model.workload.parameters:
        layer = parameter.name.split("/")[0]
        counts[layer] = counts.get(layer, 0) + int(np.prod(parameter.shape))
    return counts


def preprocess_inside(model: Model, images: np.ndarray) -> np.ndarray:
    """What a model built with preprocessing "inside" makes of raw images: float32 (n, pixels)."""
    return data.preprocess(images)


def layers(model: Model, inputs: np.ndarray) -> tuple[Array, Array, Array]:
    """The network's inputs, hidden activations and logits: (n, pixels), (n, hidden units), (n, classes)."""
    arithmetic, weights = model.arithmetic, model.weights
    x = arithmetic.array(data.preprocess(inputs) if model.preprocessing == "inside" else inputs)
    hidden = arithmetic.matmul(x, weights["hidden/kernel"])
    hidden = arithmetic.sigmoid(arithmetic.add(hidden, weights["hidden/bias"][..., None, :]))
    output = arithmetic.matmul(hidden, weights["output/kernel"])
    return x, hidden, arithmetic.add(output, weights["output/bias"][..., None, :])


def logits(model: Model, inputs: np.ndarray) -> Array:
    """The last layer before its softmax, (n, classes)."""
    return layers(model, inputs)[-1]


def probabilities(model: Model, inputs: np.ndarray) -> Array:
    """The softmax of the logits, (n, classes)."""
    return model.arithmetic.softmax(logits(model, inputs))
