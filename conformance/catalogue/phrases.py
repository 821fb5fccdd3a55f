"""What the phrase book says of an entry, before it is Markdown, HTML or lines in a terminal."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from conformance.catalogue.measured import EntryMeasured, Measured
from reference import catalogue
from reference.catalogue.entries import Divergence, Entry, Family, Form


@dataclass(frozen=True)
class Code:
    """One side's code, as it is run, the weights that it is given, and the defaults that it departs from."""

    framework: str
    code: str
    weights: tuple[str, ...]
    channels_first: bool
    shipped: tuple[str, ...]
    since: str


@dataclass(frozen=True)
class Trap:
    """A declared divergence: how large it is, why, and the code that has it, where that is not the entry's own."""

    name: str
    size: str
    reason: str
    codes: tuple[Code, ...]


@dataclass(frozen=True)
class Phrase:
    """An entry of the phrase book.

    `components` are the last names of the components that its two forms are; `varies` says what hypothesis draws.
    """

    name: str
    family: str
    title: str
    check: str
    components: tuple[str, ...]
    sides: tuple[Code, Code]
    agreement: str
    note: str
    traps: tuple[Trap, ...]
    varies: str


def phrase(family: Family, entry: Entry, measured: EntryMeasured | None) -> Phrase:
    """The phrase of an entry, with what was measured of it, if anything was."""
    return Phrase(
        name=entry.name,
        family=family.name,
        title=family.title,
        check=f"{family.step}/catalogue/{entry.name}",
        components=tuple(name for form in (entry.keras, entry.torch) if (name := _component(form))),
        sides=(_code(entry, "tensorflow", entry.keras), _code(entry, "pytorch", entry.torch)),
        agreement=_agreement(measured),
        note=entry.note,
        traps=tuple(_trap(entry, divergence, measured) for divergence in entry.divergences),
        varies=_varies(entry),
    )


def phrases(measured: Measured | None) -> list[Phrase]:
    """Every entry's phrase, family by family."""
    figures = measured.entries if measured else {}
    return [
        phrase(family, entry, figures.get(entry.name))
        for family in catalogue.all_families()
        for entry in family.entries
    ]


def found(name: str, among: Sequence[Phrase]) -> list[Phrase]:
    """The phrases that a name means, the closest first.

    These are the entry of that name, those whose form is the component and nothing else, those of its variations,
    and those whose code calls it. A name with a hyphen is that of a variation.
    """
    wanted = name.lower().rpartition(".")[2]
    ranks: list[Callable[[Phrase], bool]] = [
        lambda p: p.name.lower() in (name.lower(), wanted),
        lambda p: wanted in p.components and "-" not in p.name,
        lambda p: wanted in p.components,
        lambda p: p.name.lower().startswith(f"{wanted}-"),
        lambda p: wanted in _called(p),
    ]
    ranked = ((next((rank for rank, holds in enumerate(ranks) if holds(p)), None), p) for p in among)
    return [p for _, p in sorted(((rank, p) for rank, p in ranked if rank is not None), key=lambda pair: pair[0])]


def nearest(name: str, among: Sequence[Phrase]) -> list[str]:
    """Up to five names like it, of entries and of what their code calls."""
    known = {small: called for p in among for small, called in _called(p).items()}
    known.update({p.name.lower(): p.name for p in among})
    return [known[match] for match in difflib.get_close_matches(name.lower(), known, 5, cutoff=0.5)]


def size_text(size: float | str) -> str:
    """A difference in a few characters."""
    return "unbounded" if size == "inf" else f"{float(size):.2g}"


def _called(p: Phrase) -> dict[str, str]:
    """The last parts of the names that the code calls, by their small letters."""
    names: dict[str, str] = {}
    for side in p.sides:
        for node in ast.walk(ast.parse(side.code)):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                names[called.lower()] = called
    names.pop("component", None)
    return names


def _component(form: Form) -> str:
    """The last name, in small letters, of what a form makes and calls with its inputs as they are; empty for more."""
    build, call = (_outermost_call(code) for code in (form.build, form.call))
    if not form.call:
        return _last_name(build) if build else ""
    if call is None or not all(isinstance(argument, ast.Name | ast.Constant) for argument in call.args):
        return ""
    if not form.build:
        return _last_name(call)
    return _last_name(build) if build and _last_name(call) == "component" else ""


def _outermost_call(code: str) -> ast.Call | None:
    """The call that a form's code is, where it is nothing else."""
    statements = ast.parse(code.strip()).body
    only = statements[0] if len(statements) == 1 else None
    return only.value if isinstance(only, ast.Expr) and isinstance(only.value, ast.Call) else None


def _last_name(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2].lower()


def _code(entry: Entry, framework: str, form: Form) -> Code:
    return Code(
        framework="Keras" if framework == "tensorflow" else "torch",
        code=_shown(entry, framework, form),
        weights=tuple(f"{own} = {text}" for own, text in {**form.weights, **form.fixed}.items() if own != text),
        channels_first=form.channels_first,
        shipped=tuple(f"{name}={value!r}" for name, value in form.shipped.items()),
        since=form.since,
    )


def _shown(entry: Entry, framework: str, form: Form) -> str:
    """The code of a form: `component = ...`, and how it is called where that is not by its inputs alone."""
    if not form.build:
        return form.call.strip()
    lines = form.build.strip().splitlines()
    last = ast.parse(form.build.strip()).body[-1]
    lines[last.lineno - 1] = f"component = {lines[last.lineno - 1]}"
    call = form.call.strip() or ("" if entry.kind in ("optimizer", "schedule") else entry.call_of(framework, form))
    return "\n".join([*lines, *([call] if call else []), *[code for code in (form.save, form.load) if code]])


def _trap(entry: Entry, divergence: Divergence, measured: EntryMeasured | None) -> Trap:
    size = measured.divergences.get(divergence.id) if measured else None
    pairs = (("tensorflow", divergence.keras, entry.keras), ("pytorch", divergence.torch, entry.torch))
    forms = [(framework, given or own) for framework, given, own in pairs if given or divergence.shipped]
    codes = [_code(entry, name, form.as_shipped() if divergence.shipped else form) for name, form in forms]
    return Trap(
        name=divergence.id,
        size="" if size is None else size_text(size),
        reason=divergence.reason,
        codes=tuple(replace(code, weights=(), shipped=()) for code in codes),
    )


def _varies(entry: Entry) -> str:
    if entry.vary is None:
        return ""
    parts = ["other shapes"] if entry.vary.drawn_lengths() else []
    return " and ".join([*parts, *(["edge values"] if entry.vary.edges else [])])


def _agreement(measured: EntryMeasured | None) -> str:
    if measured is None:
        return "not measured yet"
    if measured.failed:
        return f"{measured.failed} of {measured.checks} checks fail"
    if measured.agreement is None:
        return f"each follows its law; {measured.checks} checks"
    alike = "are the same bits" if measured.agreement == 0 else f"differ by at most {measured.agreement:.1e}"
    how = "its own float64 run" if "self-consistency" in measured.kinds else "the formula in float64"
    return f"the outputs of both {alike}; {_strays(measured, how)}; {measured.checks} checks"


def _strays(measured: EntryMeasured, how: str) -> str:
    """How far outputs and gradients lie from float64, in the unit of what rounding explains."""
    if not measured.ratio:
        return f"none strays from {how}"
    share = f"{measured.ratio:.0%}" if measured.ratio >= 0.01 else "1%"
    return f"from {how}, outputs and gradients stray by at most {share} of what rounding allows"


def versions_text(versions: Mapping[str, str]) -> str:
    """The versions that were measured."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())
