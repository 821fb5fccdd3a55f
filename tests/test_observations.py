"""Observation files: written whole or not at all, and never trusted when they are read."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from conformance import observations
from conformance.observations import Key, ObservationUnreadable, ObservationUnwritable
from conformance.observer.messages import FACTS_KEY

KEY = Key("mnist_mlp", "numpy", "train", "float32", 3)
FACTS = {"accuracy": 0.5, "nested": {"list": [1, None, "x"]}}
TENSORS = {
    "train/losses": np.linspace(0, 1, 5, dtype=np.float32),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3), np.int64),
    "transposed": np.arange(6, dtype=np.uint8).reshape(2, 3).T,
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / KEY.file_name


def document(**changes: Any) -> dict[str, Any]:
    return {"schema": observations.SCHEMA, "key": asdict(KEY), "facts": FACTS, **changes}


def file_with(facts: str) -> bytes:
    return save({"x": np.zeros(2)}, {FACTS_KEY: facts})


def raw_file(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps({"__metadata__": {FACTS_KEY: json.dumps(document())}, **header}).encode()
    return struct.pack("<Q", len(text)) + text + data


@contextmanager
def disk_that_takes(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: what a full disk does, without filling one."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_is_written_is_read(path: Path) -> None:
    observations.write(path, KEY, FACTS, TENSORS)
    found = observations.read(path)
    assert (found.key, found.facts) == (KEY, FACTS)
    assert list(found.tensors) == sorted(TENSORS)
    assert len(found.tensors) == len(TENSORS)
    for name, array in TENSORS.items():
        assert found.tensors[name].dtype == array.dtype
        np.testing.assert_array_equal(found.tensors[name], array, strict=True)
    with pytest.raises(KeyError, match="no such"):
        found.tensors["no such"]


def test_other_readers_of_safetensors_read_it(path: Path) -> None:
    observations.write(path, KEY, FACTS, TENSORS)
    assert {name: array.shape for name, array in load_file(path).items()} == {
        name: array.shape for name, array in TENSORS.items()
    }


def test_every_key_has_a_file_name_of_its_own() -> None:
    keys = [
        KEY,
        Key("mnist_mlp", "numpy", "train", "float32", 4),
        Key("mnist_mlp", "numpy", "train", "float32", 3, "cuda"),
    ]
    assert len({key.file_name for key in keys}) == len(keys)
    assert Key("w", "numpy", "data").file_name == "w.numpy.data.default.0.cpu.safetensors"


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_truncated_file_is_unreadable(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("truncated") / "observation.safetensors"
    observations.write(path, KEY, FACTS, TENSORS)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ObservationUnreadable, match=r"^observation.safetensors cannot be read as an observation: "):
        observations.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (file_with(json.dumps(document(schema=99))), "has schema 99 and this version reads schema 2: record it again"),
        (file_with(json.dumps(document(schema=None))), "has schema None"),
        (save({"x": np.zeros(2)}), "holds tensors but no observation's facts"),
        (save({"x": np.zeros(2)}, {"other": "{}"}), "holds tensors but no observation's facts"),
        (file_with("{"), "no observation's facts"),
        (file_with("[]"), "no observation's facts"),
        (file_with('{"schema": 1}'), "no observation's facts"),
        (file_with("[" * 100_000), "no observation's facts"),
        (file_with(json.dumps(document(facts=[1]))), "no observation's facts"),
        (file_with(json.dumps(document(facts=None))), "no observation's facts"),
        (file_with(json.dumps(document(key=[1]))), "no observation's facts"),
        (file_with(json.dumps(document(key={}))), "filed under a malformed key"),
        (file_with(json.dumps(document(key={**asdict(KEY), "seed": "3"}))), "filed under a malformed key"),
        (file_with(json.dumps(document(key={**asdict(KEY), "variant": ["x"]}))), "filed under a malformed key"),
        (file_with(json.dumps(document(key={**asdict(KEY), "more": "x"}))), "filed under a malformed key"),
        (b"", "cannot be read as an observation"),
        (b"no safetensors at all, only words", "cannot be read as an observation"),
        (pickle.dumps(document()), "cannot be read as an observation"),
        (struct.pack("<Q", 1 << 60) + b"{}", "cannot be read as an observation"),
        (
            raw_file({"x": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}, bytes(8)),
            "cannot be read as an observation",
        ),
        (
            raw_file(
                {
                    "x": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                    "y": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]},
                },
                bytes(8),
            ),
            "cannot be read as an observation",
        ),
    ],
)
def test_a_file_that_is_no_observation_is_named_with_its_fault(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ObservationUnreadable, match=message) as refused:
        observations.read(path)
    assert str(refused.value).startswith(path.name)
    assert len(str(refused.value).splitlines()) == 1


def test_a_dtype_that_numpy_lacks_is_refused_when_it_is_read(path: Path) -> None:
    path.write_bytes(raw_file({"x": {"dtype": "F8_E5M2", "shape": [4], "data_offsets": [0, 4]}}, bytes(4)))
    found = observations.read(path)
    with pytest.raises(ObservationUnreadable, match=rf"^{path.name}: tensor 'x' cannot be read"):
        found.tensors["x"]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None], ids=["a directory", "nothing"])
def test_what_is_no_file_is_unreadable(path: Path, make: Any) -> None:
    make(path)
    with pytest.raises(ObservationUnreadable, match=f"^{path.name} cannot be read as an observation"):
        observations.read(path)


def test_a_directory_is_read_whole_and_its_bad_file_is_named(tmp_path: Path) -> None:
    other = Key("mnist_mlp", "numpy", "data")
    for key in (KEY, other):
        observations.write(tmp_path / key.file_name, key, FACTS, TENSORS)
    (tmp_path / "x.safetensors.1234.part").write_bytes(b"half")
    (tmp_path / "x.safetensors.failed.json").write_text("{}")
    assert set(observations.read_all(tmp_path)) == {KEY, other}
    (tmp_path / "zz.safetensors").write_bytes(b"bad")
    with pytest.raises(ObservationUnreadable, match=r"^zz.safetensors"):
        observations.read_all(tmp_path)


def test_a_disk_that_fills_leaves_the_former_file_and_one_clear_line(path: Path) -> None:
    observations.write(path, KEY, FACTS, TENSORS)
    with disk_that_takes(2000), pytest.raises(ObservationUnwritable) as refused:
        observations.write(path, KEY, {}, {"x": np.zeros(1000)})
    assert f"{path} cannot be written (File too large): free some space there, or set TMPDIR" in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert observations.read(path).facts == FACTS


def test_what_cannot_be_kept_leaves_the_former_file(path: Path) -> None:
    observations.write(path, KEY, FACTS, TENSORS)
    with pytest.raises(TypeError, match="'z' has dtype complex128"):
        observations.write(path, KEY, {}, {"x": np.zeros(3), "z": np.zeros(3, complex)})
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    assert observations.read(path).facts == FACTS


def test_a_directory_that_is_not_there_gives_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(
        ObservationUnwritable, match=r"cannot be written \(No such file or directory\): free some space"
    ):
        observations.write(tmp_path / "none" / "x.safetensors", KEY, FACTS, TENSORS)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_gives_one_clear_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ObservationUnwritable, match=r"cannot be written \(Permission denied\)"):
        observations.write(tmp_path / "x.safetensors", KEY, FACTS, TENSORS)
    tmp_path.chmod(0o700)
