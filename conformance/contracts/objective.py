"""Step objective: what must hold of the configuration, the loss, the gradients and the first update."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import filing
from conformance.contracts.filing import exactly, file, rounded
from conformance.judge import rounding
from conformance.judge.comparison import Comparison
from conformance.observations import Observation


def configuration(case: Case, observed: Observation) -> Iterator[Check]:
    """The values in force, read from the live optimizer, are the workload's; the rate to float32 rounding."""
    found = observed.facts["configuration"]
    yield exactly(
        case,
        Step.OBJECTIVE,
        "configuration/learning_rate",
        np.float32(found["learning_rate"]),
        np.float32(case.workload.learning_rate),
    )
    expected = {"momentum": 0.0, "nesterov": False, "weight_decay": 0.0}
    in_force = {name: type(value)(found[name] or 0) for name, value in expected.items()}
    yield exactly(case, Step.OBJECTIVE, "configuration/plain_sgd", in_force, expected)
    if "updates" in found:  # schedules and corrections of a bias go by it
        yield exactly(case, Step.OBJECTIVE, "configuration/updates", found["updates"], 1)


def dtypes(case: Case, observed: Observation, other: Observation | None = None) -> Check:
    """Loss, gradients and updated parameters have the dtypes of the other side, or else float32."""
    return filing.dtypes(case, Step.OBJECTIVE, _of_first_batch(case), observed, other)


def first_batch(case: Case, observed: Observation, other: Observation, oracle: Observation) -> Iterator[Check]:
    """Loss, every gradient and every updated parameter of the first batch lie within the rounding allowance."""
    for name in _of_first_batch(case):
        yield rounded(case, Step.OBJECTIVE, name, observed, other, oracle)


def _of_first_batch(case: Case) -> list[str]:
    stages = ("gradient", "updated")
    names = [f"{stage}/{parameter.name}" for stage in stages for parameter in case.workload.parameters]
    return ["objective/loss", *(f"objective/{name}" for name in names)]


def edge_cases(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """Where a loss has to choose (a probability of 0, probabilities that do not sum to 1), both choose alike.

    Measured: the difference; where one side alone is infinite, the size of the finite one.
    """
    ours, theirs = observed.facts["edge_cases"], other.facts["edge_cases"]
    yield exactly(case, Step.OBJECTIVE, "edge_cases/names", dict.fromkeys(ours, True), dict.fromkeys(theirs, True))
    for name in sorted({*ours} & {*theirs}):
        yield _edge_case(case, name, float(ours[name]), float(theirs[name]))


def _edge_case(case: Case, name: str, ours: float, theirs: float) -> Check:
    finite = [abs(value) for value in (ours, theirs) if np.isfinite(value)]
    difference: float | None
    if np.isnan([ours, theirs]).any():
        difference = None
    elif ours == theirs:
        difference = 0.0
    elif len(finite) == 1:
        # An infinite difference would hide a change of the side that is finite; any other pair has no size to declare.
        difference = ours if 0 <= ours < np.inf else None
    else:
        difference = abs(ours - theirs)
    same_kind = len(finite) != 1
    allowed = 3 * float(rounding.ulp32(max(finite))) if same_kind and finite else 0.0
    passed = same_kind and difference is not None and difference <= allowed
    verdict = Verdict.BREAK if not passed else Verdict.ROUNDING if difference else Verdict.IDENTICAL
    comparison = Comparison(
        verdict=verdict,
        measured=difference,
        allowed=allowed,
        where=Where(f"objective/edge_cases/{name}", value=ours, other=theirs),
        elements=1,
        reason="" if passed else f"the loss is {ours:g} in one and {theirs:g} in the other",
    )
    return file(case, Step.OBJECTIVE, f"edge_cases/{name}", Kind.ROUNDING, comparison)


def legacy_arguments(case: Case, spelling: str, observed: Observation) -> Iterator[Check]:
    """`SGD(lr=0.25)`, as the article's time wrote it, trains at 0.25, and so does today's spelling.

    Measured: how far the rate in force lies from the one asked for; infinite where the framework raised.
    """
    asked = float(observed.key.variant.partition("=")[2])
    raised = observed.facts["exception"]
    in_force = np.inf if raised else float(observed.facts["configuration"]["learning_rate"])
    deviation = abs(np.float32(in_force) - np.float32(asked)) if np.isfinite(in_force) else np.inf
    comparison = Comparison(
        verdict=Verdict.BREAK if deviation else Verdict.IDENTICAL,
        measured=float(deviation),
        allowed=0.0,
        where=Where("optimizer/learning_rate", value=str(in_force), other=str(asked)),
        elements=1,
        reason=_why(spelling, asked, in_force, raised) if deviation else "",
    )
    yield file(case, Step.OBJECTIVE, f"legacy_arguments/{spelling}", Kind.EXACT, comparison)


def _why(spelling: str, asked: float, in_force: float, raised: dict[str, str] | None) -> str:
    if raised:
        first_line = raised["message"].partition("\n")[0]
        return f"SGD({spelling}={asked:g}) raised {raised['kind']}: {first_line}"
    return f"SGD({spelling}={asked:g}) trains at {in_force:g}: the argument is ignored"
