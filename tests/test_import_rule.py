"""Who may import what: one framework in a process, none in pytest's, and old Pythons in the workers."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.subjects import FRAMEWORKS
from conformance.variants import EVALUATE, FASTEST, TRAIN

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"tensorflow": {"tensorflow", "keras"}, "pytorch": {"torch", "torchvision"}}
FRAMEWORK_PACKAGES = {package for packages in PACKAGES.values() for package in packages}
OBSERVER = ROOT / "conformance" / "observer"


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def imported(source: str, package: str = "") -> Iterator[str]:
    """The modules that the source imports, relative ones made absolute; in functions too, and by `import_module`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__", "importorskip") and isinstance(first, ast.Constant):
                yield str(first.value)


def imported_by(path: Path) -> set[str]:
    package = ".".join(path.relative_to(ROOT).parent.parts)
    return set(imported(path.read_text(), package))


def tops(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch.nn", "torch.nn"),
        ("def late():\n    from keras import layers", "keras"),
        ("try:\n    import tensorflow as tf\nexcept ImportError:\n    pass", "tensorflow"),
        ("importlib.import_module('torchvision')", "torchvision"),
        ("pytest.importorskip('torch')", "torch"),
        ("from ..tensorflow import data", "reference.tensorflow"),
        ("from .. import tensorflow", "reference.tensorflow"),
        ("from . import model", "reference.pytorch.model"),
    ],
)
def test_no_way_to_import_escapes_these_tests(source: str, found: str) -> None:
    assert found in set(imported(source, "reference.pytorch"))


def test_no_framework_is_imported_outside_the_references() -> None:
    paths = [path for path in sources("conformance", "tests") if path.parent.name != "workloads"]  # workers run those
    assert len(paths) > 50
    assert {path: found for path in paths if (found := tops(imported_by(path)) & FRAMEWORK_PACKAGES)} == {}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_reference_knows_its_own_framework_alone(framework: str) -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "reference", *PACKAGES[framework]}
    for path in sources(f"reference/{framework}"):
        modules = imported_by(path)
        assert tops(modules) <= allowed, path
        others = {f"reference.{name}" for name in (*FRAMEWORKS, "oracle") if name != framework}
        assert not {".".join(module.split(".")[:2]) for module in modules} & others, path


def test_the_oracle_needs_numpy_and_the_standard_library() -> None:
    for path in sources("reference/oracle"):
        assert tops(imported_by(path)) <= {*sys.stdlib_module_names, "numpy", "reference"}, path


def test_what_workers_share_needs_numpy_and_the_standard_library() -> None:
    shared = [*sorted((ROOT / "reference").glob("*.py")), *sources("reference/data"), *sources("conformance/observer")]
    assert len(shared) > 10
    for path in shared:
        modules = {module.removeprefix("conformance.") for module in imported_by(path)}
        assert tops(modules) <= {*sys.stdlib_module_names, "numpy", "reference", "observer"}, path


def test_only_workers_run_the_references() -> None:
    for path in sources("conformance"):
        if OBSERVER not in path.parents:
            known = {".".join(module.split(".")[:2]) for module in imported_by(path) if tops({module}) == {"reference"}}
            assert not known & {f"reference.{name}" for name in (*FRAMEWORKS, "oracle")}, path


def newer_than_python_3_9(source: str) -> Iterator[str]:
    """What of the source Python 3.9 would not take, as far as can be told without running it."""
    try:
        tree = ast.parse(source, feature_version=(3, 9))
    except SyntaxError as error:
        yield f"line {error.lineno}: {error.msg}"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            newer = {"zip": {"strict"}, "dataclass": {"slots", "kw_only"}}.get(name, set())
            yield from (f"line {node.lineno}: {name}({key.arg}=)" for key in node.keywords if key.arg in newer)
    yield from tops(set(imported(source))) & {"tomllib"}
    annotated = any(isinstance(node, ast.FunctionDef | ast.AnnAssign) for node in ast.walk(tree))
    if annotated and "from __future__ import annotations" not in source:
        yield "annotations that are evaluated"


@pytest.mark.parametrize(
    "newer",
    [
        "match x:\n    case 1: pass",
        "try: pass\nexcept* ValueError: pass",
        "zip(a, b, strict=True)",
        "@dataclass(frozen=True, slots=True)\nclass A: pass",
        "import tomllib",
        "def f(x: int | None): pass",
    ],
)
def test_python_3_9_is_told_from_newer(newer: str) -> None:
    assert list(newer_than_python_3_9(newer))


def test_what_runs_in_workers_parses_on_python_3_9() -> None:
    paths = sources("reference", "conformance/observer")
    assert {path: found for path in paths if (found := list(newer_than_python_3_9(path.read_text())))} == {}


def modules_after(program: str, *interpreter_options: str) -> set[str]:
    """The modules that a fresh interpreter has loaded once it has run the program."""
    program = f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, *interpreter_options, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return tops(set(json.loads(done.stdout)))


HEAVY = {*FRAMEWORK_PACKAGES, "jax", "scipy", "matplotlib", "pandas"}


def test_the_plugin_starts_without_what_is_slow_to_import() -> None:
    loaded = modules_after("import conformance.plugin")
    assert "numpy" in loaded
    assert not loaded & HEAVY


def test_judging_and_gating_import_no_framework() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sources("conformance")
        if OBSERVER not in path.parents and path.name != "__main__.py"
    ]
    loaded = modules_after("import importlib\n" + "\n".join(f"importlib.import_module({name!r})" for name in modules))
    assert not loaded & FRAMEWORK_PACKAGES


def test_the_oracle_loads_no_framework() -> None:
    steps = ("imports", "data", "model", "objective", "train", "evaluate", "ensemble")
    loaded = modules_after("\n".join(f"import reference.oracle.{step}" for step in steps))
    assert not loaded & HEAVY


def variants_of(framework: str) -> dict[str, object]:
    """VARIANTS, DEFAULT and FASTEST as the reference's files write them, read without importing the framework."""
    found: dict[str, object] = {}
    for step in ("train", "evaluate"):
        package = "oracle" if framework == "numpy" else framework
        for node in ast.parse((ROOT / "reference" / package / f"{step}.py").read_text()).body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name == "VARIANTS":
                    assert isinstance(node.value, ast.Dict)
                    found[step] = {ast.literal_eval(key) for key in node.value.keys if key is not None}
                elif name in ("DEFAULT", "FASTEST"):
                    found[f"{step} {name}"] = ast.literal_eval(node.value)
    return found


@pytest.mark.parametrize("framework", [*FRAMEWORKS, "numpy"])
def test_the_table_of_variants_is_what_the_references_offer(framework: str) -> None:
    found = variants_of(framework)
    # The tutorial is a straight program, which the worker wraps; float64 is the oracle's own.
    planned = {variant.name for variant in TRAIN if variant.framework == framework} - {"tutorial"}
    assert planned == found["train"] if framework != "numpy" else planned < found["train"]  # type: ignore[operator]
    assert set(EVALUATE[framework]) == found["evaluate"]
    assert FASTEST[framework] == found["train FASTEST"]
    complete = [variant.name for variant in TRAIN if variant.framework == framework and variant.complete]
    assert complete == [found["train FASTEST" if framework == "numpy" else "train DEFAULT"]]
