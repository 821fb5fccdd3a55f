"""Observes and judges families of the catalogue outside pytest: for the phrase book, and while an entry is written."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from conformance import ledger
from conformance.catalogue import NAME, WORKLOAD
from conformance.catalogue.cases import EntryCase, entry_case
from conformance.catalogue.divergences import ledger_entries
from conformance.checks import Check
from conformance.collector import DRAWING
from conformance.contracts import catalogue as contracts
from conformance.contracts import catalogue_examples
from conformance.observations import Key, Observation
from conformance.requests import request_for
from conformance.subjects import FRAMEWORKS, Subject
from conformance.worker import Worker, stage_code
from reference.catalogue.entries import Entry, Family

# By subject, operation and family.
Observed = Mapping[tuple[str, str, str], Observation]
OPERATIONS = ("catalogue", "catalogue_examples")


@dataclass(frozen=True)
class Measurement:
    """Versions by distribution, the checks of every entry, and the problems of its divergences."""

    versions: Mapping[str, str]
    checks: Mapping[str, tuple[Check, ...]]
    problems: tuple[str, ...]


def measure(families: Sequence[Family]) -> Measurement:
    """Observe the families in both frameworks and by their formulas, and judge every entry.

    Raises WorkerFailed where a framework cannot be started or dies, ModuleNotFoundError without hypothesis.
    """
    from conformance.catalogue.examples import drawn_examples  # hypothesis, which reading the figures does not need

    versions: dict[str, str] = {}
    drawn = {
        family.name: Observation(_key("oracle", DRAWING, family), {}, drawn_examples(family)) for family in families
    }
    observed = {("oracle", DRAWING, name): observation for name, observation in drawn.items()}
    with tempfile.TemporaryDirectory(prefix="conformance-") as directory:
        code = stage_code(Path(directory, "code"))
        for subject in ("oracle", *FRAMEWORKS):
            with Worker(Subject(subject), code, Path(directory, f"{subject}.stderr")) as worker:
                if subject in FRAMEWORKS:
                    request = request_for(Key(NAME, subject, "imports"), WORKLOAD)
                    versions |= worker.request("imports", request.arguments).facts["versions"]
                for family, operation in product(families, OPERATIONS):
                    key = _key(subject, operation, family)
                    request = request_for(key, WORKLOAD)
                    sent = drawn[family.name].tensors if operation == "catalogue_examples" else request.tensors
                    reply = worker.request(request.operation, request.arguments, sent)
                    observed[subject, operation, family.name] = Observation(key, reply.facts, reply.tensors)
    made = {
        entry.name: tuple(_judged(family, entry, observed, versions)) for family in families for entry in family.entries
    }
    return _accepted(versions, made)


def _key(subject: str, operation: str, family: Family) -> Key:
    return Key(NAME, subject, operation, family.name)


def _judged(family: Family, entry: Entry, observed: Observed, versions: Mapping[str, str]) -> Iterator[Check]:
    oracle = observed["oracle", "catalogue", family.name] if entry.oracle is not None else None
    cases = [entry_case(family, entry, framework) for framework in FRAMEWORKS]
    there = [case for case in cases if not _absent(case, observed, versions)]
    for case in there:
        yield from contracts.entry(case, observed[case.framework, "catalogue", family.name], oracle)
        if entry.vary is not None:
            found, formulas = (observed[side, "catalogue_examples", family.name] for side in (case.framework, "oracle"))
            yield from catalogue_examples.checks(case, found, formulas, observed["oracle", DRAWING, family.name])
    if len(there) == len(cases):
        case = entry_case(family, entry, *FRAMEWORKS)
        ours, theirs = (observed[framework, "catalogue", family.name] for framework in FRAMEWORKS)
        yield from contracts.pair(case, ours, theirs, oracle)


def _absent(case: EntryCase, observed: Observed, versions: Mapping[str, str]) -> bool:
    return bool(contracts.absence(case, observed[case.framework, "catalogue", case.family.name], lambda: versions))


def _accepted(versions: Mapping[str, str], made: Mapping[str, tuple[Check, ...]]) -> Measurement:
    """The checks, those that a declared divergence describes accepted."""
    flat = [check for checks in made.values() for check in checks]
    facts = ledger.RunFacts.of(flat, versions, complete=False)
    judged, problems = ledger.apply(tuple(ledger_entries()), flat, facts)
    remaining = iter(judged)
    checks = {name: tuple(next(remaining) for _ in made[name]) for name in made}
    return Measurement(versions, checks, tuple(f"{problem.entry}: {problem.message}" for problem in problems))
