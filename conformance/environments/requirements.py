"""Reading requirements: words on a command line, and requirements files with their includes and options."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from conformance.environments.errors import SideError
from conformance.environments.indexes import Indexes, mask

_JOINING_WORDS = frozenset({"and", "or", "in", "not"})
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


@dataclass(frozen=True)
class Requirement:
    """One requirement: the text for uv, its canonical name ("" where only a build would tell) and its hashes.

    `constraint` marks one that came by `-c`: it limits a version and asks for nothing.
    """

    text: str
    name: str
    hashes: frozenset[str] = frozenset()
    constraint: bool = False

    def as_constraint(self) -> str:
        """The requirement without extras, which a constraint may not have."""
        parsed = Parsed(self.text)
        parsed.extras = set()
        return str(parsed)


@dataclass(frozen=True)
class Contents:
    """What a requirements file holds, includes resolved: its requirements and its index options."""

    requirements: tuple[Requirement, ...] = ()
    indexes: Indexes = field(default_factory=Indexes)

    def __add__(self, other: Contents) -> Contents:
        return Contents(self.requirements + other.requirements, self.indexes.over(other.indexes))


def parse(text: str, base: Path) -> Requirement:
    """One requirement (PEP 508), URL, or path to a distribution, relative to `base`. Raises SideError."""
    place, _, marker = text.partition(" ;")
    named = "@" in place
    if "://" in place.split("@")[0] or re.match(r"[.~/]", place) or (place.endswith((".whl", ".tar.gz")) and not named):
        return _from_place(place.strip(), marker, base)
    try:
        parsed = Parsed(text)
    except InvalidRequirement as error:
        single = re.fullmatch(r"(?!python\b)([\w.-]+) *= *([\w.*+]+)", text)
        reason = f"write {single[1]}=={single[2]}" if single else mask(str(error).splitlines()[0])
        raise SideError(f"{mask(text)!r} is no requirement: {reason}") from error
    return Requirement(str(parsed), canonicalize_name(parsed.name))


def _from_place(place: str, marker: str, base: Path) -> Requirement:
    url = place if "://" in place else Path(os.path.abspath(base / Path(place).expanduser())).as_uri()
    name = _distribution_name(url)
    text = f"{name} @ {url}" if name else url
    return Requirement(f"{text} ;{marker}" if marker else text, name)


def _distribution_name(url: str) -> str:
    file_name = url.split("#")[0].split("?")[0].rsplit("/", 1)[-1].replace("%2B", "+").replace("%2b", "+")
    try:
        return parse_wheel_filename(file_name)[0] if file_name.endswith(".whl") else parse_sdist_filename(file_name)[0]
    except (InvalidWheelFilename, InvalidSdistFilename):
        return ""


def split(text: str, base: Path) -> list[Requirement]:
    """Requirements separated by spaces; spaces inside a requirement (`torch >= 2.14`, markers) do no harm."""
    found: list[str] = []
    for word in text.split():
        if found and (not re.match(r"[A-Za-z0-9./~]", word) or word in _JOINING_WORDS or not _complete(found[-1])):
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word)
    return [parse(one, base) for one in found]


def _complete(text: str) -> bool:
    try:
        Parsed(text)
    except InvalidRequirement:
        return "@" not in text and ("://" in text or text.endswith(".whl"))
    return True


def read(text: str, place: str, base: Path, seen: frozenset[Path] = frozenset()) -> Contents:
    """The contents of a requirements file, `text`, whose includes are relative to `base`.

    Comments, continued lines, `${VARIABLES}`, hashes, editable requirements, `-r`, `-c` and the index options
    are understood; other options concern pip alone and are left out. Raises SideError naming file and line.
    """
    contents = Contents()
    for number, line in _logical_lines(text):
        try:
            contents += _line(line, base, seen)
        except SideError as error:
            raise SideError(f"{place}, line {number}: {error}") from error
    return contents


def read_file(path: Path, seen: frozenset[Path] = frozenset()) -> Contents:
    """As `read`, of a file. Raises SideError where it cannot be read or includes itself."""
    path = path.absolute()
    if path in seen:
        raise SideError(f"{path} includes itself")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SideError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return read(text, str(path), path.parent, seen | {path})


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    pending, first = "", 1
    for number, raw in enumerate([*text.splitlines(), ""], start=1):
        first = first if pending else number
        if raw.endswith("\\"):
            pending += raw[:-1] + " "
            continue
        line = re.sub(r"(^|\s)#.*$", "", pending + raw).strip()
        pending = ""
        if line:
            yield first, _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), line)


def _line(line: str, base: Path, seen: frozenset[Path]) -> Contents:
    if line.startswith("-"):
        return _option(line, base, seen)
    head, *options = re.split(r"\s+(?=--(?:hash|config-settings|global-option))", line)
    hashes = frozenset(re.sub(r"--hash[=\s]+", "", option).strip() for option in options if option.startswith("--hash"))
    return Contents((replace(parse(head, base), hashes=hashes),))


def _option(line: str, base: Path, seen: frozenset[Path]) -> Contents:
    match = re.match(r"(--[a-z-]+|-[a-z])[=\s]*(.*)$", line)
    option, value = (match[1], "".join(shlex.split(match[2])[:1])) if match else (line, "")
    if option in ("-r", "--requirement", "-c", "--constraint"):
        if "://" in value:
            raise SideError(f"{mask(value)} is included over the network: download it and include the file")
        contents = read_file(base / value, seen)
        if option in ("-c", "--constraint"):
            limits = tuple(replace(one, constraint=True) for one in contents.requirements)
            return replace(contents, requirements=limits)
        return contents
    if option in ("-e", "--editable"):
        return Contents((parse(value, base),))
    if option in ("-i", "--index-url"):
        return Contents(indexes=Indexes(index_url=value))
    if option == "--extra-index-url":
        return Contents(indexes=Indexes(extra_index_urls=(value,)))
    if option in ("-f", "--find-links"):
        local = "://" not in value
        return Contents(indexes=Indexes(find_links=(str((base / value).absolute()) if local else value,)))
    if option == "--no-index":
        return Contents(indexes=Indexes(no_index=True))
    return Contents()
