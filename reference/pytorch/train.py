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
from torch.func import functional_call, grad_and_value

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


def build_compiled_update(
    model: nn.Module, loss_function: nn.Module, optimizer: torch.optim.Optimizer
) -> Callable[[Tensor, Tensor], Tensor]:
    """The same, the loss and its gradients worked out by one function that torch.compile makes.

    Compiling the model alone leaves the backward pass to autograd's tape, which gains nothing in a network
    this small; torch.func writes both passes as one function. That needs a C++ compiler.
    """
    parameters = dict(model.named_parameters())
    values = {name: parameter.detach() for name, parameter in parameters.items()}
    buffers = dict(model.named_buffers())

    def loss_of(values: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
        loss: Tensor = loss_function(functional_call(model, (values, buffers), (inputs,)), targets)
        return loss

    loss_and_gradients = torch.compile(grad_and_value(loss_of))

    def update(inputs: Tensor, targets: Tensor) -> Tensor:
        gradients, loss = loss_and_gradients(values, buffers, inputs, targets)
        for name, parameter in parameters.items():
            parameter.grad = gradients[name]
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
    **options: Any,
) -> list[float]:
    """The same loop over slices of the tensors: nothing is copied, where a DataLoader stacks single examples."""
    return _loop_over_slices(build_update(model, loss_function, optimizer), inputs, targets, **options)


def compiled(
    model: nn.Module,
    loss_function: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    targets: Tensor,
    **options: Any,
) -> list[float]:
    """The loop over slices, its updates compiled."""
    return _loop_over_slices(build_compiled_update(model, loss_function, optimizer), inputs, targets, **options)


def _loop_over_slices(
    update: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    *,
    batch_size: int,
    epochs: int,
    shuffle: bool = False,
    seed: int = 0,
    on_steps: OnSteps | None = None,
) -> list[float]:
    generator = torch.Generator().manual_seed(seed)

    def slices() -> Iterable[tuple[Tensor, Tensor]]:
        if not shuffle:
            return zip(inputs.split(batch_size), targets.split(batch_size))
        order = torch.randperm(len(inputs), generator=generator)
        # index_select picks rows in half the time of inputs[rows]
        return ((inputs.index_select(0, rows), targets.index_select(0, rows)) for rows in order.split(batch_size))

    return _loop(update, slices, epochs, on_steps)


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
