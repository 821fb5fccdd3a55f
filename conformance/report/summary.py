"""The table step × framework, and how figures are written, shared by every form of the report."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from conformance.checks import Check, Kind, Step, Verdict, worst
from conformance.divergence import Divergence, ratio
from conformance.verdict import Run, SpeedVerdict

FRAMEWORKS = {"tensorflow": "TensorFlow", "pytorch": "PyTorch", "numpy": "NumPy", "oracle": "oracle"}
_PACKAGES = {"tensorflow": "tensorflow", "pytorch": "torch", "numpy": "numpy"}


@dataclass(frozen=True)
class Cell:
    """One step of one framework: its worst verdict (None where nothing ran), and what stands behind it.

    `ratio` is the largest measured/allowed of its rounding checks, None where every rule was exact.
    `accepted` counts the checks that the ledger accepts; they are part of `checks` and not of the verdict.
    """

    step: Step
    framework: str
    verdict: Verdict | None
    checks: int
    ratio: float | None
    elements: int
    accepted: int

    @property
    def ratio_text(self) -> str:
        """The ratio in figures; `exact` where every rule was exact and holds."""
        if self.ratio is None:
            return "exact" if self.verdict is Verdict.IDENTICAL else "-"
        return ratio_text(self.ratio)


def cells(run: Run) -> list[Cell]:
    """The table, step by step in their order, each with every framework of the run."""
    return [_cell(run, step, framework) for step in Step for framework in frameworks(run)]


def frameworks(run: Run) -> list[str]:
    """The frameworks that were checked, or should have been, in the order in which they are always shown."""
    named = {check.framework for check in run.checks}
    named |= {entry.framework for entry in run.not_run if entry.framework and not entry.variant}
    order = list(FRAMEWORKS)
    return sorted(named, key=lambda name: (order.index(name) if name in order else len(order), name))


def _cell(run: Run, step: Step, framework: str) -> Cell:
    mine = [check for check in run.checks if check.step is step and check.framework == framework]
    judged = [check for check in mine if check.ledger_id is None]
    ratios = [ratio(check) for check in judged if check.kind in (Kind.ROUNDING, Kind.SELF_CONSISTENCY)]
    return Cell(
        step=step,
        framework=framework,
        verdict=worst(check.verdict for check in mine if run.decides(check)) if mine else None,
        checks=len(mine),
        ratio=max((value for value in ratios if value is not None), default=None),
        elements=sum(check.elements for check in mine),
        accepted=len(mine) - len(judged),
    )


@dataclass(frozen=True)
class Component:
    """A component of the catalogue that departs from a gate's baseline: how often, and the worst of it."""

    name: str
    framework: str
    failed: int
    worst: Check

    @property
    def what(self) -> str:
        """What the worst check compares, such as `gradient/x`."""
        return self.worst.contract.split("/", 2)[2]


def components(run: Run) -> list[Component]:
    """Every component that departs from the baseline of a gate, in the order of the six steps."""
    found: dict[tuple[Step, str, str], list[Check]] = {}
    for check in run.checks:
        if check.failed and check.contract.startswith("catalogue/") and sum("@" in name for name in check.subjects) > 1:
            found.setdefault((check.step, check.contract.split("/")[1], check.framework), []).append(check)
    order = list(Step)
    return [
        Component(name, framework, len(checks), max(checks, key=_departure))
        for (_, name, framework), checks in sorted(found.items(), key=lambda item: (order.index(item[0][0]), *item[0]))
    ]


def _departure(check: Check) -> tuple[int, float]:
    return check.verdict.rank, ratio(check) or 0.0


def headline(run: Run) -> str:
    """One sentence that says what the run means for whoever asked."""
    failed = sum(check.failed for check in run.checks)
    slower = [row.name for row in run.throughput if row.verdict == "slower"]
    if not run.checks:
        return "Nothing was compared."
    if failed:
        first = run.first_divergence
        assert first is not None
        return f"{counted(failed, 'check')} of {len(run.checks):,} failed, first at {first.step}."
    if run.census_comparison.short:
        return "Fewer checks ran, or fewer elements were compared, than the suite expects."
    if slower:
        return f"The results conform; slower: {', '.join(slower)}."
    accepted = sum(check.ledger_id is not None for check in run.checks)
    agreed = "to the bit" if run.verdict is Verdict.IDENTICAL else "within rounding"
    agreeing = len(run.checks) - accepted
    sentence = f"{counted(agreeing, 'check')} {'agrees' if agreeing == 1 else 'agree'} {agreed}"
    if accepted:
        sentence += f"; {accepted:,} declared in the ledger"
    if run.partial is not None:
        return sentence + "; only a part of the suite ran."
    return sentence + ("." if run.complete else "; the run is incomplete.")


