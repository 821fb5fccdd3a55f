"""Judges what pytest observed today against observations that were recorded earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from conformance.cases import Case
from conformance.checks import Check
from conformance.gate.kept import thinned
from conformance.gate.pair_contracts import pair_checks
from conformance.gate.records import Records
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.gate.side_contracts import View
from conformance.observations import Key, Observation, ObservationUnreadable, read_all
from conformance.views import canonical
from reference.workloads import Workload


def read_baseline(directory: Path) -> dict[Key, Observation]:
    """The recorded observations. Raises ObservationUnreadable where there are none, or one cannot be read."""
    found = read_all(directory)
    if not found:
        raise ObservationUnreadable(f"{directory} holds no observations: record some with --record {directory}")
    return found


def against_baseline(
    baseline: Mapping[Key, Observation], observed: Mapping[Key, Observation], workloads: Mapping[str, Workload]
) -> Iterator[Check]:
    """Every check between today (the candidate) and the baseline, for all that both observed."""
    before, today, oracle = Records(), Records(), Records()
    for records, made in ((before, baseline), (today, observed)):
        for key, observation in made.items():
            if key.workload in workloads:
                kept = canonical(thinned(observation), workloads[key.workload])
                (oracle if key.framework == "oracle" else records).made[key] = kept
    names = {(key.workload, key.framework, key.device, key.seed) for key in today.made if key in before.made}
    for workload, framework, device, seed in sorted(names):
        case = Case(workloads[workload], framework, device, f"{framework}@{BASELINE}", seed=seed, side=CANDIDATE)
        yield from pair_checks(View(case, today, oracle), View(case, before, oracle))


def cautions(baseline: Mapping[Key, Observation], observed: Mapping[Key, Observation]) -> Iterator[str]:
    """What makes equal bits too much to ask, so that the rounding rule decides: another CPU, nothing in common."""
    common = [key for key in observed if key in baseline]
    if not common:
        yield "the baseline and this run have no observation in common: nothing was compared with it"
    for key in common:
        if key.operation == "imports":
            before, today = (side[key].facts["cpu"] for side in (baseline, observed))
            if before != today:
                yield f"the baseline was recorded on another CPU ({before}; here {today}): rounding is expected"
