"""The colours of the page and of its figures: one accent per framework, in a light and in a dark tone.

The accents are a burnt orange, a blue and a bluish green, which stay apart for the common forms of colour
blindness; marks of different shape tell the frameworks apart without any colour.
"""

from __future__ import annotations

from dataclasses import dataclass

from conformance.report.series import Source


@dataclass(frozen=True)
class Tone:
    """A colour of the page: the CSS variable `--name`, and its value on light and on dark paper."""

    name: str
    light: str
    dark: str


TONES = (
    Tone("paper", "#ffffff", "#15181e"),
    Tone("panel", "#f5f6f8", "#1d2129"),
    Tone("ink", "#1d222b", "#e4e7ec"),
    Tone("muted", "#596270", "#a1a9b6"),
    Tone("rule", "#d9dde3", "#383f4b"),
    Tone("band", "#e9ebef", "#262c36"),
    Tone("tensorflow", "#b85c00", "#f0a040"),
    Tone("pytorch", "#0a5fae", "#66b2f2"),
    Tone("numpy", "#007a5e", "#3fc9a2"),
    Tone("oracle", "#4c5462", "#c2c8d2"),
    Tone("good", "#1b6e45", "#6fcf97"),
    Tone("warn", "#8a5a00", "#f2c14e"),
    Tone("bad", "#b3261e", "#ff8a80"),
)
_BY_NAME = {tone.name: tone for tone in TONES}
_MARKS = {"tensorflow": "o", "pytorch": "s", "numpy": "^"}


def colour(name: str) -> str:
    """The colour on light paper, which `themed` makes a variable; unknown frameworks have the oracle's."""
    return _BY_NAME.get(name, _BY_NAME["oracle"]).light


def mark(framework: str) -> str:
    """The framework's mark in a figure, in Matplotlib's terms."""
    return _MARKS.get(framework, "D")


def line(source: Source) -> str:
    """The style of a subject's line: a baseline is dashed, a device other than the CPU dotted."""
    if source.side == "baseline":
        return "--"
    return "-" if source.device == "cpu" else ":"


def themed(svg: str) -> str:
    """The figure with every colour of the palette as a CSS variable, so that it follows the page's theme."""
    for tone in TONES:
        svg = svg.replace(tone.light, f"var(--{tone.name})")
    return svg


def css() -> str:
    """The variables as CSS: light, dark where the reader prefers it, light again on paper."""
    light = "".join(f"--{tone.name}:{tone.light};" for tone in TONES)
    dark = "".join(f"--{tone.name}:{tone.dark};" for tone in TONES)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{color-scheme:dark;{dark}}}}}\n"
    )
