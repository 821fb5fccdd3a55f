"""Ledger files: reading them with every fault named, and adding a waiver to a user's own.

A ledger is TOML with one `[[entry]]` per divergence; `conformance/ledger.toml` shows the form.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import tomlkit
import tomlkit.items
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from tomlkit.exceptions import ParseError

from conformance.checks import Check, Kind, Step
from conformance.ledger import Cause, Entry, framework_of

OWN = Path(__file__).with_name("ledger.toml")
_REQUIRED = ("id", "step", "contract", "subjects", "versions", "cause", "band", "reason", "evidence")
_OPTIONAL = ("workload", "variant", "device", "expires")


class LedgerError(Exception):
    """A ledger file that cannot be used; the message names the file, the entry and the fault."""


def load(path: Path, known_contracts: Collection[str]) -> tuple[Entry, ...]:
    """Read and check a ledger.

    `known_contracts` holds the names that checks can have, as `step/contract`; a pattern such as
    `objective/edge_cases/*` stands for all names of that form. Raises LedgerError for a file that cannot be
    read, and for the first entry with a missing, unknown or malformed key, an unknown contract, a specifier
    that no version satisfies, a band that is upside down, or an id that another entry has.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise LedgerError(f"{path}: the ledger cannot be read: {error}") from error
    tables = document.pop("entry", [])
    if document or not isinstance(tables, list):
        raise LedgerError(f"{path}: a ledger holds [[entry]] tables only, not {', '.join(document) or 'entry'}")
    entries: dict[str, Entry] = {}
    for position, table in enumerate(tables, start=1):
        name = table.get("id") if isinstance(table, dict) else None
        try:
            entry = _entry(table, known_contracts)
            if entry.id in entries:
                raise ValueError("another entry has the same id")
        except ValueError as error:
            raise LedgerError(f"{path}: entry {name or f'number {position}'}: {error}") from error
        entries[entry.id] = entry
    return tuple(entries.values())


def accept(
    path: Path,
    check: Check,
    reason: str,
    until: date,
    versions: Mapping[str, str],
    cause: Cause = Cause.FRAMEWORK_DEFAULT,
) -> str:
    """Add a waiver for a failing check to a user's ledger, made if need be; returns the new entry's id.

    The waiver holds until the end of `until`, for exactly these versions (distribution to version). One for a check
    between the sides of a gate accepts nothing else; one for a check of a single side holds on either side, wherever
    these versions are. Its band is the size measured, for rounding and statistics with a factor of two either way.
    What else stands in the file stays, comments too. Raises LedgerError for a check that did not fail or has no
    size, and for a file that is no ledger.
    """
    if not check.failed:
        raise LedgerError(f"{check.id}: the check did not fail, so there is nothing to accept")
    if check.measured is None or math.isnan(check.measured):
        raise LedgerError(f"{check.id}: nothing was measured, so no band can be declared; mend the cause instead")
    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")
    except (OSError, UnicodeDecodeError, ParseError) as error:
        raise LedgerError(f"{path}: the ledger cannot be read: {error}") from error
    tables = document.setdefault("entry", tomlkit.aot())
    if not isinstance(tables, tomlkit.items.AoT):
        raise LedgerError(f"{path}: entry is not an array of [[entry]] tables")
    entry_id = _new_id(check, {table.get("id") for table in tables})
    slack = 1.0 if check.kind is Kind.EXACT else 2.0
    table = tomlkit.table()
    table.update(
        {
            "id": entry_id,
            "step": str(check.step),
            "contract": check.contract,
            "subjects": _subjects_of(check),
            "workload": check.workload,
            "variant": check.variant,
            "device": check.device,
            "versions": {name: f"=={version}" for name, version in versions.items()},
            "cause": str(cause),
            "band": [check.measured / slack, check.measured * slack],
            "reason": reason,
            "evidence": f"{check.id} measured {check.measured:g}, allowed {check.allowed}",
            "expires": until,
        }
    )
    tables.append(table)
    _replace(path, tomlkit.dumps(document))
    return entry_id


