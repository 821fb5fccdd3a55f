"""Throughput: rounds of one piece of work, timed inside the worker by its own clock."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import ceil, isfinite
from time import perf_counter
from typing import Any

import numpy as np

from reference.workloads import Workload

from . import memory
from .session import Session, Split, own_weights

ROUND_SECONDS = 0.05
_HEADROOM = 1.5

# timed(rounds, repeats): the seconds of each round, which does the work `repeats` times.
Timed = Callable[[int, int], "list[float]"]


def observe(
    session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Time `benchmark`, in its `variant`, for `rounds` rounds of at least ROUND_SECONDS each.

    `examples`, where given, is the number of training images to work on; `load` always reads them all.

    Facts: `seconds` of each round; `repeats`, how often a round does the work; `samples`, how many the work has
    gone through, counted in what came out of it; `peak_bytes`, the most memory held meanwhile, and
    `peak_device_bytes`, the same on the GPU (None on the CPU).
    """
    job = Job(session, arguments, tensors)
    work = BENCHMARKS[arguments["benchmark"]](job)
    memory.forget_peak()
    job.steps.device_memory()
    seconds, repeats = measure(work, arguments["rounds"])
    return {
        "seconds": seconds,
        "repeats": repeats,
        "samples": work.samples(),
        "peak_bytes": memory.peak_bytes(),
        "peak_device_bytes": job.steps.device_memory(),
    }, {}


def measure(timed: Timed, rounds: int) -> tuple[list[float], int]:
    """The seconds of every round, and how often each did the work: enough for ROUND_SECONDS in the shortest.

    Rounds that turn out too short are done again, all of them, with more repeats.
    """
    repeats = 1
    while True:
        seconds = timed(rounds, repeats)
        shortest = max(min(seconds), 1e-7)
        if shortest >= ROUND_SECONDS:
            return seconds, repeats
        repeats = ceil(repeats * max(_HEADROOM, _HEADROOM * ROUND_SECONDS / shortest))


class Job:
    """What the benchmarks start from: the workload's step functions, its data, and a model with the weights sent."""

    def __init__(self, session: Session, arguments: dict[str, Any], tensors: dict[str, np.ndarray]) -> None:
        workload = Workload.from_dict(arguments["workload"])
        examples = min(arguments.get("examples") or workload.train_examples, workload.train_examples)
        self.workload = replace(workload, train_examples=examples)
        self.steps = session.steps(self.workload)
        self.arguments = arguments
        self.weights = own_weights(self.workload, session.framework, tensors)
        self._session = session

    @property
    def variant(self) -> str:
        """The name of the variant that is timed."""
        return str(self.arguments["variant"])

    def split(self, name: str) -> Split:
        """The split `train`, as far as it is worked on, or `test`."""
        split = self._session.split(self.arguments, name)
        count = self.workload.train_examples
        if name == "test" or count == len(split.labels):
            return split
        return Split(split.images[:count], split.labels[:count], split.inputs[:count], split.targets[:count])

    def prepared(self) -> tuple[Any, Any, Any]:
        """A model with the weights sent, the loss function and the optimizer."""
        model = self.steps.build_model(self.workload, self.arguments["preprocessing"])
        self.steps.set_weights(model, self.weights)
        return model, self.steps.build_loss(self.workload), self.steps.build_optimizer(model, self.workload)

    def tutorial(self) -> Callable[..., Any]:
        """The framework's whole job in one function."""
        run: Callable[..., Any] = importlib.import_module(f"reference.{self._session.framework}.tutorial").run
        return run

    def call(self, function: Callable[[], Any], count: Callable[[Any], int]) -> Calls:
        """The work of calling a function; `count` tells from its result how many samples went through."""
        return Calls(function, count, self.steps.synchronize)


class Calls:
    """A function, called `repeats` times between two readings of the clock. It is called once beforehand."""

    def __init__(
        self, function: Callable[[], Any], count: Callable[[Any], int], synchronize: Callable[[], None]
    ) -> None:
        self._function = function
        self._count = count
        self._synchronize = synchronize
        self._samples = 0
        function()

    def __call__(self, rounds: int, repeats: int) -> list[float]:
        """The seconds of each round."""
        seconds = []
        for _ in range(rounds):
            self._synchronize()
            started = perf_counter()
            for _ in range(repeats - 1):
                self._function()
            result = self._function()
            self._synchronize()
            seconds.append(perf_counter() - started)
            self._samples = self._count(result)
            del result  # or the next round would hold two
        return seconds

    def samples(self) -> int:
        """The samples of one call."""
        return self._samples


