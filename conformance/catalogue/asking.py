"""What a worker is asked for, so that it observes a family of the catalogue."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from reference import catalogue
from reference.catalogue.drawing import drawn
from reference.catalogue.entries import Entry


def arguments(family: str, operation: str) -> dict[str, Any]:
    """The arguments of the operations `catalogue` and `catalogue_compiled`: the family, and its entries by name."""
    chosen = [e.name for e in catalogue.family(family).entries if e.compiled or operation == "catalogue"]
    return {"family": family, "entries": chosen}


def tensors(family: str, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs and weights of all entries, `<entry>/input/<name>` and so on."""
    return {
        f"{entry.name}/{name}": array
        for entry in catalogue.family(family).entries
        for name, array in _arrays(entry, seed).items()
    }


def _arrays(entry: Entry, seed: int) -> dict[str, NDArray[Any]]:
    sent = {f"input/{name}": array for name, array in drawn(entry.inputs, entry.name, seed).items()}
    sent.update({f"weight/{name}": array for name, array in drawn(entry.weights, entry.name, seed).items()})
    for divergence in entry.divergences:
        replaced = drawn(divergence.inputs, f"{entry.name}/{divergence.id}", seed)
        sent.update({f"{divergence.id}/input/{name}": array for name, array in replaced.items()})
    return sent