def verdict_text(run: Run) -> str:
    """The verdict as it is printed; where nothing was compared there is none."""
    return str(run.verdict or "nothing compared")


def outcome(run: Run) -> str:
    """The verdict in one word, and what spoils it: a slower benchmark, or parts that could not be run."""
    words = [verdict_text(run)]
    if any(row.verdict is SpeedVerdict.SLOWER for row in run.throughput):
        words.append("slower")
    if run.exit_status == 3:
        words.append("incomplete")
    return ", ".join(words)


def subject(run: Run) -> str:
    """What was run: the frameworks with their versions, or the two sides of a gate."""
    if run.baseline is not None:
        return f"{one_line(run.candidate.label)}, against {one_line(run.baseline.label)}"
    versions = [
        f"{framework_name(framework)} {run.candidate.packages[package]}"
        for framework, package in _PACKAGES.items()
        if package in run.candidate.packages
    ]
    return ", ".join(versions) or one_line(run.candidate.label)


def facts(found: Divergence) -> list[tuple[str, str]]:
    """What is known of a divergence, as names and values; what is not known is left out."""
    sides = [*map(framework_name, found.subjects), "value", "other"][:2]
    index = f"[{', '.join(map(str, found.index))}]" if found.index else ""
    seen = "oracle" in sides
    at = f" at [{', '.join(map(str, found.measured_at))}]" if found.measured_at else ""
    rows = [
        ("tensor", clean(found.tensor) + index),
        ("training step", "" if found.training_step is None else f"{found.training_step:,}"),
        (sides[0], number_text(found.value)),
        (sides[1], number_text(found.other)),
        ("oracle", "" if seen else number_text(found.oracle)),
        ("measured", size_text(found.measured) + at),
        ("allowed", size_text(found.allowed)),
        ("measured/allowed", ratio_text(found.ratio)),
        ("reason", one_line(found.reason, 1000)),
    ]
    return [(name, value) for name, value in rows if value not in ("", "-")]


def framework_name(framework: str) -> str:
    """The framework as it writes itself."""
    return FRAMEWORKS.get(framework, framework)


def counted(number: int, noun: str) -> str:
    """`1 check`, `1,204 checks`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def ratio_text(value: float | None) -> str:
    """A ratio of measured to allowed, in figures that fit a narrow column."""
    if value is None:
        return "-"
    if not math.isfinite(value) or value == 0:
        return f"{value:.0f}"
    if value < 100:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return f"{value:,.0f}" if value < 1e6 else f"{value:.1e}"


def number_text(value: float | str | None) -> str:
    """A value as it is compared: floats with the nine digits that tell any two float32 apart."""
    if value is None:
        return "-"
    return clean(value) if isinstance(value, str) else f"{value:.9g}"


def size_text(value: float | None) -> str:
    """A distance or an allowance: three digits are enough to read it."""
    if value is None:
        return "-"
    return f"{value:.2e}" if 0 < abs(value) < 0.01 else f"{value:.3g}"


def time_text(started: str) -> str:
    """An ISO 8601 time as `2026-03-02 09:14 UTC`; anything else as it stands."""
    try:
        time = datetime.fromisoformat(started)
    except ValueError:
        return one_line(started)
    zone = time.astimezone(UTC) if time.tzinfo else time
    return f"{zone:%Y-%m-%d %H:%M}{' UTC' if time.tzinfo else ''}"


def duration_text(seconds: float) -> str:
    """`8.4 s`, `2 min 5 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def memory_text(size: float | None) -> str:
    """A number of bytes in MiB."""
    return "-" if size is None else f"{size / 2**20:,.0f} MiB"


def clean(text: str) -> str:
    """The text without control characters, for a worker's stderr must not steer a terminal, nor what UTF-8 or XML lack.

    These are halves of surrogate pairs, such as stand for undecodable bytes of a file's name, and noncharacters.
    """
    spaced = text.replace("\t", " ").replace("\r\n", "\n")
    return "".join(c for c in spaced if c == "\n" or not _is_odd(c))


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs") or ord(character) & 0xFFFE == 0xFFFE


def one_line(text: str, limit: int = 300) -> str:
    """The text on one line, cut at `limit` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
