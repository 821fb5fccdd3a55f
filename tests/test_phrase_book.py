"""The two frameworks' files read side by side: same functions, same arguments, same order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[1] / "reference"
STEPS = ("imports", "data", "model", "objective", "train", "evaluate", "tutorial")


def functions(framework: str, step: str) -> dict[str, list[str]]:
    """Public function -> names of its arguments, in the file's order."""
    tree = ast.parse((REFERENCE / framework / f"{step}.py").read_text(encoding="utf-8"))
    return {
        node.name: [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }


@pytest.mark.parametrize("step", STEPS)
def test_shared_functions_agree_in_order_and_arguments(step: str) -> None:
    tensorflow, pytorch = functions("tensorflow", step), functions("pytorch", step)
    shared = [name for name in tensorflow if name in pytorch]
    assert shared == [name for name in pytorch if name in tensorflow]
    assert {name: tensorflow[name] for name in shared} == {name: pytorch[name] for name in shared}


@pytest.mark.parametrize(
    ("step", "tensorflow_alone", "pytorch_alone"),
    [
        ("imports", set(), {"device"}),
        ("data", set(), {"torchvision_dataset"}),
        ("model", set(), set()),
        ("objective", set(), set()),
        ("tutorial", set(), set()),
    ],
)
def test_no_function_lacks_its_counterpart(step: str, tensorflow_alone: set[str], pytorch_alone: set[str]) -> None:
    tensorflow, pytorch = set(functions("tensorflow", step)), set(functions("pytorch", step))
    assert tensorflow - pytorch == tensorflow_alone
    assert pytorch - tensorflow == pytorch_alone


@pytest.mark.parametrize("path", sorted(REFERENCE.rglob("*.py")), ids=lambda path: str(path.relative_to(REFERENCE)))
def test_workers_of_old_interpreters_can_parse_it(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
