"""Makes observations when they are first asked for, once per run, whichever process of the run asks."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from numpy.typing import NDArray

from conformance import kept_ensembles, observations
from conformance.observations import Key, Observation
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.views import canonical
from conformance.worker import ObservationFailed, Worker, WorkerFailed
from reference.workloads import Workload


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
    ) -> None:
        self.directory = directory
        self._code = code
        self._subjects = subjects
        self._workloads = workloads
        self._data_source = data_source
        self._workers: dict[tuple[str, str], Worker] = {}

    def observe(self, key: Key, tensors: Mapping[str, NDArray[Any]] | None = None) -> Observation:
        """The observation of `key`, under the workload's canonical parameter names and layouts.

        `tensors` go with the request in place of its own, where it builds on what another side reported.
        Raises ObservationFailed where the framework raised, WorkerFailed where its worker did not survive.
        """
        path = self.directory / key.file_name
        with FileLock(f"{path}.lock"):
            if not path.exists():
                self._raise_earlier_failure(path)
                self._make(key, path, tensors)
        return canonical(observations.read(path), self._workloads[key.workload])

    def worker(self, framework: str, device: str) -> Worker:
        """This process's worker for the framework on the device, started at the first call, or after one has died."""
        place = (framework, device)
        if place not in self._workers or self._workers[place].has_ended:
            log = self.directory / f"{framework}-{device}-{os.getpid()}.stderr"
            self._workers[place] = Worker(self._subjects[place], self._code, log)
        return self._workers[place]

    def close(self) -> None:
        """End this process's workers."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()

    def _make(self, key: Key, path: Path, tensors: Mapping[str, NDArray[Any]] | None) -> None:
        workload = self._workloads[key.workload]
        request = request_for(key, workload, self._data_source)
        kept = kept_ensembles.path_for(request, self._code) if key.operation == "ensemble" else None
        if kept is not None and kept_ensembles.fetch(kept, path):
            return
        try:
            sent = request.tensors if tensors is None else tensors
            reply = self.worker(key.framework, key.device).request(request.operation, request.arguments, sent)
        except (ObservationFailed, WorkerFailed) as error:
            _failure_path(path).write_text(json.dumps(_describe(error)), encoding="utf-8")
            raise
        observations.write(path, key, reply.facts, reply.tensors)
        if kept is not None:
            with contextlib.suppress(OSError):
                kept_ensembles.keep(path, kept)

    def _raise_earlier_failure(self, path: Path) -> None:
        failure = _failure_path(path)
        if failure.exists():
            described = json.loads(failure.read_text(encoding="utf-8"))
            if described["kind"] == WorkerFailed.__name__:
                raise WorkerFailed(described["message"])
            raise ObservationFailed(**described)


def _failure_path(path: Path) -> Path:
    return path.with_suffix(".failed.json")


def _describe(error: ObservationFailed | WorkerFailed) -> dict[str, str]:
    if isinstance(error, ObservationFailed):
        return {"kind": error.kind, "message": error.message, "traceback": error.traceback}
    return {"kind": WorkerFailed.__name__, "message": str(error), "traceback": ""}
