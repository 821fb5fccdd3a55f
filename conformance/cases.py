"""Cases: the framework, partner, variant, workload, seed and device for which a test is run once each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from conformance.benchmarks import BASELINE, Benchmark, benchmarks, fast_epochs
from conformance.options import Options
from conformance.subjects import BUILT_IN
from conformance.variants import FULL, TRAIN, Variant, complete_variant
from reference.workloads import WORKLOADS, Workload


@dataclass(frozen=True)
class Case:
    """What a contract is applied to: one parametrization of a conformance test.

    `partner` is what the framework is compared with, if anything; `side` is `baseline` or `candidate` in a gate.
    """

    workload: Workload
    framework: str
    device: str = "cpu"
    partner: str = ""
    variant: Variant | None = None
    seed: int | None = None
    side: str = ""
    benchmark: Benchmark | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """The sides that are compared; in a gate, a framework carries the name of its side."""
        framework = f"{self.framework}@{self.side}" if self.side else self.framework
        return (framework, self.partner) if self.partner else (framework,)

    @property
    def id(self) -> str:
        """The case's name in a test id, such as `mnist_mlp-pytorch-tensors-0-cpu`."""
        own_module = self.framework in self.workload.modules and not self.has_oracle
        lacking = self.partner == "oracle" and own_module  # then the test says that it compares nothing
        parts = [self.workload.name, self.framework]
        parts += ["without-oracle" if lacking else self.partner and f"vs-{self.partner}"]
        parts += [] if self.benchmark is None else [self.benchmark.name]
        parts += [] if self.variant is None else [self.variant.label]
        parts += [] if self.seed is None else [str(self.seed)]
        return "-".join(part for part in (*parts, self.device) if part)

    @property
    def has_oracle(self) -> bool:
        """Whether the oracle calculates what the case's framework does."""
        return has_oracle(self.workload, self.framework)

    @property
    def is_full(self) -> bool:
        """Whether the case belongs to the runs selected by `-m full` alone."""
        return self.variant is not None and self.variant.full


def has_oracle(workload: Workload, framework: str) -> bool:
    """Whether the oracle calculates what the framework does: not where a user's module may replace any of it."""
    return framework in BUILT_IN or workload.modules.get(framework) == f"reference.{framework}"


def framework_cases(options: Options) -> Iterator[Case]:
    """Every framework on every device."""
    for workload in options.workloads:
        for framework in options.frameworks:
            if framework in workload.modules:
                for device in options.devices:
                    yield Case(workload, framework, device)


def frameworks_cases(options: Options) -> Iterator[Case]:
    """The frameworks against each other."""
    for first in framework_cases(options):
        others = options.frameworks[options.frameworks.index(first.framework) + 1 :]
        yield from (replace(first, partner=other) for other in others if other in first.workload.modules)


def reference_cases(options: Options) -> Iterator[Case]:
    """The frameworks against each other, where both run the reference."""
    yield from (case for case in frameworks_cases(options) if case.has_oracle)


def pair_cases(options: Options) -> Iterator[Case]:
    """Every framework against the oracle, and the frameworks against each other."""
    yield from (replace(case, partner="oracle") for case in framework_cases(options))
    yield from frameworks_cases(options)


def _with_seeds(cases: Callable[[Options], Iterator[Case]]) -> Callable[[Options], Iterator[Case]]:
    """The same cases for every seed of the initial weights."""

    def seeded(options: Options) -> Iterator[Case]:
        for case in cases(options):
            yield from (replace(case, seed=seed) for seed in range(options.seeds))

    return seeded


def train_cases(options: Options) -> Iterator[Case]:
    """Every train variant of every framework; the complete ones for every seed, the others for the first.

    The tutorial trains the article's model, so no other.
    """
    for case in framework_cases(options):
        for variant in (*TRAIN, *FULL):
            if variant.framework == case.framework and (case.has_oracle or variant.name != "tutorial"):
                for seed in range(options.seeds if variant.complete else 1):
                    partner = "oracle" if case.has_oracle else ""
                    yield replace(case, variant=variant, seed=seed, partner=partner)


def counterpart_cases(options: Options) -> Iterator[Case]:
    """Every train variant that must agree to the bit with another one."""
    yield from (case for case in train_cases(options) if case.variant and case.variant.counterpart)


def complete_cases(options: Options) -> Iterator[Case]:
    """The frameworks against each other, in the variants that run the whole job, for every seed."""
    for case in _with_seeds(frameworks_cases)(options):
        yield replace(case, variant=complete_variant(case.framework))


def benchmark_cases(options: Options) -> Iterator[Case]:
    """Everything that is timed: of every framework, and of the NumPy loop beside which their speed is read."""
    numpy = (Case(workload, BASELINE.framework) for workload in options.workloads if workload.name in WORKLOADS)
    for case in (*numpy, *framework_cases(options)):
        for benchmark in benchmarks(case.framework):
            yield replace(case, variant=benchmark.variant, benchmark=benchmark)


def speed_cases(options: Options) -> Iterator[Case]:
    """Every framework's fast epochs against the NumPy loop's."""
    for case in framework_cases(options):
        if case.workload.name not in WORKLOADS or case.device != "cpu":
            continue
        for benchmark in fast_epochs(case.framework):
            yield replace(case, partner=BASELINE.framework, variant=benchmark.variant, benchmark=benchmark)


GENERATORS = {
    "framework": framework_cases,
    "frameworks": frameworks_cases,
    "reference frameworks": reference_cases,
    "pair with seed": _with_seeds(pair_cases),
    "pair": pair_cases,
    "train variant": train_cases,
    "variant with counterpart": counterpart_cases,
    "complete variants": complete_cases,
    "benchmark": benchmark_cases,
    "speed": speed_cases,
}


def group_of(nodeid: str) -> str:
    """The group of a test: its members share observations, so one xdist process runs them all.

    Groups are read off the node id because pytest-xdist's scheduler knows nothing else.
    """
    path, _, name = nodeid.partition("::")
    if not path.startswith("conformance/"):
        return path
    framework = re.search(r"-(tensorflow|pytorch|numpy)-", name)
    subject = framework.group(1) if framework else "suite"
    if path.endswith("test_catalogue.py"):
        return f"{subject} catalogue"
    for slow in ("compiled", "native", "xla"):
        if slow in name:
            return f"{subject} {slow}"
    return subject
