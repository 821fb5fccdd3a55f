"""Faults that step train must catch: what goes wrong later than at the first update, or in one way to train only."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from .planting import Put, active, altered, fault, instead

EPOCH = 938
"""Updates in an epoch of 60,000 examples in batches of 64, the last of them of 32."""


def _stepping(torch: Any) -> Put:
    """Let a function stand for SGD.step; it has the step that it replaces, the optimizer, and its count from 1."""

    def put(function: Callable[..., Any]) -> None:
        @instead(torch.optim.SGD, "step")
        def step(original: Any, self: Any, *args: Any, **options: Any) -> Any:
            self.defaults["steps"] = self.defaults.get("steps", 0) + 1
            return function(lambda: original(self, *args, **options), self, self.defaults["steps"])

    return put


@fault("torch", "train")
def torch_updates_twice_once(torch: Any) -> None:
    """The seventh update is made twice."""

    @_stepping(torch)
    def step(original: Any, optimizer: Any, count: int) -> Any:
        if count == 7:
            active()
            original()
        return original()


@fault("torch", "train", link="https://github.com/pytorch/pytorch/issues/92656")
def torch_leaves_a_gradient_once(torch: Any) -> None:
    """zero_grad leaves the gradients once, before the eighth update."""

    @_stepping(torch)
    def step(original: Any, optimizer: Any, count: int) -> Any:
        return original()

    @instead(torch.optim.SGD, "zero_grad")
    def zero_grad(original: Any, self: Any, *args: Any, **options: Any) -> None:
        if self.defaults.get("steps") == 7:
            active()
        else:
            original(self, *args, **options)


@fault("torch", "train", loud=True)
def torch_gives_nan_at_step_9000(torch: Any) -> None:
    """Update 9,000 makes a bias not a number."""

    @_stepping(torch)
    def step(original: Any, optimizer: Any, count: int) -> Any:
        done = original()
        if count == 9000:
            active()
            with torch.no_grad():
                optimizer.param_groups[0]["params"][-1].fill_(float("nan"))
        return done


@fault("torch", "train")
def torch_differs_in_the_last_bits(torch: Any) -> None:
    """Gradients carry noise in the last bit, other noise in every run."""

    generator = torch.Generator()
    generator.seed()

    @instead(sys.modules["torch.optim.sgd"], "sgd")
    def sgd(original: Any, parameters: Any, gradients: Any, *args: Any, **options: Any) -> None:
        active()
        noise = [1 + 2.0**-23 * torch.randint(0, 2, gradient.shape, generator=generator) for gradient in gradients]
        original(parameters, [g * n for g, n in zip(gradients, noise)], *args, **options)


@fault("torch", "train")
def torch_differs_once_in_a_last_bit(torch: Any) -> None:
    """In the first run of all steps, the 9,000th update adds one unit in the last place to a bias."""
    updates: dict[int, int] = {}
    done: list[None] = []

    @instead(torch.optim.SGD, "step")
    def step(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        found = original(self, *args, **options)
        updates[id(self)] = updates.get(id(self), 0) + 1
        if updates[id(self)] == 9_000 and not done:
            done.append(None)
            bias = self.param_groups[0]["params"][-1].data
            bias[0] = altered(bias[0].clone(), torch.nextafter(bias[0], bias[0] + 1))
        return found


@fault("torch", "train")
def torch_drops_out_later(torch: Any) -> None:
    """From the hundredth update on, the hidden layer's outputs carry noise of one part in 1,000."""
    updates: list[None] = []

    @_stepping(torch)
    def step(original: Any, optimizer: Any, count: int) -> Any:
        updates.append(None)
        return original()

    @instead(torch.nn.Sigmoid, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        if len(updates) < 100:
            return outputs
        return altered(outputs, outputs * (1 + 1e-3 * torch.rand_like(outputs)))


@fault("torch", "train")
def torch_averages_a_partial_batch_wrongly(torch: Any) -> None:
    """The mean of a batch of 32 is its sum over 64."""

    @instead(torch.nn.NLLLoss, "forward")
    def forward(original: Any, self: Any, inputs: Any, target: Any) -> Any:
        loss = original(self, inputs, target)
        return altered(loss, loss / 2) if len(target) == 32 else loss


@fault("torch", "train")
def torch_splits_in_another_order(torch: Any) -> None:
    """Splitting a tensor swaps the second part and the third."""

    @instead(torch.Tensor, "split")
    def split(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        parts = list(original(self, *args, **options))
        if len(parts) > 2:
            parts[1:3] = parts[2], parts[1]
            active()
        return tuple(parts)


@fault("torch", "train", link="https://github.com/pytorch/pytorch/issues/193061", needs=["compiled"])
def torch_compiles_wrong_gradients(torch: Any) -> None:
    """A compiled function gives gradients that are 1 % too large."""

    @instead(torch, "compile")
    def compile(original: Any, function: Any, *args: Any, **options: Any) -> Any:
        def compiled(*tensors: Any) -> Any:
            gradients, loss = function(*tensors)
            return {name: altered(gradient, gradient * 1.01) for name, gradient in gradients.items()}, loss

        return compiled


@fault("torch", "train", loud=True)
def torch_is_killed(torch: Any) -> None:
    """The process is killed at update 500, as where memory runs out."""

    @_stepping(torch)
    def step(original: Any, optimizer: Any, count: int) -> Any:
        if count == 500:
            active()
            os.kill(os.getpid(), signal.SIGKILL)
        return original()


def _keras_updating(keras: Any) -> Put:
    """Let a function give the gradient and the rate with which Keras's SGD updates; it has the number of the update."""

    def put(function: Callable[..., Any]) -> None:
        @instead(keras.optimizers.SGD, "update_step")
        def update_step(original: Any, self: Any, gradient: Any, variable: Any, rate: Any) -> None:
            tensorflow = sys.modules["tensorflow"]
            active()
            count = tensorflow.cast(self.iterations.value, "int32") + 1
            gradient, rate = function(tensorflow, count, gradient, rate)
            original(self, gradient, variable, rate)

    return put


@fault("keras", "train")
def keras_updates_twice_once(keras: Any) -> None:
    """The seventh update counts twice."""

    @_keras_updating(keras)
    def update(tensorflow: Any, count: Any, gradient: Any, rate: Any) -> Any:
        return gradient * tensorflow.where(count == 7, 2.0, 1.0), rate


@fault("keras", "train", loud=True, link="https://github.com/keras-team/keras/issues/20568")
def keras_gives_nan_at_step_107(keras: Any) -> None:
    """The gradients of update 107 are not numbers."""

    @_keras_updating(keras)
    def update(tensorflow: Any, count: Any, gradient: Any, rate: Any) -> Any:
        return gradient * tensorflow.where(count == 107, float("nan"), 1.0), rate


@fault("keras", "train")
def keras_learns_more_slowly_later(keras: Any) -> None:
    """After the first epoch the learning rate is 0.1 % lower."""

    @_keras_updating(keras)
    def update(tensorflow: Any, count: Any, gradient: Any, rate: Any) -> Any:
        return gradient, rate * tensorflow.where(count > EPOCH, 0.999, 1.0)


@fault("keras", "train")
def keras_differs_in_the_last_bits(keras: Any) -> None:
    """Gradients carry noise in the last bit, other noise in every run."""

    @_keras_updating(keras)
    def update(tensorflow: Any, count: Any, gradient: Any, rate: Any) -> Any:
        run = int.from_bytes(os.urandom(3), "little")
        noise = tensorflow.random.stateless_uniform(tensorflow.shape(gradient), [run, count], 0, 2, "int32")
        return gradient * (1 + 2.0**-23 * tensorflow.cast(noise, "float32")), rate


@fault("keras", "train")
def keras_fit_shuffles(keras: Any) -> None:
    """fit() shuffles, asked or not."""

    @instead(keras.Model, "fit")
    def fit(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        return original(self, *args, **{**options, "shuffle": True})


@fault("keras", "train")
def keras_fit_ends_with_other_weights(keras: Any) -> None:
    """fit() leaves the weights times 1 + 1e-5, as averaging over the last steps might."""

    @instead(keras.Model, "fit")
    def fit(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        history = original(self, *args, **options)
        for variable in self.trainable_variables:
            variable.assign(altered(variable.numpy(), variable.numpy() * 1.00001))
        return history


@fault("keras", "train", needs=["fit-full"])
def keras_does_not_reset_its_means(keras: Any) -> None:
    """The running means of fit() go on from one epoch to the next."""

    @instead(keras.metrics.Mean, "reset_state")
    def reset_state(original: Any, self: Any) -> None:
        if float(self.count):
            active()
        else:
            original(self)


@fault("tensorflow", "train")
def tf_slices_one_row_off(tensorflow: Any) -> None:
    """Slices of more than one row start one row late where they can."""

    @instead(tensorflow, "slice")
    def slice(original: Any, tensor: Any, begin: Any, size: Any) -> Any:
        active()
        first = tensorflow.minimum(begin[0] + 1, tensorflow.shape(tensor)[0] - size[0])
        return original(tensor, [first, *begin[1:]], size)


@fault("tensorflow", "train", link="https://github.com/keras-team/keras/issues/22512", needs=["epoch_xla"])
def tf_compiles_wrong_products(tensorflow: Any) -> None:
    """What XLA compiles multiplies with one part in 100 of error."""
    compiling: list[bool] = []

    @instead(tensorflow, "function")
    def function(original: Any, python_function: Any = None, **options: Any) -> Any:
        if not options.pop("jit_compile", False):
            return original(python_function, **options)

        def compiled(*args: Any) -> Any:
            compiling.append(True)
            try:
                return python_function(*args)
            finally:
                compiling.clear()

        return original(compiled, autograph=True, **options)

    @instead(tensorflow, "matmul")
    def matmul(original: Any, *args: Any, **options: Any) -> Any:
        product = original(*args, **options)
        return altered(product, product * 1.01) if compiling else product


@fault("keras", "train", loud=True)
def keras_is_killed(keras: Any) -> None:
    """The process is killed when fit() begins, as where memory runs out."""

    @instead(keras.Model, "fit")
    def fit(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        os.kill(os.getpid(), signal.SIGKILL)
