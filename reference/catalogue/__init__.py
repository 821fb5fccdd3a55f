"""The catalogue: common components of Keras and PyTorch, each in both forms, and how they are judged.

`families/` holds one file per family. Importing an entry imports no framework; its code is run by
reference.tensorflow.catalogue and reference.pytorch.catalogue, and its formula by reference.oracle.catalogue.
"""

from __future__ import annotations

import importlib
import pkgutil

from . import families
from .entries import Entry, Family


def family(name: str) -> Family:
    """The family of this name. Raises ModuleNotFoundError where there is none."""
    found: Family = importlib.import_module(f"{families.__name__}.{name}").FAMILY
    return found


def all_families() -> tuple[Family, ...]:
    """Every family, in the order of their names."""
    return tuple(family(module.name) for module in pkgutil.iter_modules(families.__path__))


def find(family_name: str, entry_name: str) -> Entry:
    """The entry of this name. Raises KeyError where the family has none."""
    for entry in family(family_name).entries:
        if entry.name == entry_name:
            return entry
    raise KeyError(f"family {family_name} has no entry {entry_name}")
