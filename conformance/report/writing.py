"""Writes a report's three files, each of them whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from conformance import verdict_file
from conformance.report import markdown
from conformance.report.series import Observations
from conformance.verdict import Run
from reference.workloads import WORKLOADS, Workload

# GitHub refuses a step's summary beyond one mebibyte.
_SUMMARY_LIMIT = 2**20


class ReportNotWritten(Exception):
    """The directory of a report cannot be made, or a file in it not be written."""


def write_report(
    directory: Path,
    run: Run,
    observations: Observations,
    baseline: Observations | None = None,
    workloads: Mapping[str, Workload] = WORKLOADS,
) -> None:
    """Write verdict.json, report.md and report.html into `directory`, which is made if need be.

    `observations` are what was observed of the candidate, `baseline` of the other side of a gate. A figure
    whose observations are absent is replaced by the reason. verdict.json comes first, so that a page that
    cannot be drawn loses nothing. Raises ReportNotWritten with one line naming the file, the reason and the
    remedy.
    """
    # Matplotlib and jinja2 take half a second to import, which no run without a report should wait for.
    from conformance.report import html

    write_text(directory / "verdict.json", verdict_file.to_json(run))
    write_text(directory / "report.md", markdown.page(run))
    write_text(directory / "report.html", html.page(run, observations, baseline or {}, workloads))


def append_summary(path: Path, run: Run) -> None:
    """Append report.md to a CI job's summary, the file that $GITHUB_STEP_SUMMARY names.

    Raises ReportNotWritten.
    """
    text = markdown.page(run).encode(errors="backslashreplace")[:_SUMMARY_LIMIT].decode(errors="ignore")
    try:
        with path.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise _not_written(path, error) from error


def require_place(directory: Path) -> None:
    """Make the directory, before what takes long and is to be written there. Raises ReportNotWritten."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise _not_written(directory, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one. Raises ReportNotWritten."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_text(text.encode(errors="backslashreplace").decode(), encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> ReportNotWritten:
    return ReportNotWritten(
        f"{path} cannot be written: {error.strerror or error}: "
        "make room for it, or name another directory with --report"
    )
