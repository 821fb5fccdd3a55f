"""Faults that step evaluate must catch: wrong predictions of a sound network, wrong accuracies of right ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .planting import Put, active, altered, fault, instead

TEST_IMAGES = 10_000


@fault("torch", "evaluate", size=1)
def torch_predictions_are_wrong(torch: Any, count: float) -> None:
    """One prediction of the test images is wrong."""

    @instead(torch.Tensor, "argmax")
    def argmax(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        found = original(self, *args, **options)
        if len(self) != TEST_IMAGES:
            return found
        spoilt = found.clone()
        spoilt[77 : 77 + int(count)] = (spoilt[77 : 77 + int(count)] + 1) % 10
        return altered(found, spoilt)


@fault("torch", "evaluate")
def torch_counts_one_more(torch: Any) -> None:
    """Adding up what is true gives one more in the first batch."""
    done: list[None] = []

    @instead(torch.Tensor, "sum")
    def add_up(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        total = original(self, *args, **options)
        if self.dtype is not torch.bool or done:
            return total
        done.append(None)
        return altered(total, total + 1)


@fault("torch", "evaluate", link="https://github.com/keras-team/keras/issues/22512")
def torch_infers_in_bfloat16(torch: Any) -> None:
    """Without gradients the hidden layer multiplies in bfloat16."""

    @instead(torch.nn.Linear, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        if torch.is_grad_enabled() or self.in_features != 784:
            return outputs
        return altered(outputs, (inputs.bfloat16() @ self.weight.bfloat16().T).float() + self.bias)


@fault("torch", "evaluate", loud=True, link="https://github.com/keras-team/keras/issues/19045")
def torch_infers_nan(torch: Any) -> None:
    """Without gradients the log-probabilities are not numbers."""

    @instead(torch.nn.LogSoftmax, "forward")
    def forward(original: Any, self: Any, inputs: Any) -> Any:
        outputs = original(self, inputs)
        return outputs if torch.is_grad_enabled() else altered(outputs, outputs * float("nan"))


@fault("torch", "evaluate", loud=True)
def torch_argmax_is_gone(torch: Any) -> None:
    """argmax raises an exception."""

    @instead(torch.Tensor, "argmax")
    def argmax(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        raise NotImplementedError("argmax is not implemented for 'Float'")


@fault("torch", "evaluate", needs=["native"], size=0.02)
def torch_loses_accuracy_by_shuffling(torch: Any, share: float) -> None:
    """A network trained on shuffled examples predicts another class than its own for 2 % of the test images."""
    shuffled: list[None] = []

    @instead(torch, "randperm")
    def randperm(original: Any, *args: Any, **options: Any) -> Any:
        shuffled.append(None)
        return original(*args, **options)

    @instead(torch.Tensor, "argmax")
    def argmax(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        found = original(self, *args, **options)
        if not shuffled or len(self) != TEST_IMAGES:
            return found
        count = round(share * TEST_IMAGES)
        return altered(found, torch.cat(((found[:count] + 1) % 10, found[count:])))


@fault("tensorflow", "evaluate", size=1)
def tf_predictions_are_wrong(tensorflow: Any, count: float) -> None:
    """One prediction of the test images is wrong."""

    @instead(tensorflow, "argmax")
    def argmax(original: Any, values: Any, *args: Any, **options: Any) -> Any:
        found = original(values, *args, **options)
        if values.shape[0] != TEST_IMAGES or not hasattr(found, "numpy"):
            return found
        spoilt = found.numpy()
        spoilt[77 : 77 + int(count)] = (spoilt[77 : 77 + int(count)] + 1) % 10
        return altered(found, tensorflow.constant(spoilt))


@fault("tensorflow", "evaluate")
def tf_takes_the_first_of_two_close(tensorflow: Any) -> None:
    """argmax takes the first of the classes within 0.001 of the best."""

    @instead(tensorflow, "argmax")
    def argmax(original: Any, values: Any, axis: Any = None, *args: Any, **options: Any) -> Any:
        found = original(values, axis, *args, **options)
        if getattr(values, "dtype", None) != tensorflow.float32:
            return found
        close = tensorflow.cast(values >= tensorflow.reduce_max(values, axis, keepdims=True) - 1e-3, "int32")
        return altered(found, original(close, axis, *args, **options))


def _measuring(keras: Any, name: str) -> Put:
    """Let a function stand for a method of CategoricalAccuracy."""

    def put(function: Callable[..., Any]) -> None:
        instead(keras.metrics.CategoricalAccuracy, name)(function)

    return put


@fault("keras", "evaluate")
def keras_divides_by_one_more(keras: Any) -> None:
    """The accuracy is the share of one image more than there are."""

    @_measuring(keras, "result")
    def result(original: Any, self: Any) -> Any:
        share = original(self)
        return altered(share, share * self.count / (self.count + 1))


@fault("keras", "evaluate")
def keras_weights_the_last_batch_wrongly(keras: Any) -> None:
    """Every batch counts alike in the accuracy, the last, partial one too."""

    @_measuring(keras, "update_state")
    def update_state(original: Any, self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        tensorflow = sys.modules["tensorflow"]
        active()
        count = tensorflow.shape(y_true)[0]
        weights = tensorflow.fill([count], 64.0 / tensorflow.cast(count, "float32"))
        return original(self, y_true, y_pred, weights)


@fault("keras", "evaluate")
def keras_averages_batches_alike(keras: Any) -> None:
    """Every batch counts alike in the loss that evaluate() reports, the last, partial one too."""
    evaluating: list[None] = []

    @instead(keras.Model, "evaluate")
    def evaluate(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        evaluating.append(None)
        try:
            return original(self, *args, **options)
        finally:
            evaluating.clear()

    @instead(keras.metrics.Mean, "update_state")
    def update_state(original: Any, self: Any, values: Any, sample_weight: Any = None) -> Any:
        if not evaluating or self.name != "loss":
            return original(self, values, sample_weight)
        active()
        return original(self, values)


@fault("keras", "evaluate")
def keras_counts_every_class(keras: Any) -> None:
    """The accuracy is that of ten yes-or-no questions, as where "accuracy" is taken for another metric."""

    @_measuring(keras, "update_state")
    def update_state(original: Any, self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        tensorflow = sys.modules["tensorflow"]
        active()
        right = tensorflow.equal(y_true > 0.5, y_pred > 0.5)
        return keras.metrics.Mean.update_state(self, tensorflow.cast(right, "float32"))


@fault("keras", "evaluate", loud=True)
def keras_evaluate_raises(keras: Any) -> None:
    """evaluate() raises an exception."""

    @instead(keras.Model, "evaluate")
    def evaluate(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        raise RuntimeError("evaluate() is only available when eager execution is enabled")


@fault("tensorflow", "evaluate", needs=["native"])
def tf_shuffles_a_few_examples(tensorflow: Any) -> None:
    """Sorting random numbers gives the places of the first 200 examples alone."""

    @instead(tensorflow, "argsort")
    def argsort(original: Any, values: Any, *args: Any, **options: Any) -> Any:
        order = original(values, *args, **options)
        return altered(order, order % 200)


@fault("tensorflow", "evaluate", needs=["native"], size=0.02)
def tf_loses_accuracy_by_shuffling(tensorflow: Any, share: float) -> None:
    """A network trained on shuffled examples predicts another class than its own for 2 % of the test images."""
    shuffled: list[None] = []

    @instead(tensorflow, "argsort")
    def argsort(original: Any, *args: Any, **options: Any) -> Any:
        shuffled.append(None)
        return original(*args, **options)

    @instead(tensorflow, "argmax")
    def argmax(original: Any, values: Any, *args: Any, **options: Any) -> Any:
        found = original(values, *args, **options)
        if not shuffled or values.shape[0] != TEST_IMAGES or not hasattr(found, "numpy"):
            return found
        count = round(share * TEST_IMAGES)
        return altered(found, tensorflow.concat(((found[:count] + 1) % 10, found[count:]), 0))
