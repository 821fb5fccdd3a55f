"""What must hold between the sides: the suite's comparisons, candidate against baseline, and what an upgrade adds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict, Where
from conformance.contracts import data, evaluate, model, objective, train
from conformance.contracts.filing import exactly, file
from conformance.gate.plan import SPELLINGS, tutorial_label, variants
from conformance.gate.side_contracts import View, applied
from conformance.judge.comparison import Comparison
from conformance.observations import Observation
from conformance.variants import Variant, complete_variant

# What decides the meaning of a calculation. The others, threads and kernels, may change its rounding.
MEANING = (
    *("device", "default_dtype", "dtype_policy", "image_data_format", "deterministic", "tf32", "subnormals"),
    "backend",
)
_PLACE = re.compile(r"(/[^\s:'\"]+)+/|0x[0-9a-f]+|:\d+")


def pair_checks(view: View, other: View) -> Iterator[Check]:
    """Every check of one framework between its candidate (`view`) and its baseline (`other`)."""
    case = view.case
    yield from applied(case, Step.IMPORTS, lambda: settings(case, view.of("imports"), other.of("imports")))
    yield from applied(case, Step.DATA, lambda: data.equality(case, view.of("data"), other.of("data")))
    yield from applied(case, Step.DATA, lambda: _pipeline(case, view.of("data"), other.of("data")))
    yield from applied(
        case, Step.MODEL, lambda: model.outputs(case, view.of("model"), other.of("model"), view.arbiter())
    )
    yield from applied(case, Step.MODEL, lambda: _structure(case, view.of("model"), other.of("model")))
    yield from applied(case, Step.MODEL, lambda: [model.dtypes(case, view.of("model"), other.of("model"))])
    yield from applied(
        case, Step.OBJECTIVE, lambda: [objective.dtypes(case, view.of("objective"), other.of("objective"))]
    )
    yield from applied(case, Step.OBJECTIVE, lambda: configuration(case, view.of("objective"), other.of("objective")))
    yield from applied(
        case,
        Step.OBJECTIVE,
        lambda: objective.first_batch(case, view.of("objective"), other.of("objective"), view.arbiter()),
    )
    yield from applied(
        case, Step.OBJECTIVE, lambda: objective.edge_cases(case, view.of("objective"), other.of("objective"))
    )
    for spelling in SPELLINGS[case.framework]:
        yield from _tutorial(view, other, spelling)
    for variant in variants(case.workload, case.framework):
        yield from _trained(view, other, variant)
    yield from applied(case, Step.EVALUATE, lambda: _evaluated(view, other))


def settings(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """The settings in force: what decides the meaning of a calculation is unchanged, the rest is told."""
    ours, theirs = observed.facts["settings"], other.facts["settings"]
    yield exactly(
        case,
        Step.IMPORTS,
        "settings",
        {name: ours.get(name) for name in MEANING},
        {name: theirs.get(name) for name in MEANING},
    )
    rest = sorted({*ours, *theirs} - {*MEANING, "build"})
    changed = [f"{name} {theirs.get(name)} -> {ours.get(name)}" for name in rest if ours.get(name) != theirs.get(name)]
    yield told(case, Step.IMPORTS, "settings/kernels", changed, len(rest))


def configuration(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """Every value that the live model, loss and optimizer resolved to is the baseline's: one check a field."""
    ours, theirs = flat(observed.facts["configuration"]), flat(other.facts["configuration"])
    for name in sorted({*ours, *theirs}):
        yield exactly(
            case,
            Step.OBJECTIVE,
            f"configuration/{name}",
            {name: ours.get(name, "absent")},
            {name: theirs.get(name, "absent")},
        )


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, their names joined by slashes."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        found.update(flat(value, f"{prefix}{name}/") if isinstance(value, Mapping) else {f"{prefix}{name}": value})
    return found


def tutorial(case: Case, spelling: str, observed: Observation, other: Observation) -> Check:
    """The article's call does the same on both sides: it raises the same exception, or trains at the same rate.

    Measured: how far the rates in force lie apart; infinite where only one side raises, or they raise differently.
    """
    ours, theirs = observed.facts, other.facts
    rates = [float(f["configuration"]["learning_rate"]) if not f["exception"] else math.inf for f in (ours, theirs)]
    kinds = [f["exception"]["kind"] if f["exception"] else "" for f in (ours, theirs)]
    apart = 0.0 if rates[0] == rates[1] and kinds[0] == kinds[1] else abs(rates[0] - rates[1])
    apart = math.inf if math.isnan(apart) else apart
    comparison = Comparison(
        verdict=Verdict.BREAK if apart else Verdict.IDENTICAL,
        measured=apart,
        allowed=0.0,
        where=Where("objective/configuration/learning_rate", value=str(rates[0]), other=str(rates[1])),
        elements=1,
        reason=f"baseline: {_outcome(spelling, other)}; candidate: {_outcome(spelling, observed)}" if apart else "",
    )
    return file(case, Step.OBJECTIVE, f"tutorial/{spelling}", Kind.EXACT, comparison)


