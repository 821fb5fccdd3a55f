"""What is asked of a gate: two sides in the user's words, how to build and observe them, and what fails it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conformance.environments import Options, mask
from conformance.judge.timing import SPEED_LIMIT
from conformance.subjects import looks_secret
from conformance.verdict import FAIL_ON
from reference.workloads import MNIST_MLP, Workload

BASELINE, CANDIDATE = "baseline", "candidate"
SIDES = (BASELINE, CANDIDATE)
OFF = "off"


@dataclass(frozen=True)
class SideRequest:
    """One side as its user words it: see conformance.environments.parse_side, and variables for its workers."""

    text: str
    python: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The words with the variables, as they stand in a report."""
        return " ".join([mask(self.text), *(f"{name}={value}" for name, value in self.shown().items())])

    def shown(self) -> dict[str, str]:
        """The variables, those that look like secrets without their values."""
        return {name: "****" if looks_secret(name) else mask(value) for name, value in self.environment.items()}


@dataclass(frozen=True)
class Request:
    """A gate between two sides.

    `frameworks` are those to compare, by default all that both sides hold. `only` limits the gate to a step, or
    to the contracts whose `step/contract` starts with it, and makes it partial. `report` is the directory of the
    report and the observations, None for none. `shared`, if given, keeps the observations of the baseline and the
    oracle for the next gate with the same baseline. `verdicts` is the directory in which verdicts are kept, None for
    none. With `catalogue` the components of the catalogue are compared too. `command` is the command line that asks
    for this gate.
    """

    baseline: SideRequest
    candidate: SideRequest
    workloads: tuple[Workload, ...] = (MNIST_MLP,)
    device: str = "cpu"
    seed: int = 0
    frameworks: tuple[str, ...] = ()
    only: str = ""
    options: Options = field(default_factory=Options)
    full_environment: bool = False
    pass_environment: tuple[str, ...] = ()
    ledger: Path | None = None
    report: Path | None = None
    shared: Path | None = None
    verdicts: Path | None = None
    catalogue: bool = False
    command: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = FAIL_ON
    speed: str = OFF
    speed_limit: float = SPEED_LIMIT
