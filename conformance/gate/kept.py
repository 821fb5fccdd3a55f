"""The observations that are kept: all but the bulk of the data sets, which every side can read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from conformance import observations
from conformance.observations import Key, Observation

PLATES = 64
_LABELS = "data/test/labels"


def thinned(observation: Observation) -> Observation:
    """The observation; of a data set the first images with their labels, and the labels of the test images."""
    if observation.key.operation != "data":
        return observation
    tensors = {name: tensor[:PLATES] for name, tensor in observation.tensors.items() if name != _LABELS}
    tensors |= {_LABELS: observation.tensors[_LABELS]} if _LABELS in observation.tensors else {}
    return replace(observation, facts={**observation.facts, "thinned": True}, tensors=tensors)


def keep(source: Path, directory: Path) -> None:
    """Write the observations of `source` into `directory`, thinned. Raises OSError and ObservationUnwritable."""
    directory.mkdir(parents=True, exist_ok=True)
    for key, observation in observations.read_all(source).items():
        kept = thinned(observation)
        observations.write(directory / key.file_name, key, kept.facts, kept.tensors)


def thin(directory: Path) -> None:
    """Thin the data observations of the sides of a gate where they lie."""
    for path in sorted(directory.glob("*/*.data.*.safetensors")):
        kept = thinned(observations.read(path))
        observations.write(path, kept.key, kept.facts, kept.tensors)
    for path in directory.glob("*/*.lock"):
        path.unlink(missing_ok=True)


def read_side(directory: Path, side: str) -> dict[Key, Observation]:
    """What is kept of one side of a gate, and of the oracle. Raises ObservationUnreadable."""
    return {**observations.read_all(directory / "oracle"), **observations.read_all(directory / side)}
