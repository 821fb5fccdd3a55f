"""Step 2, data: files -> uint8 images and labels -> float32 inputs and one-hot rows -> batches."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor

from .. import data as files
from .imports import device


def load(dataset: str, directory: str, split: str, source: str = "embedded") -> tuple[Tensor, Tensor]:
    """Images, uint8 (n, 28, 28), and labels, int64 (n,), of one split, "train" or "test", both on the CPU.

    source "embedded" verifies and reads the four files in `directory`; "download" leaves everything to
    torchvision, which keeps its files in `directory`.
    Raises DataError for a damaged file, OSError where the download fails.
    """
    if source == "download":
        examples = _download(dataset, directory, split)
    else:
        with tempfile.TemporaryDirectory() as root:
            files.unpack(directory, root, dataset)
            examples = torchvision_dataset(dataset, root, split)
    return examples.data, examples.targets


def preprocess(images: Tensor) -> Tensor:
    """Images, uint8 (n, 28, 28) -> inputs, float32 (n, 784) between 0 and 1, on the chosen device."""
    # Divided on the CPU: CUDA multiplies by 1/255, which rounds twice.
    return (images.cpu().flatten(1).float() / 255).to(device())


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Labels, integer (n,) -> float32 (n, classes), 1 in the column of the label."""
    return torch.nn.functional.one_hot(labels, classes).float()


def batches(
    inputs: Tensor, labels: Tensor, batch_size: int, shuffle: bool = False, seed: int = 0
) -> torch.utils.data.DataLoader[Any]:
    """Pairs of (inputs, labels), `batch_size` examples each, the last partial batch kept; every pass shuffles anew."""
    dataset = torch.utils.data.TensorDataset(inputs, labels)
    generator = torch.Generator().manual_seed(seed)
    return torch.utils.data.DataLoader(dataset, batch_size, shuffle=shuffle, generator=generator)


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The tensor as a NumPy array."""
    return np.asarray(tensor.detach().cpu())


def from_numpy(array: np.ndarray) -> Tensor:
    """The NumPy array as a tensor of the same dtype, on the chosen device."""
    return torch.tensor(array, device=device())


def torchvision_dataset(dataset: str, root: str, split: str, **options: Any) -> Any:
    """torchvision's MNIST or FashionMNIST over ROOT/.../raw; options such as `transform` are its own."""
    kind = {"mnist": torchvision.datasets.MNIST, "fashion_mnist": torchvision.datasets.FashionMNIST}[dataset]
    return kind(root, train=split == "train", **options)


def _download(dataset: str, directory: str, split: str) -> Any:
    """torchvision's own loader: from `directory` or, failing that, from the network."""
    try:
        return torchvision_dataset(dataset, directory, split, download=True)
    except Exception as error:  # torchvision raises RuntimeError where every mirror fails
        raise OSError(f"torchvision could not download {dataset}: {' '.join(str(error).split())}") from error
