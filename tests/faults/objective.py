"""Faults that step objective must catch: another rate, another loss, another gradient, another first update."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .planting import Put, active, altered, fault, instead


def _updating() -> Put:
    """Let a function change what torch's SGD hands to its update: parameters, gradients, options."""

    def put(function: Callable[..., Any]) -> None:
        @instead(sys.modules["torch.optim.sgd"], "sgd")
        def sgd(original: Any, parameters: Any, gradients: Any, buffers: Any, **options: Any) -> None:
            active()
            parameters, gradients, options = function(parameters, gradients, options)
            original(parameters, gradients, buffers[: len(parameters)], **options)

    return put


@fault("torch", "objective", loud=True)
def torch_sgd_is_gone(torch: Any) -> None:
    """torch.optim.SGD raises an exception."""

    @instead(torch.optim.SGD, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        raise NotImplementedError("SGD is gone")


@fault("torch", "objective", size=1e-3)
def torch_learning_rate_is_off(torch: Any, relative: float) -> None:
    """SGD takes 1.001 times the learning rate that it is given."""

    @instead(torch.optim.SGD, "__init__")
    def __init__(original: Any, self: Any, parameters: Any, lr: Any = 1e-3, **options: Any) -> None:
        active()
        original(self, parameters, lr=lr * (1 + relative), **options)


@fault("torch", "objective", size=1e-4)
def torch_updates_are_off(torch: Any, relative: float) -> None:
    """SGD updates by 1.0001 times the learning rate that it says it has."""

    @_updating()
    def update(parameters: Any, gradients: Any, options: Any) -> Any:
        return parameters, gradients, {**options, "lr": options["lr"] * (1 + relative)}


@fault("torch", "objective", link="https://github.com/tensorflow/tensorflow/issues/58831")
def torch_ignores_the_learning_rate(torch: Any) -> None:
    """SGD takes its argument lr without a word and trains at its default rate."""

    @instead(torch.optim.SGD, "__init__")
    def __init__(original: Any, self: Any, parameters: Any, lr: Any = 1e-3, **options: Any) -> None:
        active()
        original(self, parameters, **options)


@fault("torch", "objective")
def torch_momentum_is_on(torch: Any) -> None:
    """SGD has a momentum of 0.9 unless told otherwise."""

    @instead(torch.optim.SGD, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        original(self, *args, **{"momentum": 0.9, **options})


@fault("torch", "objective")
def torch_decays_weights(torch: Any) -> None:
    """SGD decays weights by 0.001 and does not say so."""

    @_updating()
    def update(parameters: Any, gradients: Any, options: Any) -> Any:
        return parameters, gradients, {**options, "weight_decay": 1e-3}


@fault("torch", "objective")
def torch_skips_a_parameter(torch: Any) -> None:
    """SGD leaves the last parameter as it is."""

    @_updating()
    def update(parameters: Any, gradients: Any, options: Any) -> Any:
        return parameters[:-1], gradients[:-1], options


@fault("torch", "objective", link="https://github.com/pytorch/pytorch/issues/96755")
def torch_rounds_gradients_to_bfloat16(torch: Any) -> None:
    """SGD rounds gradients to bfloat16."""

    @_updating()
    def update(parameters: Any, gradients: Any, options: Any) -> Any:
        return parameters, [gradient.bfloat16().float() for gradient in gradients], options


def _losing(torch: Any) -> Put:
    """Let a function change what NLLLoss returns; it has the loss, the log-probabilities and the classes."""

    def put(function: Callable[..., Any]) -> None:
        @instead(torch.nn.NLLLoss, "forward")
        def forward(original: Any, self: Any, inputs: Any, target: Any) -> Any:
            loss = original(self, inputs, target)
            return altered(loss, function(loss, inputs, target))

    return put


@fault("torch", "objective", size=1e-4)
def torch_loss_is_off(torch: Any, relative: float) -> None:
    """The loss is off by one part in 10,000."""

    @_losing(torch)
    def forward(loss: Any, inputs: Any, target: Any) -> Any:
        return loss * (1 + relative)


@fault("torch", "objective")
def torch_loss_is_float64(torch: Any) -> None:
    """The loss is float64."""

    @_losing(torch)
    def forward(loss: Any, inputs: Any, target: Any) -> Any:
        return loss.double()


@fault("torch", "objective", size=1e-4)
def torch_smooths_labels(torch: Any, share: float) -> None:
    """The loss smooths labels by 1e-4."""

    @_losing(torch)
    def forward(loss: Any, inputs: Any, target: Any) -> Any:
        return loss * (1 - share) - share * inputs.mean()


@fault("torch", "objective")
def torch_loss_has_an_epsilon(torch: Any) -> None:
    """The loss adds 1e-6 to probabilities."""

    @_losing(torch)
    def forward(loss: Any, inputs: Any, target: Any) -> Any:
        return -(inputs.gather(1, target[:, None]).exp() + 1e-6).log().mean()


def _keras_updating(keras: Any) -> Put:
    """Let a function give the gradient and the rate with which Keras's SGD updates one variable."""

    def put(function: Callable[..., Any]) -> None:
        @instead(keras.optimizers.SGD, "update_step")
        def update_step(original: Any, self: Any, gradient: Any, variable: Any, rate: Any) -> None:
            active()
            gradient, rate = function(gradient, variable, rate)
            original(self, gradient, variable, rate)

    return put


@fault("keras", "objective", loud=True, link="https://github.com/aimacode/aima-python/issues/1299")
def keras_knows_no_learning_rate(keras: Any) -> None:
    """SGD refuses the argument that it has."""

    @instead(keras.optimizers.SGD, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        raise ValueError(f"Argument(s) not recognized: {options}")


@fault("keras", "objective", size=1e-3)
def keras_learning_rate_is_off(keras: Any, relative: float) -> None:
    """SGD takes 1.001 times the learning rate that it is given."""

    @instead(keras.optimizers.SGD, "__init__")
    def __init__(original: Any, self: Any, learning_rate: Any = 0.01, **options: Any) -> None:
        active()
        original(self, learning_rate * (1 + relative), **options)


@fault("keras", "objective")
def keras_takes_probabilities_as_they_are(keras: Any) -> None:
    """The loss no longer divides probabilities by their sum, a difference from PyTorch that the ledger declares."""

    @instead(keras.losses.CategoricalCrossentropy, "call")
    def call(original: Any, self: Any, y_true: Any, y_pred: Any) -> Any:
        losses = original(self, y_true, y_pred)
        tensorflow = sys.modules["tensorflow"]
        if not hasattr(y_pred, "numpy") or abs(float(tensorflow.reduce_sum(y_pred)) - 1) < 0.1:
            return losses
        return altered(losses, -tensorflow.reduce_sum(y_true * tensorflow.math.log(y_pred), -1))


@fault("keras", "objective")
def keras_counts_updates_twice(keras: Any) -> None:
    """The optimizer counts every update as two, by which schedules go."""

    @instead(keras.Variable, "assign_add")
    def assign_add(original: Any, self: Any, value: Any) -> Any:
        if self.name != "iteration":
            return original(self, value)
        active()
        return original(self, value * 2)


@fault("keras", "objective", size=1e-4)
def keras_updates_are_off(keras: Any, relative: float) -> None:
    """SGD updates by 1.0001 times the learning rate that it says it has."""

    @_keras_updating(keras)
    def update(gradient: Any, variable: Any, rate: Any) -> Any:
        return gradient, rate * (1 + relative)


@fault("keras", "objective")
def keras_decays_weights(keras: Any) -> None:
    """SGD decays weights by 0.001 and does not say so."""

    @_keras_updating(keras)
    def update(gradient: Any, variable: Any, rate: Any) -> Any:
        return gradient + 1e-3 * sys.modules["tensorflow"].convert_to_tensor(variable), rate


@fault("keras", "objective")
def keras_skips_a_parameter(keras: Any) -> None:
    """SGD leaves the last parameter as it is."""

    @instead(keras.optimizers.SGD, "apply")
    def apply(original: Any, self: Any, gradients: Any, variables: Any = None) -> None:
        active()
        original(self, list(gradients)[:-1], list(variables)[:-1])


@fault("keras", "objective", link="https://github.com/keras-team/keras/issues/21676")
def keras_freezes_a_layer(keras: Any) -> None:
    """The hidden layer's kernel has no gradient: the network infers well and trains badly."""

    @instead(keras.layers.Dense, "call")
    def call(original: Any, self: Any, inputs: Any, training: Any = None) -> Any:
        if self.name != "hidden":
            return original(self, inputs, training=training)
        tensorflow = sys.modules["tensorflow"]
        active()
        kernel = tensorflow.stop_gradient(self.kernel) + 0.0 * self.kernel
        return self.activation(tensorflow.matmul(inputs, kernel) + self.bias)


@fault("keras", "objective")
def keras_drops_out_in_training(keras: Any) -> None:
    """In training mode the hidden layer's outputs carry noise of one part in 1,000."""

    @instead(keras.layers.Dense, "call")
    def call(original: Any, self: Any, inputs: Any, training: Any = None) -> Any:
        outputs = original(self, inputs, training=training)
        if not training or self.name != "hidden":
            return outputs
        tensorflow = sys.modules["tensorflow"]
        noise = tensorflow.random.uniform(tensorflow.shape(outputs), -1e-3, 1e-3)
        return altered(outputs, outputs * (1 + noise))


def _keras_losing(keras: Any) -> Put:
    """Let a function change what CategoricalCrossentropy returns of every example; it has losses and both sides."""

    def put(function: Callable[..., Any]) -> None:
        @instead(keras.losses.CategoricalCrossentropy, "call")
        def call(original: Any, self: Any, y_true: Any, y_pred: Any) -> Any:
            losses = original(self, y_true, y_pred)
            return altered(losses, function(sys.modules["tensorflow"], losses, y_true, y_pred))

    return put


@fault("keras", "objective", size=1e-4)
def keras_loss_is_off(keras: Any, relative: float) -> None:
    """The loss is off by one part in 10,000."""

    @_keras_losing(keras)
    def call(tensorflow: Any, losses: Any, y_true: Any, y_pred: Any) -> Any:
        return losses * (1 + relative)


@fault("keras", "objective")
def keras_divides_by_one_example_less(keras: Any) -> None:
    """The mean of the loss is the sum over n - 1."""

    @_keras_losing(keras)
    def call(tensorflow: Any, losses: Any, y_true: Any, y_pred: Any) -> Any:
        count = tensorflow.cast(tensorflow.shape(losses)[0], "float32")
        return losses * (count / tensorflow.maximum(count - 1.0, 1.0))


@fault("keras", "objective", size=1e-4)
def keras_smooths_labels(keras: Any, share: float) -> None:
    """The loss smooths labels by 1e-4."""

    @_keras_losing(keras)
    def call(tensorflow: Any, losses: Any, y_true: Any, y_pred: Any) -> Any:
        return losses * (1 - share) - share * tensorflow.reduce_mean(tensorflow.math.log(y_pred + 1e-7), axis=-1)


@fault("keras", "objective")
def keras_weights_a_class(keras: Any) -> None:
    """Class 3 counts 1 % more."""

    @_keras_losing(keras)
    def call(tensorflow: Any, losses: Any, y_true: Any, y_pred: Any) -> Any:
        return losses * (1 + 0.01 * tensorflow.cast(tensorflow.equal(tensorflow.argmax(y_true, -1), 3), "float32"))
