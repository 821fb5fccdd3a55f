"""Step model: what must hold of checkpoints that are loaded again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance import initial_weights
from conformance.cases import Case
from conformance.checks import Check, Kind, Step
from conformance.contracts.filing import file
from conformance.judge import exact
from conformance.judge.comparison import broken
from conformance.observations import Observation


def loaded_alike(
    case: Case, formats: Sequence[str], loaded: Observation, model: Observation, how: str = "saved and loaded again"
) -> Iterator[Check]:
    """The loaded model has the weights that were saved, and predicts what a model that is given them does.

    `formats` are the names of what was saved, `how` says by whom where loading raised.
    """
    given = initial_weights.draw(case.workload, case.seed or 0)
    expected = {f"weights/{name}": array for name, array in given.items()}
    expected["probabilities"] = model.tensors["model/probabilities"]
    for name in formats:
        raised = loaded.facts["exceptions"].get(name.removeprefix("checkpoint/"))
        if raised:
            comparison = broken(name, f"{how}, raises {raised['kind']}: {raised['message']}")
            yield file(case, Step.MODEL, name, Kind.EXACT, comparison)
            continue
        for part, array in expected.items():
            comparison = exact.compare(f"{name}/{part}", loaded.tensors[f"{name}/{part}"], array)
            yield file(case, Step.MODEL, f"{name}/{part}", Kind.EXACT, comparison)
