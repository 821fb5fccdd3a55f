"""Judges what pytest observed today against observations that were recorded earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from conformance.cases import Case
from conformance.census import NotRun
from conformance.checks import Check
from conformance.gate.kept import thinned
from conformance.gate.pair_contracts import pair_checks
from conformance.gate.records import Records
from conformance.gate.request import BASELINE, CANDIDATE
from conformance.gate.side_contracts import View
from conformance.observations import Key, Observation, ObservationUnreadable, read_all
from conformance.subjects import FRAMEWORKS
from conformance.views import canonical
from reference.workloads import Workload

# What the checks against a baseline look at.
_COMPARED = ("imports", "data", "model", "objective", "tutorial", "train")


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


def absent(baseline: Mapping[Key, Observation], observed: Mapping[Key, Observation]) -> Iterator[NotRun]:
    """What this run observed and the baseline lacks, so that nothing was compared with it there."""
    for framework in FRAMEWORKS:
        missing = [
            key for key in observed if key.framework == framework and key.operation in _COMPARED and key not in baseline
        ]
        if missing:
            names = ", ".join(dict.fromkeys(key.operation for key in missing))
            reason = f"it lacks {len(missing)} of this run's observations ({names}): record it with the same options"
            yield NotRun(f"{framework} against the baseline", reason, required=True)


def cautions(baseline: Mapping[Key, Observation], observed: Mapping[Key, Observation]) -> Iterator[str]:
    """What makes equal bits too much to ask, so that the rounding rule decides: another CPU."""
    for key in observed:
        if key.operation == "imports" and key in baseline:
            before, today = (str(side[key].facts.get("cpu", "unknown")) for side in (baseline, observed))
            if before != today:
                yield f"the baseline was recorded on another CPU ({before}; here {today}): rounding is expected"
