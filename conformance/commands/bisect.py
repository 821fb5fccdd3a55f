"""`conformance bisect`: the releases from the index, one gate each, and the answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from conformance.commands.gate import GateWords, write_files
from conformance.ending import NotPossible, WrongUse
from conformance.environments import EnvironmentFailure, SideError, packages_changed, parse_side, releases, resolve
from conformance.gate.bisection import Bisection, Found, Probe
from conformance.gate.progress import Progress
from conformance.gate.request import Request
from conformance.gate.running import machine_permitting, run_gate
from conformance.report.writing import write_text
from conformance.verdict import Run


def bisect(package: str, good: str, bad: str, words: GateWords, *, include_pre: bool, include_yanked: bool) -> int:
    """Find the first release that departs; returns 1 where there is one, 0 where the bad one does not depart."""
    request = words.request()
    with Progress() as progress, tempfile.TemporaryDirectory(prefix="conformance-") as name:
        try:
            sides = [parse_side(side.text, python=side.python) for side in (request.baseline, request.candidate)]
            locks = resolve(sides[0], sides[1], options=request.options, on_progress=progress.say)
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
        if locks[0].interpreter.path == locks[1].interpreter.path:
            request = _on(str(locks[0].interpreter.path), request)
        shared = Path(name)

        def gate(version: str) -> Run:
            probe = replace(words, candidate=f"{package}=={version}")
            asked = replace(request, shared=shared, command=tuple(probe.command()))
            return _gate(package, version, asked, progress)

        bisection = Bisection(gate, lambda probe: progress.say(_line(package, probe)))
        found = bisection.find(listed)
    _answer(package, good, bad, found, bisection.probes, request)
    return 0 if found is None else 1


def _on(python: str, request: Request) -> Request:
    """The same with this Python on both sides, so that no probe has another."""
    return replace(
        request,
        baseline=replace(request.baseline, python=python),
        candidate=replace(request.candidate, python=python),
    )


def _gate(package: str, version: str, request: Request, progress: Progress) -> Run:
    progress.say(f"probing {package} {version}")
    directory = request.report / version if request.report is not None else None
    candidate = replace(request.candidate, text=f"{package}=={version}")
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


def _answer(package: str, good: str, bad: str, found: Found | None, probes: Sequence[Probe], request: Request) -> None:
    changes: list[dict[str, object]] = []
    if found is None:
        print(f"{package} {bad} does not depart from {good}")
    else:
        print(f"{package} {found.first_bad} is the first release that departs from {good}; {found.last_good} agrees")
        sides = [
            parse_side(f"{package}=={version}", python=request.baseline.python) for version in asdict(found).values()
        ]
        for change in packages_changed(*resolve(sides[0], sides[1], options=request.options)):
            changes.append(asdict(change))
            print(f"  {change.name} {change.baseline or '(none)'} -> {change.candidate or '(none)'}, {change.kind}")
    if request.report is not None:
        answer = {
            "package": package,
            "good": good,
            "bad": bad,
            "found": found and asdict(found),
            "packages_changed": changes,
            "probes": [asdict(probe) for probe in probes],
        }
        with machine_permitting():
            write_text(request.report / "bisect.json", json.dumps(answer, indent=1) + "\n")
