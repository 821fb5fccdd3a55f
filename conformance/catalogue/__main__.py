"""`python -m conformance.catalogue`: measures the catalogue and writes its phrase book; of families, only measures.

python -m conformance.catalogue                      everything; writes docs/catalogue.md and docs/catalogue.html
python -m conformance.catalogue normalisation        one family, or several, told line by line; writes nothing
"""

from __future__ import annotations

import sys
from pathlib import Path

from conformance.catalogue import book, measured
from conformance.catalogue.measuring import Measurement, measure
from conformance.catalogue.phrases import phrases
from conformance.checks import Check, Kind, Verdict
from conformance.failure_text import failure_text
from reference import catalogue

DOCS = Path(__file__).resolve().parents[2] / "docs"


def main(names: list[str]) -> int:
    """Measure; returns 1 where a check fails or a declared divergence is not as declared."""
    known = {family.name: family for family in catalogue.all_families()}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"unknown family {unknown[0]!r}: choose from {', '.join(known)}", file=sys.stderr)
        return 2
    measurement = measure([known[name] for name in names or known])
    failed = [check for checks in measurement.checks.values() for check in checks if check.failed]
    if names:
        _tell(measurement)
    for check in failed:
        print(failure_text(check))
        print(check.details.get("traceback", ""), end="")
    for problem in measurement.problems:
        print(problem)
    if not names:
        _write(measurement)
    count = sum(map(len, measurement.checks.values()))
    print(f"{len(measurement.checks)} entries, {count} checks, {len(failed)} failed")
    return 1 if failed or measurement.problems else 0


def _write(measurement: Measurement) -> None:
    """Keep the figures and write the phrase book."""
    figures = measured.summary(measurement)
    measured.write(figures)
    known = phrases(figures)
    DOCS.mkdir(exist_ok=True)
    (DOCS / "catalogue.md").write_text(book.markdown(known, figures.versions), encoding="utf-8")
    (DOCS / "catalogue.html").write_text(book.page(known, figures.versions), encoding="utf-8")


def _tell(measurement: Measurement) -> None:
    """Each entry with its worst check, and each of its divergences as measured."""
    for name, checks in measurement.checks.items():
        rounding = [check for check in checks if check.allowed and check.kind is not Kind.STATISTICAL]
        inside = [check for check in rounding if check.verdict is Verdict.ROUNDING]
        worst = max(inside, key=_ratio, default=None)
        told = f"{_ratio(worst):.2f} of the allowance in {worst.contract}" if worst else "exact"
        print(f"{name}: {len(checks)} checks, {told}")
        for check in checks:
            if check.ledger_id:
                print(f"    {check.contract} measured {check.measured:.6g}")


def _ratio(check: Check) -> float:
    return (check.measured or 0.0) / (check.allowed or 1.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
