"""A trial as the terminal shows it, and as trial.json, trial.md and trial.html: the matrix of faults and steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from rich.console import Console
from rich.table import Table

import conformance.report
from conformance.checks import Step
from conformance.report import palette
from conformance.report.markdown import escape
from conformance.report.summary import clean, duration_text, one_line
from conformance.report.writing import write_text
from conformance.trial.limits import Limit
from conformance.trial.outcome import Row, Trial, share
from conformance.trial.suite import LONG

PASSED, CAUGHT, NOT_RUN = "·", "✕", ""
LEGEND = f"{CAUGHT} caught, {PASSED} passed, empty: not run, for an earlier step had caught it"
_HERE = Path(conformance.report.__path__[0])


def cells(row: Row) -> Iterator[str]:
    """The row's mark under each of the six steps."""
    marks = {result.step: CAUGHT if result.caught else PASSED for result in row.steps}
    return (marks.get(step, NOT_RUN) for step in Step)


def headline(trial: Trial) -> list[str]:
    """What the trial shows, in lines."""
    rows = trial.rows
    lines = [
        f"caught {share(trial.caught, rows)}, first step named right {share(trial.right, rows)}, "
        f"{duration_text(trial.seconds)} with {trial.jobs} at a time"
    ]
    if trial.untried:
        lines.append(f"interrupted: {len(rows)} of {len(rows) + trial.untried} faults were tried")
    for control in trial.controls:
        checks = sum(result.checks for result in control.steps)
        accused = f"{len(control.failures)} false alarms" if control.failures else "no false alarm"
        lines.append(f"clean {control.framework}: {checks:,} checks, {accused}")
    return lines


def complaints(trial: Trial) -> list[str]:
    """What is not as it must be, one line each."""
    alarms = [f"false alarm: {line}" for control in trial.controls for line in control.failures]
    wrong = [
        f"{row.fault.name}: {row.verdict}, to be caught at {row.fault.step}"
        + (f"; {row.why_inactive}" if row.why_inactive else "")
        + (f" ({row.by}: {row.reason})" if row.by else "")
        + "".join(f"; {line}" for line in row.short)
        for row in trial.rows
        if not row.right
    ]
    return [one_line(line) for line in (*alarms, *wrong)]


def left_out() -> list[str]:
    """What of the suite ran for no fault but those that need it."""
    return [f"{what}: only for faults that need it" for what in LONG.values()]


def show(trial: Trial, console: Console) -> None:
    """Print the matrix, then what it amounts to."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", *Step, "verdict", "first check that failed"):
        justify: Literal["left", "center"] = "center" if name in list(Step) else "left"
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name == "fault")
    for row in trial.rows:
        style = "" if row.right else "red"
        table.add_row(row.fault.name, *cells(row), row.verdict, row.by.partition("[")[0], style=style)
    console.print(table)
    console.print(LEGEND, style="dim")
    for line in (*complaints(trial), *headline(trial)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def remove(directory: Path) -> None:
    """Remove what an earlier trial has written, so that it cannot pass for this one's. Raises OSError."""
    for name in ("trial.json", "trial.md", "trial.html"):
        (directory / name).unlink(missing_ok=True)


def write(directory: Path, trial: Trial) -> None:
    """Write trial.json, trial.md and trial.html. Raises ReportNotWritten."""
    write_text(directory / "trial.json", trial.to_json())
    write_text(directory / "trial.md", markdown(trial))
    write_text(directory / "trial.html", html(trial))


def markdown(trial: Trial) -> str:
    """The trial in GitHub's Markdown."""
    head = ("fault", "framework", "kind", *Step, "verdict", "first check that failed")
    rows = [
        (
            f"{row.fault.name}<br>{escape(row.fault.what)}" + (f" [↗]({row.fault.link})" if row.fault.link else ""),
            row.fault.framework,
            "loud" if row.fault.loud else "silent",
            *cells(row),
            row.verdict,
            escape(row.by.partition("[")[0]),
        )
        for row in trial.rows
    ]
    versions = ", ".join(f"{name} {version}" for name, version in trial.versions.items())
    parts = [
        "# The suite on trial",
        f"{versions}; {trial.started}.",
        "\n".join(f"- {escape(line)}" for line in (*headline(trial), *complaints(trial))),
        "\n".join(["| " + " | ".join(line) + " |" for line in (head, ("---",) * len(head), *rows)]),
        f"{LEGEND}.",
        "Left out:",
        "\n".join(f"- {escape(line)}" for line in left_out()),
    ]
    return "\n\n".join(parts) + "\n"


def limit_text(limit: Limit) -> str:
    """The limit in words."""
    if limit.caught is None:
        return f"missed at {limit.missed:.3g}"
    missed = "" if limit.missed is None else f", missed at {limit.missed:.3g}"
    return f"caught down to {limit.caught:.3g}, at {limit.step}{missed}"


def _limit_rows(limits: Sequence[Limit]) -> Iterator[tuple[str, ...]]:
    for limit in limits:
        sizes = ["" if size is None else f"{size:.2g}" for size in (limit.caught, limit.missed)]
        yield limit.fault.name, limit.fault.framework, sizes[0], str(limit.step or ""), sizes[1]


_LIMITS = ("fault", "framework", "smallest caught", "first at", "largest missed")


def show_limits(limits: Sequence[Limit], console: Console) -> None:
    """Print the limits as a table."""
    table = Table(*_LIMITS, box=None, pad_edge=False, header_style="bold")
    for row in _limit_rows(limits):
        table.add_row(*row)
    console.print(table)


def limits_markdown(limits: Sequence[Limit]) -> str:
    """The limits as a table in GitHub's Markdown."""
    rows = (_LIMITS, ("---",) * len(_LIMITS), *_limit_rows(limits))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def html(trial: Trial) -> str:
    """The trial as one page that asks nothing of the network."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("trial.html").render(
        trial=trial,
        steps=list(Step),
        cells=cells,
        clean=clean,
        headline=headline(trial),
        complaints=complaints(trial),
        left_out=left_out(),
        legend=LEGEND,
        css=Markup(palette.css() + (_HERE / "page.css").read_text(encoding="utf-8")),
    )
