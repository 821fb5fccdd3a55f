"""The benchmarks: which work is timed of a workload, in which variants, and what one timing says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from conformance.checks import Step
from conformance.variants import EVALUATE, FASTEST, NATIVE, TRAIN, Variant, train_variant
from reference.workloads import Workload

ROUNDS = 5
FEW_EXAMPLES, SOME_EXAMPLES = 6_400, 32_000
BASELINE = Variant("float32", "numpy")
_UPDATES = {"tensorflow": ("tape", "eager"), "pytorch": ("tensors",), "numpy": ("float32",)}
_WRITTEN = ("epoch-fit", "epoch-loader")
_STEPS = {
    "load": Step.DATA,
    "preprocess": Step.DATA,
    "forward": Step.MODEL,
    "train_step": Step.TRAIN,
    "epoch": Step.TRAIN,
    "evaluate": Step.EVALUATE,
}


@dataclass(frozen=True)
class Benchmark:
    """One piece of work, as conformance.observer.throughput times it, in one variant where it has several."""

    name: str
    variant: Variant | None = None

    @property
    def step(self) -> Step:
        """The step of which it is a part."""
        return _STEPS[self.name]

    @property
    def group(self) -> str:
        """What it can be compared with: the same work, done by another framework or in another variant."""
        return f"{self.step}: {self.name}"

    @property
    def label(self) -> str:
        """The benchmark and its variant, such as `epoch-tape`; `named` reads it back."""
        return self.name if self.variant is None else f"{self.name}-{self.variant.label}"

    def samples(self, workload: Workload) -> int:
        """How many samples the work goes through."""
        return {
            "train_step": workload.batch_size,
            "forward": workload.test_examples,
            "evaluate": workload.test_examples,
        }.get(self.name, workload.train_examples)


def benchmarks(framework: str) -> Iterator[Benchmark]:
    """Everything that is timed of a framework, or of `numpy`."""
    yield from (Benchmark(name) for name in ("load", "preprocess", "forward"))
    yield from (Benchmark("train_step", Variant(name, framework)) for name in _UPDATES[framework])
    for variant in TRAIN:
        # What is too slow for an epoch is timed by the step.
        if variant.framework == framework and variant.examples is None:
            yield Benchmark("epoch", variant)
    yield from (Benchmark("evaluate", Variant(name, framework)) for name in EVALUATE[framework])


def paired(framework: str) -> Iterator[tuple[Benchmark, int | None]]:
    """What is timed in the many fresh processes of a gate, with the training images it is limited to, if any.

    Every kind of work; of the variants, the epochs that tutorials write and the fastest one, for seconds in all.
    """
    for benchmark in benchmarks(framework):
        if benchmark == fastest_epoch(framework):
            yield benchmark, SOME_EXAMPLES
        elif benchmark.name == "preprocess" or benchmark.label in _WRITTEN:
            yield benchmark, FEW_EXAMPLES
        elif benchmark.name != "epoch" and benchmark.label != "evaluate-image_by_image":
            yield benchmark, None


def named(framework: str, label: str) -> Benchmark:
    """The framework's benchmark with this label. Raises KeyError where there is none."""
    for benchmark in benchmarks(framework):
        if benchmark.label == label:
            return benchmark
    raise KeyError(f"{framework} has no benchmark {label!r}")


def fastest_epoch(framework: str) -> Benchmark:
    """An epoch in the framework's fastest variant that needs nothing else."""
    return Benchmark("epoch", train_variant(framework, FASTEST[framework]))


def fast_epochs(framework: str) -> Iterator[Benchmark]:
    """An epoch in each of the variants that the native runs choose from."""
    yield from (Benchmark("epoch", train_variant(framework, name)) for name in NATIVE[framework])


@dataclass(frozen=True)
class Timing:
    """What a worker measured of one benchmark, by its own clock.

    `seconds` of the work done once, on the average of each round; `repeats`, how often a round did it;
    `samples`, how many went through it; `peak_bytes`, the most memory that the worker held meanwhile, and
    `peak_device_bytes`, the same on the GPU, both None where that is not known.
    """

    seconds: tuple[float, ...]
    repeats: int
    samples: int
    peak_bytes: int | None
    peak_device_bytes: int | None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Timing:
        """The timing that a worker reports."""
        return cls(
            tuple(seconds / facts["repeats"] for seconds in facts["seconds"]),
            facts["repeats"],
            facts["samples"],
            facts["peak_bytes"],
            facts["peak_device_bytes"],
        )

    @property
    def samples_per_second(self) -> float:
        """Throughput of the middle round."""
        return self.samples / median(self.seconds)


class WorkerClock:
    """A clock that only moves by what workers have measured: pytest-benchmark's `timer`.

    Between two readings lie the seconds that a worker measured, and neither the messages nor this process.
    """

    def __init__(self) -> None:
        self._seconds = 0.0

    def read(self) -> float:
        """Seconds measured so far."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Move on by what a worker has measured."""
        self._seconds += seconds
