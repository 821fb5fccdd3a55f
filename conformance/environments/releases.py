"""The releases of a distribution between two of its versions, as the configured indexes list them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from packaging import tags
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import parse_wheel_filename
from packaging.version import InvalidVersion, Version

from conformance.environments.errors import EnvironmentFailure, SideError
from conformance.environments.index_pages import File, files_of
from conformance.environments.interpreters import Found, Interpreter
from conformance.environments.lock import Options
from conformance.environments.uv import run_uv


@dataclass(frozen=True)
class Release:
    """One release; `skipped` says why a bisection passes it over, and is empty where it can be probed."""

    version: Version
    skipped: str = ""


def releases(
    package: str,
    good: str,
    bad: str,
    *,
    python: Found | Interpreter,
    include_pre: bool = False,
    include_yanked: bool = False,
    options: Options | None = None,
) -> list[Release]:
    """All releases from `good` to `bad`, both included and never skipped, in the order from `good` to `bad`.

    Skipped are those without a wheel for `python` and this machine, local builds of a listed release, and,
    unless asked for, pre-releases and yanked ones. The pages read are those of the indexes from which uv
    takes `good` and `bad`. Raises SideError for versions that are none, EnvironmentFailure where an end
    does not exist or an index does not answer.
    """
    try:
        ends = Version(good), Version(bad)
    except InvalidVersion as error:
        raise SideError(f"{error}: give two versions of {package}") from error
    options = options or Options()
    indexes = {index for end in ends for index in _indexes_with(package, end, python, options)}
    by_version: dict[Version, list[File]] = {}
    for index in sorted(indexes):
        for version, file in files_of(index, package, options.indexes):
            by_version.setdefault(version, []).append(file)
    between = sorted(version for version in by_version if min(ends) <= version <= max(ends))
    usable = frozenset(_tags(python))

    def skipped(version: Version) -> str:
        if version in ends:
            return ""
        if version.is_prerelease and not include_pre:
            return "pre-release"
        if version.local and Version(version.public) in by_version:
            return f"a local build of {version.public}"
        kept = [file for file in by_version[version] if include_yanked or not file.yanked]
        if not kept:
            return "yanked"
        wheels = any(_is_usable(file, usable, python.version) for file in kept)
        return "" if wheels else f"no wheel for Python {python.version} on this machine"

    listed = [Release(version, skipped(version)) for version in between]
    return listed[::-1] if ends[0] > ends[1] else listed


def _is_usable(file: File, usable: frozenset[tags.Tag], python: str) -> bool:
    if not file.name.endswith(".whl") or not parse_wheel_filename(file.name)[3] & usable:
        return False
    try:
        return SpecifierSet(file.requires_python).contains(python, prereleases=True)
    except InvalidSpecifier:
        return True


def _tags(python: Found | Interpreter) -> Iterator[tags.Tag]:
    """The wheel tags that a CPython of that version takes on this machine."""
    platforms = list(tags.platform_tags())
    yield from tags.cpython_tags(python.minor, platforms=platforms)
    yield from tags.compatible_tags(python.minor, f"cp{python.minor[0]}{python.minor[1]}", platforms)


def _indexes_with(package: str, version: Version, python: Found | Interpreter, options: Options) -> list[str]:
    """The places from which uv takes a release."""
    arguments = ["pip", "compile", "-", "--no-deps", "--no-header", "--emit-index-annotation", "--python"]
    arguments += [str(python.path), *options.arguments()]
    variables = options.indexes.environment(os.environ)
    try:
        output = run_uv(arguments, variables=variables, stdin=f"{package}=={version}\n")
    except EnvironmentFailure as failure:
        raise EnvironmentFailure(f"{package} {version} cannot be had: {failure}") from failure
    return re.findall(r"^\s*# from (\S+)\s*$", output, flags=re.MULTILINE)
