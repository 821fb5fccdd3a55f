"""Makes observations when they are first asked for, once per run, whichever process of the run asks."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock
from numpy.typing import NDArray

from conformance import kept_ensembles, observations
from conformance.observations import Key, Observation, ObservationUnwritable
from conformance.requests import Request, request_for
from conformance.subjects import Subject
from conformance.views import canonical
from conformance.worker import ObservationFailed, Worker, WorkerFailed
from reference import catalogue
from reference.workloads import Workload

# What this process draws itself, for all processes of the run alike: nobody's observation, but kept like one.
DRAWING = "drawing"
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "Read-only file system")


class Collector:
    """The observations of one run, kept in `directory`, which every process of the run shares.

    `code` is the directory filled by `stage_code`. An observation that failed fails again, with the same words,
    for everyone who asks, without being tried anew.
    """

    def __init__(
        self,
        directory: Path,
        code: Path,
        subjects: Mapping[tuple[str, str], Subject],
        workloads: Mapping[str, Workload],
        data_source: str = "embedded",
        stop: threading.Event | None = None,
    ) -> None:
        self.directory = directory
        self._code = code
        self._subjects = subjects
        self._workloads = workloads
        self._data_source = data_source
        self._stop = stop or threading.Event()
        self._workers: dict[tuple[str, str], Worker] = {}
        self._failures: dict[Path, dict[str, str]] = {}

    def observe(self, key: Key, tensors: Mapping[str, NDArray[Any]] | None = None) -> Observation:
        """The observation of `key`, under the workload's canonical parameter names and layouts.

        `tensors` go with the request in place of its own, where it builds on what another side reported.
        Raises ObservationFailed where the framework raised, WorkerFailed where its worker did not survive,
        ObservationUnwritable where the disk refuses it.
        """
        path = self.directory / key.file_name
        with _lock(path):
            if not path.exists():
                with self._failing_alike(path):
                    self._make(key, path, tensors)
        return canonical(observations.read(path), self._workloads[key.workload])

    def worker(self, framework: str, device: str) -> Worker:
        """This process's worker for the framework on the device, started at the first call, or after one has died.

        One that does not start is not tried again, and none is started after `stop` is set. Raises as `observe` does.
        """
        place = (framework, device)
        if self._stop.is_set():
            raise WorkerFailed(f"{framework}: nothing is observed any more")
        if place not in self._workers or self._workers[place].has_ended:
            log = self.directory / f"{framework}-{device}-{os.getpid()}.stderr"
            with self._failing_alike(self.directory / f"{framework}-{device}.start"):
                self._workers[place] = Worker(self._subjects[place], self._code, log)
        return self._workers[place]

    def close(self) -> None:
        """End this process's workers."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _make(self, key: Key, path: Path, tensors: Mapping[str, NDArray[Any]] | None) -> None:
        if key.operation == DRAWING:
            from conformance.catalogue.examples import drawn_examples  # hypothesis, which takes its time

            observations.write(path, key, {}, drawn_examples(catalogue.family(key.variant)))
            return
        workload = self._workloads[key.workload]
        request = request_for(key, workload, self._data_source)
        if tensors is not None:
            request = replace(request, tensors=tensors)
        if key.operation != "ensemble":
            self._ask(key, path, request)
            return
        kept = kept_ensembles.path_for(request, self._code)
        with kept_ensembles.alone(kept, self._stop):
            if not kept_ensembles.fetch(kept, path):
                self._ask(key, path, request)
                kept_ensembles.keep(path, kept)

    def _ask(self, key: Key, path: Path, request: Request) -> None:
        try:
            with self._worker_for(key) as worker:
                reply = worker.request(request.operation, request.arguments, request.tensors)
        except (ObservationFailed, WorkerFailed) as failure:
            _require_disk(key, failure)
            raise
        observations.write(path, key, reply.facts, reply.tensors)

    @contextlib.contextmanager
    def _worker_for(self, key: Key) -> Iterator[Worker]:
        if key.operation != "self_ensemble":
            yield self.worker(key.framework, key.device)
            return
        # It leaves its worker calculating in float64.
        log = self.directory / f"{key.framework}-{key.device}-float64-{os.getpid()}.stderr"
        with Worker(self._subjects[key.framework, key.device], self._code, log) as worker:
            yield worker

    @contextlib.contextmanager
    def _failing_alike(self, path: Path) -> Iterator[None]:
        """Raise again what an earlier attempt at `path` raised, in whichever process; keep what this one raises."""
        noted = path.with_name(f"{path.name}.failed.json")
        if path not in self._failures and noted.exists():
            self._failures[path] = json.loads(noted.read_text(encoding="utf-8"))
        if path in self._failures:
            raise _failure(self._failures[path])
        try:
            yield
        except (ObservationFailed, WorkerFailed, ObservationUnwritable) as error:
            self._failures[path] = _described(error)
            with contextlib.suppress(ObservationUnwritable):
                observations.write_whole(noted, [json.dumps(self._failures[path]).encode()])
            raise


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire()
    except OSError as error:
        raise ObservationUnwritable.because(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _require_disk(key: Key, failure: ObservationFailed | WorkerFailed) -> None:
    """Raise ObservationUnwritable where the worker failed for want of disk: that says nothing of the framework."""
    for line in str(failure).splitlines():
        if any(words in line for words in _DISK_FULL):
            what = f"{key.framework} {key.operation}: {line.strip()}"
            raise ObservationUnwritable(f"{what}; free some space, or set TMPDIR to another disk") from failure


def _described(error: ObservationFailed | WorkerFailed | ObservationUnwritable) -> dict[str, str]:
    if isinstance(error, ObservationFailed):
        return {"kind": error.kind, "message": error.message, "traceback": error.traceback, "step": error.step}
    return {"kind": type(error).__name__, "message": str(error), "traceback": "", "step": ""}


def _failure(described: dict[str, str]) -> Exception:
    for lost in (WorkerFailed, ObservationUnwritable):
        if described["kind"] == lost.__name__:
            return lost(described["message"])
    return ObservationFailed(**described)
