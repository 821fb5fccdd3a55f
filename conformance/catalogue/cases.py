"""Cases of the catalogue: each entry in each framework, and the frameworks against each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.cases import Case
from conformance.catalogue import WORKLOAD
from conformance.checks import Step
from conformance.options import Options
from conformance.variants import Variant
from reference import catalogue
from reference.catalogue.entries import Entry, Family


@dataclass(frozen=True, kw_only=True)
class EntryCase(Case):
    """One entry of the catalogue in one framework; the case's variant is the family."""

    entry: Entry = field(repr=False)
    family: Family = field(repr=False)

    @property
    def id(self) -> str:
        """The case's name in a test id, such as `dense-Embedding-pytorch-vs-oracle-cpu`."""
        parts = (self.family.name, self.entry.name, self.framework, self.partner and f"vs-{self.partner}", self.device)
        return "-".join(part for part in parts if part)

    @property
    def step(self) -> Step:
        """The step of programming a network to which the entry belongs."""
        return Step(self.family.step)


def entry_case(
    family: Family, entry: Entry, framework: str, partner: str = "oracle", device: str = "cpu", side: str = ""
) -> EntryCase:
    """The case of an entry; without a formula there is no oracle to be its partner."""
    return EntryCase(
        workload=WORKLOAD,
        framework=framework,
        device=device,
        partner="" if partner == "oracle" and entry.oracle is None else partner,
        variant=Variant(family.name, framework),
        side=side,
        entry=entry,
        family=family,
    )


def entry_cases(options: Options) -> Iterator[EntryCase]:
    """Every entry in every framework, on the CPU."""
    for framework in options.frameworks:
        for family in catalogue.all_families():
            for entry in family.entries:
                yield entry_case(family, entry, framework)


def pair_cases(options: Options) -> Iterator[EntryCase]:
    """Every entry in the frameworks against each other, on the CPU."""
    if {"tensorflow", "pytorch"} <= {*options.frameworks}:
        for family in catalogue.all_families():
            for entry in family.entries:
                yield entry_case(family, entry, "tensorflow", "pytorch")


def compiled_cases(options: Options) -> Iterator[EntryCase]:
    """Every entry that is also run compiled, in every framework."""
    yield from (case for case in entry_cases(options) if case.entry.compiled)


def varied_cases(options: Options) -> Iterator[EntryCase]:
    """Every entry whose inputs vary, in every framework."""
    yield from (case for case in entry_cases(options) if case.entry.vary is not None)


GENERATORS = {
    "catalogue entry": entry_cases,
    "catalogue pair": pair_cases,
    "catalogue entry compiled": compiled_cases,
    "catalogue entry varied": varied_cases,
}
