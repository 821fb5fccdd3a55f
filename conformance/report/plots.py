"""The figures, drawn by Matplotlib as SVG that takes its colours and its font from the page around it.

Every function returns the text of one `<svg>` element. No pyplot, so nothing global changes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from conformance.report import palette
from conformance.report.series import Distances, Losses, Source
from conformance.report.summary import framework_name
from conformance.verdict import Throughput

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "conformance",
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": palette.colour("ink"),
    "axes.labelcolor": palette.colour("muted"),
    "axes.edgecolor": palette.colour("muted"),
    "axes.facecolor": "none",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelsize": 9.5,
    "grid.color": palette.colour("rule"),
    "grid.linewidth": 0.6,
    "xtick.color": palette.colour("muted"),
    "ytick.color": palette.colour("muted"),
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "lines.linewidth": 1.3,
}

_PANEL = (5.0, 3.2)
_NO_SOFTWARE: Any = {"Software": None}


def losses(found: Losses, alt: str) -> str:
    """The mean loss of each block of training steps, all subjects overlaid."""

    def draw(axes: Axes) -> None:
        for place, curve in enumerate(found.curves):
            axes.plot(curve.steps, curve.mean, **_stroke(curve.source, place))
        axes.set_xlabel("training step")
        axes.set_ylabel("loss (nats)")
        _whole_steps(axes)

    return _draw(draw, _PANEL, alt)


def loss_differences(found: Losses, alt: str) -> str:
    """Each subject's loss less the oracle's, as the range within each block, in its allowance."""

    def draw(axes: Axes) -> None:
        axes.fill_between(found.steps, -found.allowance, found.allowance, color=palette.colour("band"), linewidth=0)
        for edge in (-found.allowance, found.allowance):
            axes.plot(found.steps, edge, color=palette.colour("ink"), linewidth=0.9, linestyle=(0, (4, 3)))
        for curve in found.curves:
            colour = palette.colour(curve.source.framework)
            axes.fill_between(curve.steps, curve.low, curve.high, color=colour, alpha=0.5, linewidth=0)
            axes.plot(curve.steps, (curve.low + curve.high) / 2, **_stroke(curve.source) | {"linewidth": 0.8})
        axes.set_xlabel("training step")
        axes.set_ylabel("loss − oracle's loss (nats)")
        _whole_steps(axes)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1e}" if value else "0"))

    return _draw(draw, _PANEL, alt)


def distances(found: Sequence[Distances], alt: str) -> str:
    """One parameter's distance from the oracle by training step, log-log; both sides of a gate."""

    def draw(axes: Axes) -> None:
        allowed = found[0]
        positive = allowed.allowance > 0
        if positive.any():
            steps, allowance = allowed.steps[positive], allowed.allowance[positive]
            axes.plot(steps, allowance, color=palette.colour("ink"), linewidth=1.0, linestyle=(0, (4, 3)))
        for place, curve in enumerate(curve for side in found for curve in side.curves):
            shown = curve.values > 0
            style = _stroke(curve.source, place)
            style |= {
                "marker": palette.mark(curve.source.framework),
                "markersize": 7.5 if place == 0 else 3.8,
            }
            if curve.source.side == "baseline":
                style["markerfacecolor"] = palette.colour("paper")
            axes.plot(curve.steps[shown], curve.values[shown], **style)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.minorticks_off()
        axes.set_xlabel("training step")
        axes.set_ylabel("largest |weight − oracle's|")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))

    return _draw(draw, _PANEL, alt)


def throughput(rows: Sequence[Throughput], alt: str) -> str:
    """Samples per second of the benchmarks of one group, a bar each."""
    rows = [row for row in rows if row.samples_per_second is not None and np.isfinite(row.samples_per_second)]

    def draw(axes: Axes) -> None:
        places = np.arange(len(rows))
        speeds = [row.samples_per_second or 0.0 for row in rows]
        colours = [palette.colour(row.framework) for row in rows]
        axes.barh(places, speeds, height=0.62, color=colours)
        axes.set_yticks(places, [bar_name(row) for row in rows])
        axes.tick_params(axis="y", length=0, labelcolor=palette.colour("ink"))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlim(0, max(speeds, default=1.0) * 1.2)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.set_xlabel("samples/s")
        for place, speed in zip(places, speeds, strict=True):
            axes.annotate(f"{speed:,.0f}", (speed, place), (4, 0), textcoords="offset points", va="center", fontsize=9)

    return _draw(draw, (5.0, 0.8 + 0.32 * max(1, len(rows))), alt)


def ratios(rows: Sequence[Throughput], alt: str) -> str:
    """The candidate's time over the baseline's of every benchmark, with its interval."""

    def draw(axes: Axes) -> None:
        axes.axvline(1.0, color=palette.colour("muted"), linewidth=1.0)
        for place, row in enumerate(rows):
            ends = [np.nan if end is None else end for end in (row.low, row.high)]
            colour = _verdict_colour(str(row.verdict))
            axes.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
            axes.plot(
                [row.ratio or np.nan],
                [place],
                color=colour,
                marker=palette.mark(row.framework),
                linestyle="none",
            )
        axes.set_yticks(range(len(rows)), [row.name for row in rows])
        axes.tick_params(axis="y", length=0, labelcolor=palette.colour("ink"))
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.2f}"))
        axes.set_xlabel("candidate's time / baseline's")

    return _draw(draw, (5.0, 0.9 + 0.32 * max(1, len(rows))), alt)


def bar_name(row: Throughput) -> str:
    """The benchmark as its bar is labelled: framework and name, and the device where that is no CPU."""
    device = "" if row.device == "cpu" else f" ({row.device})"
    return f"{framework_name(row.framework)} {row.name}{device}".strip()


def digit_png(image: NDArray[np.uint8]) -> bytes:
    """One image, uint8 (height, width), as PNG: white strokes on black, as the data set stores it."""
    stream = io.BytesIO()
    imsave(stream, image, cmap="gray", vmin=0, vmax=255, format="png", metadata=_NO_SOFTWARE)
    return stream.getvalue()


def source_name(source: Source) -> str:
    """The subject as legends write it."""
    parts = [framework_name(source.framework), source.variant]
    parts += [source.device] if source.device != "cpu" else []
    parts += ["(baseline)"] if source.side == "baseline" else []
    return " ".join(part for part in parts if part)


def _stroke(source: Source, place: int = 1) -> dict[str, Any]:
    """A subject's line: the first one drawn is broad, so that it shows beneath those that agree with it."""
    width = 3.4 if place == 0 else 1.2
    return {"color": palette.colour(source.framework), "linestyle": palette.line(source), "linewidth": width}


def _verdict_colour(verdict: str) -> str:
    return palette.colour({"slower": "bad", "unresolved": "warn"}.get(verdict, "good"))


def _whole_steps(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.margins(x=0.01)


def _draw(draw: Callable[[Axes], None], size: tuple[float, float], alt: str) -> str:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        stream = io.StringIO()
        nothing: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", metadata=nothing)
    return _inline(stream.getvalue(), alt)


def _inline(document: str, alt: str) -> str:
    """The `<svg>` element of the document with its description, its size left to the page."""
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    head, rest = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None
    return palette.themed(f'<svg {box[0]} role="img" aria-label="{escape(alt)}">{rest}')


def unique_ids(svgs: Iterable[str]) -> list[str]:
    """The figures of one page with the ids inside each made its own, so that no clip path is another's."""
    return [re.sub(r'(id="|url\(#|href="#)', rf"\g<1>f{number}-", svg) for number, svg in enumerate(svgs)]
