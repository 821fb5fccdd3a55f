"""Observes entries of the catalogue on further inputs: `<entry>/<number>/<mode>/<tensor>`, once each.

Arguments as of `catalogue`. Tensors sent: `<entry>/<number>/input/<name>`, `<entry>/weight/<name>`.
"""

from __future__ import annotations

import importlib
from typing import Any

from reference.catalogue import running
from reference.catalogue.entries import Entry

from .catalogue import Arrays, component_of, each_entry, formula, require, under
from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Facts: under `entries` each entry's `examples`, each with what it is or its `error`; or what is `absent`."""
    runner = importlib.import_module(f"reference.{session.framework}.catalogue")
    facts, observed = each_entry(arguments, tensors, lambda entry, sent: _observed(runner, entry, sent))
    return {"entries": facts}, observed


def _observed(runner: Any, entry: Entry, sent: Arrays) -> tuple[dict[str, Any], Arrays]:
    framework = getattr(runner, "FRAMEWORK", "")
    if framework:
        require(entry.form(framework), runner)
    weights = {name: array for name, array in sent.items() if name.startswith("weight/")}
    facts: dict[str, Any] = {}
    found: Arrays = {}
    for number in sorted({name.partition("/")[0] for name in sent if name not in weights}):
        example = {**weights, **under(number, sent)}
        try:
            facts[number], arrays = _run(runner, entry, example) if framework else ({}, formula(runner, entry, example))
        except Exception as error:
            facts[number], arrays = {"error": running.described(error)}, {}
        found.update({f"{number}/{name}": array for name, array in arrays.items()})
    return {"examples": facts}, found


def _run(runner: Any, entry: Entry, example: Arrays) -> tuple[dict[str, Any], Arrays]:
    """One example in one framework, in every mode."""
    form = entry.form(runner.FRAMEWORK)
    modes: dict[str, Any] = {}
    found: Arrays = {}
    for mode in entry.modes:
        component = component_of(runner, entry, form, example, mode)
        found.update({f"{mode}/{name}": array for name, array in component().items()})
        modes[mode] = {"constant": component.constant_weights()}
    return {"modes": modes}, found
