"""The last measurement of the catalogue, kept beside it, so that the phrase book can say how far forms agree."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from conformance.catalogue import NAME
from conformance.catalogue.measuring import Measurement
from conformance.checks import Check, Kind, Verdict

FILE = Path(__file__).with_name("measured.json")


class MeasurementUnreadable(Exception):
    """The file of the last measurement is missing or malformed."""


@dataclass(frozen=True)
class EntryMeasured:
    """Of one entry: checks made and failed, how they decide, sizes, and its divergences.

    `agreement` is the largest difference between the frameworks' outputs, None where only laws are compared;
    `ratio` the largest of measured to allowed of any tensor, None where all is exact. `divergences` holds the
    largest difference of each, "inf" for an infinite one.
    """

    checks: int
    failed: int
    kinds: tuple[str, ...]
    agreement: float | None
    ratio: float | None
    divergences: Mapping[str, float | str]


@dataclass(frozen=True)
class Measured:
    """Versions by distribution, and every entry's figures."""

    versions: Mapping[str, str]
    entries: Mapping[str, EntryMeasured]


def summary(measurement: Measurement) -> Measured:
    """The figures of a measurement."""
    entries = {name: _entry(name, checks) for name, checks in measurement.checks.items()}
    return Measured(dict(sorted(measurement.versions.items())), entries)


def write(measured: Measured, path: Path = FILE) -> None:
    """Keep the figures, one entry a line, so that a change reads as a diff."""
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(asdict(entry))}" for name, entry in measured.entries.items())
    path.write_text(f'{{"versions": {json.dumps(measured.versions)},\n"entries": {{\n{lines}\n}}}}\n', encoding="utf-8")


def read(path: Path = FILE) -> Measured:
    """The figures kept. Raises MeasurementUnreadable with the remedy."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        entries = {
            name: EntryMeasured(**{**values, "kinds": tuple(values["kinds"])})
            for name, values in document["entries"].items()
        }
        return Measured(document["versions"], entries)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MeasurementUnreadable(f"{path} cannot be read ({error}): run python -m conformance.catalogue") from error


def _entry(name: str, checks: Iterable[Check]) -> EntryMeasured:
    checks = tuple(checks)
    marker = f"{NAME}/{name}/diverges/"
    own = [check for check in checks if not check.contract.startswith(marker)]
    outputs = [
        check.measured
        for check in own
        if check.subjects == ("tensorflow", "pytorch") and "/output" in check.contract and check.measured is not None
    ]
    ratios = [
        check.measured / check.allowed
        for check in own
        if check.allowed and check.measured is not None and check.kind is not Kind.STATISTICAL
    ]
    return EntryMeasured(
        checks=len(checks),
        failed=sum(check.verdict is Verdict.BREAK or check.failed for check in own),
        kinds=tuple(sorted({str(check.kind) for check in own})),
        agreement=max(outputs, default=None),
        ratio=max(ratios, default=None),
        divergences={
            check.contract.removeprefix(marker): _size(check) for check in checks if check.contract.startswith(marker)
        },
    )


def _size(check: Check) -> float | str:
    return check.measured if check.measured is not None and check.measured < float("inf") else "inf"
