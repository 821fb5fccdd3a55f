"""`conformance bisect`: the releases from the index, one gate each, and the answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from packaging.version import Version

from conformance.commands.gate import GateWords, write_files
from conformance.ending import NotPossible, WrongUse
from conformance.environments import (
    EnvironmentFailure,
    Lock,
    Release,
    SideError,
    companion,
    held,
    mask,
    packages_changed,
    parse_side,
    releases,
    resolve,
)
from conformance.gate.bisection import Bisection, Found, Probe
from conformance.gate.progress import Progress
from conformance.gate.request import Request
from conformance.gate.running import machine_permitting, run_gate
from conformance.report.writing import write_text
from conformance.verdict import Run


@dataclass(frozen=True)
class Series:
    """The releases of `package` from `good` to `bad`, each installed with the same requirements `beside` it."""

    package: str
    good: str
    bad: str
    beside: str

    def side(self, version: str) -> str:
        """The words of the side with this release."""
        return f"{self.package}=={version} {self.beside}".rstrip()

    @property
    def backwards(self) -> bool:
        """Whether the good release is the newer one."""
        return Version(self.good) > Version(self.bad)


def bisect(
    package: str, good: str, bad: str, words: GateWords, *, beside: str, include_pre: bool, include_yanked: bool
) -> int:
    """Find the first release that departs; returns 1 where there is one, 0 where the bad one does not depart.

    `beside` are the requirements to install with every release; for a package that holds no framework, the one that
    it runs on. Where the good release is the newer one, the search goes back from it.
    """
    with Progress() as progress, tempfile.TemporaryDirectory(prefix="conformance-") as name:
        try:
            series = Series(package, good, bad, beside or companion(package, words.device))
            request = _between(series, words).request()
            locks = _resolved(request, progress)
            series = replace(series, beside=_held(series.beside, locks, progress))
            listed = releases(
                package,
                good,
                bad,
                python=locks[0].interpreter,
                include_pre=include_pre,
                include_yanked=include_yanked,
                options=request.options,
            )
        except SideError as error:
            raise WrongUse(str(error)) from error
        except EnvironmentFailure as error:
            raise NotPossible(str(error)) from error
        if len(listed) < 2:
            raise WrongUse(f"{good} and {bad} are the same release of {package}: give two")
        if series.backwards:
            progress.say(f"{good} is newer than {bad}: going back from {good}")
        words = _between(series, words)
        request = words.request()
        if locks[0].interpreter.path == locks[1].interpreter.path:
            request = _on(str(locks[0].interpreter.path), request)
        bisection, found = _searched(series, listed, words, replace(request, shared=Path(name)), progress)
    _answer(series, found, bisection.probes, request)
    return 0 if found is None else 1


def _between(series: Series, words: GateWords) -> GateWords:
    return replace(words, baseline=series.side(series.good), candidate=series.side(series.bad))


def _resolved(request: Request, progress: Progress) -> tuple[Lock, Lock]:
    sides = [parse_side(side.text, python=side.python) for side in (request.baseline, request.candidate)]
    return resolve(sides[0], sides[1], options=request.options, on_progress=progress.say)


def _held(beside: str, locks: tuple[Lock, Lock], progress: Progress) -> str:
    """The requirements beside the releases, at the versions that serve both ends; it is told what cannot be held."""
    pinned, moving = held(beside, *locks)
    for change in moving:
        progress.say(
            f"{change.name} cannot be held equal ({change.baseline} at one end, {change.candidate} at the other): "
            "what departs may come from it; name a version that serves both ends by --with"
        )
    return pinned


def _searched(
    series: Series, listed: Sequence[Release], words: GateWords, request: Request, progress: Progress
) -> tuple[Bisection, Found | None]:
    """The bisection, and what it found."""

    def gate(version: str) -> Run:
        probe = replace(words, candidate=series.side(version))
        return _gate(series, version, replace(request, command=tuple(probe.command())), progress)

    bisection = Bisection(gate, lambda probe: progress.say(_line(series.package, probe)))
    return bisection, bisection.find(listed)


def _on(python: str, request: Request) -> Request:
    """The same with this Python on both sides, so that no probe has another."""
    return replace(
        request,
        baseline=replace(request.baseline, python=python),
        candidate=replace(request.candidate, python=python),
    )


def _gate(series: Series, version: str, request: Request, progress: Progress) -> Run:
    progress.say(f"probing {series.package} {version}")
    directory = request.report / version if request.report is not None else None
    candidate = replace(request.candidate, text=series.side(version))
    probe = replace(request, candidate=candidate, report=directory)
    outcome = run_gate(probe, progress)
    with machine_permitting():
        write_files(probe, outcome)
    return outcome.run


def _line(package: str, probe: Probe) -> str:
    if probe.departs is None:
        return f"  {package} {probe.version}: skipped, {probe.reason}"
    word = f"departs ({probe.reason})" if probe.departs else "agrees"
    return f"  {package} {probe.version}: {probe.verdict}, {word}, {probe.seconds:.0f} s"


def _answer(series: Series, found: Found | None, probes: Sequence[Probe], request: Request) -> None:
    changes: list[dict[str, object]] = []
    if found is None:
        print(f"{series.package} {series.bad} does not depart from {series.good}")
    else:
        print(_sentence(series, found, probes))
        sides = [parse_side(series.side(version), python=request.baseline.python) for version in asdict(found).values()]
        for change in packages_changed(*resolve(sides[0], sides[1], options=request.options)):
            changes.append(asdict(change))
            print(f"  {change.name} {change.baseline or '(none)'} -> {change.candidate or '(none)'}, {change.kind}")
    if request.report is not None:
        answer = {
            **asdict(replace(series, beside=mask(series.beside))),
            "found": found and asdict(found),
            "packages_changed": changes,
            "probes": [asdict(probe) for probe in probes],
        }
        with machine_permitting():
            write_text(request.report / "bisect.json", json.dumps(answer, indent=1) + "\n")


def _sentence(series: Series, found: Found, probes: Sequence[Probe]) -> str:
    first = f"{series.package} {found.first_bad} is the first release that departs"
    low, high = sorted(map(Version, asdict(found).values()))
    passed_over = [Version(probe.version) for probe in probes if probe.departs is None]
    unknown = [str(version) for version in passed_over if low < version < high and not version.is_prerelease]
    rest = f"{found.last_good} agrees" + (f"; not known of {', '.join(unknown)}" if unknown else "")
    if series.backwards:
        return f"going back from {series.good}, {first} from it; {rest}"
    return f"{first} from {series.good}; {rest}"
