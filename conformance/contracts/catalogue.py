"""The catalogue: what must hold of an entry in one framework, and between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.specifiers import SpecifierSet
from scipy import stats

from conformance.catalogue import NAME
from conformance.catalogue.cases import EntryCase
from conformance.catalogue.divergences import contract
from conformance.checks import Check, Kind, Verdict, Where
from conformance.contracts.filing import exactly, file, holds
from conformance.judge import exact, initialisation, rounding
from conformance.judge.comparison import Comparison, broken, number
from conformance.observations import Observation
from reference.catalogue.entries import INFERENCE, TRAINING, Divergence
from reference.catalogue.running import plain

Arrays = dict[str, NDArray[Any]]
_PACKAGE = {"tensorflow": "keras", "pytorch": "torch"}
_GRADIENT, _STATE = "gradient/weight/", "state/"
_OF_WEIGHTS = (_GRADIENT, _STATE)


@dataclass(frozen=True)
class Expected:
    """What a tensor should be: its value in float64, what is allowed of every element, and how that was found."""

    values: NDArray[Any]
    allowed: NDArray[np.float64]
    kind: Kind


def entry(case: EntryCase, observed: Observation, oracle: Observation | None) -> Iterator[Check]:
    """Of one entry in one framework: every tensor within its allowance, the bits of repeated calls, the defaults.

    `oracle` is the family's observation by formula, None where the entry has none.
    """
    yield from (_repeatable(case, check) for check in _entry(case, observed, oracle))


def pair(case: EntryCase, observed: Observation, other: Observation, oracle: Observation | None) -> Iterator[Check]:
    """Of one entry in two frameworks, or in two versions of one: every tensor, the dtypes, declared divergences."""
    yield from (_repeatable(case, check) for check in _pair(case, observed, other, oracle))


def _repeatable(case: EntryCase, check: Check) -> Check:
    """The check; one that failed with a command that repeats it."""
    if check.verdict not in (Verdict.DRIFT, Verdict.BREAK):
        return check
    command = f"pytest conformance/test_catalogue.py -k '{case.family.name}-{case.entry.name}-'"
    return replace(check, details={**check.details, "command": command})


def _entry(case: EntryCase, observed: Observation, oracle: Observation | None) -> Iterator[Check]:
    if fault := _fault(case, oracle, observed):
        yield fault
        return
    facts = observed.facts["entries"][case.entry.name]
    if case.entry.kind == "sample":
        yield from _sampled(case, observed)
    for mode in case.entry.modes:
        found = _tensors(case, mode, observed)
        for name, expected in _expected(case, case.framework, mode, observed, oracle).items():
            yield _compared(case, mode, name, found.get(name), expected.values, expected)
        told = facts["modes"][mode]
        different = ", ".join(told["different"])
        yield holds(
            case,
            case.step,
            _name(case, mode, "repeatable"),
            not different,
            f"{different} differ in their bits from one of {told['calls']} calls to the next",
            told["calls"],
        )
    if case.entry.kind == "saving":
        loaded = _tensors(case, "loaded", observed)
        for name, array in loaded.items():
            saved = _tensors(case, INFERENCE, observed)[name]
            comparison = exact.compare(name, array, saved)
            yield file(case, case.step, _name(case, "loaded", name), Kind.EXACT, comparison)
        yield holds(case, case.step, _name(case, "loaded"), bool(loaded), "the saved component was not loaded")
    form = case.entry.form(case.framework)
    if form.shipped:
        shipped = {name: _single(value) for name, value in facts["shipped"].items()}
        recorded = {name: _single(plain(value)) for name, value in form.shipped.items()}
        yield exactly(case, case.step, _name(case, "defaults"), shipped, recorded)


def _pair(case: EntryCase, observed: Observation, other: Observation, oracle: Observation | None) -> Iterator[Check]:
    if fault := _fault(case, oracle, observed, other):
        yield fault
        return
    sides = [side.facts["entries"][case.entry.name] for side in (observed, other)]
    partner = replace(case, framework=other.key.framework)
    for mode in case.entry.modes:
        found = _in_layout_of(partner, case.framework, _tensors(case, mode, observed))
        theirs = _tensors(partner, mode, other)
        for name, expected in _expected(case, partner.framework, mode, other, oracle).items():
            if name in theirs:
                yield _compared(case, mode, name, found.get(name), theirs[name], expected)
        dtypes = [_output_dtypes(facts["modes"][mode]["dtypes"]) for facts in sides]
        yield exactly(case, case.step, _name(case, mode, "dtypes"), *dtypes)
    if case.framework != partner.framework:
        for divergence in case.entry.divergences:
            yield _diverging(case, divergence, observed, other, oracle)


def absence(case: EntryCase, observed: Observation, versions: Callable[[], Mapping[str, str]]) -> str:
    """Why the entry cannot be there: its component came later than the version installed, or went before it.

    Empty where the component is there, or ought to be.
    """
    missing = observed.facts["entries"][case.entry.name].get("absent")
    if not missing:
        return ""
    form = case.entry.form(observed.key.framework)
    package = _PACKAGE[observed.key.framework]
    version = versions()[package]
    bounds = [f">={form.since}" if form.since else "", f"<={form.until}" if form.until else ""]
    wanted = SpecifierSet(",".join(bound for bound in bounds if bound))
    if wanted.contains(version, prereleases=True):
        return ""
    return f"{missing} is absent in {package} {version} (there with {package}{wanted})"


def compiled(case: EntryCase, observed: Observation, oracle: Observation) -> Iterator[Check]:
    """Of one entry, compiled in every way that the framework has: every tensor within its allowance."""
    if fault := _fault(case, oracle, observed):
        yield _repeatable(case, fault)
        return
    facts = observed.facts["entries"][case.entry.name]
    for compiler in facts["compilers"]:
        for mode in case.entry.modes:
            found = _tensors(case, f"{compiler}/{mode}", observed)
            for name, expected in _expected(case, case.framework, mode, observed, oracle).items():
                where = "/".join(("compiled", compiler, mode))
                yield _repeatable(case, _compared(case, where, name, found.get(name), expected.values, expected))


def _sampled(case: EntryCase, observed: Observation) -> Iterator[Check]:
    """Random numbers follow the law that the entry gives for the framework."""
    laws = case.entry.settings["law"]
    law = law_of(laws[case.framework] if isinstance(laws, Mapping) else laws)
    samples = {name: array for name, array in _tensors(case, INFERENCE, observed).items() if name.startswith("output")}
    for result in initialisation.judge_initialisation(samples, dict.fromkeys(samples, law)):
        comparison = Comparison(
            verdict=Verdict.IDENTICAL if result.holds else Verdict.BREAK,
            measured=result.p,
            allowed=result.allowed,
            where=Where(result.name),
            elements=result.elements,
            reason=result.reason,
        )
        yield file(case, case.step, _name(case, "law", result.name), Kind.STATISTICAL, comparison, law=result.law)


def law_of(words: tuple[str, float]) -> initialisation.Law:
    """The law that an entry names: `uniform` within a limit, `normal` or `truncated_normal` of a deviation, `zeros`.

    Truncated at two deviations of the normal that is cut, as in Keras and in `torch.nn.init.trunc_normal_(a=-2 std,
    b=2 std)`; the deviation is that of the normal before it is cut.
    """
    name, size = words
    if name == "uniform":
        return initialisation.uniform(size)
    if name == "zeros":
        return initialisation.ZEROS
    distributions = {"normal": stats.norm(0, size), "truncated_normal": stats.truncnorm(-2, 2, 0, size)}
    return initialisation.Law(f"{name} of deviation {size:.6g}", distributions[name])


def _fault(case: EntryCase, oracle: Observation | None, *sides: Observation) -> Check | None:
    """The break of an entry that could not be observed; None where it was."""
    for side in (*sides, *([oracle] if oracle is not None else [])):
        facts = side.facts["entries"][case.entry.name]
        who = side.key.framework
        if "absent" in facts:
            return _broken(case, f"{who}: {facts['absent']} does not exist")
        if "error" in facts:
            error = facts["error"]
            return _broken(case, f"{who} raised {error['kind']}: {error['message']}", traceback=error["traceback"])
    return None


def _broken(case: EntryCase, reason: str, **details: Any) -> Check:
    return file(case, case.step, _name(case, "observed"), Kind.EXACT, broken(case.entry.name, reason), **details)


def _name(case: EntryCase, *parts: str) -> str:
    """A contract's name; the mode is left out where there is only one."""
    only = len(case.entry.modes) == 1
    return "/".join((NAME, case.entry.name, *(part for part in parts if not (only and part == INFERENCE))))


