"""What a worker is asked for, so that it observes a family of the catalogue."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.judge.self_consistency import RUNS, moved
from reference import catalogue
from reference.catalogue.drawing import drawn
from reference.catalogue.entries import Entry


def arguments(family: str, operation: str) -> dict[str, Any]:
    """The arguments of the operations `catalogue` and `catalogue_compiled`: the family, and its entries by name."""
    chosen = [e.name for e in catalogue.family(family).entries if e.compiled or operation == "catalogue"]
    return {"family": family, "entries": chosen}


def tensors(family: str, framework: str, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs and weights of all entries; for a framework also those that its own float64 runs start from."""
    sent: dict[str, NDArray[Any]] = {}
    for entry in catalogue.family(family).entries:
        sent.update({f"{entry.name}/{name}": array for name, array in _arrays(entry, seed).items()})
        if entry.oracle is None and framework != "oracle":
            sent.update({f"{entry.name}/{name}": array for name, array in _moved(entry, seed).items()})
    return sent


def _arrays(entry: Entry, seed: int) -> dict[str, NDArray[Any]]:
    sent = {f"input/{name}": array for name, array in drawn(entry.inputs, entry.name, seed).items()}
    sent.update({f"weight/{name}": array for name, array in drawn(entry.weights, entry.name, seed).items()})
    for divergence in entry.divergences:
        replaced = drawn(divergence.inputs, f"{entry.name}/{divergence.id}", seed)
        sent.update({f"{divergence.id}/input/{name}": array for name, array in replaced.items()})
    return sent


def _moved(entry: Entry, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs and weights within half a float32 ulp; weights carry the errors of the sums that they stand in."""
    generator = np.random.default_rng(seed)
    inputs, weights = drawn(entry.inputs, entry.name, seed), drawn(entry.weights, entry.name, seed)
    sent = {}
    for number in range(RUNS):
        for name, array in inputs.items():
            floating = array.dtype.kind == "f"
            sent[f"moved/{number:02d}/input/{name}"] = moved(array, generator) if floating else array
        for name, array in weights.items():
            length = array.size // array.shape[-1] if array.ndim > 1 else 0
            sent[f"moved/{number:02d}/weight/{name}"] = moved(array, generator, length)
    return sent