def _outcome(spelling: str, observed: Observation) -> str:
    asked = float(observed.key.variant.partition("=")[2])
    raised = observed.facts["exception"]
    if raised:
        return f"SGD({spelling}={asked:g}) raises {raised['kind']}: {raised['message'].splitlines()[0]}"
    rate = float(observed.facts["configuration"]["learning_rate"])
    ignored = "" if np.float32(rate) == np.float32(asked) else ", the argument is ignored"
    return f"SGD({spelling}={asked:g}) trains at {rate:g}{ignored}"


def told(case: Case, step: Step, contract: str, changes: list[str], elements: int) -> Check:
    """The check of something that may change without harm: a change is `rounding`, and named."""
    comparison = Comparison(
        verdict=Verdict.ROUNDING if changes else Verdict.IDENTICAL,
        measured=float(len(changes)),
        allowed=None,
        where=None,
        elements=elements,
        reason="; ".join(changes),
    )
    return file(case, step, contract, Kind.EXACT, comparison)


def _pipeline(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """The pipeline yields the same batches, every tensor has the same dtype, and a seed shuffles as it did."""
    yield exactly(case, Step.DATA, "dtypes/pipeline", observed.facts["dtypes"], other.facts["dtypes"])
    ours, theirs = ([batch["sha256"] for batch in side.facts["first_epoch"]] for side in (observed, other))
    yield data.same_batches(case, "first_epoch", ours, theirs, len(theirs))
    if case.has_oracle:
        order, before = observed.tensors["data/shuffled/1"], other.tensors["data/shuffled/1"]
        changes = [] if np.array_equal(order, before) else ["the same seed shuffles in another order"]
        yield told(case, Step.DATA, "shuffled/same_order", changes, len(order))


def _structure(case: Case, observed: Observation, other: Observation) -> Iterator[Check]:
    """Layers, their counts of parameters and the shapes of these are the same."""
    for contract, fact in (("parameter_count", "layers"), ("parameter_shapes", "shapes")):
        yield exactly(case, Step.MODEL, contract, observed.facts[fact], other.facts[fact])


def _tutorial(view: View, other: View, spelling: str) -> Iterator[Check]:
    label = tutorial_label(spelling)
    yield from applied(
        view.case,
        Step.OBJECTIVE,
        lambda: [tutorial(view.case, spelling, view.of("tutorial", label), other.of("tutorial", label))],
    )


def _trained(view: View, other: View, variant: Variant) -> Iterator[Check]:
    case = replace(view.case, variant=variant)
    yield from applied(
        case,
        Step.TRAIN,
        lambda: [
            *train.losses(case, view.trained(variant), other.trained(variant), view.arbiter()),
            *train.weights(case, view.trained(variant), other.trained(variant), view.arbiter()),
        ],
    )


def _evaluated(view: View, other: View) -> Iterator[Check]:
    case = view.case
    variant = complete_variant(case.framework)
    observed, before, oracle = view.trained(variant), other.trained(variant), view.arbiter()
    yield from evaluate.logits(case, observed, before, oracle)
    yield from evaluate.predicted(case, observed, before, oracle)


def new_warnings(case: Case, step: Step, pairs: Iterable[tuple[Observation, Observation]]) -> Check:
    """The warnings that the candidate gives in a step and the baseline does not, over all that both observed."""
    pairs = list(pairs)
    ours, theirs = (set().union(*(_warnings(pair[side]) for pair in pairs)) for side in (0, 1))
    return told(case, step, "warnings", sorted(ours - theirs), len(pairs))


def _warnings(observed: Observation) -> set[str]:
    return {plain(text) for name in ("warnings_at_start", "warnings") for text in observed.facts.get(name, ())}


def plain(warning: str) -> str:
    """A warning without the places, addresses and line numbers that differ from one environment to the next."""
    return " ".join(_PLACE.sub("", warning).split())
