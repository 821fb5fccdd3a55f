"""The figures of a campaign: checks, false alarms, and how measured/allowed is distributed, contract by contract."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conformance.checks import Check, Kind
from conformance.divergence import ratio
from conformance.report.summary import duration_text
from conformance.verdict import Run

LOCKED = (Kind.EXACT, Kind.ROUNDING)
BAND = (0.02, 0.7)
"""Where the median of a contract's ratios shall lie: below, its allowance is slack, above, it is near to flaky."""

CHOICES = ("evaluate/predictions", "evaluate/locked_accuracy", "objective/edge_cases/*")
"""Contracts that count choices, a class or the value of a loss at its edge: nothing is rounded unless one differs."""

_TRAINING_STEP = re.compile(r"/\d{6}/")


@dataclass(frozen=True)
class Ratios:
    """The ratios measured/allowed of one contract, ascending, shape (n,), n at least 1."""

    contract: str
    values: NDArray[np.float64]

    @property
    def median(self) -> float:
        """Half of the ratios lie below it."""
        return float(np.median(self.values))

    @property
    def in_band(self) -> bool:
        """Whether the median says that the allowance is neither slack nor tight."""
        return BAND[0] <= self.median <= BAND[1]


@dataclass(frozen=True)
class Tally:
    """What one run, or all together, checked: locked checks, all false alarms, elements of all checks, wall time."""

    checks: int
    accepted: int
    alarms: int
    elements: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """Of a campaign: the tally of each run by its condition, the ratios of each contract, and the false alarms.

    `choices` holds for each contract that counts choices how often it was checked, and how often one differed.
    `alarms` are the ids of failed checks behind the name of their condition.
    """

    tallies: Mapping[str, Tally]
    contracts: tuple[Ratios, ...]
    choices: Mapping[str, tuple[int, int]]
    alarms: tuple[str, ...]

    @property
    def total(self) -> Tally:
        """All runs together."""
        parts = self.tallies.values()
        return Tally(
            checks=sum(part.checks for part in parts),
            accepted=sum(part.accepted for part in parts),
            alarms=sum(part.alarms for part in parts),
            elements=sum(part.elements for part in parts),
            seconds=sum(part.seconds for part in parts),
        )

    @property
    def outside(self) -> tuple[Ratios, ...]:
        """The contracts whose median lies outside the band."""
        return tuple(contract for contract in self.contracts if not contract.in_band)


def group_of(check: Check) -> str:
    """The contract with its step, one name for all recorded training steps."""
    return _TRAINING_STEP.sub("/*/", f"{check.step}/{check.contract}")


def is_choice(group: str) -> bool:
    """Whether the contract counts choices."""
    return any(fnmatchcase(group, form) for form in CHOICES)


def figures(runs: Mapping[str, Run]) -> Figures:
    """The figures of the runs, by condition. Checks that the ledger accepts are counted, and judged by nothing here."""
    judged = [check for run in runs.values() for check in run.checks if check.ledger_id is None]
    rounded = [check for check in judged if check.kind is Kind.ROUNDING]
    values: dict[str, list[float]] = {}
    choices: dict[str, tuple[int, int]] = {}
    for check in rounded:
        group = group_of(check)
        if is_choice(group):
            number, different = choices.get(group, (0, 0))
            choices[group] = number + 1, different + bool(check.measured)
        elif check.allowed and (value := ratio(check)) is not None:
            values.setdefault(group, []).append(value)
    return Figures(
        {name: _tally(name, run) for name, run in runs.items()},
        tuple(Ratios(group, np.sort(values[group])) for group in sorted(values)),
        dict(sorted(choices.items())),
        tuple(alarm for name, run in runs.items() for alarm in _alarms(name, run)),
    )


def _alarms(name: str, run: Run) -> list[str]:
    """The failed checks, or else why the run ends as if there were some."""
    failed = [f"{name}: {check.id}" for check in run.checks if check.failed]
    if not failed and run.exit_status == 1:
        return [f"{name}: exit status 1, {next(iter(run.incomplete), 'no check failed')}"]
    return failed


def _tally(name: str, run: Run) -> Tally:
    checks, alarms = run.checks, _alarms(name, run)
    locked = [check for check in checks if check.kind in LOCKED]
    return Tally(
        checks=sum(check.ledger_id is None for check in locked),
        accepted=sum(check.ledger_id is not None for check in checks),
        alarms=len(alarms),
        elements=sum(check.elements for check in checks),
        seconds=run.seconds,
    )


def markdown(found: Figures, what: Mapping[str, str], missing: Mapping[str, str]) -> str:
    """The figures as two tables; `what` describes every condition, `missing` says why some gave no run."""
    lines = [
        "| condition | | locked checks | elements | in ledger | false alarms | wall time |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, words in what.items():
        if name in found.tallies:
            lines.append(f"| `{name}` | {words} | {_cells(found.tallies[name])} |")
        else:
            lines.append(f"| `{name}` | {words} | not run: {missing.get(name, '')} | | | | |")
    lines += [f"| together | | {_cells(found.total)} |", ""]
    lines += ["| contract | ratios | median | 95 % | largest | |", "|---|---|---|---|---|---|"]
    for contract in found.contracts:
        high, largest = np.quantile(contract.values, 0.95), contract.values[-1]
        place = "" if contract.in_band else f"median outside {BAND[0]} to {BAND[1]}"
        lines.append(
            f"| {contract.contract} | {contract.values.size:,} | {contract.median:.3f} | {high:.3f} | {largest:.3f} "
            f"| {place} |"
        )
    lines += ["", "| choices | checks | with a difference |", "|---|---|---|"]
    lines += [f"| {name} | {number:,} | {different:,} |" for name, (number, different) in found.choices.items()]
    if found.alarms:
        lines += ["", "False alarms:", "", *(f"- {alarm}" for alarm in found.alarms)]
    return "\n".join(lines) + "\n"


def _cells(tally: Tally) -> str:
    return (
        f"{tally.checks:,} | {tally.elements:,} | {tally.accepted:,} | {tally.alarms:,} | "
        f"{duration_text(tally.seconds)}"
    )


def histogram(found: Figures) -> str:
    """All ratios above 0 as the text of an SVG document, the same for the same ratios."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    values = np.concatenate([contract.values for contract in found.contracts] or [np.zeros(0)])
    above = values[values > 0]
    style: dict[Any, Any] = {"svg.hashsalt": "conformance", "svg.fonttype": "none", "font.size": 9.5}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.add_subplot()
        edges = np.logspace(-4, 1, 101)
        axes.hist(np.clip(above, edges[0], edges[-1]), bins=edges.tolist(), color="#4477aa")
        axes.axvspan(*BAND, color="#eeeeee", linewidth=0, zorder=0)
        axes.axvline(1.0, color="#aa3333", linestyle="--")
        axes.set_xscale("log")
        axes.set_xlabel(f"measured/allowed of {above.size:,} rounding checks; {values.size - above.size:,} more are 0")
        axes.set_ylabel("checks")
        axes.set_title("above the dashed line a check fails; grey: where a contract's median shall lie", fontsize=8.5)
        stream = io.StringIO()
        nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=nothing)
    return stream.getvalue()
