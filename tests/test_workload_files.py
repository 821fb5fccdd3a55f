"""Workloads from outside: found by file or entry point, and refused in one line that says what is wrong where."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance import Workload
from conformance.cases import Case
from conformance.observations import Key
from conformance.requests import DataMissing, request_for
from conformance.workload_files import WorkloadUnusable, find_workload
from reference.workloads import FASHION_MLP, MNIST_MLP

TOY = Path(__file__).with_name("workloads") / "toy.py"

DERIVED = """\
from dataclasses import dataclass, replace
from reference.workloads import MNIST_MLP, Workload
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mine.py"


def test_the_built_in_ones() -> None:
    assert find_workload("mnist_mlp") is MNIST_MLP
    assert find_workload("fashion_mlp") is FASHION_MLP


def test_a_file() -> None:
    workload = find_workload(str(TOY))
    assert workload.name == "toy"
    assert workload.modules == {"pytorch": str(TOY.with_name("toy_pytorch.py"))}
    assert sum(parameter.shape[0] * parameter.shape[-1] for parameter in workload.parameters[::2]) == 784 * 8 + 8 * 10


def test_a_workload_survives_its_journey_to_the_worker() -> None:
    workload = find_workload(str(TOY))
    assert Workload.from_dict(workload.as_dict()) == workload


def test_a_workload_derived_from_a_built_in_one(file: Path) -> None:
    file.write_text(
        "from __future__ import annotations\n"
        f"{DERIVED}\n"
        "@dataclass\nclass Note:\n    text: str\n\n"
        "WIDE = replace(MNIST_MLP, name='wide', hidden_units=20)\nALSO = WIDE\n"
    )
    assert find_workload(str(file)).hidden_units == 20


def test_a_dotted_module_is_left_as_it_is(file: Path) -> None:
    file.write_text(f"{DERIVED}\nX = replace(MNIST_MLP, name='x', modules={{'tensorflow': 'my_package.steps'}})\n")
    assert find_workload(str(file)).modules == {"tensorflow": "my_package.steps"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist_mpl", "unknown workload 'mnist_mpl': did you mean mnist_mlp?"),
        ("fashon_mlp", "did you mean fashion_mlp?"),
        ("resnet", "unknown workload 'resnet': known are fashion_mlp, mnist_mlp, or give a path ending in .py"),
        ("missing.py", "workload file missing.py: no such file"),
    ],
)
def test_a_name_that_is_none(name: str, message: str) -> None:
    with pytest.raises(WorkloadUnusable) as refused:
        find_workload(name)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = = 2\n", "mine.py, line 2: SyntaxError: invalid syntax"),
        ("x = 1\n\nimport no_such_package\n", "line 3: ModuleNotFoundError: No module named 'no_such_package'"),
        ("def f():\n    return 1 / 0\n\nf()\n", "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('bye')\n", "line 2: SystemExit: bye"),
        ("raise ValueError('first line\\nsecond line')", "line 1: ValueError: first line"),
        ("x = 1\0", "mine.py: SyntaxError: source code string cannot contain null bytes"),
        ("", "mine.py defines 0 workloads at its top level: define one"),
        (f"{DERIVED}", "defines 0 workloads"),
        (
            f"{DERIVED}\nA = replace(MNIST_MLP, name='a')\nB = replace(MNIST_MLP, name='b')\n",
            "mine.py defines 2 workloads at its top level: define one",
        ),
        (
            f"{DERIVED}\nA = replace(MNIST_MLP, name='a', modules={{'pytorch': 'gone.py'}})\n",
            "workload 'a': its pytorch module {}/gone.py does not exist",
        ),
        (f"{DERIVED}\nA = replace(MNIST_MLP, epochs=2)\n", "its name 'mnist_mlp' is that of a built-in workload"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='../a')\n", "its name '../a' must be of letters, digits and _ alone"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='')\n", "its name '' must be of letters"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', batch_size=0)\n", "its batch_size is 0: give a whole number"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', epochs=1.5)\n", "its epochs is 1.5: give a whole number"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', modules={{}})\n", "its modules name no framework: give"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', modules={{'jax': 'x'}})\n", "its modules name 'jax': give a"),
        ("from conformance import Workload\nA = Workload(name='a')\n", "line 2: TypeError: "),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name=3)\n", "its name 3 must be of letters, digits and _ alone"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', epochs=True)\n", "its epochs is True: give a whole number"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', dataset=['a'])\n", "its dataset is ['a']: give a name"),
        (
            f"{DERIVED}\nA = replace(MNIST_MLP, name='a', learning_rate='x')\n",
            "its learning_rate is 'x': give a",
        ),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', learning_rate=1e999)\n", "its learning_rate is inf: give a"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', accuracy_threshold=None)\n", "its accuracy_threshold is None"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', image_shape=28)\n", "its image_shape is 28: give height and"),
        (
            f"{DERIVED}\nA = replace(MNIST_MLP, name='a', parameters=None)\n",
            "its parameters are a NoneType: give",
        ),
        (
            f"{DERIVED}\nfrom conformance import Parameter\n"
            "A = replace(MNIST_MLP, name='a', parameters=(Parameter('a/kernel', (2, 3), 'he_normal', {}),))\n",
            "its parameter a/kernel starts by 'he_normal': give glorot_uniform or zeros",
        ),
        (
            f"{DERIVED}\nfrom conformance import Parameter\n"
            "A = replace(MNIST_MLP, name='a', parameters=(Parameter('a/bias', (3,), 'glorot_uniform', {}),))\n",
            "its parameter a/bias has one axis, so no Glorot law",
        ),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', modules=['x'])\n", "its modules are ['x']: map each framework"),
        (f"{DERIVED}\nA = replace(MNIST_MLP, name='a', modules={{'pytorch': 1}})\n", "map each framework to a module"),
    ],
)
def test_a_file_that_cannot_be_used(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(WorkloadUnusable) as refused:
        find_workload(str(file))
    assert message.format(file.parent) in str(refused.value)
    assert str(file) in str(refused.value) or "workload 'a'" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_comes_to_no_end(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.workload_files.IMPORT_LIMIT_SECONDS", 0.2)
    file.write_text("import threading\n\nthreading.Event().wait()\n")
    message = r"mine.py, line 3: it was still running after 0.2 s: leave to functions what takes long"
    with pytest.raises(WorkloadUnusable, match=message):
        find_workload(str(file))


def test_an_error_elsewhere_names_the_line_that_led_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(file.parent))
    (file.parent / "helper_of_mine.py").write_text("\n\n\nx = = 1\n")
    file.write_text("import math\nimport helper_of_mine\n")
    with pytest.raises(WorkloadUnusable, match=r"mine.py, line 2: SyntaxError"):
        find_workload(str(file))


def install(directory: Path, monkeypatch: pytest.MonkeyPatch, entry: str, module: str) -> None:
    """Lay out an installed distribution with one workload among its entry points."""
    monkeypatch.syspath_prepend(str(directory))
    monkeypatch.delitem(sys.modules, "their_workloads", raising=False)
    info = directory / "their_workloads-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-workloads\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[conformance.workloads]\n{entry}\n")
    (directory / "their_workloads.py").write_text(module)


