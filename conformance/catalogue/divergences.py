"""The catalogue's part of the ledger: the divergences that its entries declare."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.specifiers import SpecifierSet

from conformance.catalogue import NAME
from conformance.checks import Step
from conformance.ledger import Cause
from conformance.ledger import Entry as LedgerEntry
from reference import catalogue
from reference.catalogue.entries import Divergence, Entry


def contract(entry: Entry, divergence: Divergence) -> str:
    """The contract under which a divergence is checked."""
    return f"{NAME}/{entry.name}/diverges/{divergence.id}"


def ledger_id(entry: Entry, divergence: Divergence) -> str:
    """The id of a divergence in the ledger."""
    return f"{NAME}-{entry.name}-{divergence.id}"


def ledger_entries() -> Iterator[LedgerEntry]:
    """A ledger entry for every divergence."""
    for family in catalogue.all_families():
        for entry in family.entries:
            for divergence in entry.divergences:
                yield LedgerEntry(
                    id=ledger_id(entry, divergence),
                    step=Step(family.step),
                    contract=contract(entry, divergence),
                    subjects=("tensorflow", "pytorch"),
                    versions={name: SpecifierSet(text) for name, text in divergence.versions.items()},
                    cause=Cause(divergence.cause),
                    low=divergence.low,
                    high=divergence.high,
                    reason=divergence.reason,
                    evidence=divergence.evidence or "measured in every run",
                    workload=NAME,
                    variant=family.name,
                )