class Epochs:
    """Epochs of one training run, timed from the end of its first one, in which frameworks build their graphs.

    `train(epochs, on_steps)` trains on `examples` examples; `on_steps` is where the clock is read.
    """

    def __init__(self, job: Job, train: Callable[[int, Callable[[int, Sequence[Any]], None]], Any]) -> None:
        self._job = job
        self._train = train
        self._examples = job.workload.train_examples
        self._samples = 0

    def __call__(self, rounds: int, repeats: int) -> list[float]:
        """The seconds of each round. Raises RuntimeError where the training run does not tell of its epochs' ends."""
        ends: list[float] = []
        last_step = 0

        def on_steps(last: int, losses: Sequence[Any]) -> None:
            nonlocal last_step
            last_step = last
            if last % self._job.workload.steps_per_epoch == 0:
                self._job.steps.synchronize()
                ends.append(perf_counter())

        epochs = 1 + rounds * repeats
        self._train(epochs, on_steps)
        if len(ends) != epochs:
            raise RuntimeError(f"{self._job.variant}: on_steps heard of {len(ends)} epochs' ends, of {epochs}")
        self._samples = min(self._examples, last_step // epochs * self._job.workload.batch_size)
        return np.diff(ends[::repeats]).tolist()

    def samples(self) -> int:
        """The samples of one epoch."""
        return self._samples


def load(job: Job) -> Calls:
    """The training split from its files."""
    arguments = job.arguments
    place = job.workload.dataset, arguments["data_directory"], "train", arguments["data_source"]
    return job.call(lambda: job.steps.load(*place), lambda loaded: len(loaded[1]))


def preprocess(job: Job) -> Calls:
    """Raw training images to the model's inputs."""
    images = job.split("train").images
    return job.call(lambda: job.steps.preprocess(images), len)


def forward(job: Job) -> Calls:
    """Logits of all test images at once."""
    model, inputs = job.prepared()[0], job.split("test").inputs
    return job.call(lambda: job.steps.logits(model, inputs), len)


def train_step(job: Job) -> Calls:
    """One update from one batch, which is there already, losses not read."""
    train, batch = job.split("train"), slice(0, job.workload.batch_size)
    inputs, targets = train.inputs[batch], train.targets[batch]
    update = job.steps.UPDATES[job.variant](*job.prepared())

    def count(loss: Any) -> int:
        return len(inputs) if isfinite(float(job.steps.to_numpy(loss))) else 0

    return job.call(lambda: update(inputs, targets), count)


def epoch(job: Job) -> Epochs:
    """An epoch of a training run, its batches and losses included."""
    workload = job.workload
    if job.variant == "tutorial":
        run, directory = job.tutorial(), job.arguments["data_directory"]
        return Epochs(
            job,
            lambda epochs, on_steps: run(workload, directory, weights=job.weights, epochs=epochs, on_steps=on_steps),
        )
    train = job.split("train")
    inputs = train.images if job.arguments["preprocessing"] == "inside" else train.inputs
    variant = job.steps.variants("train")[job.variant]
    return Epochs(
        job,
        lambda epochs, on_steps: variant(
            *job.prepared(), inputs, train.targets, batch_size=workload.batch_size, epochs=epochs, on_steps=on_steps
        ),
    )


def evaluate(job: Job) -> Calls:
    """Accuracy on the test images."""
    model, loss_function, _ = job.prepared()
    test, size = job.split("test"), job.workload.batch_size
    variant = job.steps.variants("evaluate")[job.variant]
    return job.call(
        lambda: variant(model, loss_function, test.inputs, test.targets, test.labels, batch_size=size),
        lambda reported: len(test.labels) if 0 <= reported[0] <= 1 else 0,
    )


BENCHMARKS: dict[str, Callable[[Job], Any]] = {
    "load": load,
    "preprocess": preprocess,
    "forward": forward,
    "train_step": train_step,
    "epoch": epoch,
    "evaluate": evaluate,
}
