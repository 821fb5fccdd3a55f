"""Keeping a model in a file: its state_dict, alone and with the optimizer's, read without running any pickled code."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from .imports import device


def save_state(model: nn.Module, optimizer: torch.optim.Optimizer, path: str) -> None:
    """The parameters alone."""
    torch.save(model.state_dict(), path)


def load_state(model: nn.Module, path: str) -> nn.Module:
    """The model, with the parameters of the file."""
    model.load_state_dict(_read(path))
    return model


def save_training(model: nn.Module, optimizer: torch.optim.Optimizer, path: str) -> None:
    """Parameters and optimizer, as the tutorials keep a training run."""
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)


def load_training(model: nn.Module, path: str) -> nn.Module:
    """The model with the parameters of the file; its optimizer's state must fit an optimizer of the same kind."""
    kept = _read(path)
    model.load_state_dict(kept["model"])
    torch.optim.SGD(model.parameters(), lr=1.0).load_state_dict(kept["optimizer"])
    return model


def _read(path: str) -> Any:
    return torch.load(path, map_location=device(), weights_only=True)


FORMATS = {
    "state.pt": (save_state, load_state),
    "training.pt": (save_training, load_training),
}
