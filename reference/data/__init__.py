"""MNIST and Fashion-MNIST as they were published: four gzip-compressed IDX files each.

The files are verified before anyone reads them; reading them is left to each framework. Standard library only.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

DIRECTORY = str(Path(__file__).parent / "mnist")  # the complete MNIST, embedded

FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}  # what torchvision calls them

FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}

# SHA-256 of the unpacked files: gzip's own bytes differ from one packer to the next.
CHECKSUMS = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "train-labels-idx1-ubyte.gz": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "t10k-images-idx3-ubyte.gz": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "t10k-labels-idx1-ubyte.gz": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
}

_REMEDIES = {
    "mnist": "restore reference/data/mnist from the repository",
    "fashion_mnist": "delete it and install Debian's dataset-fashion-mnist, or download the data set again",
}


class DataError(ValueError):
    """A data file is missing, damaged, or not the one expected; the message names file, reason and remedy."""


def verify(directory: str, dataset: str = "mnist") -> None:
    """Check the four files in `directory` against the SHA-256 of `dataset` ("mnist" or "fashion_mnist").

    Raises DataError for the first file that is missing, truncated, not gzip, or has another content.
    """
    for name in CHECKSUMS[dataset]:
        for _ in _unpacked(directory, name, dataset):
            pass


def unpack(directory: str, root: str, dataset: str = "mnist") -> None:
    """Verify the four files in `directory` and write them unpacked to ROOT/MNIST/raw or ROOT/FashionMNIST/raw.

    torchvision looks for them there. Raises DataError as `verify` does.
    """
    raw = Path(root, FOLDERS[dataset], "raw")
    raw.mkdir(parents=True, exist_ok=True)
    for name in CHECKSUMS[dataset]:
        with (raw / name[: -len(".gz")]).open("wb") as file:
            file.writelines(_unpacked(directory, name, dataset))


def find_fashion() -> str | None:
    """The first directory that holds all four files of Fashion-MNIST: Debian's package, or Keras's cache."""
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")  # Path.expanduser raises without a home
    for directory in (Path("/usr/share/datasets/fashion-mnist"), Path(home, "datasets", "fashion-mnist")):
        if all((directory / name).is_file() for name in CHECKSUMS["fashion_mnist"]):
            return str(directory)
    return None


def _unpacked(directory: str, name: str, dataset: str) -> Iterator[bytes]:
    """The content of one file in pieces; DataError at the end where its SHA-256 is not the expected one."""
    path = Path(directory, name)
    digest = hashlib.sha256()
    reason = None
    try:
        with gzip.open(path) as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                yield piece
    except EOFError:
        reason = "is truncated"
    except (gzip.BadGzipFile, zlib.error) as error:
        reason = f"is not sound gzip ({error})"
    except FileNotFoundError:
        reason = "is missing"
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
    if reason is None and digest.hexdigest() != CHECKSUMS[dataset][name]:
        reason = f"has the wrong checksum (unpacked SHA-256 {digest.hexdigest()})"
    if reason is not None:
        raise DataError(f"{path} {reason}; {_REMEDIES[dataset]}")
