"""report.html: one self-contained page that asks nothing of the network and runs no script."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from conformance.checks import Step
from conformance.divergence import first_divergences
from conformance.report import palette, plots, summary
from conformance.report.sections import Section, sections
from conformance.report.series import Observations
from conformance.verdict import Mode, Run
from reference.workloads import Workload

_HERE = Path(__file__).parent
_SCIENTIFIC = re.compile(r"[\d.]+e-\d+[.,;]?")
_SYMBOLS = {"identical": "=", "rounding": "≈", "drift": "≠", "break": "✕"}


def page(run: Run, observations: Observations, baseline: Observations, workloads: Mapping[str, Workload]) -> str:
    """The page as text; `observations` are the candidate's, `baseline` those of a gate's other side."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        {
            name: getattr(summary, name)
            for name in (
                "clean",
                "counted",
                "duration_text",
                "framework_name",
                "memory_text",
                "one_line",
                "ratio_text",
                "size_text",
                "time_text",
            )
        }
    )
    illustrated = _with_own_ids(sections(run, observations, baseline, workloads))
    cells = summary.cells(run)
    sides = [side for side in (run.baseline, run.candidate) if side is not None]
    return environment.get_template("page.html").render(
        run=run,
        title="Upgrade gate" if run.mode is Mode.GATE else "Framework conformance",
        subject=summary.subject(run),
        headline=summary.headline(run),
        outcome=summary.outcome(run),
        tone=_tone(run),
        symbols=_SYMBOLS,
        css=Markup(palette.css() + (_HERE / "page.css").read_text(encoding="utf-8")),
        elements=sum(check.elements for check in run.checks),
        frameworks=summary.frameworks(run),
        matrix=[[cell for cell in cells if cell.step is step] for step in Step],
        divergences=first_divergences(run.checks),
        facts=summary.facts,
        components=summary.components(run),
        unbroken=unbroken,
        flags_changed=_flags_changed(run),
        sections=illustrated,
        sides=sides,
        checks_by_step=[
            (step, sorted((check for check in run.checks if check.step is step), key=lambda c: not c.failed))
            for step in Step
            if any(check.step is step for check in run.checks)
        ],
        footer="verdict.json beside this page holds everything that it shows, and every figure in full.",
    )


def unbroken(text: str) -> Markup:
    """The text, escaped, with its numbers such as `4.24e-06` kept from being broken at the hyphen."""
    return Markup(_SCIENTIFIC.sub(r'<span class="fact">\g<0></span>', str(escape(text))))


def _flags_changed(run: Run) -> list[tuple[str, str, str]]:
    if run.baseline is None:
        return []
    before, after = run.baseline.flags, run.candidate.flags
    return [
        (name, str(before.get(name, "not set")), str(after.get(name, "not set")))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _tone(run: Run) -> str:
    if run.exit_status == 3:
        return "impossible"
    slower = any(row.verdict == "slower" for row in run.throughput)
    return "slower" if slower and run.verdict in ("identical", "rounding") else str(run.verdict)


def _with_own_ids(found: list[Section]) -> list[Section]:
    svgs = iter(plots.unique_ids(figure.svg for section in found for figure in section.figures))
    return [
        replace(section, figures=tuple(replace(figure, svg=next(svgs)) for figure in section.figures))
        for section in found
    ]
