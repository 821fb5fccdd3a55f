"""report.md: what a reviewer reads in a minute, in GitHub's Markdown, also for a job's summary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from conformance.checks import Step
from conformance.divergence import Divergence, first_divergences
from conformance.report import summary
from conformance.report.summary import one_line
from conformance.verdict import Mode, Run

_MOST_ROWS = 20
_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#])")


def page(run: Run) -> str:
    """The report as text."""
    elements = sum(check.elements for check in run.checks)
    title = "Upgrade gate" if run.mode is Mode.GATE else "Framework conformance"
    parts = [
        f"# {title}: {summary.outcome(run)}",
        f"{escape(summary.subject(run))}",
        f"**{escape(summary.headline(run))}** Exit status {run.exit_status}.",
        f"{summary.counted(len(run.checks), 'check')} comparing {summary.counted(elements, 'element')}, "
        f"{summary.duration_text(run.seconds)}.",
        _bullets("Incomplete", run.incomplete),
        _changes(run),
        _steps(run),
        *_divergences(run),
        _components(run),
        _table(
            "Accepted by the ledger",
            ("entry", "cause", "reason"),
            [(use.id, use.cause, use.reason) for use in run.ledger],
        ),
        _bullets("Not run", (f"{entry.what}: {entry.reason}" for entry in run.not_run)),
        _speed(run),
        _table(
            "Execution plan",
            ("framework", "operation", "operator or kernel", "baseline", "candidate"),
            [(row.framework, row.operation, row.what, row.baseline, row.candidate) for row in run.plan_changes],
        ),
        _bullets("Census, more than expected", run.census_comparison.more),
        _bullets("Warnings", run.warnings),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape(text: str) -> str:
    """The text on one line, with nothing that Markdown or HTML would take for markup."""
    return _SPECIAL.sub(r"\\\1", one_line(text))


def _changes(run: Run) -> str:
    rows = [(row.name, row.baseline or "none", row.candidate or "none", row.cause) for row in run.packages_changed]
    return _table("What changed", ("package", "baseline", "candidate", "cause"), rows)


def _steps(run: Run) -> str:
    names = summary.frameworks(run)
    if not names:
        return ""
    cells = {(cell.step, cell.framework): cell for cell in summary.cells(run)}
    head = _row(["step", *map(summary.framework_name, names)])
    rows = [_row([step, *(_cell(cells[step, name]) for name in names)]) for step in Step]
    note = "Worst verdict of each step, checks, largest measured/allowed of the rounding ones, elements."
    return "\n".join(["## The six steps", "", note, "", head, _row(["---"] * (1 + len(names))), *rows])


def _cell(cell: summary.Cell) -> str:
    if cell.verdict is None:
        return "not run"
    verdict = f"**{cell.verdict}**" if cell.verdict in ("drift", "break") else str(cell.verdict)
    ledger = f" ({cell.accepted:,} in the ledger)" if cell.accepted else ""
    return f"{verdict}<br>{cell.checks:,}{ledger} · {cell.ratio_text} · {cell.elements:,}"


def _divergences(run: Run) -> list[str]:
    found = first_divergences(run.checks)
    if not found:
        return []
    first, *others = found
    lines = ["## First divergence", "", f"**{first.verdict}** at `{_code(first.id)}`", ""]
    lines += [f"- {name}: {escape(value)}" for name, value in summary.facts(first)]
    lines += ["", "```sh", _code(first.command), "```"]
    return ["\n".join(lines), _others(others)]


def _components(run: Run) -> str:
    rows = [
        (
            found.name,
            summary.framework_name(found.framework),
            str(found.worst.verdict),
            found.what,
            summary.size_text(found.worst.measured),
            summary.size_text(found.worst.allowed),
        )
        for found in summary.components(run)
    ]
    return _table(
        "Components that moved", ("component", "framework", "verdict", "worst in", "measured", "allowed"), rows
    )


def _others(found: Sequence[Divergence]) -> str:
    rows = [
        (
            " against ".join(divergence.subjects),
            str(divergence.verdict),
            divergence.id,
            summary.size_text(divergence.measured),
            summary.size_text(divergence.allowed),
        )
        for divergence in found
    ]
    return _table("First divergence of the other pairs", ("pair", "verdict", "check", "measured", "allowed"), rows)


def _speed(run: Run) -> str:
    compared = [
        (
            row.name,
            "-" if row.ratio is None else f"{row.ratio:.3f}",
            "-" if row.low is None or row.high is None else f"{row.low:.3f} to {row.high:.3f}",
            "-" if row.resolvable is None else f"{row.resolvable:.3f}",
            str(row.verdict or "-"),
        )
        for row in run.throughput
        if row.ratio is not None
    ]
    over = "candidate/baseline time" if run.baseline else "time over NumPy's"
    speeds = _table("Speed", ("benchmark", over, "90 % interval", "could see", "verdict"), compared)
    measured = [
        (
            row.group,
            f"{summary.framework_name(row.framework)} {row.name}",
            f"{row.samples_per_second:,.0f}",
            summary.memory_text(row.peak_memory),
        )
        for row in run.throughput
        if row.samples_per_second is not None
    ]
    throughput = _table("Throughput", ("step", "benchmark", "samples/s", "peak memory"), measured)
    return "\n\n".join(part for part in (throughput, speeds) if part)


def _table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [f"## {title}", "", _row(names), _row(["---"] * len(names))]
    lines += [_row(map(escape, row)) for row in rows[:_MOST_ROWS]]
    return "\n".join(lines + _rest(len(rows)))


def _bullets(title: str, lines: Iterable[str]) -> str:
    lines = list(lines)
    if not lines:
        return ""
    shown = [f"- {escape(line)}" for line in lines[:_MOST_ROWS]]
    return "\n".join([f"## {title}", "", *shown, *_rest(len(lines))])


def _rest(count: int) -> list[str]:
    return ["", f"and {count - _MOST_ROWS:,} more, in verdict.json"] if count > _MOST_ROWS else []


def _row(values: Iterable[str]) -> str:
    return f"| {' | '.join(values)} |"


def _code(text: str) -> str:
    """The text as it stands in code: on one line, unable to end the code early."""
    return one_line(text, 2000).replace("`", "'")
