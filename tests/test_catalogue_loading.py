"""What a fresh process cannot load is the failure of its own entry alone."""

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

from conformance.catalogue.cases import entry_case
from conformance.checks import Verdict
from conformance.contracts import catalogue as contracts
from conformance.observations import Key, Observation
from conformance.worker import stage_code
from reference.catalogue.drawing import normal
from reference.catalogue.entries import Entry, Family, Form

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


def test_the_check_of_what_was_not_loaded_says_why() -> None:
    entry = Entry("Kept", Form("make()"), Form("make()"), {"x": normal(2)}, gradients=(), kind="saving")
    entry = replace(entry, oracle=lambda a, x: x * 2.0)
    case = entry_case(Family("made-up", "Made up", "model", (entry,)), entry, "pytorch", partner="")
    output = np.ones(2, np.float32)
    mode = {"calls": 20, "different": [], "constant": [], "dtypes": {"output": "float32"}}
    key = Key("catalogue", "pytorch", "catalogue", "made-up")

    def checked(**facts: Any) -> dict[str, Any]:
        tensors = {"Kept/inference/output": output} | ({} if facts else {"Kept/loaded/output": output})
        told = {"entries": {"Kept": {"shipped": {}, "modes": {"inference": mode}, **facts}}}
        found = contracts.entry(case, Observation(key, told, tensors), None)
        return {check.contract: check for check in found}

    assert checked()["catalogue/Kept/loaded"].verdict is Verdict.IDENTICAL
    error = {"kind": "OSError", "message": "no such file", "traceback": ""}
    broken = checked(not_loaded=error)["catalogue/Kept/loaded"]
    assert broken.verdict is Verdict.BREAK
    assert "OSError: no such file" in broken.reason
