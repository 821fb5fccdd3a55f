"""Native runs train by the first of their variants that this machine can run."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.observations import Key
from conformance.requests import request_for
from conformance.subjects import Subject
from conformance.variants import NATIVE, TRAIN
from conformance.worker import Worker, stage_code
from reference.workloads import MNIST_MLP

SHORT = replace(MNIST_MLP, name="short", epochs=1)


def test_every_native_variant_is_one_that_is_checked_on_its_own() -> None:
    for framework, names in NATIVE.items():
        assert set(names) <= {variant.name for variant in TRAIN if variant.framework == framework}


@pytest.mark.full
@pytest.mark.parametrize(
    ("compiler", "variant"),
    [
        pytest.param(
            "",
            "compiled",
            marks=pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler to be used"),
        ),
        ("no-such-compiler", "tensors"),
    ],
)
def test_without_a_compiler_the_loop_that_needs_none(tmp_path: Path, compiler: str, variant: str) -> None:
    environment = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), **({"CXX": compiler} if compiler else {})}
    request = request_for(Key(SHORT.name, "pytorch", "native", "glorot"), SHORT)
    subject = Subject("pytorch", sys.executable, environment=environment)
    with Worker(subject, stage_code(tmp_path / "code"), tmp_path / "stderr") as worker:
        observed = worker.request(request.operation, {**request.arguments, "seeds": [0]}, request.tensors)
    assert observed.facts["variant"] == variant
    assert observed.tensors["native/predictions"].shape == (1, 10_000)
