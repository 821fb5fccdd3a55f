"""Observes the entries of the catalogue that are also run compiled: `<entry>/<compiler>/<mode>/<tensor>`."""

from __future__ import annotations

import importlib
from typing import Any

from reference.catalogue.entries import Entry

from .catalogue import Arrays, component_of, each_entry, require
from .session import Session


def observe(session: Session, arguments: dict[str, Any], tensors: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Facts: under `entries` each entry's own, or its `error`, or what is `absent`. Arguments as of `catalogue`."""
    runner = importlib.import_module(f"reference.{session.framework}.catalogue")

    def observe_one(entry: Entry, sent: Arrays) -> tuple[dict[str, Any], Arrays]:
        form = entry.form(runner.FRAMEWORK)
        require(form, runner)
        found: Arrays = {}
        facts: dict[str, Any] = {}
        for mode in entry.modes:
            for compiler in runner.COMPILERS:
                component = component_of(runner, entry, form, sent, mode, compiler=compiler)
                found.update({f"{compiler}/{mode}/{name}": array for name, array in component().items()})
                facts[mode] = {"constant": component.constant_weights()}
        return {"compilers": list(runner.COMPILERS), "modes": facts}, found

    facts, observed = each_entry(arguments, tensors, observe_one)
    return {"entries": facts}, observed
