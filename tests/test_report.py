"""The report: its figures are those of the observations, its pages stand alone, and nothing steers a reader."""

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

import numpy as np
import pytest

from conformance import verdict_file
from conformance.census import CensusComparison
from conformance.checks import Step
from conformance.judge.rounding import allowances
from conformance.report import markdown, palette, plots, series, summary
from conformance.report.html import page
from conformance.report.sections import sections
from conformance.report.terminal import as_text
from conformance.report.writing import ReportNotWritten, append_summary, write_report
from conformance.verdict import Run
from reference.workloads import MNIST_MLP, WORKLOADS
from tests import synthetic_observations as synthetic
from tests import synthetic_runs
from tests.synthetic_observations import Observed, observed, tensors_of
from tests.synthetic_runs import RUNS


def drawn(run: Run, observations: Observed | None = None, baseline: Observed | None = None) -> str:
    return page(run, observations or {}, baseline or {}, WORKLOADS)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures left out, for the tests of the words around them."""
    monkeypatch.setattr(plots, "_draw", lambda draw, size, alt: f'<svg role="img" aria-label="{alt}"></svg>')


# The terminal


@pytest.mark.parametrize("name", RUNS)
def test_terminal_fits_eighty_columns_and_ends_with_the_verdict(name: str) -> None:
    run = RUNS[name]()
    lines = as_text(run).rstrip("\n").split("\n")
    too_wide = [line for line in lines if len(line) > 80 and not line.startswith("  pytest ")]
    assert not too_wide
    assert lines[-1].startswith(f"verdict: {run.verdict}  exit status {run.exit_status}  (")


@pytest.mark.parametrize("colour", [False, True])
def test_terminal_colours_only_where_asked_and_passes_on_no_escapes(colour: bool) -> None:
    text = as_text(synthetic_runs.broken(), colour=colour)
    assert ("\x1b" in text) is colour
    assert "\x1b[31m<script>" not in text
    assert "[31m<script>alert(1)</script>|" in text


def row(text: str, step: str, framework: str) -> list[str]:
    """The columns of the table's line of a step and a framework."""
    current = ""
    for line in text.split("\n"):
        columns = line.split()
        if columns and columns[0] in list(Step):
            current, *columns = columns
        if current == step and columns and columns[0] == framework:
            return columns[1:]
    raise AssertionError(f"no line for {step} and {framework}")


def test_terminal_table_has_verdict_checks_ratio_and_elements() -> None:
    text = as_text(synthetic_runs.drifting())
    assert row(text, "data", "TensorFlow") == ["identical", "3", "exact", "109,830,000"]
    assert row(text, "objective", "TensorFlow") == ["rounding", "9", "0.22", "15,921"]
    assert row(text, "objective", "PyTorch") == ["drift", "9", "712", "15,921"]
    assert row(text, "train", "PyTorch")[:3] == ["drift", "5", "35.0"]


def test_terminal_shows_the_first_divergence_with_all_that_is_known() -> None:
    text = as_text(synthetic_runs.drifting())
    shown = text[text.index("first divergence: drift") :]
    for expected in (
        "objective/updated/output/bias[3]",
        "-0.00116421",
        "-0.00116304",
        "5.2e-06",
        "7.3e-09",
        "712",
        "  pytest conformance/test_objective.py --framework pytorch --workload mnist_mlp --device cpu\n",
    ):
        assert expected in shown


def test_a_step_that_the_ledger_excuses_shows_the_verdict_of_the_rest() -> None:
    text = as_text(synthetic_runs.with_ledger())
    assert row(text, "objective", "PyTorch") == ["rounding", "10", "1", "0.22", "15,922"]
    assert "loss-of-a-zero-probability (framework-default): Keras clips" in text


def test_terminal_says_what_was_not_run_and_what_is_partial() -> None:
    text = as_text(synthetic_runs.lacking_a_framework())
    assert row(text, "train", "TensorFlow")[:2] == ["not", "run"]
    assert "tensorflow: No module named 'tensorflow'; install it" in text
    assert "partial: 12 of 214" in as_text(synthetic_runs.partial())


def test_terminal_shows_what_a_gate_changed_and_how_fast_it_is() -> None:
    text = as_text(synthetic_runs.gate())
    assert "torch 2.14.1 -> 2.15.0, named" in text
    assert "sympy 1.13.1 -> (none), dropped" in text
    assert "aten::addmm: 2 calls, float32 -> 2 calls, bfloat16" in text
    assert re.search(r"pytorch train step +1\.247 +1\.214 - 1\.283 +1\.090 +slower", text)


def test_a_short_census_is_listed() -> None:
    run = synthetic_runs.conforming()
    short = CensusComparison(judged=True, reason="", short=("data: 2 checks, 3 expected",))
    text = as_text(replace(run, census_comparison=short))
    assert "data: 2 checks, 3 expected" in text
    assert "verdict: break  exit status 1" in text


# What the figures are made of


def test_distances_are_those_of_the_same_weights_in_every_layout() -> None:
    found = observed()
    tensors_of(found, "pytorch", "train")["train/weights/000064/hidden.weight"][3, 700] += 1e-3
    by_name = {distance.parameter: distance for distance in series.distances(found, MNIST_MLP)}
    assert list(by_name) == [parameter.name for parameter in MNIST_MLP.parameters]
    tensorflow, pytorch = by_name["hidden/kernel"].curves
    assert (tensorflow.source.framework, pytorch.source.framework) == ("tensorflow", "pytorch")
    at = list(pytorch.steps).index(64)
    assert pytorch.values[at] == pytest.approx(1e-3, rel=1e-3)
    others = np.delete(pytorch.values, at)
    assert others.max() < synthetic.SPREAD
    assert tensorflow.values.max() < synthetic.SPREAD


