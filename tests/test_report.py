"""The pages of a report stand alone, say what the run has to tell, and are written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from conformance import verdict_file
from conformance.checks import Verdict
from conformance.report import junit, markdown, palette, summary
from conformance.report.html import unbroken
from conformance.report.sections import sections
from conformance.report.writing import ReportNotWritten, append_summary, write_report
from reference.workloads import WORKLOADS
from tests import synthetic_runs
from tests.drawing import drawn, undrawn
from tests.synthetic_observations import observed, tensors_of
from tests.synthetic_runs import RUNS

__all__ = ["undrawn"]


# report.html


class Page(HTMLParser):
    """Collects what a page refers to, and whether its elements are closed in order."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module", params=list(RUNS))
def html(request: pytest.FixtureRequest) -> str:
    illustrated = request.param in ("conforming", "gate", "not_finite")
    return drawn(RUNS[request.param](), observed() if illustrated else None)


def test_page_is_well_formed_and_asks_nothing_of_the_network(html: str) -> None:
    parsed = Page(html)
    assert parsed.open == []
    tags = Counter(tag for tag, _ in parsed.elements)
    assert not {"script", "link", "iframe", "object", "base"} & set(tags)
    for _, attributes in parsed.elements:
        for name in ("src", "href", "xlink:href", "data", "action"):
            target = attributes.get(name) or "#"
            assert target.startswith(("#", "data:image/png;base64,"))
        assert not any(name.startswith("on") for name in attributes)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "@import" not in style
    assert "url(" not in style


