"""The environments of real frameworks: what moves with them, and that they hold what they say."""

from __future__ import annotations

import subprocess

import pytest

from conformance.environments import Change, build, packages_changed, parse_side, resolve

pytestmark = pytest.mark.environments


def test_tensorflow_2_16_brings_keras_3_and_keeps_numpy() -> None:
    old, new = resolve(
        parse_side("tensorflow-cpu==2.15.1", python="3.11"), parse_side("tensorflow-cpu==2.16.2", python="3.11")
    )
    changes = {change.name: change for change in packages_changed(old, new)}
    assert changes["tensorflow-cpu"] == Change("tensorflow-cpu", "2.15.1", "2.16.2", "named")
    assert (changes["keras"].baseline, changes["keras"].kind) == ("2.15.0", "forced")
    assert str(changes["keras"].candidate).startswith("3.")
    assert "numpy" not in changes
    environments = [build(lock) for lock in (old, new)]
    for environment in environments:
        code = "import keras, numpy; print(keras.__version__, numpy.__version__)"
        said = subprocess.run([environment.interpreter, "-c", code], capture_output=True, text=True, check=True)
        assert said.stdout.split()[-2:] == [environment.packages["keras"], environment.packages["numpy"]]
        assert "pytest" not in environment.packages
    assert not any(build(lock).built for lock in (old, new))


def test_torch_moves_with_its_torchvision_and_its_libraries() -> None:
    old, new = resolve(parse_side("torch==2.14.1 torchvision==0.29.1"), parse_side("torch==2.15.0 torchvision==0.29.2"))
    changes = packages_changed(old, new)
    assert [change.name for change in changes if change.kind == "named"] == ["torch", "torchvision"]
    assert "numpy" not in {change.name for change in changes}
    code = "import torch, torchvision; print(torch.__version__.split('+')[0])"
    said = [
        subprocess.run([build(lock).interpreter, "-c", code], capture_output=True, text=True, check=True).stdout
        for lock in (old, new)
    ]
    assert said == ["2.14.1\n", "2.15.0\n"]
