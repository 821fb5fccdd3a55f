"""The first divergence: of all that failed, the earliest in the order in which training computes."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from conformance.checks import Check, Kind, Step, Verdict

# The order in which one training step computes, by the second part of a tensor's name, such as `gradient`
# in `objective/gradient/hidden/kernel`. What goes into a step comes first; what is read off its results
# comes last.
_STAGES = (
    (
        *("configuration", "settings", "versions", "loaded"),
        *("parameter_count", "parameter_total", "parameter_shapes"),
    ),
    ("train", "batches", "initial_weights"),
    ("test",),
    ("logits", "probabilities"),
    ("loss", "losses", "epoch_losses"),
    ("gradient",),
    ("optimizer",),
    ("updated", "weights"),
)
_PLACES = {name: place for place, names in enumerate(_STAGES) for name in names}
_STEP_IN_NAME = re.compile(r"/(\d{6})/")
_FRAMEWORKS = ("tensorflow", "pytorch", "numpy")


@dataclass(frozen=True)
class Divergence:
    """A failing check as it is shown: place, both values, the oracle's, allowance, how to repeat it.

    `ratio` is measured/allowed, infinite where nothing is allowed; `training_step` counts from 1; `measured_at` is the
    index of what was measured, where that is another one than the first out of its allowance.
    """

    id: str
    step: Step
    subjects: tuple[str, ...]
    workload: str
    verdict: Verdict
    tensor: str
    index: tuple[int, ...]
    training_step: int | None
    value: float | str | None
    other: float | str | None
    oracle: float | str | None
    measured: float | None
    allowed: float | None
    ratio: float | None
    reason: str
    command: str
    measured_at: tuple[int, ...] = ()


def ratio(check: Check) -> float | None:
    """Measured over allowed; None for statistical checks and for exact rules that hold."""
    if check.measured is None or check.allowed is None or check.kind is Kind.STATISTICAL:
        return None
    if not math.isfinite(check.measured):
        return math.inf
    if check.allowed == 0:
        return math.inf if check.measured else None
    return check.measured / check.allowed


def stage(tensor: str) -> int:
    """The place of a tensor in the order of computing, from settings and batch (first) to results."""
    _, _, rest = tensor.partition("/")
    return _PLACES.get(rest.partition("/")[0], len(_STAGES))


def training_step(check: Check) -> int | None:
    """The training step of the check, counted from 1, also where only the tensor's name tells it."""
    if check.where is None:
        return None
    if check.where.training_step is not None:
        return check.where.training_step
    named = _STEP_IN_NAME.search(check.where.tensor)
    return int(named[1]) if named else None


def command(check: Check) -> str:
    """A command that repeats the check: the one filed with it, or the step's tests for its subjects alone."""
    filed = check.details.get("command")
    if isinstance(filed, str):
        return filed
    frameworks = [subject for subject in check.subjects if subject in _FRAMEWORKS] or [check.framework]
    words = ["pytest", f"conformance/test_{check.step}.py", "--framework", ",".join(frameworks)]
    return shlex.join([*words, "--workload", check.workload, "--device", check.device])


def repeated_by(check: Check, line: str) -> Check:
    """The check with the command that repeats it, where it failed."""
    return replace(check, details={**check.details, "command": line}) if check.failed else check


def measured_at(check: Check) -> tuple[int, ...]:
    """The index of what was measured, the largest in proportion to its allowance; empty where it is the place shown."""
    largest = check.details.get("largest")
    if check.where is None or not isinstance(largest, Mapping):
        return ()
    index = tuple(largest["index"])
    return index if index != tuple(check.where.index) else ()


def describe(check: Check) -> Divergence:
    """The check as a divergence."""
    where = check.where
    return Divergence(
        id=check.id,
        step=check.step,
        subjects=check.subjects,
        workload=check.workload,
        verdict=check.verdict,
        tensor=where.tensor if where else "",
        index=where.index if where else (),
        training_step=training_step(check),
        value=where.value if where else None,
        other=where.other if where else None,
        oracle=where.oracle if where else None,
        measured=check.measured,
        allowed=check.allowed,
        ratio=ratio(check),
        reason=check.reason,
        command=command(check),
        measured_at=measured_at(check),
    )


def first_divergence(checks: Iterable[Check]) -> Divergence | None:
    """The earliest failing check; None where none failed.

    Order: the six steps, then the training step, then batch → logits → loss → gradients → optimizer state →
    weights. A failure without a place (a crash, a rule about a whole step) comes first within its step.
    """
    failing = [check for check in checks if check.failed]
    return describe(min(failing, key=_order)) if failing else None


def first_divergences(checks: Iterable[Check]) -> list[Divergence]:
    """The earliest failing check of every pair of subjects in every workload, earliest first."""
    first: dict[tuple[object, ...], Check] = {}
    for check in sorted((check for check in checks if check.failed), key=_order):
        first.setdefault((check.workload, check.subjects), check)
    return [describe(check) for check in first.values()]


def _order(check: Check) -> tuple[float, ...]:
    step = list(Step).index(check.step)
    if check.where is None:
        return step, -1, -1, -check.verdict.rank
    at = training_step(check)
    # In the training step of the suite, a figure without a place in time sums up the whole of it.
    late = math.inf if check.step is Step.TRAIN else 0
    return step, late if at is None else at, stage(check.where.tensor), -check.verdict.rank
