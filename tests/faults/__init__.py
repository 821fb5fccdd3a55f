"""Faults that are planted into the frameworks, to see whether the suite finds them; each is a function of a few lines.

`FAULTS` holds them by name. A worker plants the one that its environment names: see `planting`.
"""

from __future__ import annotations

from . import data, evaluate, imports, model, objective, speed, train
from .planting import FAULTS

__all__ = ["FAULTS", "data", "evaluate", "imports", "model", "objective", "speed", "train"]
