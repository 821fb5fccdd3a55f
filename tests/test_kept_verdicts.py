"""Verdicts that are kept: found again for the same gate in other words, and for no other gate."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from conformance.census import NotRun
from conformance.checks import Step, Verdict
from conformance.environments import Options, list_cache
from conformance.gate import kept_verdicts, running
from conformance.gate.progress import Progress
from conformance.gate.records import Records
from conformance.gate.request import Request, SideRequest
from conformance.gate.running import Outcome, run_gate
from conformance.verdict import Run
from conformance.workload_files import find_workload
from tests.environment_fixtures import index, isolated, options, uv_cache
from tests.synthetic_runs import gate, make_check, with_checks

__all__ = ["index", "isolated", "options", "uv_cache"]

OLD, NEW = "torch==2.14.1 torchvision==0.29.1", "torch==2.15.0 torchvision==0.29.2"
Ask = Callable[..., Run | None]


@pytest.fixture
def asked(options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    """A gate between fake packages that keeps its verdict, asked from an environment without PYTHONPATH."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    sides = (SideRequest(OLD, python), SideRequest(NEW, python))
    return Request(*sides, options=options, verdicts=tmp_path / "verdicts")


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """The gates that were really carried out, each with the verdict of a synthetic one."""
    seen: list[Request] = []

    def carry_out(request: Request, *rest: object) -> Outcome:
        seen.append(request)
        return Outcome(gate(), {name: Records() for name in ("baseline", "candidate", "oracle")})

    monkeypatch.setattr(running, "prepared", lambda *arguments: nullcontext())
    monkeypatch.setattr(running, "_carried_out", carry_out)
    return seen


def run(request: Request) -> Run:
    return run_gate(request, Progress(Console(quiet=True))).run


def test_the_same_gate_is_not_run_again(asked: Request, carried_out: list[Request]) -> None:
    first, second = run(asked), run(asked)
    assert len(carried_out) == 1
    assert second.verdict is first.verdict
    assert second.checks == first.checks
    assert any("nothing was run: this is the verdict of" in line for line in second.warnings)


def test_another_repository_finds_it_in_its_own_words(
    asked: Request, carried_out: list[Request], tmp_path: Path
) -> None:
    run(asked)
    file = tmp_path / "requirements.txt"
    file.write_text(f"{NEW.replace(' ', chr(10))}\nsix==1.16.0\n")
    theirs = replace(asked, candidate=replace(asked.candidate, text=str(file)), fail_on=("break",))
    found = run(theirs)
    assert len(carried_out) == 1
    assert found.candidate.label == str(file)
    assert found.fail_on == ("break",)
    assert {change.name for change in found.packages_changed} >= {"torch", "torchvision"}


def _other_workload(asked: Request, folder: Path) -> Request:
    (folder / "mine.py").write_text((Path(__file__).parent / "workloads" / "toy.py").read_text())
    for module in (Path(__file__).parent / "workloads").glob("toy_*.py"):
        (folder / module.name).write_text(module.read_text())
    return replace(asked, workloads=(find_workload(str(folder / "mine.py")),))


_OTHERS: dict[str, Callable[[Request, Path], Request]] = {
    "version": lambda asked, _: replace(asked, candidate=replace(asked.candidate, text=OLD)),
    "sides swapped": lambda asked, _: replace(asked, baseline=asked.candidate, candidate=asked.baseline),
    "variable": lambda asked, _: replace(asked, candidate=replace(asked.candidate, environment={"X": "1"})),
    "framework": lambda asked, _: replace(asked, frameworks=("pytorch",)),
    "seed": lambda asked, _: replace(asked, seed=1),
    "catalogue": lambda asked, _: replace(asked, catalogue=True),
    "workload": _other_workload,
}


@pytest.mark.parametrize("other", _OTHERS)
def test_another_gate_is_run(asked: Request, carried_out: list[Request], tmp_path: Path, other: str) -> None:
    run(asked)
    run(_OTHERS[other](asked, tmp_path))
    assert len(carried_out) == 2


def test_a_changed_module_of_a_workload_is_another_gate(
    asked: Request, carried_out: list[Request], tmp_path: Path
) -> None:
    own = _other_workload(asked, tmp_path)
    run(own)
    module = next(tmp_path.glob("toy_*.py"))
    module.write_text(module.read_text() + "\n# changed\n")
    run(own)
    assert len(carried_out) == 2


