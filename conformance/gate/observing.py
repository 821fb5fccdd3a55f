"""Observes both sides at the same time, each by one thread with workers of its own, and the oracle beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conformance.collector import Collector
from conformance.gate.records import Failure, Records, Unobserved
from conformance.observations import Key
from conformance.subjects import Subject
from conformance.worker import ObservationFailed, WorkerFailed, end_all_workers
from reference.workloads import Workload

Done = Callable[[str, Key], None]


class Observer:
    """The collectors of a gate: `baseline`, `candidate` and `oracle`, each with a directory of its own.

    What such a directory holds already is not observed again.
    """

    def __init__(
        self,
        directories: Mapping[str, Path],
        code: Path,
        subjects: Mapping[str, Mapping[tuple[str, str], Subject]],
        workloads: Sequence[Workload],
        on_done: Done,
    ) -> None:
        self._on_done = on_done
        self._stop = threading.Event()
        self._threads: set[threading.Thread] = set()
        named = {workload.name: workload for workload in workloads}
        self.records = {name: Records() for name in subjects}
        self._collectors: dict[str, Collector] = {}
        self._lost: dict[tuple[str, str, str], Failure] = {}
        for name, ours in subjects.items():
            directories[name].mkdir(parents=True, exist_ok=True)
            self._collectors[name] = Collector(directories[name], code, ours, named, stop=self._stop)

    def observe(self, plans: Mapping[str, Sequence[Key]], *, side_by_side: bool = True) -> None:
        """Observe what is planned for each name, side by side or one after the other.

        Raises DataMissing where a data set is nowhere on this machine, ObservationUnwritable where the disk refuses.
        """
        pool = ThreadPoolExecutor(len(plans) if side_by_side else 1)
        try:
            for future in [pool.submit(self._follow, name, plan) for name, plan in plans.items()]:
                future.result()
        except BaseException:
            self._stop.set()
            end_all_workers()  # or a thread would wait for its answer
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            for thread in tuple(self._threads):  # the pool forgets one in whose start an interrupt falls
                thread.join()

    def close(self) -> None:
        """End all workers."""
        for collector in self._collectors.values():
            collector.close()

    def _follow(self, name: str, plan: Sequence[Key]) -> None:
        """Observe one by one. Where a framework does not even import, nothing more of it is tried."""
        self._threads.add(threading.current_thread())
        for key in plan:
            if self._stop.is_set():
                return
            if (name, key.framework, key.device) not in self._lost:
                self._observe(name, key)
            self._on_done(name, key)

    def _observe(self, name: str, key: Key) -> None:
        records = self.records[name]
        try:
            records.made[key] = self._collectors[name].observe(key, self._tensors(key))
        except Unobserved:  # what it builds on has failed, which is on record
            return
        except (ObservationFailed, WorkerFailed) as failure:
            records.failed[key] = failure
            if key.operation == "imports":
                self._lost[name, key.framework, key.device] = failure

    def _tensors(self, key: Key) -> Mapping[str, NDArray[Any]] | None:
        """What is sent in place of the initial weights: the checkpoints that a side has saved."""
        if key.operation != "checkpoint_load":
            return None
        saver = key.variant.removeprefix("from-")
        return self.records[saver].get(replace(key, operation="checkpoint_save", variant="")).tensors
