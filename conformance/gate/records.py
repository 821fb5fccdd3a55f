"""What was observed of a side, and what could not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from conformance.observations import Key, Observation
from conformance.worker import ObservationFailed, WorkerFailed

Failure = ObservationFailed | WorkerFailed


class Unobserved(Exception):
    """An observation that a contract needs was not made."""

    def __init__(self, key: Key) -> None:
        super().__init__(f"{key.framework} {key.operation} {key.variant} was not observed")
        self.key = key


@dataclass
class Records:
    """The observations of one side (or of the oracle), and the failures of those that could not be made."""

    made: dict[Key, Observation] = field(default_factory=dict)
    failed: dict[Key, Failure] = field(default_factory=dict)

    def get(self, key: Key) -> Observation:
        """The observation of the key. Raises Unobserved where there is none."""
        if key not in self.made:
            raise Unobserved(key)
        return self.made[key]
