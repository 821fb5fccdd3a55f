"""Throughput of every step: samples per second and memory, by pytest-benchmark on the worker's own clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from conformance.benchmarks import Benchmark, Timing, WorkerClock, fastest_epoch
from conformance.cases import Case
from conformance.collector import Collector
from conformance.contracts import throughput
from conformance.judge.signed_rank import signed_rank
from conformance.laboratory import Laboratory, Verify
from conformance.observations import Observation
from conformance.options import Options
from conformance.verdict import Throughput
from conformance.worker import stage_code

PAIRS = 5
CLOCK = WorkerClock()

pytestmark = [
    pytest.mark.throughput,
    pytest.mark.benchmark(timer=CLOCK.read),
]


@pytest.mark.each("benchmark")
def test_throughput(
    case: Case,
    laboratory: Laboratory,
    verify: Verify,
    benchmark: BenchmarkFixture,
    record_property: Callable[[str, object], None],
) -> None:
    """Samples per second of one piece of work, and the memory that its worker held."""
    work = _work(case)
    laboratory.observe(case, "imports")
    observed = laboratory.observe(case, "throughput", work.label)
    timing = Timing.of(observed.facts)
    rounds = iter(timing.seconds)
    benchmark.group = work.group
    benchmark.extra_info |= {
        "samples_per_second": timing.samples_per_second,
        "peak_memory_bytes": timing.peak_bytes,
        "peak_device_memory_bytes": timing.peak_device_bytes,
    }
    benchmark.pedantic(lambda: CLOCK.advance(next(rounds)), rounds=len(timing.seconds))  # type: ignore[no-untyped-call]
    assert benchmark.stats is not None
    benchmark.stats.iterations = timing.repeats
    row = Throughput(
        name=work.label,
        group=work.group,
        framework=case.framework,
        device=case.device,
        samples_per_second=timing.samples_per_second,
        peak_memory=timing.peak_bytes,
    )
    record_property("conformance_throughput", asdict(row))
    verify(throughput.whole_work(case, work, observed))


@pytest.mark.each("speed")
def test_speed_against_numpy(
    case: Case,
    options: Options,
    tmp_path: Path,
    verify: Verify,
    benchmark: BenchmarkFixture,
    record_property: Callable[[str, object], None],
) -> None:
    """An epoch's time over that of the NumPy loop: the median of pairs of fresh processes, in alternating order.

    The process is the sample: processes of the same code differ by more than the rounds of one.
    """
    work, code = _work(case), stage_code(tmp_path / "code")
    pairs: list[tuple[Observation, Observation]] = []

    def pair() -> None:
        directory = tmp_path / f"pair-{len(pairs)}"
        directory.mkdir()
        workloads = {case.workload.name: case.workload}
        collector = Collector(directory, code, options.subjects, workloads, options.data_source)
        laboratory = Laboratory(collector)
        sides = [(laboratory.observe, work.label), (laboratory.partner, fastest_epoch(case.partner).label)]
        turn = 1 if len(pairs) % 2 == 0 else -1
        try:
            observed, baseline = [observe(case, "throughput", label) for observe, label in sides[::turn]][::turn]
        finally:
            collector.close()
        pairs.append((observed, baseline))
        CLOCK.advance(_seconds(observed))

    benchmark.group = f"{work.group}, in fresh processes"
    benchmark.pedantic(pair, rounds=PAIRS)  # type: ignore[no-untyped-call]
    ratios = [_seconds(observed) / _seconds(baseline) for observed, baseline in pairs]
    bounds = signed_rank(np.log(ratios), level=0.05)
    benchmark.extra_info |= {"ratio": median(ratios), "ratios": ratios}
    row = Throughput(
        name=f"{case.framework} {work.label} / {case.partner}",
        group=work.group,
        framework=case.framework,
        device=case.device,
        ratio=median(ratios),
        low=float(np.exp(bounds.low)),
        high=float(np.exp(bounds.high)),
    )
    record_property("conformance_throughput", asdict(row))
    verify(throughput.whole_pairs(case, work, pairs))


def _seconds(observed: Observation) -> float:
    return median(Timing.of(observed.facts).seconds)


def _work(case: Case) -> Benchmark:
    assert case.benchmark is not None
    return case.benchmark
