"""The ledger: divergences that are declared and explained, and what a run makes of them.

An entry accepts the failing checks that it describes. It is held to its word in return: where it applies it
must occur, and the size of the divergence must lie in its band, so that no entry outlives its cause or covers
for another one. The file format is in conformance.ledger_file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from conformance.checks import Check, Kind, Step, Verdict

NOTICE = timedelta(days=30)
# Distributions that install the same framework under another name.
_SAME_AS = {
    "intel-tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-intel": "tensorflow",
    "tensorflow-macos": "tensorflow",
    "tf-nightly": "tensorflow",
    "tf-nightly-cpu": "tensorflow",
}


class Cause(StrEnum):
    """What makes a divergence: a default that differs by choice, a framework's bug, or our reference."""

    FRAMEWORK_DEFAULT = "framework-default"
    FRAMEWORK_BUG = "framework-bug"
    REFERENCE = "reference"


@dataclass(frozen=True)
class Entry:
    """One accepted divergence.

    `contract`, `workload`, `variant` and `device` are patterns (`*` is any). `subjects` are frameworks, all of which
    the check must be about; with the sides of a gate, `pytorch@candidate` and `pytorch@baseline`, the entry describes
    checks between these alone. `versions` maps distributions to specifiers that must all hold. `low` to `high` is
    the band, ends included, of the check's measured size. `expires` is the last day of a waiver.
    """

    id: str
    step: Step
    contract: str
    subjects: tuple[str, ...]
    versions: Mapping[str, SpecifierSet]
    cause: Cause
    low: float
    high: float
    reason: str
    evidence: str
    workload: str = "*"
    variant: str = "*"
    device: str = "*"
    expires: date | None = None

    def matches(self, check: Check) -> bool:
        """Whether the check is one that the entry describes, whatever its verdict and size."""
        return (
            check.step == self.step
            and fnmatchcase(check.contract, self.contract)
            and fnmatchcase(check.workload, self.workload)
            and fnmatchcase(check.variant, self.variant)
            and fnmatchcase(check.device, self.device)
            and self._is_about(check)
        )

    def _is_about(self, check: Check) -> bool:
        if any("@" in subject for subject in self.subjects):
            return self.subjects == check.subjects
        return {*self.subjects} <= {check.framework, *map(framework_of, check.subjects)}

    def holds(self, check: Check) -> bool:
        """Whether the check's size lies in the entry's band."""
        return check.measured is not None and self.low <= check.measured <= self.high


@dataclass(frozen=True)
class RunFacts:
    """What a run held: versions of one environment by distribution, and the names of what its checks cover.

    `complete` is False for a filtered run, in which a check may be absent because nobody asked for it.
    """

    versions: Mapping[str, str]
    steps: frozenset[Step]
    subjects: frozenset[str]
    workloads: frozenset[str]
    variants: frozenset[str]
    devices: frozenset[str]
    complete: bool = True

    @classmethod
    def of(cls, checks: Iterable[Check], versions: Mapping[str, str], complete: bool = True) -> RunFacts:
        """The facts of the run that made these checks, in an environment with these versions."""
        checks = tuple(checks)
        return cls(
            versions=versions,
            steps=frozenset(check.step for check in checks),
            subjects=frozenset(
                name
                for check in checks
                for name in (check.framework, *check.subjects, *map(framework_of, check.subjects))
            ),
            workloads=frozenset(check.workload for check in checks),
            variants=frozenset(check.variant for check in checks),
            devices=frozenset(check.device for check in checks),
            complete=complete,
        )


@dataclass(frozen=True)
class Problem:
    """Something wrong with an entry; it fails the run, or it is only a warning."""

    entry: str
    message: str
    fails: bool


def framework_of(subject: str) -> str:
    """The framework of a subject, without the side of a gate: `tensorflow@baseline` is `tensorflow`."""
    return subject.partition("@")[0]


def _product(distribution: str) -> str:
    """The name under which a distribution counts: `tensorflow-cpu` is `tensorflow`."""
    name = canonicalize_name(distribution)
    return _SAME_AS.get(name, name)


