"""Step 2, data: files -> uint8 images and labels -> float32 inputs and one-hot rows -> batches."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from .. import data as files


def load(dataset: str, directory: str, split: str, source: str = "embedded") -> tuple[tf.Tensor, tf.Tensor]:
    """Images, uint8 (n, 28, 28), and labels, uint8 (n,), of one split, "train" or "test".

    source "embedded" verifies and reads the four files in `directory`; "download" leaves everything to Keras.
    Raises DataError for a damaged file, OSError where the download fails.
    """
    if source == "download":
        images, labels = _load_with_keras(dataset, split)
    elif dataset == "mnist":
        files.verify(directory, dataset)
        images, labels = _read_idx(directory, split)
    else:
        files.verify(directory, dataset)
        _put_into_keras_cache(directory, dataset)
        images, labels = _load_with_keras(dataset, split)
    return tf.constant(images), tf.constant(labels)


def preprocess(images: tf.Tensor) -> tf.Tensor:
    """Images, uint8 (n, 28, 28) -> inputs, float32 (n, 784) between 0 and 1."""
    return tf.cast(tf.reshape(images, (len(images), -1)), tf.float32) / 255.0


def one_hot(labels: tf.Tensor, classes: int) -> tf.Tensor:
    """Labels, integer (n,) -> float32 (n, classes), 1 in the column of the label."""
    return tf.one_hot(labels, classes)


def batches(
    inputs: tf.Tensor, labels: tf.Tensor, batch_size: int, shuffle: bool = False, seed: int = 0
) -> tf.data.Dataset:
    """Pairs of (inputs, labels), `batch_size` examples each, the last partial batch kept; every pass shuffles anew."""
    dataset = tf.data.Dataset.from_tensor_slices((inputs, labels))
    if shuffle:
        dataset = dataset.shuffle(len(inputs), seed=seed, reshuffle_each_iteration=True)
    return dataset.batch(batch_size)


def to_numpy(tensor: tf.Tensor) -> np.ndarray:
    """The tensor as a NumPy array."""
    return np.asarray(tensor)


def from_numpy(array: np.ndarray) -> tf.Tensor:
    """The NumPy array as a tensor of the same dtype, on the chosen device."""
    return tf.convert_to_tensor(array)


def _read_idx(directory: str, split: str) -> tuple[tf.Tensor, tf.Tensor]:
    images, labels = files.FILES[split]
    images = _read_records(os.path.join(directory, images), header_bytes=16, record_bytes=28 * 28)
    labels = _read_records(os.path.join(directory, labels), header_bytes=8, record_bytes=1)
    return tf.reshape(images, (-1, 28, 28)), tf.reshape(labels, (-1,))


def _read_records(path: str, header_bytes: int, record_bytes: int) -> tf.Tensor:
    """All records of a file, uint8 (n, record_bytes); in large batches, for one record at a time is slow."""
    records = tf.data.FixedLengthRecordDataset(path, record_bytes, header_bytes, compression_type="GZIP")
    return tf.concat([tf.io.decode_raw(batch, tf.uint8) for batch in records.batch(10_000)], axis=0)


def _load_with_keras(dataset: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Keras's own loader: from its cache or, failing that, from the network."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # Keras draws its progress bar on stdout
            train, test = getattr(tf.keras.datasets, dataset).load_data()
    except Exception as error:  # Keras raises a bare Exception where the network fails
        raise OSError(f"Keras could not download {dataset}: {' '.join(str(error).split())}") from error
    images, labels = train if split == "train" else test
    return images, labels


def _put_into_keras_cache(directory: str, dataset: str) -> None:
    """Let Keras fetch the files from `directory` instead of the network. DataError where it keeps unsound ones."""
    with contextlib.redirect_stdout(sys.stderr):
        for name in files.CHECKSUMS[dataset]:
            origin = Path(directory, name).resolve().as_uri()
            kept = tf.keras.utils.get_file(name, origin, cache_subdir="datasets/fashion-mnist")
    files.verify(os.path.dirname(kept), dataset)