@pytest.mark.parametrize("what", ["cpu_model", "_suite"])
def test_another_processor_or_suite_is_another_gate(
    asked: Request, carried_out: list[Request], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    run(asked)
    monkeypatch.setattr(kept_verdicts, what, lambda: "another")
    run(asked)
    assert len(carried_out) == 2


def test_a_variable_that_frameworks_read_is_part_of_the_gate(
    asked: Request, carried_out: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, runs in (("GITHUB_RUN_ID", 1), ("TF_ENABLE_ONEDNN_OPTS", 2), ("TF2_BEHAVIOR", 3), ("CXX", 4)):
        run(asked)
        monkeypatch.setenv(name, "0")
        run(asked)
        assert len(carried_out) == runs


def test_keras_s_settings_and_the_compiler_are_part_of_the_gate(
    asked: Request, carried_out: list[Request], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".keras").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    run(asked)
    (home / ".keras" / "keras.json").write_text('{"epsilon": 1e-3}', encoding="utf-8")
    run(asked)
    assert len(carried_out) == 2
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text("#!/bin/sh\necho g++ 99\n", encoding="utf-8")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", str(compiler.parent), prepend=os.pathsep)
    run(asked)
    assert len(carried_out) == 3


_NEVER: dict[str, Callable[[Request], Request]] = {
    "speed": lambda asked: replace(asked, speed="quick"),
    "part": lambda asked: replace(asked, only="model"),
    "device": lambda asked: replace(asked, device="cuda"),
    "fault from outside": lambda asked: replace(
        asked, candidate=replace(asked.candidate, environment={"PYTHONPATH": "/somewhere"})
    ),
}


@pytest.mark.parametrize("never", _NEVER)
def test_what_a_key_cannot_cover_is_run_each_time(asked: Request, carried_out: list[Request], never: str) -> None:
    for _ in range(2):
        run(_NEVER[never](asked))
    assert len(carried_out) == 2


def test_an_interpreter_may_change_in_place(asked: Request, carried_out: list[Request]) -> None:
    here = SideRequest(f"python:{sys.executable}")
    for _ in range(2):
        run(replace(asked, baseline=here, candidate=here))
    assert len(carried_out) == 2


def test_a_damaged_verdict_is_made_anew(asked: Request, carried_out: list[Request]) -> None:
    run(asked)
    assert asked.verdicts is not None
    (kept,) = asked.verdicts.iterdir()
    kept.write_bytes(kept.read_bytes()[:-40])
    run(asked)
    run(asked)
    assert len(carried_out) == 2


@pytest.mark.parametrize(("lacking", "kept"), [(False, 1), (True, 0)])
def test_what_could_not_be_observed_is_tried_again(
    asked: Request, monkeypatch: pytest.MonkeyPatch, lacking: bool, kept: int
) -> None:
    failed = make_check(
        Step.TRAIN,
        "observed/train/tensors" if lacking else "losses",
        subjects=("pytorch@candidate",),
        verdict=Verdict.BREAK,
    )
    outcome = Outcome(with_checks(gate(), (failed,)), {name: Records() for name in ("baseline", "candidate", "oracle")})
    monkeypatch.setattr(running, "prepared", lambda *arguments: nullcontext())
    monkeypatch.setattr(running, "_carried_out", lambda *arguments: outcome)
    assert run(asked).exit_status == 1
    assert asked.verdicts is not None
    assert len(list(asked.verdicts.glob("*"))) == kept


@pytest.mark.parametrize(
    ("lacking", "kept"),
    [
        ({"warnings": ("execution plan of pytorch mnist_mlp not compared: no answer",)}, 0),
        ({"not_run": (NotRun("candidate pytorch compiled", "no compiler", workload="mnist_mlp"),)}, 0),
        ({"not_run": (NotRun("pytorch RMSNorm", "absent until 2.4", workload="catalogue"),)}, 1),
    ],
)
def test_what_this_machine_lacks_another_may_have(
    asked: Request, monkeypatch: pytest.MonkeyPatch, lacking: dict[str, Any], kept: int
) -> None:
    outcome = Outcome(replace(gate(), **lacking), {name: Records() for name in ("baseline", "candidate", "oracle")})
    monkeypatch.setattr(running, "prepared", lambda *arguments: nullcontext())
    monkeypatch.setattr(running, "_carried_out", lambda *arguments: outcome)
    run(asked)
    assert asked.verdicts is not None
    assert len(list(asked.verdicts.glob("*"))) == kept


def test_a_directory_that_cannot_be_written_costs_no_verdict(
    asked: Request, carried_out: list[Request], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    console = Console(file=io.StringIO(), width=200)
    outcome = run_gate(replace(asked, verdicts=tmp_path / "file" / "verdicts"), Progress(console))
    assert outcome.run == gate()
    assert isinstance(console.file, io.StringIO)
    assert "the verdict is not kept: [Errno 20] Not a directory" in console.file.getvalue()


def test_environments_are_in_use_for_as_long_as_the_gate(asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def carry_out(request: Request, *rest: object) -> Outcome:
        assert [one.in_use for one in list_cache()] == [True, True]
        return Outcome(gate(), {name: Records() for name in ("baseline", "candidate", "oracle")})

    monkeypatch.setattr(running, "_carried_out", carry_out)
    run(asked)
    assert [one.in_use for one in list_cache()] == [False, False]
