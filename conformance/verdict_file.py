"""verdict.json, written and read: strict JSON, non-finite numbers as strings, held to its schema."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from conformance.census import CensusComparison, NotRun
from conformance.checks import Check
from conformance.verdict import (
    SCHEMA,
    LedgerUse,
    Mode,
    PackageChange,
    Partial,
    PlanChange,
    Run,
    Side,
    SpeedVerdict,
    Throughput,
)

SCHEMA_FILE = Path(__file__).with_name("verdict.schema.json")
LARGEST_FILE = 256 * 2**20
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class VerdictUnreadable(Exception):
    """A document is no verdict of this version, was cut short, or contradicts itself."""


def to_json(run: Run) -> str:
    """The document of verdict.json. Raises TypeError for a detail of a check that JSON has no form for."""
    return json.dumps(to_document(run), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def to_document(run: Run) -> dict[str, Any]:
    """The document as JSON values: the fields of the run, and the verdicts derived from them."""
    comparison = asdict(run.census_comparison)
    document = {
        "schema": SCHEMA,
        "mode": run.mode,
        "verdict": run.verdict,
        "exit_status": run.exit_status,
        "complete": run.complete,
        "incomplete": run.incomplete,
        "fail_on": run.fail_on,
        "started": run.started,
        "seconds": run.seconds,
        "partial": None if run.partial is None else asdict(run.partial),
        "baseline": None if run.baseline is None else asdict(run.baseline),
        "candidate": asdict(run.candidate),
        "packages_changed": [asdict(row) for row in run.packages_changed],
        "plan_changes": [asdict(row) for row in run.plan_changes],
        "first_divergence": None if run.first_divergence is None else asdict(run.first_divergence),
        "not_run": [asdict(row) for row in run.not_run],
        "ledger": [asdict(row) for row in run.ledger],
        "throughput": [asdict(row) for row in run.throughput],
        "census": {**comparison, "counts": [asdict(count) for count in run.census]},
        "warnings": run.warnings,
        "checks": [check.as_dict() for check in run.checks],
    }
    plain: dict[str, Any] = _plain(document)
    return plain


def from_json(text: str, name: str = "verdict.json") -> Run:
    """The run that `to_json` described. Raises VerdictUnreadable with one line that begins with `name`."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise VerdictUnreadable(f"{name} is no complete JSON document ({error}): run the suite again") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        found = "none" if schema is None else json.dumps(schema)[:40]
        raise VerdictUnreadable(
            f"{name} is no verdict of schema {SCHEMA} (its schema: {found}): "
            "run the suite again with this version, or read it with the version that wrote it"
        )
    _validate(document, name)
    run = _run(document)
    derived = to_document(run)
    for field, value in document.items():
        if derived[field] != value:
            raise VerdictUnreadable(
                f"{name} contradicts itself: its {field} does not follow from its checks: run the suite again"
            )
    return run


def read(path: Path) -> Run:
    """The run kept in a file. Raises VerdictUnreadable with one line naming the file and the remedy."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise VerdictUnreadable(f"{path} is larger than {LARGEST_FILE >> 20} MiB: it is no verdict of this suite")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise VerdictUnreadable(f"{path} cannot be read: {error.strerror}: name a report's verdict.json") from error
    except UnicodeDecodeError as error:
        raise VerdictUnreadable(f"{path} is no text in UTF-8: run the suite again") from error
    return from_json(text, str(path))


def _validate(document: dict[str, Any], name: str) -> None:
    import jsonschema

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    try:
        error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    except RecursionError:
        raise VerdictUnreadable(f"{name} is nested too deeply to be a verdict: run the suite again") from None
    if error is not None:
        reason = " ".join(error.message.split())[:160]
        raise VerdictUnreadable(f"{name} is malformed at {error.json_path}: {reason}: run the suite again")


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"the bare number {constant} is not JSON")


def _run(document: Mapping[str, Any]) -> Run:
    comparison = {key: value for key, value in document["census"].items() if key != "counts"}
    return Run(
        mode=Mode(document["mode"]),
        checks=tuple(_check(row) for row in document["checks"]),
        candidate=Side(**document["candidate"]),
        baseline=None if document["baseline"] is None else Side(**document["baseline"]),
        packages_changed=tuple(PackageChange(**row) for row in document["packages_changed"]),
        plan_changes=tuple(PlanChange(**row) for row in document["plan_changes"]),
        not_run=tuple(NotRun(**row) for row in document["not_run"]),
        throughput=tuple(_throughput(row) for row in document["throughput"]),
        ledger=tuple(LedgerUse(**row) for row in document["ledger"]),
        census_comparison=CensusComparison(
            **{**comparison, "short": tuple(comparison["short"]), "more": tuple(comparison["more"])}
        ),
        partial=None if document["partial"] is None else Partial(**document["partial"]),
        started=document["started"],
        seconds=document["seconds"],
        warnings=tuple(document["warnings"]),
        fail_on=tuple(document["fail_on"]),
    )


def _check(row: Mapping[str, Any]) -> Check:
    values = _numbers(row, "measured", "allowed")
    if values["where"] is not None:
        values["where"] = _numbers(values["where"], "value", "other", "oracle")
    return Check.from_dict(values)


def _throughput(row: Mapping[str, Any]) -> Throughput:
    numbers = ("samples_per_second", "peak_memory", "ratio", "low", "high", "resolvable")
    values = _numbers(row, *numbers)
    if values["verdict"] is not None:
        values["verdict"] = SpeedVerdict(values["verdict"])
    return Throughput(**values)


def _numbers(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The row with the named fields turned back from the strings that stand for non-finite numbers."""
    back = {name: _NON_FINITE[row[name]] for name in names if isinstance(row[name], str) and row[name] in _NON_FINITE}
    return {**row, **back}


def _plain(value: Any) -> Any:
    """The value as JSON values; NumPy scalars become Python's, non-finite numbers strings, lone surrogates escapes."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return str(value).encode(errors="backslashreplace").decode()
    return value
