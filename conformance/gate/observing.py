"""Observes both sides at the same time, each by one thread with workers of its own, and the oracle beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance.collector import Collector
from conformance.gate.records import Failure, Records
from conformance.observations import Key
from conformance.subjects import Subject
from conformance.worker import ObservationFailed, WorkerFailed
from reference.workloads import Workload

Done = Callable[[str, Key], None]


class Observer:
    """The collectors of a gate: `baseline`, `candidate` and `oracle`, each with a directory of its own."""

    def __init__(
        self,
        directory: Path,
        code: Path,
        subjects: dict[str, dict[tuple[str, str], Subject]],
        workloads: Sequence[Workload],
        on_done: Done,
    ) -> None:
        self._on_done = on_done
        self._stop = threading.Event()
        named = {workload.name: workload for workload in workloads}
        self.records = {name: Records() for name in subjects}
        self.collectors: dict[str, Collector] = {}
        for name, ours in subjects.items():
            (directory / name).mkdir(parents=True, exist_ok=True)
            self.collectors[name] = Collector(directory / name, code, ours, named)

    def observe(self, plans: dict[str, list[Key]], *, side_by_side: bool = True) -> None:
        """Observe what is planned for each name, side by side or one after the other."""
        pool = ThreadPoolExecutor(len(plans) if side_by_side else 1)
        try:
            for future in [pool.submit(self._follow, name, plan) for name, plan in plans.items()]:
                future.result()
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            self._stop.clear()

    def ask(self, name: str, key: Key, make: Callable[[Collector], None]) -> None:
        """Let `make` make the observation of `key`, and note how that went."""
        try:
            make(self.collectors[name])
            self.records[name].made[key] = self.collectors[name].observe(key)
        except (ObservationFailed, WorkerFailed) as failure:
            self.records[name].failed[key] = failure

    def close(self) -> None:
        """End all workers."""
        self._stop.set()
        for collector in self.collectors.values():
            collector.close()

    def _follow(self, name: str, plan: Sequence[Key]) -> None:
        """Observe one by one. Where a framework does not even import, nothing more of it is tried."""
        records = self.records[name]
        lost: dict[tuple[str, str], Failure] = {}
        for key in plan:
            if self._stop.is_set():
                return
            place = (key.framework, key.device)
            if place not in lost:
                try:
                    records.made[key] = self.collectors[name].observe(key)
                except (ObservationFailed, WorkerFailed) as failure:
                    records.failed[key] = failure
                    if key.operation == "imports":
                        lost[place] = failure
            self._on_done(name, key)
