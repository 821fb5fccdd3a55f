"""The end of a run on a terminal: the table step × framework, the first divergence, and one line to go by."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from conformance.divergence import Divergence, first_divergences
from conformance.report.summary import (
    Cell,
    Component,
    cells,
    clean,
    components,
    counted,
    duration_text,
    facts,
    framework_name,
    headline,
    one_line,
    ratio_text,
    size_text,
    verdict_text,
)
from conformance.verdict import Run

_STYLES = {
    "identical": "green",
    "rounding": "green",
    "same": "green",
    "faster": "green",
    "drift": "yellow",
    "unresolved": "yellow",
    "break": "bold red",
    "slower": "bold red",
}
_RATIO = "ratio: largest measured/allowed of the rounding checks; above 1 fails"
_MOST_LINES = 12


def as_text(run: Run, width: int = 80, *, colour: bool = False) -> str:
    """What `show` prints, as text; with ANSI colour codes only if `colour`."""
    stream = io.StringIO()
    show(
        run,
        Console(file=stream, width=width, force_terminal=colour, no_color=not colour, legacy_windows=False),
    )
    return stream.getvalue()


def show(run: Run, console: Console) -> None:
    """Print the run: changes, table, first divergence, ledger, what was not run, speed, and the verdict."""
    if run.baseline is not None:
        console.print(Text(f"baseline   {one_line(run.baseline.label)}\ncandidate  {one_line(run.candidate.label)}"))
    if run.packages_changed:
        _lines(
            console,
            "packages changed",
            (
                f"{row.name} {row.baseline or '(none)'} -> {row.candidate or '(none)'}, {row.cause}"
                for row in run.packages_changed
            ),
        )
    if run.checks or run.not_run:
        console.print()
        console.print(_steps(run))
        console.print(Text(_RATIO, style="dim"))
    divergences = first_divergences(run.checks)
    if divergences:
        _divergence(console, divergences[0])
        _lines(console, "first divergence of the other pairs", map(_short, divergences[1:]))
    _lines(console, "components that moved", map(_moved, components(run)))
    _lines(console, "census, fewer than expected", run.census_comparison.short)
    _lines(console, "census, more than expected", run.census_comparison.more)
    _lines(console, "accepted by the ledger", (f"{use.id} ({use.cause}): {use.reason}" for use in run.ledger))
    _lines(console, "not run", (f"{entry.what}: {entry.reason}" for entry in run.not_run))
    _lines(
        console,
        "execution plan changed",
        (f"{row.framework} {row.operation} {row.what}: {row.baseline} -> {row.candidate}" for row in run.plan_changes),
    )
    if any(row.ratio is not None for row in run.throughput):
        console.print()
        console.print(_speed(run))
    _lines(console, "warnings", run.warnings)
    _last_lines(run, console)


def _steps(run: Run) -> Table:
    accepted = any(check.ledger_id for check in run.checks)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("step")
    table.add_column("framework")
    table.add_column("verdict")
    table.add_column("checks", justify="right")
    if accepted:
        table.add_column("in ledger", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("elements", justify="right")
    previous = None
    for cell in cells(run):
        table.add_row(
            "" if cell.step is previous else str(cell.step),
            framework_name(cell.framework),
            *_figures(cell, accepted),
        )
        previous = cell.step
    return table


def _figures(cell: Cell, accepted: bool) -> list[Text | str]:
    if cell.verdict is None:
        return [Text("not run", style="dim"), *["-"] * (4 if accepted else 3)]
    figures: list[Text | str] = [_verdict(cell.verdict), f"{cell.checks:,}"]
    if accepted:
        figures.append(f"{cell.accepted:,}" if cell.accepted else "-")
    return [*figures, cell.ratio_text, f"{cell.elements:,}"]


def _verdict(verdict: str) -> Text:
    return Text(str(verdict), style=_STYLES.get(verdict, ""))


def _divergence(console: Console, found: Divergence) -> None:
    console.print(Text.assemble("\nfirst divergence: ", _verdict(found.verdict)))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (("check", clean(found.id)), *facts(found)):
        table.add_row(name, Text(value))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))
    console.print(Text(f"  {one_line(found.command, limit=2000)}"), soft_wrap=True)


def _moved(found: Component) -> str:
    worst = found.worst
    size = "" if worst.measured is None else f", {size_text(worst.measured)} (allowed {size_text(worst.allowed)})"
    return f"{framework_name(found.framework)} {found.name}: {worst.verdict} in {found.what}{size}"


def _short(found: Divergence) -> str:
    return f"{' against '.join(found.subjects)}: {found.verdict} at {found.id}, ratio {ratio_text(found.ratio)}"


def _speed(run: Run) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("speed, candidate/baseline time" if run.baseline else "speed, time over NumPy's")
    for name in ("ratio", "90 % interval", "could see"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for row in run.throughput:
        if row.ratio is not None:
            interval = f"{row.low:.3f} - {row.high:.3f}" if row.low is not None and row.high is not None else "-"
            seen = "-" if row.resolvable is None else f"{row.resolvable:.3f}"
            verdict = _verdict(row.verdict) if row.verdict else "-"
            table.add_row(Text(clean(row.name)), f"{row.ratio:.3f}", interval, seen, verdict)
    return table


def _lines(console: Console, title: str, lines: Iterable[str]) -> None:
    lines = list(lines)
    if not lines:
        return
    console.print(Text(f"\n{title}"))
    for line in lines[:_MOST_LINES]:
        console.print(Padding(Text(one_line(line)), (0, 0, 0, 2), expand=False))
    if len(lines) > _MOST_LINES:
        console.print(f"  and {len(lines) - _MOST_LINES} more, in verdict.json")


def _last_lines(run: Run, console: Console) -> None:
    console.print(Text(f"\n{headline(run)}"))
    if run.partial is not None:
        console.print(Text(str(run.partial), style="yellow"))
    elements = sum(check.elements for check in run.checks)
    figures = f"{counted(len(run.checks), 'check')}, {counted(elements, 'element')}, {duration_text(run.seconds)}"
    line = ("verdict: ", _verdict(verdict_text(run)), f"  exit status {run.exit_status}  ({figures})")
    console.print(Text.assemble(*line))
