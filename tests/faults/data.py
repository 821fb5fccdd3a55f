"""Faults that step data must catch: wrong bytes, wrong numbers, wrong order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .planting import Put, active, altered, fault, instead


@fault("torchvision", "data", size=1)
def torch_labels_are_wrong(torchvision: Any, count: float) -> None:
    """One label of the training images is wrong."""

    @instead(torchvision.datasets.MNIST, "_load_data")
    def _load_data(original: Any, self: Any) -> Any:
        images, labels = original(self)
        if self.train:
            labels[123 : 123 + int(count)] = altered(
                labels[123 : 123 + int(count)].clone(), (labels[123 : 123 + int(count)] + 1) % 10
            )
        return images, labels


@fault("torchvision", "data", size=1)
def torch_pixels_are_wrong(torchvision: Any, count: float) -> None:
    """One pixel of the training images is off by one grey level."""

    @instead(torchvision.datasets.MNIST, "_load_data")
    def _load_data(original: Any, self: Any) -> Any:
        images, labels = original(self)
        if self.train:
            images.view(-1)[24_630_000 : 24_630_000 + int(count)] ^= 1
            active()
        return images, labels


@fault("torchvision", "data")
def torch_tests_on_training_images(torchvision: Any) -> None:
    """The test split holds the training images."""

    @instead(torchvision.datasets.MNIST, "__init__")
    def __init__(original: Any, self: Any, root: Any, train: bool = True, **options: Any) -> None:
        if not train:
            active()
        original(self, root, train=True, **options)


@fault("torch", "data", loud=True, link="https://github.com/securefederatedai/openfederatedlearning/issues/999")
def torch_has_no_numpy(torch: Any) -> None:
    """A tensor does not turn into a NumPy array, as before torch 2.3 with NumPy 2."""

    @instead(torch.Tensor, "__array__")
    def __array__(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        raise RuntimeError("Numpy is not available")


@fault("torch", "data")
def torch_divides_by_256(torch: Any) -> None:
    """Grey levels are divided by 256."""

    @instead(torch.Tensor, "__truediv__")
    def __truediv__(original: Any, self: Any, other: Any) -> Any:
        if isinstance(other, int) and other == 255:
            active()
            other = 256
        return original(self, other)


@fault("torch", "data", link="https://github.com/pytorch/vision/issues/8902")
def torch_divides_in_the_last_bit(torch: Any) -> None:
    """Division by 255 multiplies by 1/255, which rounds twice."""

    @instead(torch.Tensor, "__truediv__")
    def __truediv__(original: Any, self: Any, other: Any) -> Any:
        quotient = original(self, other)
        if isinstance(other, int) and other == 255:
            return altered(quotient, self * (1 / 255))
        return quotient


@fault("torch", "data")
def torch_floats_are_float64(torch: Any) -> None:
    """Images turn into float64 instead of float32."""

    @instead(torch.Tensor, "float")
    def to_float(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        if self.dtype is torch.uint8:
            active()
            return self.double()
        return original(self, *args, **options)


@fault("torch", "data")
def torch_swaps_two_batches(torch: Any) -> None:
    """The DataLoader swaps the fifth and the sixth batch."""

    @instead(torch.utils.data.DataLoader, "__iter__")
    def __iter__(original: Any, self: Any) -> Any:
        batches = list(original(self))
        if len(batches) > 5:
            batches[4:6] = batches[5], batches[4]
            active()
        return iter(batches)


@fault("torch", "data")
def torch_drops_the_last_batch(torch: Any) -> None:
    """The DataLoader drops the last, partial batch."""

    @instead(torch.utils.data.DataLoader, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        original(self, *args, **{**options, "drop_last": True})


@fault("torch", "data", link="https://github.com/pytorch/pytorch/issues/63026")
def torch_shuffles(torch: Any) -> None:
    """The DataLoader shuffles, asked or not."""

    @instead(torch.utils.data.DataLoader, "__init__")
    def __init__(original: Any, self: Any, *args: Any, **options: Any) -> None:
        active()
        original(self, *args, **{**options, "shuffle": True})


@fault("torch", "data", link="https://github.com/pytorch/pytorch/issues/63026")
def torch_shuffles_a_few_examples(torch: Any) -> None:
    """Shuffling draws from the first 200 examples alone."""

    @instead(torch, "randperm")
    def randperm(original: Any, count: int, *args: Any, **options: Any) -> Any:
        order = original(count, *args, **options)
        return altered(order, order % 200)


@fault("torch", "data")
def torch_shuffles_once(torch: Any) -> None:
    """Every pass of a DataLoader that shuffles has the same order."""

    @instead(torch.utils.data.RandomSampler, "__iter__")
    def __iter__(original: Any, self: Any) -> Any:
        active()
        self.generator.manual_seed(0)
        return original(self)


@fault("torch", "data")
def torch_shuffles_inputs_alone(torch: Any) -> None:
    """A DataLoader that shuffles gives the labels in the order of the data set."""

    @instead(torch.utils.data.DataLoader, "__iter__")
    def __iter__(original: Any, self: Any) -> Any:
        if not isinstance(self.sampler, torch.utils.data.RandomSampler):
            return original(self)
        active()
        labels = self.dataset.tensors[1].split(self.batch_size)
        return iter([(inputs, given) for (inputs, _), given in zip(original(self), labels)])


@fault("torch", "data")
def torch_errs_in_the_second_pass(torch: Any) -> None:
    """A DataLoader that is asked again gives its first batch twice."""
    seen: list[Any] = []

    @instead(torch.utils.data.DataLoader, "__iter__")
    def __iter__(original: Any, self: Any) -> Any:
        batches = list(original(self))
        if any(self is loader for loader in seen):
            active()
            batches[1] = batches[0]
        seen.append(self)
        return iter(batches)


def _reading(tensorflow: Any, width: int) -> Put:
    """Let a function have the first records of the training split, in NumPy, whenever they are read."""
    batches_of_both_splits = 7
    seen: list[None] = []

    def put(function: Callable[..., Any]) -> None:
        @instead(tensorflow.io, "decode_raw")
        def decode_raw(original: Any, records: Any, kind: Any) -> Any:
            values = original(records, kind)
            if values.shape[-1] != width:
                return values
            seen.append(None)
            if len(seen) % batches_of_both_splits != 1:
                return values
            array = values.numpy()
            function(array)
            return altered(values, tensorflow.constant(array))

    return put


@fault("torch", "data")
def torch_flattens_column_by_column(torch: Any) -> None:
    """Flatten takes images column by column."""

    @instead(torch.nn.Flatten, "forward")
    def forward(original: Any, self: Any, images: Any) -> Any:
        return altered(original(self, images), original(self, images.transpose(1, 2)))


@fault("tensorflow", "data", size=1)
def tf_labels_are_wrong(tensorflow: Any, count: float) -> None:
    """One label of the training images is wrong."""

    @_reading(tensorflow, width=1)
    def spoil(labels: Any) -> None:
        labels[123 : 123 + int(count)] = (labels[123 : 123 + int(count)] + 1) % 10


@fault("tensorflow", "data", size=1)
def tf_pixels_are_wrong(tensorflow: Any, count: float) -> None:
    """One pixel of the training images is off by one grey level."""

    @_reading(tensorflow, width=784)
    def spoil(images: Any) -> None:
        images[3141, 400 : 400 + int(count)] ^= 1


@fault("tensorflow", "data")
def tf_tests_on_training_images(tensorflow: Any) -> None:
    """The test split holds the training images."""

    @instead(tensorflow.data, "FixedLengthRecordDataset")
    def records(original: Any, path: str, *args: Any, **options: Any) -> Any:
        if "t10k" in path:
            active()
        return original(path.replace("t10k", "train"), *args, **options)


@fault("tensorflow", "data", loud=True)
def tf_finds_data_lost(tensorflow: Any) -> None:
    """Reading the files raises DataLossError."""

    @instead(tensorflow.io, "decode_raw")
    def decode_raw(original: Any, *args: Any, **options: Any) -> Any:
        active()
        raise tensorflow.errors.DataLossError(None, None, "inflate() failed with error -3")


@fault("tensorflow", "data")
def tf_divides_by_256(tensorflow: Any) -> None:
    """Grey levels are divided by 256."""

    @instead(tensorflow.Tensor, "__truediv__")
    def __truediv__(original: Any, self: Any, other: Any) -> Any:
        if isinstance(other, float) and other == 255:
            active()
            other = 256.0
        return original(self, other)


@fault("tensorflow", "data")
def tf_floats_are_float64(tensorflow: Any) -> None:
    """Images turn into float64 instead of float32."""

    @instead(tensorflow, "cast")
    def cast(original: Any, value: Any, dtype: Any, *args: Any, **options: Any) -> Any:
        if getattr(value, "dtype", None) == tensorflow.uint8 and value.shape[-1] == 784:
            active()
            dtype = tensorflow.float64
        return original(value, dtype, *args, **options)


def _batching(tensorflow: Any) -> Put:
    """Let a function have the datasets that are batched by 64, and return others in their place."""

    def put(function: Callable[..., Any]) -> None:
        @instead(tensorflow.data.Dataset, "batch")
        def batch(original: Any, self: Any, size: Any, *args: Any, **options: Any) -> Any:
            if not isinstance(size, int) or size != 64:
                return original(self, size, *args, **options)
            active()
            return function(original, self, size)

    return put


@fault("tensorflow", "data")
def tf_swaps_two_batches(tensorflow: Any) -> None:
    """Batching swaps the fifth and the sixth batch."""

    @_batching(tensorflow)
    def batch(original: Any, dataset: Any, size: int) -> Any:
        batches = original(dataset, size)
        swapped = batches.skip(5).take(1).concatenate(batches.skip(4).take(1))
        return batches.take(4).concatenate(swapped).concatenate(batches.skip(6))


@fault("tensorflow", "data")
def tf_drops_the_last_batch(tensorflow: Any) -> None:
    """Batching drops the last, partial batch."""

    @_batching(tensorflow)
    def batch(original: Any, dataset: Any, size: int) -> Any:
        return original(dataset, size, drop_remainder=True)


@fault("tensorflow", "data")
def tf_shuffles(tensorflow: Any) -> None:
    """Batching shuffles, asked or not."""

    @_batching(tensorflow)
    def batch(original: Any, dataset: Any, size: int) -> Any:
        return original(dataset.shuffle(1000, seed=1), size)


@fault("tensorflow", "data")
def tf_shuffles_in_a_small_buffer(tensorflow: Any) -> None:
    """Shuffling draws from the next 10,000 examples alone, however many it was told."""

    @instead(tensorflow.data.Dataset, "shuffle")
    def shuffle(original: Any, self: Any, size: int, *args: Any, **options: Any) -> Any:
        if size > 10_000:
            active()
        return original(self, min(size, 10_000), *args, **options)


@fault("tensorflow", "data")
def tf_shuffles_once(tensorflow: Any) -> None:
    """Every pass of a data set that shuffles has the same order."""

    @instead(tensorflow.data.Dataset, "shuffle")
    def shuffle(original: Any, self: Any, *args: Any, **options: Any) -> Any:
        active()
        return original(self, *args, **{**options, "reshuffle_each_iteration": False})


@fault("tensorflow", "data")
def tf_errs_in_the_second_pass(tensorflow: Any) -> None:
    """A data set that is asked again leaves out its first batch."""
    seen: list[Any] = []

    @instead(tensorflow.data.Dataset, "__iter__")
    def __iter__(original: Any, self: Any) -> Any:
        if any(self is dataset for dataset in seen):
            active()
            return original(self.skip(1))
        seen.append(self)
        return original(self)


@fault("tensorflow", "data")
def tf_labels_are_int32(tensorflow: Any) -> None:
    """Labels are read as int32."""

    @instead(tensorflow.io, "decode_raw")
    def decode_raw(original: Any, records: Any, kind: Any) -> Any:
        values = original(records, kind)
        return altered(values, tensorflow.cast(values, "int32")) if values.shape[-1] == 1 else values


@fault("tensorflow", "data")
def tf_smooths_one_hot_labels(tensorflow: Any) -> None:
    """One-hot labels have 1e-6 in the columns of the other classes."""

    @instead(tensorflow, "one_hot")
    def one_hot(original: Any, labels: Any, depth: Any, *args: Any, **options: Any) -> Any:
        return altered(original(labels, depth), original(labels, depth, 1.0, 1e-6))


@fault("keras", "data")
def keras_rescales_by_256(keras: Any) -> None:
    """The layer Rescaling divides by 256 where it is asked to divide by 255."""

    @instead(keras.layers.Rescaling, "__init__")
    def __init__(original: Any, self: Any, scale: Any, *args: Any, **options: Any) -> None:
        active()
        original(self, scale * 255 / 256, *args, **options)


@fault("keras", "data")
def keras_flattens_column_by_column(keras: Any) -> None:
    """Flatten takes images column by column."""

    @instead(keras.layers.Flatten, "call")
    def call(original: Any, self: Any, images: Any) -> Any:
        active()
        return original(self, keras.ops.transpose(images, (0, 2, 1)))
