"""`conformance explain`: what the phrase book says of a component."""

from __future__ import annotations

from conformance.catalogue import book, measured
from conformance.catalogue.phrases import found, nearest, phrases
from conformance.ending import WrongUse


def explain(name: str) -> None:
    """Print the entry that the name means before others, and name those in a line.

    Raises WrongUse, offering near names, for a name that means none.
    """
    try:
        figures: measured.Measured | None = measured.read()
    except measured.MeasurementUnreadable:
        figures = None
    known = phrases(figures)
    meant = found(name, known)
    if not meant:
        near = nearest(name, known)
        hint = f"did you mean {', '.join(near)}?" if near else "docs/catalogue.md lists all"
        raise WrongUse(f"the catalogue has no component {name!r}: {hint}")
    closest, *others = meant
    print(book.lines(closest, figures.versions if figures else {}))
    if others:
        print(f"\n{book.also(others)}")