def _tensors(case: EntryCase, mode: str, observed: Observation) -> Arrays:
    prefix = f"{case.entry.name}/{mode}/"
    return {name.removeprefix(prefix): observed.tensors[name] for name in observed.tensors if name.startswith(prefix)}


def _expected(
    case: EntryCase, framework: str, mode: str, observed: Observation, oracle: Observation | None
) -> dict[str, Expected]:
    """What is expected of every tensor, in the framework's names and layouts."""
    if oracle is None:
        return _by_itself(case, mode, observed) if case.entry.kind == "call" else {}
    constant = observed.facts["entries"][case.entry.name]["modes"][mode]["constant"]
    values, allowed = (_laid_out(case, framework, arrays, constant) for arrays in _by_formula(case, mode, oracle))
    return {name: Expected(array, allowed[name].astype(np.float64), Kind.ROUNDING) for name, array in values.items()}


def _by_formula(case: EntryCase, mode: str, oracle: Observation) -> tuple[Arrays, Arrays]:
    """The oracle's tensors, and what is allowed of every element, under the entry's weight names."""
    values = _tensors(case, mode, oracle)
    stored = {name: f"{case.entry.name}/deviation/{mode}/{name}" for name in values}
    judged: Arrays = {}
    for name, place in stored.items():
        if place in oracle.tensors and not case.entry.exact:
            judged[name] = np.where(np.isfinite(values[name]), values[name], 0.0)
            judged[f"{rounding.DEVIATION}{name}"] = oracle.tensors[place]
    limits = rounding.allowances(judged)
    allowed: Arrays = {}
    for name, array in values.items():
        allowed[name] = np.zeros(array.shape)
        if name in limits:
            certain = oracle.tensors[f"{case.entry.name}/exact/{mode}/{name}"]
            allowed[name] += np.where(certain, 0.0, limits[name])
    return values, allowed


