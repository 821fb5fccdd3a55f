"""The two sides made ready: environments resolved and built, and each side's subjects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conformance.ending import NotPossible, SideNotHad, WrongUse
from conformance.environments import (
    Change,
    Environment,
    EnvironmentFailure,
    Lock,
    MachineFailure,
    SideError,
    build,
    packages_changed,
    parse_side,
    resolve,
)
from conformance.environments.uv import end_running
from conformance.gate.request import SIDES, Request, SideRequest
from conformance.subjects import Subject

Report = Callable[[str], None]
Locks = tuple[Lock, Lock]


@dataclass(frozen=True)
class ReadySide:
    """A side whose environment exists. `name` is `baseline` or `candidate`."""

    name: str
    label: str
    interpreter: Path
    python: str
    packages: Mapping[str, str]
    frameworks: tuple[str, ...]
    subjects: Mapping[tuple[str, str], Subject]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class ReadySides:
    """Both sides, what differs between their packages, and what there is to know about how they were made."""

    baseline: ReadySide
    candidate: ReadySide
    changes: tuple[Change, ...]
    notes: tuple[str, ...]

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The frameworks that both sides hold."""
        return tuple(name for name in self.baseline.frameworks if name in self.candidate.frameworks)

    def lone_frameworks(self) -> list[tuple[ReadySide, str]]:
        """Frameworks that only one side holds, with the side that lacks them."""
        sides = ((self.baseline, self.candidate), (self.candidate, self.baseline))
        return [
            (lacking, name) for lacking, having in sides for name in having.frameworks if name not in lacking.frameworks
        ]


def resolved(request: Request, report: Report) -> Locks:
    """Resolve both sides. Raises WrongUse for words that make no side, NotPossible with the reason."""
    try:
        asked = [
            parse_side(side.text, python=side.python, full_environment=request.full_environment)
            for side in (request.baseline, request.candidate)
        ]
        locks = resolve(*asked, options=request.options, on_progress=report)
    except SideError as error:
        raise WrongUse(str(error)) from error
    except MachineFailure as error:
        raise NotPossible(str(error)) from error
    except EnvironmentFailure as error:
        raise SideNotHad(str(error)) from error
    _require_frameworks(request, locks)
    return locks


def _require_frameworks(request: Request, locks: Locks) -> None:
    """Both sides hold what the request names, and at least one framework both."""
    for name, side, lock in zip(SIDES, (request.baseline, request.candidate), locks, strict=True):
        missing = [framework for framework in request.frameworks if framework not in lock.frameworks]
        if missing:
            raise SideNotHad(f"the {name} ({side.label}) does not hold {', '.join(missing)}")
    if not {*locks[0].frameworks} & {*locks[1].frameworks}:
        held = "; ".join(
            f"the {name} holds {', '.join(lock.frameworks)}" for name, lock in zip(SIDES, locks, strict=True)
        )
        raise WrongUse(f"the sides have no framework in common ({held}): name the same framework on both")


@contextmanager
def prepared(request: Request, locks: Locks, report: Report) -> Iterator[ReadySides]:
    """Both sides, built, and kept from removal until the block ends. Raises NotPossible with the reason."""
    try:
        environments = _build_both(locks, report)
    except MachineFailure as error:
        raise NotPossible(str(error)) from error
    except EnvironmentFailure as error:
        raise SideNotHad(str(error)) from error
    for name, environment in zip(SIDES, environments, strict=True):
        if environment.size_bytes:  # which is not known of an interpreter of the user's
            made = "built now" if environment.built else "kept from before"
            report(f"the {name}'s environment takes {environment.size_bytes / 1e9:.1f} GB, {made}")
    sides = [
        _ready(name, side, lock, environment, request)
        for name, side, lock, environment in zip(
            SIDES, (request.baseline, request.candidate), locks, environments, strict=True
        )
    ]
    try:
        yield ReadySides(sides[0], sides[1], tuple(packages_changed(*locks)), notes(locks))
    finally:
        for environment in environments:
            environment.release()


def notes(locks: Locks) -> tuple[str, ...]:
    """What there is to know about how the sides were resolved."""
    return tuple(dict.fromkeys(note for lock in locks for note in lock.notes))


def _build_both(locks: Locks, report: Report) -> list[Environment]:
    """Build side by side, or once where both sides resolve to the same environment."""
    told = threading.Lock()

    def tell(text: str) -> None:
        with told:
            report(text)

    if all(lock.pins for lock in locks) and locks[0].key == locks[1].key:
        return [build(lock, on_progress=tell) for lock in locks]
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        building = [pool.submit(build, lock, on_progress=tell, stop=stop) for lock in locks]
        try:
            return [future.result() for future in building]
        except KeyboardInterrupt:
            stop.set()
            while wait(building, timeout=0.1).not_done:  # each may be about to start uv again
                end_running()
            raise


def _ready(name: str, side: SideRequest, lock: Lock, environment: Environment, request: Request) -> ReadySide:
    frameworks = tuple(name for name in lock.frameworks if name in (request.frameworks or lock.frameworks))
    subjects = {
        (framework, request.device): Subject(
            framework, str(environment.interpreter), request.device, side.environment, request.pass_environment
        )
        for framework in frameworks
    }
    return ReadySide(
        name=name,
        label=side.label,
        interpreter=environment.interpreter,
        python=environment.python,
        packages=environment.packages,
        frameworks=frameworks,
        subjects=subjects,
        environment=side.shown(),
    )
