"""The whole job as a first tutorial writes it: a DataLoader, a loop with zero_grad(), backward(), step()."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision import transforms

from ..data import unpack
from ..workloads import Workload
from .data import torchvision_dataset
from .model import get_weights, set_weights
from .objective import configuration
from .train import OnSteps


def run(
    workload: Workload,
    directory: str,
    weights: dict[str, np.ndarray] | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    on_steps: OnSteps | None = None,
    spelling: str = "lr",
) -> dict[str, Any]:
    """Train and evaluate; configuration in force, loss of each epoch (the mean of its batches), accuracy, weights.

    `weights` replace the initial ones and keep the examples in order; without them the DataLoader shuffles.
    `spelling` is the name under which SGD is handed its learning rate: "lr"; any other raises TypeError.
    """
    learning_rate = workload.learning_rate if learning_rate is None else learning_rate

    with tempfile.TemporaryDirectory() as root:
        unpack(directory, root, workload.dataset)
        train_set = torchvision_dataset(workload.dataset, root, "train", transform=transforms.ToTensor())
        test_set = torchvision_dataset(workload.dataset, root, "test", transform=transforms.ToTensor())
    train_loader = torch.utils.data.DataLoader(train_set, workload.batch_size, shuffle=weights is None)
    test_loader = torch.utils.data.DataLoader(test_set, workload.batch_size)

    model = nn.Sequential(
        OrderedDict(
            hidden=nn.Linear(784, workload.hidden_units),
            sigmoid=nn.Sigmoid(),
            output=nn.Linear(workload.hidden_units, workload.classes),
            log_softmax=nn.LogSoftmax(dim=1),
        )
    )
    if weights is not None:
        set_weights(model, weights)

    loss_function = nn.NLLLoss()
    optimizer = torch.optim.SGD(model.parameters(), **{spelling: learning_rate})

    step, epoch_losses = 0, []
    for _ in range(workload.epochs if epochs is None else epochs):
        running_loss = 0.0
        for images, labels in train_loader:
            images = images.view(images.shape[0], -1)
            optimizer.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            step += 1
            if on_steps:
                on_steps(step, [loss.item()])
        epoch_losses.append(running_loss / len(train_loader))

    correct, count = 0, 0
    for images, labels in test_loader:
        for image, label in zip(images, labels):
            with torch.no_grad():
                log_probabilities = model(image.view(1, 784))
            probabilities = list(torch.exp(log_probabilities).numpy()[0])
            correct += probabilities.index(max(probabilities)) == label.item()
            count += 1
    return {
        "configuration": configuration(model, loss_function, optimizer),
        "epoch_losses": epoch_losses,
        "accuracy": correct / count,
        "weights": get_weights(model),
    }
