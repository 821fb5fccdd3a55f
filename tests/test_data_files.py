"""The embedded MNIST is what it says it is, and damage to it is named before any framework reads it."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import reference
from reference.data import CHECKSUMS, DIRECTORY, DataError, find_fashion, unpack, verify

LAST = "t10k-labels-idx1-ubyte.gz"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def garble(path: Path) -> None:
    path.write_bytes(b"not gzip at all")


def damage_inside(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def change_a_label(path: Path) -> None:
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DIRECTORY, tmp_path / "mnist"))


def test_embedded_files_are_sound() -> None:
    verify(DIRECTORY)


def test_unpacked_files_have_the_published_checksums(tmp_path: Path) -> None:
    unpack(DIRECTORY, str(tmp_path))
    written = {
        f"{path.name}.gz": hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "MNIST/raw").iterdir()
    }
    assert written == CHECKSUMS["mnist"]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "is missing"),
        (cut, "is truncated"),
        (garble, "is not sound gzip"),
        (damage_inside, "is not sound gzip|has the wrong checksum"),
        (change_a_label, "has the wrong checksum"),
    ],
)
@pytest.mark.parametrize("read", ["verify", "unpack"])
def test_damage_is_named_in_one_line_with_a_remedy(
    copy: Path, tmp_path: Path, damage: Callable[[Path], None], reason: str, read: str
) -> None:
    damage(copy / LAST)
    with pytest.raises(DataError, match=f"{re.escape(LAST)} ({reason}).*; restore") as caught:
        verify(str(copy)) if read == "verify" else unpack(str(copy), str(tmp_path))
    assert "\n" not in str(caught.value)


def test_another_data_set_is_refused() -> None:
    with pytest.raises(DataError, match=r"train-images.*wrong checksum"):
        verify(DIRECTORY, "fashion_mnist")


def test_fashion_mnist_is_sound_where_it_is_installed() -> None:
    directory = find_fashion()
    if directory is None:
        pytest.skip("Fashion-MNIST is neither installed as Debian's dataset-fashion-mnist nor in Keras's cache")
    verify(directory, "fashion_mnist")
    with pytest.raises(DataError, match="wrong checksum"):
        verify(directory, "mnist")


@pytest.mark.parametrize("words", [["--epochs", "0"], ["--epochs", "-1"], ["--epochs", "many"]])
def test_the_six_steps_refuse_epochs_that_are_none(words: list[str]) -> None:
    done = six_steps(Path(reference.__path__[0]).parent, *words)
    assert done.returncode == 2
    assert "--epochs" in done.stderr.splitlines()[-1]


def test_the_six_steps_name_a_damaged_file_in_one_line(tmp_path: Path) -> None:
    shutil.copytree(reference.__path__[0], tmp_path / "reference")
    damaged = tmp_path / "reference" / "data" / "mnist" / "train-labels-idx1-ubyte.gz"
    damaged.unlink()
    damaged.mkdir()
    done = six_steps(tmp_path)
    assert done.returncode == 1
    remedy = "restore reference/data/mnist from the repository"
    assert done.stderr == f"{damaged} cannot be read (Is a directory); {remedy}\n"


def six_steps(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m reference.oracle` with the code that lies in `place`."""
    command = [sys.executable, "-P", "-m", "reference.oracle", *words]
    variables = {**os.environ, "PYTHONPATH": str(place)}
    return subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True, check=False)
