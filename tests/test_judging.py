"""What a machine lacks, told from what one side of a gate cannot do; and what a gate clears away."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.cases import Case
from conformance.gate import running
from conformance.gate.judging import _failures, not_run
from conformance.gate.records import Records
from conformance.gate.request import SIDES
from conformance.observations import Key
from conformance.worker import ObservationFailed
from reference.workloads import MNIST_MLP

COMPILED = Key("mnist_mlp", "pytorch", "train", "compiled")
NO_COMPILER = ObservationFailed("InvalidCxxCompiler", "No working C++ compiler found", "")


@pytest.mark.parametrize(
    ("failing", "absent", "breaks"), [(SIDES, 2, 0), (("candidate",), 0, 1), (("baseline",), 0, 1)]
)
def test_a_machine_lacks_what_neither_side_finds(failing: tuple[str, ...], absent: int, breaks: int) -> None:
    records = {name: Records() for name in (*SIDES, "oracle")}
    for name in failing:
        records[name].failed[COMPILED] = NO_COMPILER
    assert len(not_run(records)) == absent
    found = [
        check for side in SIDES for check in _failures(Case(MNIST_MLP, "pytorch", seed=0, side=side), side, records)
    ]
    assert [check.contract for check in found] == ["observed/train/compiled"] * breaks
    assert all(check.failed and "No working C++ compiler" in check.reason for check in found)


def test_a_gate_removes_its_own_observations_alone(tmp_path: Path) -> None:
    own, recorded = tmp_path / "baseline" / "old.safetensors", tmp_path / "recorded.safetensors"
    for file in (own, recorded):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    running._clear(tmp_path)
    assert recorded.exists()
    assert not own.exists()
