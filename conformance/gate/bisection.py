"""The first release between two that departs from the first, found by gates against the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.checks import Check
from conformance.ending import NotPossible, SideNotHad
from conformance.environments import Release
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.verdict import Run

Gate = Callable[[str], Run]


@dataclass(frozen=True)
class Probe:
    """One release against the good one. `departs` is None where it was skipped, for the reason given."""

    version: str
    departs: bool | None
    verdict: str = ""
    reason: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Found:
    """The adjacent pair: the last release that agrees with the good one, and the first that departs."""

    last_good: str
    first_bad: str


class Bisection:
    """Probes releases by `gate`, which compares the good release with the one of the version given."""

    def __init__(self, gate: Gate, log: Callable[[Probe], None]) -> None:
        self._gate = gate
        self._log = log
        self.probes: list[Probe] = []

    def find(self, releases: Sequence[Release]) -> Found | None:
        """Search `releases`, the good one first, the bad one last; None where the bad one does not depart.

        Both ends are probed first. Releases that cannot be had, or of which nothing can be compared with the good one,
        are passed over. Raises NotPossible where that holds for an end, where the machine refuses, or where the good
        release departs from itself.
        """
        good, bad = str(releases[0].version), str(releases[-1].version)
        if self._required(good).departs:
            raise NotPossible(f"{good} departs from itself, so that no other release can be judged by it")
        if not self._required(bad).departs:
            return None
        between = []
        for release in releases[1:-1]:
            if release.skipped:
                self._note(Probe(str(release.version), None, reason=release.skipped))
            else:
                between.append(str(release.version))
        while between:
            middle = len(between) // 2
            probe = self._probe(between[middle])
            if probe.departs is None:
                del between[middle]
            elif probe.departs:
                bad, between = between[middle], between[:middle]
            else:
                good, between = between[middle], between[middle + 1 :]
        return Found(good, bad)

    def _required(self, version: str) -> Probe:
        probe = self._probe(version)
        if probe.departs is None:
            raise NotPossible(f"{version} is an end of the bisection and cannot be probed: {probe.reason}")
        return probe

    def _probe(self, version: str) -> Probe:
        clock = time.monotonic()
        try:
            run = self._gate(version)
        except SideNotHad as error:
            return self._note(Probe(version, None, reason=str(error)))
        departed, seconds = departures(run), round(time.monotonic() - clock, 1)
        if departed:
            reason = f"{departed[0].id}: {departed[0].reason}"
            return self._note(Probe(version, True, str(run.verdict), reason, seconds))
        if not any(is_between_sides(check) for check in run.checks):
            reason = next((entry.reason for entry in run.not_run), "")
            return self._note(Probe(version, None, "", f"nothing was compared{reason and ', '}{reason}", seconds))
        return self._note(Probe(version, False, str(run.verdict), "", seconds))

    def _note(self, probe: Probe) -> Probe:
        self.probes.append(probe)
        self._log(probe)
        return probe


def is_between_sides(check: Check) -> bool:
    """Whether the check compares the sides with each other."""
    return [subject.partition("@")[2] for subject in check.subjects] == [CANDIDATE, BASELINE]


def departures(run: Run) -> list[Check]:
    """The failed checks that speak of a change: between the sides, or of the candidate where the baseline holds."""
    before = {check.id for check in run.checks if check.failed}
    return [
        check
        for check in run.checks
        if check.failed
        and not check.subjects[0].endswith(f"@{BASELINE}")
        and check.id.replace(f"@{CANDIDATE}", f"@{BASELINE}") not in before
    ]