def _laid_out(case: EntryCase, framework: str, arrays: Arrays, constant: list[str]) -> Arrays:
    """The tensors under the framework's own weight names, in its layouts; no gradients of what it does not train."""
    found = {name: array for name, array in arrays.items() if not name.startswith(_OF_WEIGHTS)}
    for prefix in _OF_WEIGHTS:
        ours = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        mapped = case.entry.mapped(framework, case.entry.form(framework), ours)
        found.update({f"{prefix}{own}": a for own, a in mapped.items() if prefix == _STATE or own not in constant})
    return found


def _by_itself(case: EntryCase, mode: str, observed: Observation) -> dict[str, Expected]:
    """Expected of a framework that has no formula to meet: its own float64 run."""
    prefix = f"{case.entry.name}/precise/{mode}/"
    found = {}
    for stored in observed.tensors:
        if stored.startswith(prefix):
            name, values = stored.removeprefix(prefix), observed.tensors[stored]
            deviation = observed.tensors[f"{case.entry.name}/deviation/{mode}/{name}"]
            limit = rounding.allowances({name: values, f"{rounding.DEVIATION}{name}": deviation})[name]
            # That no moved start changes a tensor, such as a linear layer's gradient, does not make it exact.
            limit = np.maximum(limit, rounding.FACTOR * rounding.ulp32(np.max(np.abs(values), initial=0.0)))
            found[name] = Expected(values, np.full(values.shape, limit), Kind.SELF_CONSISTENCY)
    return found


def _in_layout_of(case: EntryCase, framework: str, found: Arrays) -> Arrays:
    """Keras's tensors under torch's weight names and in torch's layouts; as they are where both are one framework."""
    if framework == case.framework:
        return found
    canonical = {name: array for name, array in found.items() if not name.startswith(_OF_WEIGHTS)}
    for prefix in _OF_WEIGHTS:
        ours = {name.removeprefix(prefix): array for name, array in found.items() if name.startswith(prefix)}
        canonical.update({f"{prefix}{name}": array for name, array in case.entry.canonical(ours).items()})
    return _laid_out(case, case.framework, canonical, [])


