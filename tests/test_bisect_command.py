"""`conformance bisect` over a fake index: what each probe installs, in which direction, and what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.checks import Step, Verdict
from conformance.commands import bisect as command
from conformance.commands.gate import GateWords
from conformance.ending import SideNotHad, WrongUse
from conformance.environments import SideError, companion, held, parse_side, resolve
from conformance.environments.lock import Options
from conformance.gate.progress import Progress
from conformance.gate.request import Request
from conformance.gate.running import Outcome
from tests.environment_fixtures import isolated, uv_cache
from tests.fake_packages import make_index
from tests.synthetic_runs import gate, make_check

__all__ = ["isolated", "uv_cache"]

KERAS = ("3.3.3", "3.4.1", "3.8.0", "3.15.1")
PACKAGES = (
    ("numpy", "2.0.0", ()),
    *(("keras", version, ("numpy",)) for version in KERAS),
    ("tensorflow", "2.19.1", ("keras>=3", "numpy")),
    ("tensorflow-cpu", "2.16.2", ("keras>=3,<3.8", "numpy")),
    ("tensorflow-cpu", "2.19.1", ("keras>=3", "numpy")),
    ("tensorflow-cpu", "2.21.0", ("keras>=3.4", "numpy")),
    ("torch", "2.14.1", ()),
    ("torch", "2.15.0", ()),
    ("torchvision", "0.29.1", ("torch==2.14.1", "numpy")),
    ("torchvision", "0.29.2", ("torch==2.15.0", "numpy")),
)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_index(tmp_path_factory.mktemp("index"), PACKAGES)


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch, isolated: Path) -> list[Request]:
    """The gates that were asked for: Keras departs with 3.8.0, whatever the direction, and nothing else does."""
    seen: list[Request] = []

    def carry_out(request: Request, progress: Progress) -> Outcome:
        seen.append(request)
        old, new = (side.text in _OLD for side in (request.baseline, request.candidate))
        verdict = Verdict.IDENTICAL if old == new else Verdict.DRIFT
        check = make_check(Step.MODEL, "logits", subjects=("tensorflow@candidate", "tensorflow@baseline"))
        return Outcome(replace(gate(), checks=(replace(check, verdict=verdict),)), {})

    monkeypatch.setattr(command, "run_gate", carry_out)
    monkeypatch.setattr(command, "write_files", lambda request, outcome: None)
    return seen


_OLD = tuple(f"keras=={version} tensorflow-cpu==2.19.1" for version in KERAS[:2])


def bisect(index: str, package: str, good: str, bad: str, beside: str = "", report: Path | None = None) -> int:
    words = GateWords(good, bad, index_url=index, report=report)
    return command.bisect(package, good, bad, words, beside=beside, include_pre=False, include_yanked=False)


def test_keras_is_probed_on_one_tensorflow(
    index: str,
    probed: list[Request],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "write_files", lambda request, outcome: None)
    assert bisect(index, "keras", "3.3.3", "3.15.1", beside="tensorflow-cpu", report=tmp_path) == 1
    sides = [f"keras=={version} tensorflow-cpu==2.19.1" for version in ("3.3.3", "3.15.1", "3.8.0", "3.4.1")]
    assert [request.candidate.text for request in probed] == sides
    assert {request.baseline.text for request in probed} == {sides[0]}
    assert probed[2].command[:4] == ("conformance", "gate", sides[0], sides[2])
    assert len({request.baseline.python for request in probed}) == 1
    output = capsys.readouterr()
    assert output.out.splitlines() == [
        "keras 3.8.0 is the first release that departs from 3.3.3; 3.4.1 agrees",
        "  keras 3.4.1 -> 3.8.0, named",
    ]
    answer = json.loads((tmp_path / "bisect.json").read_text())
    assert (answer["package"], answer["beside"]) == ("keras", "tensorflow-cpu==2.19.1")
    assert answer["found"] == {"last_good": "3.4.1", "first_bad": "3.8.0"}
    assert [probe["version"] for probe in answer["probes"]] == ["3.3.3", "3.15.1", "3.8.0", "3.4.1"]


def test_what_could_not_be_probed_between_the_pair_is_told(
    index: str, probed: list[Request], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out: Callable[[Request, Progress], Outcome] = vars(command)["run_gate"]

    def without(request: Request, progress: Progress) -> Outcome:
        if "keras==3.4.1" in request.candidate.text:
            raise SideNotHad("no wheel")
        return carry_out(request, progress)

    monkeypatch.setattr(command, "run_gate", without)
    assert bisect(index, "keras", "3.3.3", "3.8.0", beside="tensorflow-cpu") == 1
    told = "keras 3.8.0 is the first release that departs from 3.3.3; 3.3.3 agrees; not known of 3.4.1"
    assert capsys.readouterr().out.splitlines()[0] == told


def test_a_good_release_that_is_newer_is_gone_back_from(
    index: str, probed: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bisect(index, "keras", "3.15.1", "3.3.3", beside="tensorflow-cpu==2.19.1") == 1
    output = capsys.readouterr()
    assert "3.15.1 is newer than 3.3.3: going back from 3.15.1" in output.err
    assert output.out.splitlines() == [
        "going back from 3.15.1, keras 3.4.1 is the first release that departs from it; 3.8.0 agrees",
        "  keras 3.8.0 -> 3.4.1, named",
    ]


def test_a_framework_that_cannot_be_held_is_told(
    index: str, probed: list[Request], capsys: pytest.CaptureFixture[str]
) -> None:
    bisect(index, "torchvision", "0.29.1", "0.29.2")
    assert "torch cannot be held equal (2.14.1 at one end, 2.15.0 at the other)" in capsys.readouterr().err
    assert probed[1].candidate.text == "torchvision==0.29.2 torch"


def test_a_release_that_does_not_depart(index: str, probed: list[Request], capsys: pytest.CaptureFixture[str]) -> None:
    assert bisect(index, "keras", "3.3.3", "3.4.1", beside="tensorflow-cpu==2.19.1") == 0
    assert capsys.readouterr().out == "keras 3.4.1 does not depart from 3.3.3\n"


@pytest.mark.parametrize(
    ("package", "beside", "message"),
    [
        ("numpy", "", "numpy holds no framework: name one to install with it, such as --with tensorflow-cpu"),
        ("keras", "numpy", "no framework in 'keras==3.3.3 numpy'"),
        ("keras", "tensorflow-cpu==", "'tensorflow-cpu==' is no requirement"),
    ],
)
def test_a_package_without_a_framework(
    index: str, probed: list[Request], package: str, beside: str, message: str
) -> None:
    with pytest.raises(WrongUse, match=message):
        bisect(index, package, "3.3.3", "3.4.1", beside=beside)
    assert probed == []


@pytest.mark.parametrize(
    ("package", "device", "machine", "expected"),
    [
        ("Keras", "cpu", ("Linux", "x86_64"), "tensorflow-cpu"),
        ("keras-nightly", "cpu", ("Darwin", "arm64"), "tensorflow"),
        ("keras", "cuda", ("Linux", "x86_64"), "tensorflow[and-cuda]"),
        ("torchvision", "cpu", ("Linux", "x86_64"), "torch"),
        ("tf-nightly", "cpu", ("Linux", "x86_64"), ""),
    ],
)
def test_what_a_package_runs_on(
    package: str, device: str, machine: tuple[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: machine[0])
    monkeypatch.setattr("platform.machine", lambda: machine[1])
    assert companion(package, device) == expected


def test_nobody_knows_what_another_package_runs_on() -> None:
    with pytest.raises(SideError, match="--with"):
        companion("scipy", "cpu")


def test_requirements_are_held_at_what_serves_both_ends(index: str, isolated: Path) -> None:
    words = "tensorflow[and-cuda]>=2.19 numpy"
    options = Options(replace(Options().indexes, index_url=index))
    sides = [parse_side(f"keras=={version} {words}") for version in KERAS[:2]]
    assert held(words, *resolve(*sides, options=options)) == ("tensorflow[and-cuda]==2.19.1 numpy==2.0.0", [])
