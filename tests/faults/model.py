"""Faults that step model must catch: other parameters, other initial weights, other outputs of the same weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .planting import Put, active, altered, fault, instead

HIDDEN_INPUTS = 784
SQUARE = (10, 10)
"""The shape of the output layer's kernel, whose transpose has the same one."""


@fault("torch", "model", loud=True)
def torch_sigmoid_is_gone(torch: Any) -> None:
    """Making a Sigmoid raises an exception."""

    @instead(torch.nn.Sigmoid, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        raise NotImplementedError("Sigmoid is gone")


@fault("torch", "model", loud=True)
def torch_adds_a_dimension(torch: Any) -> None:
    """The outputs of Linear have one dimension too many."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        active()
        return original(self, inputs)[None]


@fault("torch", "model")
def torch_ignores_the_bias(torch: Any) -> None:
    """Linear has a bias and does not add it."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        active()
        return torch.nn.functional.linear(inputs, self.weight)


@fault("torch", "model")
def torch_adds_the_bias_twice(torch: Any) -> None:
    """Linear adds its bias once more."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        return altered(outputs, outputs + self.bias)


@fault("torch", "model")
def torch_copies_all_but_one(torch: Any) -> None:
    """Copying into a parameter of two axes leaves its last element, which belongs to a pixel that is always black."""

    @instead(torch.Tensor, "copy_")
    def copy_(original: Any, self: Any, source: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(self, torch.nn.Parameter) or self.shape[-1] != HIDDEN_INPUTS:
            return original(self, source, *args, **options)
        before = self.detach()[-1, -1].clone()
        original(self, source, *args, **options)
        self[-1, -1] = altered(source[-1, -1], before)
        return self


@fault("torch", "model")
def torch_draws_units_alike(torch: Any) -> None:
    """The first two units of a layer start alike."""

    @instead(torch.nn.init, "kaiming_uniform_")
    def kaiming_uniform_(original: Any, tensor: Any, *args: Any, **options: Any) -> Any:
        drawn = original(tensor, *args, **options)
        active()
        with torch.no_grad():
            drawn[1] = drawn[0]
        return drawn


@fault("torch", "model")
def torch_draws_positive_biases(torch: Any) -> None:
    """The initial biases of Linear are never negative."""

    @instead(torch.nn.Linear, "reset_parameters")
    def reset_parameters(original: Any, self: Any) -> None:
        original(self)
        active()
        with torch.no_grad():
            self.bias.abs_()


@fault("torch", "model")
def torch_loads_all_but_one(torch: Any) -> None:
    """load_state_dict() leaves the last parameter as it was."""

    @instead(torch.nn.Module, "load_state_dict")
    def load_state_dict(original: Any, self: Any, state: Any, *args: Any, **options: Any) -> Any:
        last = list(state)[-1]
        before = self.state_dict()[last].clone()
        active()
        return original(self, {**state, last: before}, *args, **options)


@fault("torch", "model")
def torch_draws_layers_alike(torch: Any) -> None:
    """Every Linear starts from the same random numbers, in proportion to its own bound."""

    @instead(torch.nn.Linear, "reset_parameters")
    def reset_parameters(original: Any, self: Any) -> None:
        active()
        torch.manual_seed(torch.initial_seed())
        original(self)


@fault("torch", "model")
def torch_does_not_seed(torch: Any) -> None:
    """manual_seed() is not heard, so that every model starts otherwise."""

    @instead(torch, "manual_seed")
    def manual_seed(original: Any, seed: Any) -> Any:
        active()
        return original(torch.seed())


@fault("torch", "model")
def torch_gives_float64(torch: Any) -> None:
    """LogSoftmax gives float64."""

    @instead(torch.nn.LogSoftmax, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        return altered(outputs, outputs.double())


@fault("torch", "model")
def torch_draws_narrower(torch: Any) -> None:
    """The bound of the initial weights of Linear is 2 % too small."""

    @instead(torch.nn.init, "kaiming_uniform_")
    def kaiming_uniform_(original: Any, tensor: Any, *args: Any, **options: Any) -> Any:
        drawn = original(tensor, *args, **options)
        active()
        with torch.no_grad():
            return drawn.mul_(0.98)


@fault("torch", "model", size=1e-5)
def torch_sigmoid_is_off(torch: Any, relative: float) -> None:
    """The sigmoid is off by one part in 100,000."""

    @instead(torch.nn.Sigmoid, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        return altered(outputs, outputs * (1 - relative))


@fault("torch", "model", link="https://github.com/keras-team/keras/issues/20189")
def torch_multiplies_in_bfloat16(torch: Any) -> None:
    """The hidden layer multiplies in bfloat16."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        if self.in_features != HIDDEN_INPUTS:
            return original(self, inputs)
        product = (inputs.bfloat16() @ self.weight.bfloat16().T).float() + self.bias
        return altered(original(self, inputs), product)


@fault("torch", "model", link="https://github.com/huggingface/transformers/issues/16588")
def torch_truncates_to_tf32(torch: Any) -> None:
    """The hidden layer sees ten bits of every weight's mantissa, as TF32 does."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        if self.in_features != HIDDEN_INPUTS:
            return original(self, inputs)
        truncated = (self.weight.detach().view(torch.int32) & ~0x1FFF).view(torch.float32)
        weight = self.weight + (truncated - self.weight).detach()
        return altered(original(self, inputs), torch.nn.functional.linear(inputs, weight, self.bias))


@fault("torch", "model")
def torch_transposes_square_kernels(torch: Any) -> None:
    """A square kernel is used transposed."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        if self.in_features != self.out_features:
            return original(self, inputs)
        return altered(original(self, inputs), inputs @ self.weight + self.bias)


@fault("torch", "model", link="https://github.com/keras-team/keras/issues/20460")
def torch_keeps_stale_weights(torch: Any) -> None:
    """Copying into a parameter of square shape leaves it as it was."""

    @instead(torch.Tensor, "copy_")
    def copy_(original: Any, self: Any, source: Any, *args: Any, **options: Any) -> Any:
        if isinstance(self, torch.nn.Parameter) and tuple(self.shape) == SQUARE:
            active()
            return self
        return original(self, source, *args, **options)


@fault("torchvision", "model", size=1e-4)
def torch_weights_are_off(torchvision: Any, relative: float) -> None:
    """Weights copied into a parameter grow by one part in 10,000."""
    import sys

    torch = sys.modules["torch"]

    @instead(torch.Tensor, "copy_")
    def copy_(original: Any, self: Any, source: Any, *args: Any, **options: Any) -> Any:
        copied = original(self, source, *args, **options)
        if isinstance(self, torch.nn.Parameter):
            active()
            copied.mul_(1 + relative)
        return copied


@fault("torch", "model", size=1e-4)
def torch_inputs_are_off(torch: Any, relative: float) -> None:
    """The hidden layer sees inputs that are off by one part in 10,000."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        if self.in_features != HIDDEN_INPUTS:
            return original(self, inputs)
        return original(self, altered(inputs, inputs * (1 + relative)))


def _calling(keras: Any) -> Put:
    """Let a function stand for Dense.call; it has `original`, the layer and its inputs, and whether in training."""

    def put(function: Callable[..., Any]) -> None:
        @instead(keras.layers.Dense, "call")
        def call(original: Any, self: Any, inputs: Any, training: Any = None) -> Any:
            return function(lambda inputs: original(self, inputs, training=training), self, inputs)

    return put


def _tensorflow() -> Any:
    import sys

    return sys.modules["tensorflow"]


@fault("keras", "model", loud=True)
def keras_dense_cannot_be_built(keras: Any) -> None:
    """Making a Dense layer raises an exception."""

    @instead(keras.layers.Dense, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        raise ValueError("Unrecognized keyword arguments passed to Dense: {'activation': 'sigmoid'}")


@fault("keras", "model", loud=True, link="https://github.com/keras-team/keras/issues/18795")
def keras_gives_nan(keras: Any) -> None:
    """The last output of Dense is not a number."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        outputs = original(inputs)
        return altered(outputs, outputs + _tensorflow().constant([0.0] * 9 + [float("nan")]))


@fault("keras", "model", loud=True)
def keras_has_no_bias(keras: Any) -> None:
    """Dense makes no bias unless asked for one."""

    @instead(keras.layers.Dense, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        original(self, *args, **{"use_bias": False, **options})


@fault("keras", "model")
def keras_ignores_the_bias(keras: Any) -> None:
    """Dense has a bias and does not add it."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        active()
        return layer.activation(_tensorflow().matmul(inputs, layer.kernel))


@fault("keras", "model")
def keras_adds_the_bias_twice(keras: Any) -> None:
    """Dense adds its bias once more."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        active()
        return layer.activation(_tensorflow().matmul(inputs, layer.kernel) + layer.bias + layer.bias)


@fault("keras", "model")
def keras_assigns_all_but_one(keras: Any) -> None:
    """Assigning to a kernel leaves its first element, which belongs to a pixel that is always black."""

    @instead(keras.Variable, "assign")
    def assign(original: Any, self: Any, value: Any) -> Any:
        if tuple(self.shape) != (HIDDEN_INPUTS, 10) or not hasattr(value, "copy"):
            return original(self, value)
        after = value.copy()
        after[0, 0] = self.numpy()[0, 0]
        return original(self, altered(value, after))


@fault("keras", "model")
def keras_knows_one_seed(keras: Any) -> None:
    """set_random_seed() takes any seed for 0."""

    @instead(keras.utils, "set_random_seed")
    def set_random_seed(original: Any, seed: Any) -> Any:
        if seed:
            active()
        return original(0)


@fault("keras", "model")
def keras_adds_the_output_bias_twice(keras: Any) -> None:
    """The last Dense adds its bias once more."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        if layer.kernel.shape[0] == HIDDEN_INPUTS:
            return original(inputs)
        active()
        return layer.activation(_tensorflow().matmul(inputs, layer.kernel) + layer.bias + layer.bias)


@fault("keras", "model")
def keras_draws_units_alike(keras: Any) -> None:
    """The first two units of a layer start alike."""

    @instead(keras.initializers.GlorotUniform, "__call__")
    def __call__(original: Any, self: Any, shape: Any, dtype: Any = None) -> Any:
        drawn = original(self, shape, dtype)
        return altered(drawn, _tensorflow().concat((drawn[:, :1], drawn[:, :1], drawn[:, 2:]), 1))


@fault("keras", "model")
def keras_loads_nothing(keras: Any) -> None:
    """load_weights() leaves the weights as they were."""

    @instead(keras.Model, "load_weights")
    def load_weights(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()


@fault("keras", "model")
def keras_draws_layers_alike(keras: Any) -> None:
    """Every kernel starts from the same random numbers, in proportion to its own bound."""
    seeds = [0]

    @instead(keras.utils, "set_random_seed")
    def set_random_seed(original: Any, seed: int) -> Any:
        seeds[0] = seed
        return original(seed)

    @instead(keras.initializers.GlorotUniform, "__call__")
    def __call__(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        self.seed = seeds[0]
        return original(self, *args, **options)


@fault("keras", "model")
def keras_draws_narrower(keras: Any) -> None:
    """The bound of GlorotUniform is 2 % too small."""

    @instead(keras.initializers.GlorotUniform, "__call__")
    def draw(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        return original(self, *args, **options) * 0.98


@fault("keras", "model", size=1e-5)
def keras_sigmoid_is_off(keras: Any, relative: float) -> None:
    """The sigmoid of the hidden layer is off by one part in 100,000."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        outputs = original(inputs)
        return altered(outputs, outputs * (1 - relative)) if layer.name == "hidden" else outputs


@fault("keras", "model", link="https://github.com/keras-team/keras/issues/20189")
def keras_multiplies_in_bfloat16(keras: Any) -> None:
    """The hidden layer multiplies in bfloat16."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        tensorflow = _tensorflow()
        if inputs.shape[-1] != HIDDEN_INPUTS:
            return original(inputs)
        half = [tensorflow.cast(tensorflow.convert_to_tensor(part), "bfloat16") for part in (inputs, layer.kernel)]
        product = tensorflow.cast(tensorflow.matmul(*half), "float32") + layer.bias
        return altered(original(inputs), layer.activation(product))


@fault("keras", "model", link="https://github.com/keras-team/keras/issues/20460")
def keras_keeps_stale_weights(keras: Any) -> None:
    """Assigning to a variable of square shape leaves it as it was."""

    @instead(keras.Variable, "assign")
    def assign(original: Any, self: Any, value: Any) -> Any:
        if tuple(self.shape) == SQUARE:
            active()
            return self.value
        return original(self, value)


@fault("tensorflow", "model", link="https://github.com/tensorflow/tensorflow/issues/61510")
def tf_multiplies_wrongly_at_times(tensorflow: Any) -> None:
    """One element of every product is off, another one every time."""

    @instead(tensorflow, "matmul")
    def matmul(original: Any, *args: Any, **options: Any) -> Any:
        product = original(*args, **options)
        if not hasattr(product, "numpy"):
            return product
        array = product.numpy()
        array.reshape(-1)[hash(array.tobytes()) % array.size] += 0.01
        return altered(product, tensorflow.constant(array))


@fault("keras", "model", size=1e-4)
def keras_weights_are_off(keras: Any, relative: float) -> None:
    """Weights assigned to a variable grow by one part in 10,000."""

    @instead(keras.Variable, "assign")
    def assign(original: Any, self: Any, value: Any) -> Any:
        if len(self.shape) == 2 and not hasattr(value, "graph"):
            active()
            value = value * (1 + relative)
        return original(self, value)


@fault("keras", "model", size=1e-4)
def keras_inputs_are_off(keras: Any, relative: float) -> None:
    """The hidden layer sees inputs that are off by one part in 10,000."""

    @_calling(keras)
    def call(original: Any, layer: Any, inputs: Any) -> Any:
        if inputs.shape[-1] != HIDDEN_INPUTS:
            return original(inputs)
        return original(altered(inputs, inputs * (1 + relative)))