def test_allowances_in_the_figures_are_the_judge_s() -> None:
    found = observed()
    judged = allowances(tensors_of(found, "oracle", "ensemble"))
    distance = series.distances(found, MNIST_MLP)[1]
    expected = [judged[f"train/weights/{step:06d}/hidden/bias"] for step in synthetic.RECORDED]
    assert list(distance.steps) == list(synthetic.RECORDED)
    np.testing.assert_array_equal(distance.allowance, expected)
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    assert losses.allowance[-1] == np.max(judged["train/losses"])


@pytest.mark.usefixtures("undrawn")
def test_weights_that_are_not_finite_are_told_and_not_drawn() -> None:
    found = observed()
    for step in (512, 600):
        tensors_of(found, "tensorflow", "train")[f"train/weights/{step:06d}/output/bias"][2] = np.nan
    curve = series.distances(found, MNIST_MLP)[3].curves[0]
    assert curve.not_finite == (512, 600)
    assert 512 not in curve.steps
    assert "TensorFlow tape, output/bias: not finite, or of another shape, from training step 512 on" in drawn(
        synthetic_runs.not_finite(), found
    )


def test_a_loss_that_drifts_shows_its_size_and_its_place() -> None:
    found = observed()
    tensors_of(found, "pytorch", "train")["train/losses"][299] += 0.25
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    straight, drifted = losses.curves
    assert straight.largest is not None
    assert straight.largest < synthetic.SPREAD
    assert drifted.largest == pytest.approx(0.25, rel=1e-6)
    block = int(np.argmax(drifted.high))
    assert abs(drifted.steps[block] - 300) <= drifted.block / 2


@pytest.mark.usefixtures("undrawn")
def test_a_loss_that_is_not_finite_names_its_first_step() -> None:
    found = observed()
    tensors_of(found, "tensorflow", "train")["train/losses"][36:] = np.inf
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    assert losses.curves[0].first_not_finite == 37
    assert "TensorFlow tape: not finite from training step 37 on" in drawn(synthetic_runs.not_finite(), found)


def test_blocks_of_losses_keep_mean_and_range() -> None:
    found = observed()
    values = tensors_of(found, "tensorflow", "train")["train/losses"]
    losses = series.losses(found, "mnist_mlp")
    assert losses is not None
    curve = losses.curves[0]
    assert curve.mean[0] == pytest.approx(values[: curve.block].mean())
    assert curve.steps[0] == (1 + curve.block) / 2
    assert len(curve.steps) == -(-len(values) // curve.block)


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_measured_against_the_oracle_from_the_same_weights_only() -> None:
    found = {key: value for key, value in observed().items() if key.operation != "ensemble"}
    found |= {key: value for key, value in observed(seed=1).items() if key.operation == "ensemble"}
    assert series.losses(found, "mnist_mlp") is None
    assert "The oracle&#39;s run from the same weights was not observed" in drawn(synthetic_runs.conforming(), found)


def test_the_longest_run_of_a_framework_is_shown() -> None:
    found = observed(["tensorflow"])
    short = dict(tensors_of(found, "tensorflow", "train"))
    short["train/losses"] = short["train/losses"][:10]
    found |= synthetic.file("tensorflow", "train", short, "eager")
    assert [run.key.variant for run in series.trained(found, "mnist_mlp")] == ["tape"]


@pytest.mark.usefixtures("undrawn")
def test_confusion_matrices_count_and_differences_are_named() -> None:
    found = observed()
    predicted = tensors_of(found, "pytorch", "train")["evaluate/predictions"]
    predicted[11] = 7
    one, two = series.predictions(found, MNIST_MLP)
    assert one.confusion.sum() == 64
    assert one.accuracy == pytest.approx(56 / 64)
    assert (one.confusion[1, 1] - two.confusion[1, 1], two.confusion[1, 7]) == (1, 1)
    text = drawn(synthetic_runs.conforming(), found)
    assert "TensorFlow tape and PyTorch tensors: 1 prediction differ, of images 11." in text


@pytest.mark.usefixtures("undrawn")
def test_plates_mark_the_digit_that_a_loader_gave_differently() -> None:
    run = synthetic_runs.conforming()
    found = observed()
    assert "all 20 images and labels are equal" in drawn(run, found)
    data = tensors_of(found, "pytorch", "data")
    data["data/train/images"] = data["data/train/images"].copy()
    data["data/train/images"][4, 0, 0] ^= 1
    data["data/train/labels"] = data["data/train/labels"].copy()
    data["data/train/labels"][9] = 0
    plates = sections(run, found, {}, WORKLOADS)[0].plates
    for plate in plates:
        assert [number for number, digit in enumerate(plate.digits) if not digit.same] == [4, 9]
    assert "(outlined): number 4, 9, counted from 0." in drawn(run, found)


@pytest.mark.usefixtures("undrawn")
def test_a_gate_draws_both_sides() -> None:
    found = observed(["pytorch"])
    before = {key: value for key, value in found.items() if key.operation == "train"}
    text = drawn(synthetic_runs.gate(), found, before)
    assert "PyTorch tensors (baseline)" in text
    assert "PyTorch tensors and PyTorch tensors (baseline): all 64 predictions are the same." in text
    assert text.count("<svg") == 2 + len(MNIST_MLP.parameters) + 1


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
        ("empty", ["Nothing was compared.", "No check ran."]),
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