def _subjects_of(check: Check) -> list[str]:
    between = sum("@" in subject for subject in check.subjects) > 1
    return [subject if between else framework_of(subject) for subject in check.subjects]


def _entry(table: Any, known_contracts: Collection[str]) -> Entry:
    """One entry; raises ValueError with the fault."""
    if not isinstance(table, dict):
        raise ValueError("is not a table")
    missing = [key for key in _REQUIRED if key not in table]
    unknown = [key for key in table if key not in (*_REQUIRED, *_OPTIONAL)]
    if missing or unknown:
        lacks = f"lacks {', '.join(missing)}" if missing else ""
        has = f"has unknown keys: {', '.join(unknown)}" if unknown else ""
        raise ValueError("; ".join(part for part in (lacks, has) if part))
    step = Step(_one_of("step", table["step"], [*Step]))
    contract = _text(table, "contract")
    name = f"{step}/{contract}"
    if not any(fnmatchcase(known, name) or fnmatchcase(name, known) for known in known_contracts):
        raise ValueError(f"no check is called {name}")
    low, high = _band(table["band"])
    return Entry(
        id=_text(table, "id"),
        step=step,
        contract=contract,
        subjects=_subjects(table["subjects"]),
        versions=_versions(table["versions"]),
        cause=Cause(_one_of("cause", table["cause"], [*Cause])),
        low=low,
        high=high,
        reason=_text(table, "reason"),
        evidence=_text(table, "evidence"),
        workload=_text(table, "workload", "*"),
        variant=_text(table, "variant", "*", empty=True),
        device=_text(table, "device", "*"),
        expires=_date(table.get("expires")),
    )


def _text(table: Mapping[str, Any], key: str, default: str = "", empty: bool = False) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not (value.strip() or empty):
        raise ValueError(f"{key} must be a text, not {value!r}")
    return value


def _one_of(key: str, value: Any, choices: Collection[str]) -> str:
    if value not in list(choices):
        raise ValueError(f"{key} must be one of {', '.join(choices)}, not {value!r}")
    return str(value)


def _subjects(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError(f"subjects must be a list of names, not {value!r}")
    return tuple(value)


def _versions(value: Any) -> dict[str, SpecifierSet]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"versions must map distributions to version specifiers, not {value!r}")
    specifiers = {}
    for name, text in value.items():
        try:
            specifier = SpecifierSet(text, prereleases=True)
        except (InvalidSpecifier, TypeError, AttributeError) as error:
            raise ValueError(f"versions: {name} = {text!r} is no version specifier") from error
        if specifier.is_unsatisfiable():
            raise ValueError(f"versions: no version of {name} satisfies {text!r}")
        specifiers[str(canonicalize_name(name))] = specifier
    return specifiers


def _band(value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list) and all(
        isinstance(end, int | float) and not isinstance(end, bool) and not math.isnan(end) for end in value
    )
    if not numbers or len(value) != 2:
        raise ValueError(f"band must be two numbers [low, high], not {value!r}")
    if value[0] > value[1]:
        raise ValueError(f"band is upside down: {value[0]:g} is above {value[1]:g}")
    return float(value[0]), float(value[1])


def _date(value: Any) -> date | None:
    # A datetime is a date as well, but says an hour that the rule has no use for.
    if value is not None and type(value) is not date:
        raise ValueError(f"expires must be a date such as 2026-12-31, without quotation marks, not {value!r}")
    return value


def _new_id(check: Check, taken: Collection[str]) -> str:
    stem = re.sub(r"[^a-z0-9]+", "-", f"accepted {check.id}".lower()).strip("-")
    numbered = (stem if number == 1 else f"{stem}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise LedgerError(f"{path}: the ledger cannot be written: {error}") from error
