"""Checkpoints travel: what either side saves, the other loads to the same weights and the same predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from conformance import initial_weights
from conformance.cases import Case
from conformance.checks import Check, Kind, Step, Verdict
from conformance.contracts.filing import file
from conformance.gate.plan import loaded_label
from conformance.gate.request import SIDES
from conformance.gate.side_contracts import View, applied
from conformance.judge import exact
from conformance.judge.comparison import Comparison
from conformance.observations import Observation


def checkpoint_checks(view: View) -> Iterator[Check]:
    """What the case's side makes of the checkpoints of both sides, its own included."""
    for saver in SIDES:
        own = saver == view.case.side
        case = view.case if own else replace(view.case, partner=f"{view.case.framework}@{saver}")
        yield from applied(case, Step.MODEL, partial(_loads, case, view, saver))


def _loads(case: Case, view: View, saver: str) -> Iterator[Check]:
    loaded, model = view.of("checkpoint_load", loaded_label(saver)), view.of("model")
    for name in view.of("checkpoint_save").facts["formats"]:
        form = name.removeprefix("checkpoint/")
        raised = loaded.facts["exceptions"].get(form)
        if raised:
            reason = f"a {form} saved by the {saver} raises {raised['kind']} in the {case.side}: {raised['message']}"
            comparison = Comparison(Verdict.BREAK, None, None, None, 0, reason)
            yield file(case, Step.MODEL, f"checkpoint/{form}", Kind.EXACT, comparison)
        else:
            yield from _same(case, form, loaded, model)


def _same(case: Case, form: str, loaded: Observation, model: Observation) -> Iterator[Check]:
    """The loaded model has the weights that were saved, and predicts what a model with these weights predicts here."""
    expected = {f"weights/{name}": array for name, array in initial_weights.draw(case.workload, case.seed or 0).items()}
    for part, array in {**expected, "probabilities": model.tensors["model/probabilities"]}.items():
        name = f"checkpoint/{form}/{part}"
        yield file(case, Step.MODEL, name, Kind.EXACT, exact.compare(name, loaded.tensors[name], array))
