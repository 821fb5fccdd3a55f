"""The phrase book as Markdown, as an HTML page, and as lines for a terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from conformance.catalogue.phrases import Phrase, versions_text
from conformance.report import palette

_HERE = Path(__file__).parent
_REPORT_STYLES = _HERE.parent / "report" / "page.css"


def markdown(phrases: Sequence[Phrase], versions: Mapping[str, str]) -> str:
    """The phrase book in Markdown."""
    text = _rendered("book.md", phrases, versions, escaped=False)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def page(phrases: Sequence[Phrase], versions: Mapping[str, str]) -> str:
    """The phrase book as one self-contained page, in the report's styles."""
    return _rendered("book.html", phrases, versions, escaped=True)


def lines(phrase: Phrase, versions: Mapping[str, str]) -> str:
    """One entry for a terminal."""
    parts = [f"{phrase.name}  ({phrase.title})"]
    for side in phrase.sides:
        first = ", images with channels first" if side.channels_first else ""
        parts.append(f"\n{side.framework}{f', from {side.since}' if side.since else ''}{first}")
        parts += [f"    {line}" for line in side.code.splitlines()]
        parts += [f"  weights  {line}" for line in side.weights]
        parts += [f"  shipped  {line}" for line in side.shipped]
    parts.append(f"\n{phrase.agreement}{f' ({versions_text(versions)})' if versions else ''}")
    if phrase.varies:
        parts.append(f"also with {phrase.varies}, drawn by hypothesis")
    parts.append(f"check  {phrase.check}")
    if phrase.note:
        parts.append(f"\n{phrase.note}")
    for trap in phrase.traps:
        parts.append(f"\nbeware, {trap.name}: {trap.reason}{f' Apart by {trap.size}.' if trap.size else ''}")
        parts += [f"    {line}" for code in trap.codes for line in (f"# {code.framework}", *code.code.splitlines())]
    return "\n".join(parts)


def also(phrases: Sequence[Phrase]) -> str:
    """Further entries in a line, by name."""
    return f"also: {', '.join(phrase.name for phrase in phrases)}"


def _rendered(template: str, phrases: Sequence[Phrase], versions: Mapping[str, str], escaped: bool) -> str:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["anchor"] = _anchor
    families = [(title, list(entries)) for title, entries in groupby(phrases, lambda p: p.title)]
    return environment.get_template(template).render(
        families=families,
        varied=[(title, sum(bool(p.varies) for p in entries), len(entries)) for title, entries in families],
        versions=versions_text(versions),
        css=Markup(palette.css() + _REPORT_STYLES.read_text(encoding="utf-8")),
    )


def _anchor(text: str) -> str:
    """A heading's anchor, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
