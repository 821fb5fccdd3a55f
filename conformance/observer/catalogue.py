"""Observes entries of the catalogue, one family a request; what one entry raises is its own result, not the family's.

Arguments: `family`, `entries` (names). Tensors sent: `<entry>/input/<name>`, `<entry>/weight/<name>`,
`<entry>/<divergence>/input/<name>`.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from reference.catalogue import find, running
from reference.catalogue.entries import INFERENCE, TRAINING, Divergence, Entry, Form
from reference.catalogue.loading import in_fresh_process, keep

from .moving import moved
from .session import Session

GRADIENT_CALLS = 3
MOVED_RUNS = 16
Arrays = dict[str, np.ndarray]


def observe(session: Session, arguments: dict[str, Any], tensors: Arrays) -> tuple[dict[str, Any], Arrays]:
    """Facts: under `entries` each entry's own, or its `error`, or what is `absent`. Tensors: `<entry>/<tensor>`."""
    runner = importlib.import_module(f"reference.{session.framework}.catalogue")
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory)
        facts, observed = each_entry(arguments, tensors, lambda entry, sent: _observed(runner, entry, sent, kept))
        saved = sorted(path.stem for path in kept.glob("inputs/*.npz"))
        if saved:
            loaded, failed = in_fresh_process(session.framework, session.device, arguments["family"], kept, saved)
            for name, outputs in loaded.items():
                observed.update({f"{name}/loaded/{tensor}": array for tensor, array in outputs.items()})
            for name, error in failed.items():
                facts[name]["not_loaded"] = error
    return {"entries": facts}, observed


def each_entry(
    arguments: dict[str, Any], tensors: Arrays, observe_one: Callable[[Entry, Arrays], tuple[dict[str, Any], Arrays]]
) -> tuple[dict[str, Any], Arrays]:
    """Facts and tensors of every entry asked for; of one that raises, the error."""
    facts: dict[str, Any] = {}
    observed: Arrays = {}
    for name in arguments["entries"]:
        try:
            facts[name], found = observe_one(find(arguments["family"], name), under(name, tensors))
        except running.Absent as error:
            facts[name], found = {"absent": str(error)}, {}
        except Exception as error:
            facts[name], found = {"error": running.described(error)}, {}
        observed.update({f"{name}/{tensor}": array for tensor, array in found.items()})
    return facts, observed


def _observed(runner: Any, entry: Entry, sent: Arrays, directory: Path) -> tuple[dict[str, Any], Arrays]:
    if hasattr(runner, "FRAMEWORK"):
        return _entry(runner, entry, sent, directory)
    return {}, formula(runner, entry, sent) if entry.oracle is not None else {}


def formula(runner: Any, entry: Entry, sent: Arrays) -> Arrays:
    """The oracle's tensors, `<mode>/<tensor>`, with `deviation/<mode>/<tensor>` and `exact/<mode>/<tensor>`."""
    found: Arrays = {}
    for mode in entry.modes:
        for name, array in runner.observe(entry, under("input", sent), under("weight", sent), mode).items():
            prefix, _, rest = name.partition("/")
            marked = prefix in ("deviation", "exact")
            found[f"{prefix}/{mode}/{rest}" if marked else f"{mode}/{name}"] = array
    return found


def _entry(runner: Any, entry: Entry, sent: Arrays, directory: Path) -> tuple[dict[str, Any], Arrays]:
    """One entry in one framework: every mode, repeated; its own float64 run where there is no formula; defaults."""
    form = entry.form(runner.FRAMEWORK)
    require(form, runner)
    found: Arrays = {}
    facts: dict[str, Any] = {
        "shipped": running.defaults(form, runner.MODULES, runner.names_for_defaults(entry.kind)),
        "signature": running.signature(form, runner.MODULES),
        "modes": {},
    }
    for mode in entry.modes:
        component = component_of(runner, entry, form, sent, mode)
        facts["modes"][mode], tensors = _repeated(component)
        if entry.kind == "saving":
            (directory / "saved").mkdir(exist_ok=True)
            component.save(form, str(directory / "saved" / entry.name))
            keep(directory / "inputs" / f"{entry.name}.npz", under("input", sent))
        found.update({f"{mode}/{name}": array for name, array in tensors.items()})
        if entry.oracle is None and entry.kind == "call":
            found.update(_own_precise(runner, entry, form, sent, mode))
    facts["divergences"] = {}
    for divergence in entry.divergences:
        facts["divergences"][divergence.id], tensors = _diverging(runner, entry, divergence, sent)
        found.update({f"{divergence.id}/{name}": array for name, array in tensors.items()})
    return facts, found


