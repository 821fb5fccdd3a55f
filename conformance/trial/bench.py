"""The bench of a trial: what the clean frameworks show and pass, and the observations of a faulty one."""

from __future__ import annotations

import filecmp
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance.collector import Collector
from conformance.laboratory import Laboratory
from conformance.observations import Key, Observation, ObservationUnwritable
from conformance.options import Options
from conformance.subjects import FRAMEWORKS, Subject
from conformance.trial.faults import stage
from conformance.trial.suite import Part, PartResult, carry_out, suite_options
from conformance.worker import ObservationFailed, WorkerFailed, stage_code


class _Asked(threading.local):
    """The keys that this thread has asked for since it last emptied them."""

    def __init__(self) -> None:
        self.keys: list[Key] = []


class CleanCollector(Collector):
    """Observations of the frameworks as they are, which several threads may ask for.

    Two frameworks are observed side by side; a worker serves one thread at a time.
    """

    def __init__(self, directory: Path, code: Path, options: Options, stop: threading.Event) -> None:
        workloads = {workload.name: workload for workload in options.workloads}
        super().__init__(directory, code, options.subjects, workloads, stop=stop)
        self.asked = _Asked()
        self._alone = {framework: threading.Lock() for framework, _ in options.subjects}

    def observe(self, key: Key, tensors: Mapping[str, NDArray[Any]] | None = None) -> Observation:
        """The observation of the key."""
        self.asked.keys.append(key)
        with self._alone[key.framework]:
            return super().observe(key, tensors)


@dataclass(frozen=True)
class Clean:
    """What a part gives on the clean framework, and the observations from which it follows."""

    part: Part
    result: PartResult
    keys: tuple[Key, ...]


class FaultyCollector(Collector):
    """Observations of the faulty framework by a worker of its own; all others are the clean ones."""

    def __init__(self, directory: Path, bench: Bench, subject: Subject) -> None:
        workload = bench.options.workloads[0]
        subjects = {(subject.framework, "cpu"): subject}
        super().__init__(directory, bench.code, subjects, {workload.name: workload}, stop=bench.stop)
        self._framework = subject.framework
        self._bench = bench
        self._same: dict[Key, bool] = {}

    def observe(self, key: Key, tensors: Mapping[str, NDArray[Any]] | None = None) -> Observation:
        """The observation of the key."""
        if key.framework != self._framework:
            return self._bench.collector.observe(key)
        return super().observe(key, tensors)

    def sees_the_same(self, keys: Iterable[Key]) -> bool:
        """Whether the faulty framework shows what the clean one does under all of the keys that are its own."""
        own = [key for key in keys if key.framework == self._framework]
        return bool(own) and all(self._is_same(key) for key in own)

    def _is_same(self, key: Key) -> bool:
        if key not in self._same:
            try:
                self.observe(key)
            except (ObservationFailed, WorkerFailed, ObservationUnwritable):
                return False
            clean = self._bench.collector.directory / key.file_name
            self._same[key] = clean.exists() and filecmp.cmp(self.directory / key.file_name, clean, shallow=False)
        return self._same[key]


@dataclass
class Bench:
    """What all faults of a trial share: the code, the planted faults, what the clean frameworks show and pass.

    Once `stop` is set no worker is started any more. `versions` are those of the frameworks, as far as observed.
    """

    options: Options
    directory: Path
    code: Path
    staged: Path
    collector: CleanCollector
    stop: threading.Event
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    _judged: dict[str, dict[str, Clean]] = field(default_factory=lambda: {name: {} for name in FRAMEWORKS})
    _judging: dict[str, threading.Lock] = field(default_factory=lambda: {name: threading.Lock() for name in FRAMEWORKS})

    def control(self, framework: str, part: Part) -> Clean:
        """What the part gives where nothing is planted, for comparison."""
        taken = self._judged[framework]
        with self._judging[framework]:
            if part.id not in taken:
                self.collector.asked.keys.clear()
                result = carry_out(part, Laboratory(self.collector), self.options)
                if self.stop.is_set():  # or what an interrupt made of it would stand for the clean framework
                    raise WorkerFailed("the trial was stopped")
                taken[part.id] = Clean(part, result, tuple(dict.fromkeys(self.collector.asked.keys)))
            return taken[part.id]

    def judged(self) -> Iterator[tuple[str, list[Clean]]]:
        """Each framework that faults were tried in, with what its parts gave where nothing is planted."""
        return ((framework, list(taken.values())) for framework, taken in sorted(self._judged.items()) if taken)


@contextmanager
def prepared(directory: Path) -> Iterator[Bench]:
    """The bench for the faults that `directory` declares; its workers and files are gone afterwards."""
    options = suite_options()
    # An interrupt of the clean-up leaves threads that still write.
    with tempfile.TemporaryDirectory(prefix="conformance-trial-", ignore_cleanup_errors=True) as name:
        place = Path(name)
        (place / "clean").mkdir()
        code = stage_code(place / "code")
        stop = threading.Event()
        collector = CleanCollector(place / "clean", code, options, stop)
        try:
            yield Bench(options, place, code, stage(directory, place / "planted"), collector, stop)
        finally:
            collector.close()
