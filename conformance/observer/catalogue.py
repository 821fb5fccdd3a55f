"""Observes entries of the catalogue, one family a request; what one entry raises is its own result, not the family's.

Arguments: `family`, `entries` (names), `moved` (names of entries without a formula). Tensors sent:
`<entry>/input/<name>`, `<entry>/weight/<name>`, `<entry>/<divergence>/input/<name>`, and for entries without a formula
`<entry>/moved/<number>/input/<name>` and so on.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

from reference.catalogue import entries as catalogue
from reference.catalogue import find, running
from reference.catalogue.entries import Divergence, Entry, Form

from .session import Session

REPEATS = 20
Arrays = dict[str, np.ndarray]


def observe(session: Session, arguments: dict[str, Any], tensors: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Facts: under `entries` each entry's own, or its `error`, or what is `absent`. Tensors: `<entry>/<tensor>`."""
    runner = importlib.import_module(f"reference.{session.framework}.catalogue")
    facts: dict[str, Any] = {}
    observed: Arrays = {}
    for name in arguments["entries"]:
        entry = find(arguments["family"], name)
        sent = _under(name, tensors)
        try:
            if session.framework == "oracle":
                facts[name], found = {}, _formula(runner, entry, sent)
            else:
                facts[name], found = _entry(runner, entry, sent)
        except running.Absent as error:
            facts[name], found = {"absent": str(error)}, {}
        except Exception as error:
            facts[name], found = {"error": _described(error)}, {}
        observed.update({f"{name}/{tensor}": array for tensor, array in found.items()})
    return {"entries": facts}, observed


def _formula(runner: Any, entry: Entry, sent: Arrays) -> Arrays:
    """The oracle's tensors, `<mode>/<tensor>`, with `deviation/<mode>/<tensor>` and `exact/<mode>/<tensor>`."""
    found: Arrays = {}
    for mode in entry.modes:
        for name, array in runner.observe(entry, _under("input", sent), _under("weight", sent), mode).items():
            prefix, _, rest = name.partition("/")
            marked = prefix in ("deviation", "exact")
            found[f"{prefix}/{mode}/{rest}" if marked else f"{mode}/{name}"] = array
    return found


def _entry(runner: Any, entry: Entry, sent: Arrays) -> tuple[dict[str, Any], Arrays]:
    """One entry in one framework: every mode, repeated; its own float64 run where there is no formula; defaults."""
    form = entry.form(runner.FRAMEWORK)
    _require(form, runner)
    found: Arrays = {}
    facts: dict[str, Any] = {
        "shipped": running.defaults(form, runner.MODULES, {}),
        "signature": running.signature(form, runner.MODULES),
        "modes": {},
    }
    for mode in entry.modes:
        facts["modes"][mode], tensors = _mode(runner, entry, form, sent, mode)
        found.update({f"{mode}/{name}": array for name, array in tensors.items()})
        if entry.oracle is None:
            found.update(_own_precise(runner, entry, form, sent, mode))
    facts["divergences"] = {}
    for divergence in entry.divergences:
        facts["divergences"][divergence.id], tensors = _diverging(runner, entry, divergence, sent)
        found.update({f"{divergence.id}/{name}": array for name, array in tensors.items()})
    return facts, found


def _mode(runner: Any, entry: Entry, form: Form, sent: Arrays, mode: str) -> tuple[dict[str, Any], Arrays]:
    component = _component(runner, entry, form, sent, mode)
    first: Arrays = component()
    different = sorted({name for _ in range(REPEATS - 1) for name in _different(first, component())})
    facts = {
        "calls": REPEATS,
        "different": different,
        "dtypes": {name: str(array.dtype) for name, array in first.items()},
        "constant": component.constant_weights(),
    }
    return facts, first


def _own_precise(runner: Any, entry: Entry, form: Form, sent: Arrays, mode: str) -> Arrays:
    """The framework's own float64 run, `precise/<mode>/<tensor>`, and how far moved starts take it."""
    precise = _component(runner, entry, form, sent, mode, "float64")()
    deviations: dict[str, list[float]] = {name: [] for name in precise}
    for number in sorted({name.split("/")[1] for name in sent if name.startswith("moved/")}):
        moved = _under(f"moved/{number}", sent)
        for name, array in _component(runner, entry, form, moved, mode, "float64")().items():
            deviations[name].append(float(np.max(np.abs(array - precise[name]), initial=0.0)))
    found = {f"precise/{mode}/{name}": array for name, array in precise.items()}
    found.update({f"deviation/{mode}/{name}": np.asarray(values) for name, values in deviations.items()})
    return found


def _diverging(runner: Any, entry: Entry, divergence: Divergence, sent: Arrays) -> tuple[dict[str, Any], Arrays]:
    """What the divergence's form gives, `output...` and in training `state/...`; or what it raises."""
    form = (divergence.torch if runner.FRAMEWORK == "pytorch" else divergence.keras) or entry.form(runner.FRAMEWORK)
    form = form.as_shipped() if divergence.shipped else form
    replaced = {f"input/{name}": array for name, array in _under(f"{divergence.id}/input", sent).items()}
    mode = catalogue.TRAINING if divergence.training else catalogue.INFERENCE
    try:
        _require(form, runner)
        found: Arrays = _component(runner, entry, form, {**sent, **replaced}, mode)()
    except running.Absent as error:
        return {"absent": str(error)}, {}
    except Exception as error:
        return {"raised": _described(error)}, {}
    return {}, found


def _component(
    runner: Any, entry: Entry, form: Form, sent: Arrays, mode: str, precision: str = "float32", compiler: str = ""
) -> Any:
    weights = entry.own_weights(runner.FRAMEWORK, form, _under("weight", sent)) if entry.weights else {}
    return runner.Component(entry, form, _under("input", sent), weights, mode, precision, compiler)


def _require(form: Form, runner: Any) -> None:
    for code in (form.build, form.call):
        missing = running.absent_name(code, runner.MODULES)
        if missing:
            raise running.Absent(missing)


def _different(first: Arrays, again: Arrays) -> list[str]:
    return [name for name, array in first.items() if array.tobytes() != again[name].tobytes()]


def _described(error: Exception) -> dict[str, str]:
    return {"kind": type(error).__name__, "message": str(error), "traceback": traceback.format_exc()}


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
