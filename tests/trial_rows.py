"""A made-up fault, and rows of a trial of it."""

from __future__ import annotations

from conformance.checks import Step
from conformance.trial.faults import Fault
from conformance.trial.outcome import Row, StepResult

FAULT = Fault("torch-fault", "pytorch", Step.MODEL, "Something is wrong.", False, "https://example.org/1")


def step(name: Step, caught: bool = False, short: tuple[str, ...] = ()) -> StepResult:
    return StepResult(name, 1, 4, 100, caught, short)


def row(*steps: StepResult, active: bool = True, fault: Fault = FAULT) -> Row:
    return Row(fault, steps, active, "model/logits[mnist_mlp-pytorch-vs-oracle-0-cpu]", "it differs", seconds=1.5)


CAUGHT = row(step(Step.IMPORTS), step(Step.DATA), step(Step.MODEL, caught=True))
