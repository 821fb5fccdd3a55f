"""Throughput: what must hold of a timing, at whichever step, before anyone reads a speed from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conformance.benchmarks import Benchmark
from conformance.cases import Case
from conformance.checks import Check
from conformance.contracts.filing import exactly, holds
from conformance.observations import Observation
from conformance.observer.throughput import ROUND_SECONDS


def whole_work(case: Case, benchmark: Benchmark, observed: Observation) -> Iterator[Check]:
    """All samples went through the work that was timed, and every round was long enough for the clock."""
    contract, expected = f"throughput/{benchmark.name}", benchmark.samples(case.workload)
    yield exactly(case, benchmark.step, f"{contract}/samples", observed.facts["samples"], expected)
    seconds = observed.facts["seconds"]
    reason = f"a round took {min(seconds):.3g} s, less than {ROUND_SECONDS} s"
    yield holds(case, benchmark.step, f"{contract}/rounds", min(seconds) >= ROUND_SECONDS, reason, len(seconds))


def whole_pairs(case: Case, benchmark: Benchmark, pairs: Sequence[tuple[Observation, Observation]]) -> Iterator[Check]:
    """All samples went through the work on both sides of every pair."""
    samples = [observed.facts["samples"] for pair in pairs for observed in pair]
    expected = [benchmark.samples(case.workload)] * len(samples)
    yield exactly(case, benchmark.step, f"throughput/{benchmark.name}/pairs", samples, expected)
