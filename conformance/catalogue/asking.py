"""What a worker is asked for, so that it observes a family of the catalogue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from reference.catalogue.drawing import drawn
from reference.catalogue.entries import Entry, Family

# Each operation with what says of an entry whether it is done to it.
OPERATIONS: dict[str, Callable[[Entry], bool]] = {
    "catalogue": lambda entry: True,
    "catalogue_compiled": lambda entry: entry.compiled,
    "catalogue_examples": lambda entry: entry.vary is not None,
}


def arguments(family: Family, operation: str) -> dict[str, Any]:
    """The arguments of the operations OPERATIONS: the family, and by name those of its entries that it is done to."""
    chosen = [entry.name for entry in family.entries if OPERATIONS[operation](entry)]
    return {"family": family.name, "entries": chosen}


def tensors(family: Family, seed: int) -> dict[str, NDArray[Any]]:
    """Inputs and weights of all entries, `<entry>/input/<name>` and so on."""
    return {f"{entry.name}/{name}": array for entry in family.entries for name, array in _arrays(entry, seed).items()}


def _arrays(entry: Entry, seed: int) -> dict[str, NDArray[Any]]:
    sent = {f"input/{name}": array for name, array in drawn(entry.inputs, entry.name, seed).items()}
    sent.update({f"weight/{name}": array for name, array in drawn(entry.weights, entry.name, seed).items()})
    for divergence in entry.divergences:
        replaced = drawn(divergence.inputs, f"{entry.name}/{divergence.id}", seed)
        sent.update({f"{divergence.id}/input/{name}": array for name, array in replaced.items()})
    return sent
