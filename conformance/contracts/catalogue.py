"""The catalogue: what must hold of an entry in one framework, and between two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from packaging.specifiers import SpecifierSet

from conformance.catalogue import NAME, laws
from conformance.catalogue.apart import apart, outcome
from conformance.catalogue.cases import EntryCase
from conformance.catalogue.divergences import contract
from conformance.catalogue.expected import Expected, expected, in_layout_of, tensors
from conformance.checks import Check, Kind, Verdict, Where
from conformance.contracts.filing import exactly, file, holds, statistical
from conformance.judge import exact, rounding
from conformance.judge.comparison import Comparison, broken, number
from conformance.observations import Observation
from reference.catalogue.entries import INFERENCE, TRAINING, Divergence
from reference.catalogue.running import plain

_PACKAGE = {"tensorflow": "keras", "pytorch": "torch"}
# The first versions for which the entries are written: a form that names no other is not missed before.
_WRITTEN_FOR = {"keras": "3", "torch": "2.2"}


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
    if unobserved := fault(case, oracle, observed):
        yield unobserved
        return
    facts = observed.facts["entries"][case.entry.name]
    if case.entry.kind == "sample":
        yield from _sampled(case, observed)
    for mode in case.entry.modes:
        found = tensors(case, mode, observed)
        for name, wanted in expected(case, case.framework, mode, observed, oracle).items():
            yield compared(case, mode, name, found.get(name), wanted.values, wanted)
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
        yield from _loaded(case, observed)
    form = case.entry.form(case.framework)
    if form.shipped:
        shipped = {name: _single(value) for name, value in facts["shipped"].items()}
        recorded = {name: _single(plain(value)) for name, value in form.shipped.items()}
        yield exactly(case, case.step, _name(case, "defaults"), shipped, recorded)


def _loaded(case: EntryCase, observed: Observation) -> Iterator[Check]:
    """What a fresh process loaded gives the bits of what was saved."""
    loaded, saved = tensors(case, "loaded", observed), tensors(case, INFERENCE, observed)
    for name in sorted({*loaded, *filter(_is_output, saved)} if loaded else ()):
        both = name in loaded and name in saved
        comparison = exact.compare(name, loaded[name], saved[name]) if both else broken(name, "was not observed")
        yield file(case, case.step, _name(case, "loaded", name), Kind.EXACT, comparison)
    error = observed.facts["entries"][case.entry.name].get("not_loaded")
    why = f": {error['kind']}: {error['message']}" if error else ""
    reason = f"the saved component was not loaded in a fresh process{why}"
    yield holds(case, case.step, _name(case, "loaded"), bool(loaded), reason)


def _pair(case: EntryCase, observed: Observation, other: Observation, oracle: Observation | None) -> Iterator[Check]:
    if unobserved := fault(case, oracle, observed, other):
        yield unobserved
        return
    sides = [side.facts["entries"][case.entry.name] for side in (observed, other)]
    partner = replace(case, framework=other.key.framework)
    for mode in case.entry.modes:
        found = in_layout_of(partner, case.framework, tensors(case, mode, observed))
        theirs = tensors(partner, mode, other)
        for name, wanted in expected(case, partner.framework, mode, other, oracle).items():
            if name in theirs:
                yield compared(case, mode, name, found.get(name), theirs[name], wanted)
            elif name in found:
                reason = f"was not observed of {other.key.framework}"
                yield file(case, case.step, _name(case, mode, name), wanted.kind, broken(name, reason))
        dtypes = [_output_dtypes(facts["modes"][mode]["dtypes"]) for facts in sides]
        yield exactly(case, case.step, _name(case, mode, "dtypes"), *dtypes)
    if case.framework != partner.framework:
        for divergence in case.entry.divergences:
            yield _diverging(case, divergence, observed, other, oracle)


def absence(case: EntryCase, observed: Observation, versions: Callable[[], Mapping[str, str]]) -> str:
    """Why the entry cannot be run: its component came later than the version installed, or went before it.

    Where the form itself says so, what it raises counts as absence, too: an argument may have come later than the
    component. Empty where the entry was run, or ought to have been.
    """
    facts = observed.facts["entries"][case.entry.name]
    form = case.entry.form(observed.key.framework)
    package = _PACKAGE[observed.key.framework]
    if "absent" in facts:
        missing = f"{facts['absent']} is absent"
    elif "error" in facts and (form.since or form.until):
        missing = f"it raises {facts['error']['kind']}"
    else:
        return ""
    version = versions()[package]
    wanted = SpecifierSet(f">={form.since or _WRITTEN_FOR[package]}" + (f",<={form.until}" if form.until else ""))
    if wanted.contains(version, prereleases=True):
        return ""
    return f"{missing} in {package} {version} (there with {package}{wanted})"


def compiled(case: EntryCase, observed: Observation, oracle: Observation) -> Iterator[Check]:
    """Of one entry, compiled in every way that the framework has: every tensor within its allowance."""
    if unobserved := fault(case, oracle, observed):
        yield _repeatable(case, unobserved)
        return
    facts = observed.facts["entries"][case.entry.name]
    for compiler in facts["compilers"]:
        for mode in case.entry.modes:
            found = tensors(case, f"{compiler}/{mode}", observed)
            for name, wanted in expected(case, case.framework, mode, observed, oracle).items():
                where = "/".join(("compiled", compiler, mode))
                yield _repeatable(case, compared(case, where, name, found.get(name), wanted.values, wanted))


def _sampled(case: EntryCase, observed: Observation) -> Iterator[Check]:
    """Random numbers follow the law that the entry gives for the framework."""
    words = case.entry.settings["law"]
    samples = {name: array for name, array in tensors(case, INFERENCE, observed).items() if name.startswith("output")}
    for result in laws.judged(words[case.framework] if isinstance(words, Mapping) else words, samples):
        yield statistical(case, case.step, _name(case, "law", result.name), result, result.name, law=result.law)


def fault(case: EntryCase, oracle: Observation | None, *sides: Observation) -> Check | None:
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


def compared(
    case: EntryCase, mode: str, name: str, value: NDArray[Any] | None, other: NDArray[Any], wanted: Expected
) -> Check:
    """The check of one tensor against the oracle's or another side's."""
    kind = wanted.kind if wanted.values.dtype.kind == "f" else Kind.EXACT
    return file(case, case.step, _name(case, mode, name), kind, _comparison(name, value, other, wanted))


def _comparison(name: str, value: NDArray[Any] | None, other: NDArray[Any], wanted: Expected) -> Comparison:
    if value is None:
        return broken(name, "was not observed")
    right = wanted.values
    real = right.dtype.kind == "f"
    kinds, words = ("f", "floating-point numbers") if real else ("biu", "whole numbers or truth values")
    for array in (value, other):
        if array.dtype.kind not in kinds:
            return broken(name, f"dtype {array.dtype} where {words} are expected")
        if array.shape != right.shape:
            return broken(name, f"shape {array.shape} where {right.shape} is expected")
    if not real:
        # Frameworks count in integers of different widths, which the check of the dtypes compares.
        return exact.compare(name, value.astype(np.int64), other.astype(np.int64))
    special = ~np.isfinite(right)
    for array in (value, other):
        wrong = special & ~((array == right) | (np.isnan(array) & np.isnan(right)))
        if wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            where = Where(name, index, value=number(value[index]), other=number(other[index]))
            return broken(name, "the oracle is not finite here", where=where)
    value, other, right, allowed = (np.where(special, 0.0, array) for array in (value, other, right, wanted.allowed))
    return rounding.compare_pair(name, value, other, right, allowed)


def _diverging(
    case: EntryCase,
    divergence: Divergence,
    observed: Observation,
    other: Observation,
    oracle: Observation | None,
) -> Check:
    """How far apart the outputs of a declared divergence are, in the framework that is there to say it is too far."""
    outcomes = [outcome(case, divergence, side) for side in (observed, other)]
    measured, where = apart(*outcomes)
    mode = TRAINING if divergence.training else INFERENCE
    mode = mode if mode in case.entry.modes else case.entry.modes[0]
    limits = expected(case, case.framework, mode, other, oracle)
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


def _single(value: Any) -> Any:
    """A setting as float32 holds it, because Keras keeps its hyper-parameters so."""
    return float(np.float32(value)) if isinstance(value, float) else value


def _output_dtypes(dtypes: Mapping[str, str]) -> dict[str, str]:
    return {name: dtype for name, dtype in dtypes.items() if _is_output(name)}


def _is_output(name: str) -> bool:
    return name.startswith("output")