def test_an_installed_package_s_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "theirs = their_workloads:W", f"{DERIVED}\nW = replace(MNIST_MLP, name='theirs')\n")
    assert find_workload("theirs") == replace(MNIST_MLP, name="theirs")
    with pytest.raises(WorkloadUnusable, match=r"did you mean theirs\?"):
        find_workload("their")


@pytest.mark.parametrize(
    ("entry", "module", "message"),
    [
        ("bad = their_workloads:W", "W = 5", "workload 'bad': its entry point gives a int, no Workload"),
        (
            "bad = their_workloads:W",
            "",
            "workload 'bad': its entry point their_workloads:W cannot be loaded: Attribute",
        ),
        ("bad = no_such_module:W", "", "cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"),
        ("bad = their_workloads:W", f"{DERIVED}\nW = replace(MNIST_MLP, name='a/b')", "must be of letters, digits"),
    ],
)
def test_an_entry_point_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, module: str, message: str
) -> None:
    install(tmp_path, monkeypatch, entry, module)
    with pytest.raises(WorkloadUnusable) as refused:
        find_workload("bad")
    assert message in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("workload", "expected"),
    [(str(TOY), "toy-pytorch-without-oracle-cpu"), ("mnist_mlp", "mnist_mlp-pytorch-vs-oracle-cpu")],
)
def test_a_test_that_has_no_oracle_is_not_named_by_one(workload: str, expected: str) -> None:
    assert Case(find_workload(workload), "pytorch", partner="oracle").id == expected


def test_a_data_set_of_ones_own_needs_no_directory_of_ours() -> None:
    own = replace(find_workload(str(TOY)), dataset="irises")
    assert request_for(Key("toy", "pytorch", "data"), own).arguments["data_directory"] == ""


def test_a_download_without_a_place_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CONFORMANCE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataMissing, match=r"cannot be made \(Not a directory\): set CONFORMANCE_CACHE") as refused:
        request_for(Key("mnist_mlp", "pytorch", "data"), MNIST_MLP, "download")
    assert len(str(refused.value).splitlines()) == 1
