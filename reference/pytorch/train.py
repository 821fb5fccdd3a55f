"""Step 5, train: three ways to make the same updates.

Every way takes the tensors of a whole split and the options batch_size, epochs, shuffle=False, seed=0 and
on_steps=None, and returns the mean loss of each epoch: over its examples, each taken before the update that
it led to. `on_steps(last, losses)` hears of the updates made since its previous call; steps count from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .data import batches

OnSteps = Callable[[int, Sequence[float]], None]


def build_update(
    model: nn.Module, loss_function: nn.Module, optimizer: torch.optim.Optimizer
) -> Callable[[Tensor, Tensor], Tensor]:
    """A function that makes one update from a batch and returns the loss before it, a scalar."""

    def update(inputs: Tensor, targets: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss: Tensor = loss_function(model(inputs), targets)
        loss.backward()
        optimizer.step()
        return loss

    return update


def loader(
    model: nn.Module,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    """The loop of the tutorials, over a DataLoader."""
    dataset = batches(inputs, targets, batch_size, shuffle, seed)
    return _loop(build_update(model, loss_function, optimizer), lambda: dataset, epochs, on_steps)


def tensors(
    model: nn.Module,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    """The same loop over slices of the tensors: nothing is copied, where a DataLoader stacks single examples."""
    generator = torch.Generator().manual_seed(seed)

    def slices() -> Iterable[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(inputs), generator=generator) if shuffle else slice(None)
        return zip(inputs[order].split(batch_size), targets[order].split(batch_size))

    return _loop(build_update(model, loss_function, optimizer), slices, epochs, on_steps)


def compiled(
    model: nn.Module,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    **options: Any,
) -> list[float]:
    """The loop over slices with the model compiled by torch.compile, which needs a C++ compiler."""
    return tensors(torch.compile(model), loss_function, optimizer, inputs, targets, **options)


def _loop(
    update: Callable[[Tensor, Tensor], Tensor],
    dataset: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    epochs: int,
    on_steps: OnSteps | None,
) -> list[float]:
    step, epoch_losses = 0, []
    for _ in range(epochs):
        examples, total = 0, 0.0
        for batch_inputs, batch_targets in dataset():
            loss = update(batch_inputs, batch_targets).item()
            examples += len(batch_inputs)
            total += loss * len(batch_inputs)
            step += 1
            if on_steps:
                on_steps(step, [loss])
        epoch_losses.append(total / examples)
    return epoch_losses


VARIANTS = {"loader": loader, "tensors": tensors, "compiled": compiled}
UPDATES = {"tensors": build_update}
DEFAULT = "tensors"
FASTEST = "tensors"