def _repeated(component: Any) -> tuple[dict[str, Any], Arrays]:
    """The tensors of a call, and whether further ones give the same bits; gradients, which take longer, less often."""
    first: Arrays = component()
    calls = component.CALLS
    again = (component(with_gradients=number < GRADIENT_CALLS) for number in range(1, calls))
    different = sorted({name for tensors in again for name in _different(tensors, first)})
    return {
        "calls": calls,
        "different": different,
        "dtypes": {name: str(array.dtype) for name, array in first.items()},
        "constant": component.constant_weights(),
    }, first


def _own_precise(runner: Any, entry: Entry, form: Form, sent: Arrays, mode: str) -> Arrays:
    """The framework's own float64 run, `precise/<mode>/<tensor>`, and how far moved starts take it."""
    precise = component_of(runner, entry, form, sent, mode, "float64")()
    deviations: dict[str, list[float]] = {name: [] for name in precise}
    generator = np.random.default_rng(0)
    for _ in range(MOVED_RUNS):
        start = {name: _moved(name, array, generator) for name, array in sent.items()}
        for name, array in component_of(runner, entry, form, start, mode, "float64")().items():
            deviations[name].append(float(np.max(np.abs(array - precise[name]), initial=0.0)))
    found = {f"precise/{mode}/{name}": array for name, array in precise.items()}
    found.update({f"deviation/{mode}/{name}": np.asarray(values) for name, values in deviations.items()})
    return found


def _moved(name: str, array: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An input within half an ulp; a weight with the errors of the sums, too, in which it stands."""
    if array.dtype.kind != "f":
        return array
    is_kernel = name.startswith("weight/") and array.ndim > 1
    return moved(array, generator, array.size // array.shape[-1] if is_kernel else 0)


def _diverging(runner: Any, entry: Entry, divergence: Divergence, sent: Arrays) -> tuple[dict[str, Any], Arrays]:
    """What the divergence's form gives, `output...` and in training `state/...`; or what it raises."""
    form = (divergence.torch if runner.FRAMEWORK == "pytorch" else divergence.keras) or entry.form(runner.FRAMEWORK)
    form = form.as_shipped() if divergence.shipped else form
    replaced = {f"input/{name}": array for name, array in under(f"{divergence.id}/input", sent).items()}
    mode = TRAINING if divergence.training else INFERENCE
    try:
        require(form, runner)
        found: Arrays = component_of(runner, entry, form, {**sent, **replaced}, mode)()
    except running.Absent as error:
        return {"absent": str(error)}, {}
    except Exception as error:
        return {"raised": running.described(error)}, {}
    return {}, found


def component_of(
    runner: Any, entry: Entry, form: Form, sent: Arrays, mode: str, precision: str = "float32", compiler: str = ""
) -> Any:
    """A form made ready to run, the weights mapped to its names and layouts."""
    weights = entry.own_weights(runner.FRAMEWORK, form, under("weight", sent)) if entry.weights else {}
    return runner.KINDS[entry.kind](entry, form, under("input", sent), weights, mode, precision, compiler)


def require(form: Form, runner: Any) -> None:
    """Raises Absent where the installed release lacks something that the form names."""
    for code in (form.build, form.call):
        missing = running.absent_name(code, runner.MODULES)
        if missing:
            raise running.Absent(missing)


def _different(again: Arrays, first: Arrays) -> list[str]:
    return [name for name, array in again.items() if array.tobytes() != first[name].tobytes()]


def under(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names start so, without that start."""
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
