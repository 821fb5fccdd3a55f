"""Step data: what must hold of the images, the labels, and the order in which they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Where
from conformance.contracts.filing import exactly, file, holds, statistical
from conformance.judge import exact, shuffling
from conformance.observations import Observation
from conformance.observer.digests import batch_digest

SPLITS = ("train", "test")
PARTS = ("images", "labels", "one_hot", "inputs")
DTYPES = {"images": "uint8", "one_hot": "float32", "inputs": "float32"}
# TensorFlow gives labels as they stand in the files, torchvision as PyTorch's losses take them.
LABEL_DTYPES = {"tensorflow": "uint8", "pytorch": "int64", "numpy": "uint8"}
# Images of each class in the published data sets.
CLASS_COUNTS = {
    ("mnist", "train"): (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    ("mnist", "test"): (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ("fashion_mnist", "train"): (6000,) * 10,
    ("fashion_mnist", "test"): (1000,) * 10,
}


def equality(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """Images, labels, one-hot labels and preprocessed inputs are the same bit for bit."""
    for split in SPLITS:
        for part in PARTS:
            name = f"data/{split}/{part}"
            comparison = exact.compare(name, observed.tensors[name], other.tensors[name])
            yield file(case, Step.DATA, f"equality/{split}/{part}", Kind.EXACT, comparison)


def shapes(case: Case, observed: Observation) -> Iterator[Check]:
    """Shapes and dtypes are the ones that the workload says."""
    workload = case.workload
    pixels = workload.image_shape[0] * workload.image_shape[1]
    counts = {"train": workload.train_examples, "test": workload.test_examples}
    for split, count in counts.items():
        expected = {
            "images": (count, *workload.image_shape),
            "labels": (count,),
            "one_hot": (count, workload.classes),
            "inputs": (count, pixels),
        }
        found = {part: observed.tensors[f"data/{split}/{part}"].shape for part in PARTS}
        yield exactly(case, Step.DATA, f"shapes/{split}", found, expected)
        dtypes = {**DTYPES, "labels": LABEL_DTYPES[case.framework]} if case.has_oracle else DTYPES
        found_dtypes = {part: observed.facts["dtypes"][f"{split}/{part}"] for part in dtypes}
        yield exactly(case, Step.DATA, f"dtypes/{split}", found_dtypes, dtypes)


def values(case: Case, observed: Observation) -> Iterator[Check]:
    """Grey levels span 0 to 255, inputs 0 to 1, labels the classes; every class has its published count."""
    for split in SPLITS:
        tensors = {part: observed.tensors[f"data/{split}/{part}"] for part in PARTS}
        expected = {"images": (0, 255), "inputs": (0, 1), "labels": (0, case.workload.classes - 1)}
        found = {part: (float(tensors[part].min()), float(tensors[part].max())) for part in expected}
        yield exactly(case, Step.DATA, f"range/{split}", found, expected)
        counts = np.bincount(tensors["labels"], minlength=case.workload.classes)
        published = CLASS_COUNTS.get((case.workload.dataset, split))
        # A workload may take a part of a data set.
        if published is not None and sum(published) == getattr(case.workload, f"{split}_examples"):
            yield exactly(case, Step.DATA, f"class_counts/{split}", counts, np.asarray(published))


def batches(case: Case, observed: Observation) -> Iterator[Check]:
    """An epoch has the workload's batches, the last partial one kept."""
    found = np.asarray([batch["size"] for batch in observed.facts["first_epoch"]])
    yield exactly(case, Step.DATA, "batches", found, _batch_sizes(case))


def _batch_sizes(case: Case) -> NDArray[np.integer]:
    workload = case.workload
    sizes = np.full(workload.steps_per_epoch, workload.batch_size)
    sizes[-1] = workload.train_examples - workload.batch_size * (workload.steps_per_epoch - 1)
    return sizes


def in_order(case: Case, observed: Observation, oracle: Observation) -> Iterator[Check]:
    """Unshuffled, the framework's own pipeline yields the data set in its order, bit for bit, in a second pass too.

    A user's own `batches` may be good for one pass alone.
    """
    size = case.workload.batch_size
    inputs, labels = oracle.tensors["data/train/inputs"], oracle.tensors["data/train/labels"]
    expected = [batch_digest(inputs[at : at + size], labels[at : at + size]) for at in range(0, len(inputs), size)]
    for contract in ("first_epoch", "second_epoch") if case.has_oracle else ("first_epoch",):
        found = [batch["sha256"] for batch in observed.facts[contract]]
        yield same_batches(case, contract, found, expected, inputs.size)


def same_batches(case: Case, contract: str, found: Sequence[str], expected: Sequence[str], elements: int) -> Check:
    """The digests of an epoch's batches are the expected ones."""
    different = [number for number, pair in enumerate(zip_longest(found, expected)) if pair[0] != pair[1]]
    reason, where = "", None
    if different:
        reason = f"{len(different)} of {len(expected)} batches differ, the first is batch {different[0]}"
        where = Where("data/batches", (different[0],))
    return holds(case, Step.DATA, contract, not different, reason, elements, where)


def shuffled(case: Case, observed: Observation) -> Iterator[Check]:
    """Shuffled, every example comes once and with its label, in the same batches as otherwise, in an order that passes
    for random; the second pass in another one.
    """
    count = case.workload.train_examples
    passes = []
    for number in ("1", "2"):
        name = f"data/shuffled/{number}"
        order, labels = observed.tensors[name], observed.tensors[f"{name}/labels"]
        each_once = exact.compare(name, np.sort(order), np.arange(count))
        yield file(case, Step.DATA, f"shuffled/each_once/{number}", Kind.EXACT, each_once)
        with_labels = exact.compare(f"{name}/labels", labels, order)
        yield file(case, Step.DATA, f"shuffled/labels/{number}", Kind.EXACT, with_labels)
        sizes = np.asarray(observed.facts["shuffled_sizes"][number])
        yield exactly(case, Step.DATA, f"shuffled/batches/{number}", sizes, _batch_sizes(case))
        passes += [order] * each_once.passed
    if len(passes) == 2 and count > 1:
        for contract, order in (("order", passes[0]), ("anew", np.argsort(passes[0])[passes[1]])):
            yield statistical(case, Step.DATA, f"shuffled/{contract}", shuffling.judge_order(order))


def preprocessing_inside(case: Case, observed: Observation) -> Iterator[Check]:
    """Preprocessing inside the model turns every grey level into the quotient by 255, correctly rounded.

    And it does so pixel by pixel, row after row, whatever it makes of a level.
    """
    expected = np.arange(256, dtype=np.float32) / np.float32(255)
    comparison = exact.compare("data/inside/levels", observed.tensors["data/inside/levels"], expected)
    yield file(case, Step.DATA, "preprocessing_inside", Kind.EXACT, comparison)
    inside = observed.tensors["data/inside/inputs"]
    images = observed.tensors["data/test/images"][: len(inside)]
    in_order = observed.tensors["data/inside/levels"][images.reshape(len(images), -1)]
    comparison = exact.compare("data/inside/inputs", inside, in_order)
    yield file(case, Step.DATA, "order_inside", Kind.EXACT, comparison)
