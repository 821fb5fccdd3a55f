"""A side of a gate, as its user words it: requirements, a file, or an interpreter."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement as Parsed
from packaging.utils import canonicalize_name

from conformance.environments.errors import SideError
from conformance.environments.indexes import Indexes, mask
from conformance.environments.requirements import Contents, Requirement, read, read_file, split

FRAMEWORKS: Mapping[str, frozenset[str]] = {
    "tensorflow": frozenset(
        {
            "tensorflow",
            "tensorflow-aarch64",
            "tensorflow-cpu",
            "tensorflow-cpu-aws",
            "tensorflow-gpu",
            "tensorflow-intel",
        }
        | {"tensorflow-macos", "tensorflow-rocm", "intel-tensorflow", "tf-nightly", "tf-nightly-cpu"}
    ),
    "pytorch": frozenset(("torch",)),
}
"""The distributions that hold each framework."""

COMPANIONS = frozenset(("keras", "keras-nightly", "tf-keras", "torchvision"))
"""Distributions that belong to a framework and are installed with it where a file pins them."""

FRAMEWORK_DISTRIBUTIONS = frozenset().union(*FRAMEWORKS.values()) | COMPANIONS

# Older ones do not say which torch they need, so a resolver in need would take them.
_TORCHVISION = "torchvision>=0.4"
_TORCHVISION_PRE_RELEASE = "torchvision>=0.4.dev0"


@dataclass(frozen=True)
class Side:
    """One side: what to install (`roots`) within which limits (`constraints`), or an interpreter that exists.

    `text` is the user's wording with credentials masked; `named` are the canonical names the user named;
    `hashes` are the digests (`sha256:...`) allowed for a name; `python` is a version, a path, or None for the
    default.
    """

    text: str
    roots: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    named: frozenset[str] = frozenset()
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    indexes: Indexes = field(default_factory=Indexes)
    interpreter: Path | None = None
    python: str | None = None
    notes: tuple[str, ...] = ()


def frameworks_in(names: frozenset[str] | set[str]) -> tuple[str, ...]:
    """The frameworks (`tensorflow`, `pytorch`) whose distributions are among the canonical names."""
    return tuple(framework for framework, distributions in FRAMEWORKS.items() if distributions & names)


def parse_side(
    text: str, *, python: str | None = None, full_environment: bool = False, directory: Path | None = None
) -> Side:
    """The side that the words describe.

    `text` is requirements separated by spaces, the path of a requirements or constraints file, `-` for such a
    file on standard input, or `python:PATH`. A file limits versions: only its frameworks and what they need
    are installed, all of it with `full_environment`. Relative paths are relative to `directory` (default: the
    working directory). A side with torch and no torchvision gets the torchvision that fits, which PyTorch's
    reference needs. Raises SideError, in one or two lines, for words that make no side.
    """
    base = (directory or Path.cwd()).absolute()
    words = text.strip()
    if not words:
        raise SideError("a side is empty: give requirements such as 'torch==2.15.0', a file, or python:PATH")
    if words.startswith("python:"):
        return _existing(words, python, base)
    if words == "-":
        contents = read(sys.stdin.read(), "standard input", base)
        return _from_file("- (standard input)", contents, python, full_environment)
    path = base / Path(words).expanduser()
    if os.path.isfile(path) and path.suffix != ".whl":
        return _from_file(words, _read_side_file(path), python, full_environment)
    if re.fullmatch(r"[^\s=<>@\[]*(/[^\s=<>@\[]*|\.(txt|in|cfg|toml|lock))", words) and not words.endswith(".whl"):
        raise SideError(f"there is no file {words}")
    return _from_requirements(mask(words), split(words, base), python)


def _existing(words: str, python: str | None, base: Path) -> Side:
    place = words.removeprefix("python:")
    if not place:
        raise SideError("python: needs the path of an interpreter, such as python:/opt/venv/bin/python")
    if python is not None:
        raise SideError(f"{words} is a Python already: leave Python {python} away")
    # Not resolved: the link of a virtual environment is what makes it one.
    return Side(words, interpreter=base / Path(place).expanduser())


def _read_side_file(path: Path) -> Contents:
    if path.suffix in (".toml", ".lock", ".cfg"):
        raise SideError(f"{path.name} is no requirements file: export one, for example by `uv export` or `pip freeze`")
    return read_file(path)


def _from_requirements(text: str, requirements: list[Requirement], python: str | None) -> Side:
    names = frozenset(requirement.name for requirement in requirements)
    _require_framework(text, names)
    roots, notes = _with_torchvision(tuple(requirements))
    return Side(text, roots, named=names, python=python, notes=notes)


def _from_file(text: str, contents: Contents, python: str | None, full: bool) -> Side:
    asked = tuple(one for one in contents.requirements if not one.constraint)
    limits = tuple(one for one in contents.requirements if one.constraint)
    if not full:
        _require_framework(text, frozenset(one.name for one in asked))
        limits += tuple(one for one in asked if one.name and one.name not in FRAMEWORK_DISTRIBUTIONS)
        asked = tuple(one for one in asked if one.name in FRAMEWORK_DISTRIBUTIONS)
    roots, notes = _with_torchvision(asked)
    return Side(
        text=text,
        roots=roots,
        constraints=limits,
        named=frozenset(one.name for one in contents.requirements),
        hashes=_hashes(contents),
        indexes=contents.indexes,
        python=python,
        notes=notes,
    )


def _hashes(contents: Contents) -> dict[str, frozenset[str]]:
    allowed: dict[str, frozenset[str]] = {}
    for one in contents.requirements:
        if one.hashes:
            allowed[one.name] = allowed.get(one.name, frozenset()) | one.hashes
    return allowed


def _with_torchvision(roots: tuple[Requirement, ...]) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    names = frozenset(one.name for one in roots)
    if "torch" not in names or "torchvision" in names:
        return roots, ()
    pre = any(Parsed(one.text).specifier.prereleases for one in roots if one.name == "torch")
    added = Requirement(_TORCHVISION_PRE_RELEASE if pre else _TORCHVISION, "torchvision")
    return (*roots, added), ("torchvision was not named and is added: PyTorch's reference loads its data with it",)


def _require_framework(text: str, names: frozenset[str]) -> None:
    if frameworks_in(names):
        return
    found = ", ".join(sorted(filter(None, names))) or "nothing"
    remedy = "name tensorflow, tensorflow-cpu or torch"
    if names & COMPANIONS:
        remedy = f"{', '.join(sorted(names & COMPANIONS))} runs on one and holds none: {remedy} with it"
    elif canonicalize_name("pytorch") in names:
        remedy = "PyTorch's distribution is called torch"
    raise SideError(f"no framework in {text!r} (found: {found}): {remedy}")