def applies(entry: Entry, run: RunFacts) -> bool:
    """Whether the entry's versions, step, subjects, workload, variant and device are all in the run."""
    installed: dict[str, str] = {}
    for name, version in run.versions.items():
        installed.setdefault(_product(name), version)
    patterns = (
        (entry.workload, run.workloads),
        (entry.variant, run.variants),
        (entry.device, run.devices),
    )
    return (
        entry.step in run.steps
        and {*entry.subjects} <= run.subjects
        and all(any(fnmatchcase(name, pattern) for name in names) for pattern, names in patterns)
        and all(
            name in installed and specifier.contains(installed[name], prereleases=True)
            for name, specifier in ((_product(name), specifier) for name, specifier in entry.versions.items())
        )
    )


def apply(
    entries: Sequence[Entry],
    checks: Sequence[Check],
    run: RunFacts,
    *,
    strict: bool = True,
    today: date | None = None,
) -> tuple[tuple[Check, ...], tuple[Problem, ...]]:
    """Accept the failing checks that entries describe, and say which entries do not keep their word.

    Returns the checks in their order, the accepted ones with their `ledger_id`, and the problems: an entry
    that applies but did not occur (`strict`: fails, as in our own ledger; else warns, as in a user's), one
    that occurred outside its band (fails, unless another entry accepts that check), a waiver that expires
    within 30 days (warns) or has expired while its divergence still occurs (fails, and accepts nothing).
    """
    today = today or date.today()
    in_force = [entry for entry in entries if applies(entry, run)]
    problems: list[Problem] = []
    accepted: dict[int, str] = {}
    occurrences = {entry.id: _occurrences(entry, checks) for entry in in_force}
    for entry in in_force:
        found = occurrences[entry.id]
        if not found:
            problems += _absent(entry, checks, run, strict)
        elif entry.expires is not None and entry.expires < today:
            message = f"the waiver expired on {entry.expires} and {checks[found[0]].id} still diverges"
            problems.append(Problem(entry.id, message, fails=True))
            continue
        elif entry.expires is not None and entry.expires - today <= NOTICE:
            problems.append(Problem(entry.id, f"the waiver expires on {entry.expires}", fails=False))
        for index in found:
            if entry.holds(checks[index]):
                accepted.setdefault(index, entry.id)
    for entry in in_force:
        problems += [
            _outside(entry, checks[index])
            for index in occurrences[entry.id]
            if not entry.holds(checks[index]) and index not in accepted and checks[index].ledger_id is None
        ]
    judged = tuple(
        check.accepted_by(accepted[index]) if index in accepted and check.ledger_id is None else check
        for index, check in enumerate(checks)
    )
    return judged, tuple(problems)


def broken_promise(problem: Problem, entries: Sequence[Entry], workload: str) -> Check:
    """The failed check of an entry that does not keep its word."""
    entry = next(entry for entry in entries if entry.id == problem.entry)
    return Check(
        step=entry.step,
        contract=f"ledger/{entry.id}",
        kind=Kind.EXACT,
        subjects=entry.subjects,
        verdict=Verdict.BREAK,
        workload=workload,
        framework=entry.subjects[0],
        reason=f"ledger entry {entry.id}: {problem.message}",
    )


def _occurrences(entry: Entry, checks: Sequence[Check]) -> list[int]:
    return [
        index
        for index, check in enumerate(checks)
        if check.verdict in (Verdict.DRIFT, Verdict.BREAK) and entry.matches(check)
    ]


def _absent(entry: Entry, checks: Sequence[Check], run: RunFacts, strict: bool) -> list[Problem]:
    name = f"{entry.step}/{entry.contract}"
    if any(entry.matches(check) for check in checks):
        message = f"{name} no longer diverges here; narrow the entry's versions or remove it"
    elif run.complete:
        message = f"no check of {name} that it describes was made"
    else:
        return []
    return [Problem(entry.id, message, fails=strict)]


def _outside(entry: Entry, check: Check) -> Problem:
    size = "nothing" if check.measured is None else f"{check.measured:g}"
    message = f"{check.id} measures {size}, outside the band {entry.low:g} to {entry.high:g}"
    return Problem(entry.id, message, fails=True)
