"""Step 4, objective: categorical cross-entropy and stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..workloads import Workload
from .data import from_numpy, to_numpy
from .imports import device
from .model import parameters


def build_loss(workload: Workload) -> nn.Module:
    """Categorical cross-entropy of log-probabilities, averaged over the batch."""
    return nn.NLLLoss()


def build_optimizer(model: nn.Module, workload: Workload) -> torch.optim.Optimizer:
    """Plain SGD."""
    return torch.optim.SGD(model.parameters(), lr=workload.learning_rate)


def configuration(model: nn.Module, loss_function: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The values really in force, read from the live objects, as JSON."""
    (group,) = optimizer.param_groups
    return {
        "optimizer": type(optimizer).__name__,
        "learning_rate": float(group["lr"]),
        "momentum": float(group["momentum"]),
        "nesterov": bool(group["nesterov"]),
        "weight_decay": float(group["weight_decay"]),
        "loss": type(loss_function).__name__,
        "from_logits": isinstance(loss_function, nn.CrossEntropyLoss),
        "reduction": loss_function.reduction,
        "initializers": {
            name: f"{type(model.get_submodule(name.split('.')[0])).__name__}.reset_parameters"
            for name in parameters(model)
        },
        "dtypes": {name: str(parameter.dtype).replace("torch.", "") for name, parameter in parameters(model).items()},
    }


def targets(labels: Tensor, workload: Workload) -> Tensor:
    """What the loss takes: labels, integer (n,) -> the same as class indices, int64 (n,), on the chosen device."""
    return labels.long().to(device())


def loss_and_gradients(
    model: nn.Module, loss_function: nn.Module, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, dict[str, np.ndarray]]:
    """The loss of one batch, a scalar, and its gradient for every parameter."""
    model.zero_grad()
    loss = loss_function(model(inputs), targets)
    loss.backward()
    return loss.detach(), {name: to_numpy(parameter.grad).copy() for name, parameter in parameters(model).items()}


def apply_gradients(model: nn.Module, optimizer: torch.optim.Optimizer, gradients: dict[str, np.ndarray]) -> None:
    """One update of the parameters by the optimizer."""
    for name, parameter in parameters(model).items():
        parameter.grad = from_numpy(gradients[name])
    optimizer.step()


def edge_cases() -> dict[str, float]:
    """The loss where a framework has to choose; two classes, the true one is the first.

    zero_probability: the probabilities (0, 1); zero_probability_gradient: the loss's derivative there by the
    first of them; unnormalised_probabilities: (.2, .2); saturated_probabilities: those of the logits (0, 200),
    worked out in float32 beforehand; saturated_logits: the same logits, as the model hands them to the loss.
    """
    loss_function = nn.NLLLoss()
    target = torch.tensor([0])
    zero = torch.tensor([[0.0, 1.0]], requires_grad=True)
    saturated = torch.tensor([[0.0, 200.0]])
    loss = loss_function(zero.log(), target)
    loss.backward()
    return {
        "zero_probability": loss.item(),
        "zero_probability_gradient": float(zero.grad[0, 0]),
        "unnormalised_probabilities": float(loss_function(torch.tensor([[0.2, 0.2]]).log(), target)),
        "saturated_probabilities": float(loss_function(saturated.softmax(dim=1).log(), target)),
        "saturated_logits": float(loss_function(saturated.log_softmax(dim=1), target)),
    }
