"""A side's environment: from the words on the command line to an interpreter that holds its frameworks.

baseline, candidate = parse_side("torch==2.14.1"), parse_side("torch==2.15.0")
locks = resolve(baseline, candidate)
changes = packages_changed(*locks)
environments = [build(lock) for lock in locks]
"""

from conformance.environments.build import Environment, build
from conformance.environments.cache import CachedEnvironment, clear_cache, list_cache
from conformance.environments.changes import Change, packages_changed
from conformance.environments.companions import companion, held
from conformance.environments.errors import EnvironmentFailure, MachineFailure, SideError
from conformance.environments.indexes import Indexes, configured, mask
from conformance.environments.lock import Lock, Options
from conformance.environments.releases import Release, releases
from conformance.environments.resolve import resolve, resolve_one
from conformance.environments.side import FRAMEWORKS, Side, parse_side

__all__ = [
    "FRAMEWORKS",
    "CachedEnvironment",
    "Change",
    "Environment",
    "EnvironmentFailure",
    "Indexes",
    "Lock",
    "MachineFailure",
    "Options",
    "Release",
    "Side",
    "SideError",
    "build",
    "clear_cache",
    "companion",
    "configured",
    "held",
    "list_cache",
    "mask",
    "packages_changed",
    "parse_side",
    "releases",
    "resolve",
    "resolve_one",
]
