"""The observations that stay with a report: all but the bulk of the data sets, which every side can read again."""

from __future__ import annotations

from pathlib import Path

from conformance import observations
from conformance.observations import Key, Observation

PLATES = 64
_LABELS = "data/test/labels"


def thin(directory: Path) -> None:
    """Keep of every data observation the first images with their labels, and the labels of the test images."""
    for path in sorted(directory.glob("*/*.data.*.safetensors")):
        whole = observations.read(path)
        tensors = {name: tensor[:PLATES] for name, tensor in whole.tensors.items() if name != _LABELS}
        tensors |= {_LABELS: whole.tensors[_LABELS]} if _LABELS in whole.tensors else {}
        observations.write(path, whole.key, {**whole.facts, "thinned": True}, tensors)
    for path in directory.glob("*/*.lock"):
        path.unlink(missing_ok=True)


def read_side(directory: Path, side: str) -> dict[Key, Observation]:
    """What is kept of one side of a gate, and of the oracle. Raises ObservationUnreadable."""
    return {**observations.read_all(directory / "oracle"), **observations.read_all(directory / side)}
