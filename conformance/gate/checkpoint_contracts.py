"""Checkpoints travel: what either side saves, the other loads to the same weights and the same predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from conformance.cases import Case
from conformance.checks import Check, Step
from conformance.contracts.checkpoints import loaded_alike
from conformance.gate.plan import loaded_label
from conformance.gate.request import SIDES
from conformance.gate.side_contracts import View, applied


def checkpoint_checks(view: View) -> Iterator[Check]:
    """What the case's side makes of the checkpoints of both sides, its own included."""
    for saver in SIDES:
        own = saver == view.case.side
        case = view.case if own else replace(view.case, partner=f"{view.case.framework}@{saver}")
        yield from applied(case, Step.MODEL, partial(_loads, case, view, saver))


def _loads(case: Case, view: View, saver: str) -> Iterator[Check]:
    formats = view.of("checkpoint_save").facts["formats"]
    how = f"saved by the {saver} and loaded by the {case.side}"
    yield from loaded_alike(case, formats, view.of("checkpoint_load", loaded_label(saver)), view.of("model"), how)
