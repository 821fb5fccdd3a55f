"""What is installed beside a package that holds no framework, and how it is held equal between two releases."""

from __future__ import annotations

import platform
from pathlib import Path

from packaging.requirements import Requirement as Parsed
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from conformance.environments.changes import Change
from conformance.environments.errors import SideError
from conformance.environments.lock import Lock
from conformance.environments.requirements import Requirement, split
from conformance.environments.side import FRAMEWORKS

_ON_TENSORFLOW = frozenset(("keras", "keras-nightly"))
_ON_TORCH = frozenset(("torchvision",))


def companion(package: str, device: str) -> str:
    """The framework to install with a package so that it can be observed: empty where it is one itself.

    Raises SideError where nobody but the user can know.
    """
    name = canonicalize_name(package)
    if any(name in distributions for distributions in FRAMEWORKS.values()):
        return ""
    if name in _ON_TORCH:
        return "torch"
    if name not in _ON_TENSORFLOW:
        raise SideError(f"{package} holds no framework: name one to install with it, such as --with tensorflow-cpu")
    if device != "cpu":
        return "tensorflow[and-cuda]"
    # tensorflow-cpu is published for few platforms.
    return "tensorflow-cpu" if (platform.system(), platform.machine()) == ("Linux", "x86_64") else "tensorflow"


def held(words: str, first: Lock, second: Lock) -> tuple[str, list[Change]]:
    """The requirements, each at the version that both locks hold, and those that the locks hold differently.

    The latter stay as they are worded, and so do those that name a place instead of a version.
    """
    texts: list[str] = []
    moving: list[Change] = []
    for one in split(words, Path.cwd()):
        before, after = first.packages.get(one.name), second.packages.get(one.name)
        texts.append(_at(one, before) if before is not None and before == after else one.text)
        if before != after:
            moving.append(Change(one.name, before, after, "forced"))
    return " ".join(texts), moving


def _at(requirement: Requirement, version: str) -> str:
    """The requirement at this version, unless it names a place."""
    parsed = Parsed(requirement.text)
    if parsed.url is None:
        parsed.specifier = SpecifierSet(f"=={version}")
    return str(parsed)