def _compared(
    case: EntryCase, mode: str, name: str, value: NDArray[Any] | None, other: NDArray[Any], expected: Expected
) -> Check:
    """The check of one tensor against the oracle's or another side's."""
    contract_name = _name(case, mode, name)
    if value is None:
        return file(case, case.step, contract_name, expected.kind, broken(name, "was not observed"))
    if expected.values.dtype.kind != "f":
        # Frameworks count in integers of different widths, which the check of the dtypes compares.
        wide = [np.asarray(array).astype(np.int64) for array in (value, other)]
        return file(case, case.step, contract_name, Kind.EXACT, exact.compare(name, *wide))
    if value.shape != expected.values.shape or other.shape != expected.values.shape:
        shapes = f"shape {value.shape} where {expected.values.shape} is expected"
        return file(case, case.step, contract_name, expected.kind, broken(name, shapes))
    special = ~np.isfinite(expected.values)
    sides = [np.asarray(array, np.float64) for array in (value, other)]
    if special.any() and not all(np.array_equal(a[special], expected.values[special], True) for a in sides):
        index = tuple(int(i) for i in np.argwhere(special)[0])
        where = Where(name, index, value=number(value[index]), other=number(other[index]))
        return file(
            case, case.step, contract_name, expected.kind, broken(name, "the oracle is not finite here", where=where)
        )
    value, other, exactly_so = (np.where(special, 0.0, array) for array in (*sides, expected.values))
    comparison = rounding.compare_pair(name, value, other, exactly_so, np.where(special, 0.0, expected.allowed))
    return file(case, case.step, contract_name, expected.kind, comparison)


def _diverging(
    case: EntryCase,
    divergence: Divergence,
    observed: Observation,
    other: Observation,
    oracle: Observation | None,
) -> Check:
    """How far apart the outputs of a declared divergence are, in the framework that is there to say it is too far."""
    mode = TRAINING if divergence.training else INFERENCE
    outcomes = [_outcome(case, divergence, side) for side in (observed, other)]
    measured, where = _apart(*outcomes)
    partner = replace(case, framework=other.key.framework)
    limits = _expected(partner, partner.framework, mode, other, oracle)
    allowed = max((float(e.allowed.max(initial=0.0)) for n, e in limits.items() if n.startswith("output")), default=0.0)
    comparison = Comparison(
        verdict=Verdict.DRIFT if measured > allowed else Verdict.ROUNDING,
        measured=measured,
        allowed=allowed,
        where=where,
        elements=sum(array.size for array in outcomes[0].values() if not isinstance(array, str)),
        reason=divergence.reason,
    )
    return file(case, case.step, contract(case.entry, divergence), Kind.ROUNDING, comparison)


def _outcome(case: EntryCase, divergence: Divergence, observed: Observation) -> Mapping[str, Any]:
    """The outputs and states of the divergence's form; where it raised, one text that says so."""
    facts = observed.facts["entries"][case.entry.name]["divergences"][divergence.id]
    for what in ("raised", "absent"):
        if what in facts:
            return {what: str(facts[what])}
    prefix = f"{case.entry.name}/{divergence.id}/"
    found = {name.removeprefix(prefix): observed.tensors[name] for name in observed.tensors if name.startswith(prefix)}
    found = _in_layout_of(replace(case, framework="pytorch"), observed.key.framework, found)
    return {name: array for name, array in found.items() if name.startswith("gradient/") == divergence.gradients}


def _apart(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> tuple[float, Where]:
    """The largest difference and its place; infinite where one side alone raises or is not finite, or shapes differ."""
    largest, where = 0.0, Where("output")
    for name in sorted({*ours, *theirs}):
        a, b = ours.get(name), theirs.get(name)
        if a is None or b is None or isinstance(a, str) or a.shape != b.shape:
            same = isinstance(a, str) and isinstance(b, str)
            return (0.0 if same else np.inf), Where(name, value=_told(a), other=_told(b))
        if a.dtype.kind == b.dtype.kind == "f" and a.dtype != b.dtype:
            return np.inf, Where(name, value=str(a.dtype), other=str(b.dtype))
        if not a.size:
            continue
        a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
        with np.errstate(invalid="ignore"):
            difference = np.abs(a - b)
        difference = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, difference)
        difference = np.where(np.isnan(difference), np.inf, difference)
        index = tuple(int(i) for i in np.unravel_index(int(np.argmax(difference)), difference.shape))
        if difference[index] > largest:
            largest = float(difference[index])
            where = Where(name, index, value=number(a[index]), other=number(b[index]))
    return largest, where


def _told(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else f"shape {value.shape}"


def _single(value: Any) -> Any:
    """A setting as float32 holds it, because Keras keeps its hyper-parameters so."""
    return float(np.float32(value)) if isinstance(value, float) else value


def _output_dtypes(dtypes: Mapping[str, str]) -> dict[str, str]:
    return {name: dtype for name, dtype in dtypes.items() if name.startswith("output")}
