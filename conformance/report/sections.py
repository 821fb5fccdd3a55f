"""The illustrated part of report.html: what each section shows, or why it shows nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from conformance.observations import Key
from conformance.report import palette, plots, series
from conformance.report.series import Observations, Source
from conformance.report.summary import counted, framework_name, size_text
from conformance.verdict import Mode, Run, Throughput
from reference.workloads import Workload

_LISTED = 10


@dataclass(frozen=True)
class Figure:
    """An `<svg>` element and the words beneath it."""

    svg: str
    caption: str


@dataclass(frozen=True)
class LegendEntry:
    """A name beside a stroke in the colour `tone`; `dashed` for an allowance and for a baseline."""

    name: str
    tone: str
    mark: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class Digit:
    """One image as a PNG in base64, its label, and whether all loaders gave the same of both."""

    png: str
    label: str
    same: bool


@dataclass(frozen=True)
class PlateRow:
    """What one framework's loader gave."""

    name: str
    tone: str
    digits: tuple[Digit, ...]


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix: rows are true classes; `shares` are the fractions of each row, for the shading."""

    name: str
    tone: str
    accuracy: float
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Section:
    """A section of the page. Where `missing` is not empty it is the reason why there is nothing else."""

    id: str
    title: str
    lead: str = ""
    missing: str = ""
    legend: tuple[LegendEntry, ...] = ()
    figures: tuple[Figure, ...] = ()
    plates: tuple[PlateRow, ...] = ()
    matrices: tuple[Matrix, ...] = ()
    notes: tuple[str, ...] = ()
    benchmarks: tuple[Throughput, ...] = ()


def sections(
    run: Run, observations: Observations, baseline: Observations, workloads: Mapping[str, Workload]
) -> list[Section]:
    """Every illustrated section, workload by workload, and the speed at the end."""
    if baseline:
        shared = {key: observations[key] for key in observations if _serves_both_sides(key)}
        baseline = {**shared, **baseline}
    names = {key.workload for key in (*observations, *baseline)} | {check.workload for check in run.checks}
    known = [workload for name, workload in workloads.items() if name in names]
    found = []
    for workload in known:
        suffix = f" of {workload.name}" if len(known) > 1 else ""
        found += [
            _plates(observations, workload, suffix),
            _losses(observations, baseline, workload, suffix),
            _distances(observations, baseline, workload, suffix),
            _confusion(observations, baseline, workload, suffix),
        ]
    return [*found, _speed(run)]


def _plates(observations: Observations, workload: Workload, suffix: str) -> Section:
    title = f"The first training images{suffix}, as each loader gave them"
    section = f"plates-{workload.name}"
    plates = series.plates(observations, workload.name)
    if not plates:
        return Section(section, title, missing="No observation of the data step holds images.")
    first, *others = plates
    same = np.ones(len(first.images), bool)
    for other in others:
        same &= _same_digits(first, other)
    rows = tuple(
        PlateRow(
            framework_name(plate.framework),
            plate.framework,
            tuple(
                Digit(base64.b64encode(plots.digit_png(image)).decode(), str(label), bool(equal))
                for image, label, equal in zip(plate.images, plate.labels, same, strict=False)
            ),
        )
        for plate in plates
    )
    if not others:
        lead = f"Only {framework_name(first.framework)}'s loader was observed."
    elif same.all():
        lead = f"Each framework read the files by its own I/O; all {len(same)} images and labels are equal."
    else:
        wrong = ", ".join(str(number) for number in np.flatnonzero(~same))
        lead = f"The loaders disagree about images or labels (outlined): number {wrong}, counted from 0."
    return Section(section, title, lead=lead, plates=rows)


def _same_digits(first: series.Plates, other: series.Plates) -> NDArray[np.bool_]:
    if first.images.shape != other.images.shape or first.labels.shape != other.labels.shape:
        return np.zeros(len(first.images), bool)
    return np.asarray((first.images == other.images).all(axis=(1, 2)) & (first.labels == other.labels))


def _losses(observations: Observations, baseline: Observations, workload: Workload, suffix: str) -> Section:
    title = f"Loss{suffix} in every training step"
    sides = [series.losses(observations, workload.name), series.losses(baseline, workload.name, "baseline")]
    found = [side for side in sides if side is not None]
    section = f"losses-{workload.name}"
    if not found:
        return Section(section, title, missing=_why_no_training(observations, workload))
    curves = tuple(curve for side in found for curve in side.curves)
    both = series.Losses(curves, found[0].steps, found[0].allowance)
    block = max(curve.block for curve in curves)
    notes = [
        f"{plots.source_name(curve.source)}: not finite from training step {curve.first_not_finite:,} on"
        for curve in curves
        if curve.first_not_finite is not None
    ]
    largest = [
        f"{plots.source_name(curve.source)} {size_text(curve.largest)}" for curve in curves if curve.largest is not None
    ]
    notes += [f"Largest difference from the oracle's loss: {', '.join(largest)} nats."] if largest else []
    names = ", ".join(plots.source_name(curve.source) for curve in curves)
    return Section(
        section,
        title,
        lead="Identical initial weights and batch order on every side. The oracle is NumPy in float64.",
        legend=_legend([curve.source for curve in curves], allowance=True),
        figures=(
            Figure(
                plots.losses(both, f"Loss against training step, {names}"),
                f"Loss, mean of every {counted(block, 'step')}; curves that agree cover each other.",
            ),
            Figure(
                plots.loss_differences(both, f"Loss less the oracle's against training step, {names}"),
                f"Loss less the oracle's: range and middle within every {counted(block, 'step')}. "
                "Shaded: what rounding allows.",
            ),
        ),
        notes=tuple(notes),
    )


def _distances(observations: Observations, baseline: Observations, workload: Workload, suffix: str) -> Section:
    title = f"Distance of the weights{suffix} from the oracle's"
    section = f"distances-{workload.name}"
    candidate = {found.parameter: found for found in series.distances(observations, workload)}
    other = {found.parameter: found for found in series.distances(baseline, workload, "baseline")}
    if not candidate and not other:
        return Section(section, title, missing=_why_no_training(observations, workload))
    figures, sources = [], []
    notes = []
    for parameter in workload.parameters:
        shown = [side[parameter.name] for side in (candidate, other) if parameter.name in side]
        if not shown:
            continue
        curves = [curve for side in shown for curve in side.curves]
        sources += [curve.source for curve in curves]
        ends = ", ".join(
            f"{plots.source_name(curve.source)} {size_text(float(curve.values[-1]))}"
            for curve in curves
            if curve.values.size
        )
        allowed = size_text(float(shown[0].allowance[-1])) if shown[0].allowance.size else "-"
        shape = " × ".join(str(size) for size in parameter.shape)
        caption = f"{parameter.name}, {shape}. At the end: {ends or 'nothing finite'}; allowed {allowed}."
        alt = f"Distance of {parameter.name} from the oracle against training step, both axes logarithmic"
        figures.append(Figure(plots.distances(shown, alt), caption))
        notes += [
            f"{plots.source_name(curve.source)}, {parameter.name}: not finite, or of another shape, "
            f"from training step {curve.not_finite[0]:,} on"
            for curve in curves
            if curve.not_finite
        ]
    return Section(
        section,
        title,
        lead="The largest difference of any weight, after 1, 2, 4, … and the last training step. "
        "A difference of exactly zero has no place on a logarithmic axis.",
        legend=_legend(sources, allowance=True),
        figures=tuple(figures),
        notes=tuple(notes),
    )


def _confusion(observations: Observations, baseline: Observations, workload: Workload, suffix: str) -> Section:
    title = f"Predictions{suffix} for the test images"
    section = f"confusion-{workload.name}"
    found = series.predictions(observations, workload) + series.predictions(baseline, workload, "baseline")
    if not found:
        missing = "No training run with predictions, or no labels of the test images, were observed."
        return Section(section, title, missing=missing)
    notes = []
    for one, two in combinations(found, 2):
        differ = np.flatnonzero(one.predictions != two.predictions)
        names = f"{plots.source_name(one.source)} and {plots.source_name(two.source)}"
        if not differ.size:
            notes.append(f"{names}: all {one.predictions.size:,} predictions are the same.")
        else:
            some = ", ".join(str(image) for image in differ[:_LISTED])
            more = ", …" if differ.size > _LISTED else ""
            notes.append(f"{names}: {counted(differ.size, 'prediction')} not the same, of images {some}{more}.")
    matrices = tuple(_matrix(one) for one in found)
    lead = "After the longest training run of each. Row: true class; column: predicted class."
    return Section(section, title, lead=lead, matrices=matrices, notes=tuple(notes))


def _matrix(found: series.Predictions) -> Matrix:
    rows = found.confusion.sum(axis=1, keepdims=True)
    shares = found.confusion / np.maximum(rows, 1)
    return Matrix(
        plots.source_name(found.source),
        found.source.framework,
        found.accuracy,
        tuple(map(tuple, found.confusion.tolist())),
        tuple(map(tuple, shares.round(3).tolist())),
    )


def _speed(run: Run) -> Section:
    compared = tuple(row for row in run.throughput if row.ratio is not None)
    measured = tuple(row for row in run.throughput if row.samples_per_second is not None)
    if run.mode is Mode.GATE:
        title = "Speed of the candidate against the baseline"
        if not compared:
            return Section("speed", title, missing="Speed was not measured; --speed quick or full does.")
        alt = "Ratio of the candidate's time to the baseline's for every benchmark, with 90 % intervals"
        caption = "Estimate and 90 % interval, logarithmic axis; above 1 the candidate is slower."
        figure = Figure(plots.ratios(compared, alt), caption)
        return Section("speed", title, figures=(figure,), benchmarks=compared)
    title = "Throughput"
    if not measured:
        reason = "Throughput was not measured in this run; pytest --benchmark-only does."
        return Section("speed", title, missing=reason)
    figures = []
    for group in dict.fromkeys(row.group for row in measured):
        rows = [row for row in measured if row.group == group]
        names = ", ".join(plots.bar_name(row) for row in rows)
        figures.append(Figure(plots.throughput(rows, f"Samples per second: {names}"), f"Step: {group}"))
    return Section("speed", title, figures=tuple(figures), benchmarks=measured)


def _legend(sources: Iterable[Source], *, allowance: bool) -> tuple[LegendEntry, ...]:
    marks = {"o": "●○", "s": "■□", "^": "▲△", "D": "◆◇"}
    entries = [
        LegendEntry(
            plots.source_name(source),
            source.framework,
            marks[palette.mark(source.framework)][source.side == "baseline"],
            dashed=source.side == "baseline",
        )
        for source in dict.fromkeys(sources)
    ]
    return (*entries, LegendEntry("allowance", "ink", dashed=True)) if allowance else tuple(entries)


def _why_no_training(observations: Observations, workload: Workload) -> str:
    runs = series.trained(observations, workload.name)
    if not runs:
        return "No training run of a framework was observed."
    if all(series.oracle_of(observations, run.key) is None for run in runs):
        return "The oracle's run from the same weights was not observed: there is nothing to measure against."
    return "The training runs that were observed tell neither losses nor weights."


def _serves_both_sides(key: Key) -> bool:
    """Whether the baseline may borrow this observation: the oracle's, and the labels of the test images."""
    return key.framework == "oracle" or key.operation == "data"