def test_page_is_accessible(html: str) -> None:
    parsed = Page(html)
    assert ("html", {"lang": "en"}) in parsed.elements
    ids = Counter(attributes["id"] for _, attributes in parsed.elements if "id" in attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    for tag, attributes in parsed.elements:
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-label"]
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


def test_figures_take_every_colour_from_the_page(html: str) -> None:
    figures = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    colours = set(re.findall(r"#[0-9a-f]{6}\b", "".join(figures)))
    assert not colours & {tone.light for tone in palette.TONES}
    assert colours <= {"#ffffff"}
    for tone in palette.TONES:
        assert f"--{tone.name}:{tone.light};" in html
        assert f"--{tone.name}:{tone.dark};" in html


@pytest.mark.usefixtures("undrawn")
def test_what_a_worker_said_is_text_and_no_markup() -> None:
    text = drawn(synthetic_runs.broken())
    assert "<script" not in text
    assert "[31m&lt;script&gt;alert(1)&lt;/script&gt;|" in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conforming", ["46 checks agree within rounding.", "The census is complete."]),
        ("drifting", ["First divergence", "objective/updated/output/bias[3]", "-0.00116421", "712"]),
        ("with_ledger", ["Accepted by the ledger", "1 in the ledger", "Keras clips probabilities"]),
        ("lacking_a_framework", ["rounding, incomplete", "tensorflow was not run", "no C++ compiler"]),
        ("partial", ["partial: 12 of 214", "only a part of the suite was selected"]),
        ("gate", ["identical, slower", "What changed", "aten::addmm", "1.214 to 1.283", "dropped"]),
        ("empty", ["nothing compared, incomplete", "Nothing was compared.", "No check ran."]),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_page_says_what_the_run_has_to_tell(name: str, expected: list[str]) -> None:
    text = drawn(RUNS[name]())
    for part in expected:
        assert part in text


@pytest.mark.usefixtures("undrawn")
def test_every_figure_that_is_missing_says_why() -> None:
    run = replace(synthetic_runs.conforming(), throughput=())
    found = sections(run, {}, {}, WORKLOADS)
    assert [section.missing for section in found] == [
        "No observation of the data step holds images.",
        "No training run of a framework was observed.",
        "No training run of a framework was observed.",
        "No training run with predictions, or no labels of the test images, were observed.",
        "Throughput was not measured in this run; pytest --benchmark-only does.",
    ]
    text = drawn(run)
    for section in found:
        assert section.missing in text


def test_odd_observations_draw_no_figure_and_break_no_page() -> None:
    found = observed()
    data = tensors_of(found, "tensorflow", "data")
    data["data/train/images"] = np.zeros((64, 784), np.uint8)
    train = tensors_of(found, "tensorflow", "train")
    train["train/losses"] = np.zeros(0, np.float32)
    train["evaluate/predictions"] = np.full(64, 99)
    for name in [name for name in train if name.startswith("train/weights/")]:
        del train[name]
    text = drawn(synthetic_runs.conforming(), found)
    assert "Only PyTorch&#39;s loader was observed." in text
    assert "TensorFlow tape" in text
    assert Page(text).open == []


def test_the_same_run_draws_the_same_page() -> None:
    run, found = synthetic_runs.conforming(), observed()
    assert drawn(run, found) == drawn(run, found)


def test_throughput_has_a_bar_for_every_benchmark_of_its_group() -> None:
    section = sections(synthetic_runs.conforming(), {}, {}, WORKLOADS)[-1]
    (figure,) = section.figures
    for label in ("TensorFlow epoch", "PyTorch epoch", "NumPy epoch", "PyTorch tutorial epoch", "428,571"):
        assert f">{label}</text>" in figure.svg


# report.md


@pytest.mark.parametrize("name", RUNS)
def test_markdown_tables_keep_their_columns(name: str) -> None:
    text = markdown.page(RUNS[name]())
    columns: int | None = None
    for line in text.split("\n"):
        bars = len(re.findall(r"(?<!\\)\|", line))
        assert columns is None or bars in (0, columns)
        columns = bars or None


def test_markdown_passes_on_no_markup() -> None:
    text = markdown.page(synthetic_runs.broken())
    assert "<script" not in text.replace("\\<script", "")
    assert "# Framework conformance: break" in text
    assert "\x1b" not in text


def test_markdown_of_a_gate_can_be_judged_by_itself() -> None:
    text = markdown.page(synthetic_runs.gate())
    assert text.startswith("# Upgrade gate: identical, slower\n")
    assert "| torch | 2.14.1 | 2.15.0 | named |" in text
    assert "| pytorch train step | 1.247 | 1.214 to 1.283 | 1.090 | slower |" in text
    assert len(text) < 4000


def test_long_lists_are_cut_and_say_so() -> None:
    run = replace(synthetic_runs.conforming(), warnings=tuple(f"warning {n}" for n in range(50)))
    text = markdown.page(run)
    assert "warning 19" in text
    assert "warning 20" not in text
    assert "and 30 more, in verdict.json" in text


# Writing


@pytest.mark.usefixtures("undrawn")
def test_report_is_three_files_and_the_verdict_reads_back(tmp_path: Path) -> None:
    run = synthetic_runs.drifting()
    write_report(tmp_path / "new" / "report", run, {})
    assert sorted(os.listdir(tmp_path / "new" / "report")) == ["report.html", "report.md", "verdict.json"]
    assert verdict_file.read(tmp_path / "new" / "report" / "verdict.json").verdict == "drift"


def test_what_utf_8_and_xml_cannot_say_is_left_out(tmp_path: Path) -> None:
    """Half a surrogate pair, such as an undecodable file name holds, and control characters of a user's ledger."""
    odd = "\x1b[2J\ud800\uffff\x01"
    run = synthetic_runs.broken()
    checks = tuple(replace(check, reason=f"{odd}why", ledger_id=None) for check in run.checks)
    checks = (replace(checks[0], verdict=Verdict.BREAK, ledger_id=f"{odd}ours"), *checks[1:])
    run = replace(run, checks=checks, warnings=(f"{odd}warned",), candidate=replace(run.candidate, label=f"{odd}x"))
    write_report(tmp_path, run, {})
    assert verdict_file.read(tmp_path / "verdict.json").warnings == ("\x1b[2J\\ud800\uffff\x01warned",)
    for name in ("report.md", "report.html"):
        assert "\x1b" not in (tmp_path / name).read_text(encoding="utf-8")
    accepted = ElementTree.fromstring(junit.page(run).encode()).find(".//skipped")
    assert accepted is not None
    assert accepted.get("message") == "accepted by the ledger: [2Jours"


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    occupied = tmp_path / "report"
    occupied.write_text("a file")
    with pytest.raises(ReportNotWritten, match=r"report.*cannot be written: .*another directory") as caught:
        write_report(occupied, synthetic_runs.conforming(), {})
    assert "\n" not in str(caught.value)
    assert occupied.read_text() == "a file"


@pytest.mark.usefixtures("undrawn")
def test_a_full_disk_leaves_the_old_report_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_report(tmp_path, synthetic_runs.conforming(), {})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(self: Path, text: str, encoding: str) -> int:
        with self.open("w", encoding=encoding) as stream:
            stream.write(text[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(ReportNotWritten, match="No space left on device"):
        write_report(tmp_path, synthetic_runs.broken(), {})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_summary_of_a_job_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    append_summary(path, synthetic_runs.conforming())
    assert path.read_text().startswith("before\n# Framework conformance: rounding")
    with pytest.raises(ReportNotWritten):
        append_summary(tmp_path, synthetic_runs.conforming())


def test_nothing_is_imported_that_a_run_without_a_report_does_not_need() -> None:
    program = (
        "import sys, conformance.verdict_file, conformance.report.terminal, conformance.report.writing;"
        "print([name for name in ('matplotlib', 'jinja2', 'jsonschema', 'scipy', 'torch', 'tensorflow')"
        " if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_drawing_changes_nothing_global() -> None:
    program = (
        "import sys, matplotlib; before = str(dict.items(matplotlib.rcParams))\n"
        "from tests.synthetic_runs import conforming\n"
        "from tests.synthetic_observations import observed\n"
        "from conformance.report.html import page\n"
        "from reference.workloads import WORKLOADS\n"
        "page(conforming(), observed(), {}, WORKLOADS)\n"
        "print('matplotlib.pyplot' in sys.modules, before == str(dict.items(matplotlib.rcParams)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.stdout == "False True\n"


def test_figures_of_every_size_stay_short() -> None:
    texts = [summary.ratio_text(value) for value in (None, 0.0, 0.123456, 9.87, 35.04, 712.3, 2e5, 3e9, np.inf)]
    assert texts == ["-", "0", "0.12", "9.87", "35.0", "712", "200,000", "3.0e+09", "inf"]
    assert summary.number_text(0.1 + 0.2) == "0.3"
    assert summary.duration_text(59.94) == "59.9 s"
    assert summary.duration_text(131.7) == "2 min 12 s"


def test_numbers_are_not_broken_at_their_hyphen_and_text_stays_text() -> None:
    assert unbroken("<b> 4.24e-06; ok") == '&lt;b&gt; <span class="fact">4.24e-06;</span> ok'
