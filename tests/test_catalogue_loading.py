"""What a fresh process cannot load is the failure of its own entry alone; what it loads must give the same bits."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conformance.checks import Check, Kind, Verdict
from conformance.contracts import catalogue as contracts
from conformance.worker import stage_code
from tests.catalogue_observations import SCALED, Arrays, case, failing, observed, the

FAMILY = """
from ..drawing import normal
from ..entries import Entry, Family, Form

def entry(name, load):
    return Entry(name, Form("made", load=load), Form("made"), {"x": normal(2)}, kind="saving")

ENTRIES = (
    entry("sound", "x * 2"),
    entry("raises", "x / 0"),
    entry("dies", "__import__('os')._exit(7)"),
    entry("after", "x * 3"),
)
FAMILY = Family("made_up", "Made up", "model", ENTRIES)
"""
FRAMEWORK = """
from reference.catalogue.running import value_of

def loaded_outputs(entry, form, inputs, path):
    with __import__("numpy").errstate(all="raise"):
        return {"output": value_of(form.load, "<load>", {}, **inputs)}
"""
LOAD = """
import json, sys
from pathlib import Path
import numpy as np
from reference.catalogue.loading import in_fresh_process, keep

directory = Path(sys.argv[1])
for name in sys.argv[2:]:
    keep(directory / "inputs" / f"{name}.npz", {"x": np.ones(2, np.float32)})
outputs, failures = in_fresh_process("made_up", "cpu", "made_up", directory, sys.argv[2:])
print(json.dumps([{name: found["output"].tolist() for name, found in outputs.items()}, failures]))
"""


@pytest.fixture
def loaded(tmp_path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Outputs and failures of a family of which two entries cannot be loaded, in a made-up framework."""
    code = stage_code(tmp_path / "code")
    (code / "reference" / "catalogue" / "families" / "made_up.py").write_text(FAMILY)
    framework = code / "reference" / "made_up"
    framework.mkdir()
    (framework / "__init__.py").touch()
    (framework / "imports.py").write_text("def configure(device, threads): pass\n")
    (framework / "catalogue.py").write_text(FRAMEWORK)
    (tmp_path / "kept").mkdir()
    command = [sys.executable, "-c", textwrap.dedent(LOAD), str(tmp_path / "kept"), "sound", "raises", "dies", "after"]
    done = subprocess.run(command, cwd=code, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    outputs, failures = json.loads(done.stdout)
    return outputs, failures


def test_an_entry_that_raises_or_dies_while_it_is_loaded_fails_alone(
    loaded: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    outputs, failures = loaded
    assert outputs == {"sound": [2.0, 2.0], "after": [3.0, 3.0]}
    assert failures["raises"]["kind"] == "FloatingPointError"
    assert "<load>" in failures["raises"]["traceback"]
    assert "exit status 7" in failures["dies"]["message"]
    assert sorted(failures) == ["dies", "raises"]


KEPT = replace(SCALED, kind="saving", oracle=None, divergences=())
ONES = np.ones(2, np.float32)


def checked(saved: Arrays, loaded: Arrays, **facts: Any) -> list[Check]:
    """The checks of an entry without a formula, of which this was saved and that loaded."""
    tensors = {f"Scaled/inference/{name}": array for name, array in saved.items()}
    tensors |= {f"Scaled/loaded/{name}": array for name, array in loaded.items()}
    told = replace(observed("pytorch", replace(KEPT, oracle=SCALED.oracle), **facts), tensors=tensors)
    return list(contracts.entry(case("pytorch", entry=KEPT), told, None))


@pytest.mark.parametrize(
    ("saved", "loaded", "failed"),
    [
        ({"output": ONES}, {"output": ONES}, []),
        ({"output": ONES, "gradient/input/x": ONES}, {"output": ONES}, []),
        ({"output": ONES}, {"output": np.nextafter(ONES, np.float32(2))}, ["loaded/output"]),
        ({"output": ONES, "output/state": ONES}, {"output": ONES}, ["loaded/output/state"]),
        ({"output": ONES}, {"output": ONES, "output/state": ONES}, ["loaded/output/state"]),
        ({"output": ONES}, {}, ["loaded"]),
    ],
)
def test_what_is_loaded_must_give_the_bits_of_what_was_saved(saved: Arrays, loaded: Arrays, failed: list[str]) -> None:
    checks = checked(saved, loaded)
    assert failing(checks) == [f"catalogue/Scaled/{name}" for name in failed]
    names = {f"loaded/{name}" for name in {**loaded, **(saved if loaded else {})} if name.startswith("output")}
    assert {the(name, checks).kind for name in {"loaded", *names}} == {Kind.EXACT}
    assert len(checks) == len(names) + len(["loaded", "repeatable"])


def test_what_is_wrong_with_what_was_loaded_is_told() -> None:
    saved = {"output/first": ONES, "output/second": ONES, "output/third": ONES}
    checks = checked(saved, {"output/first": ONES, "output/second": ONES * 2})
    good = the("loaded/output/first", checks)
    assert (good.verdict, good.elements) == (Verdict.IDENTICAL, 2)
    assert the("loaded/output/second", checks).reason.startswith("output/second: 2 of 2 elements differ")
    assert the("loaded/output/third", checks).reason == "output/third: was not observed"


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"not_loaded": {"kind": "OSError", "message": "no such file", "traceback": ""}}, ": OSError: no such file"),
    ],
)
def test_the_check_of_what_was_not_loaded_says_why(facts: dict[str, Any], why: str) -> None:
    check = the("loaded", checked({"output": ONES}, {}, **facts))
    assert check.verdict is Verdict.BREAK
    assert check.reason == f"the saved component was not loaded in a fresh process{why}"
