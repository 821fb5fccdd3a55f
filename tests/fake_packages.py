"""Wheels of a few hundred bytes that look like frameworks to a resolver, and an index that offers them."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path

TODAY: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("numpy", "1.26.4", ()),
    ("numpy", "2.0.0", ()),
    ("keras", "2.15.0", ()),
    ("keras", "3.1.0", ("numpy", "namex")),
    ("namex", "0.1", ()),
    ("estimator", "2.15.0", ()),
    ("tensorflow-cpu", "2.15.1", ("keras<2.16", "numpy<2", "estimator")),
    ("tensorflow-cpu", "2.16.2", ("keras>=3", "numpy")),
    ("tensorflow-cpu", "2.17.0rc1", ("keras>=3", "numpy")),
    ("torch", "2.14.1", ()),
    ("torch", "2.15.0", ()),
    ("torch", "2.16.0.dev1", ()),
    ("torchvision", "0.2.0", ("torch",)),
    ("torchvision", "0.29.1", ("torch==2.14.1", "numpy")),
    ("torchvision", "0.29.2", ("torch==2.15.0", "numpy")),
    ("torchvision", "0.30.0.dev1", ("torch==2.16.0.dev1", "numpy")),
    ("six", "1.16.0", ()),
    ("six", "1.17.0", ()),
)
"""Name, version and requirements of what the fake index offers; the shapes are those of the real packages."""


def make_wheel(
    directory: Path,
    name: str,
    version: str,
    requires: Iterable[str] = (),
    *,
    tag: str = "py3-none-any",
    size: int = 0,
) -> Path:
    """Write a wheel with one module and at least `size` bytes, and return its path."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {
        f"{module}/__init__.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": "\n".join(metadata) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    files[f"{module}/data"] = "x" * size
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    directory.mkdir(parents=True, exist_ok=True)
    wheel = directory / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def digest(path: Path) -> str:
    """A file's hash as requirements files write it."""
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def make_index(root: Path, packages: Iterable[tuple[str, str, tuple[str, ...]]] = TODAY) -> str:
    """Write the wheels and a PEP 503 index over them under `root`; returns the index's address."""
    files = [make_wheel(root / "files", name, version, requires) for name, version, requires in packages]
    return index_over(root, files)


def index_over(root: Path, files: Iterable[Path], attributes: str = "") -> str:
    """Write PEP 503 pages for the files, whose names tell their packages; returns the index's address."""
    pages: dict[str, list[str]] = {}
    for file in files:
        name = file.name.split("-")[0].replace("_", "-")
        link = f'<a href="{file.as_uri()}#{digest(file).replace(":", "=")}"{attributes}>{file.name}</a>'
        pages.setdefault(name, []).append(link)
    for name, links in pages.items():
        page = root / "simple" / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<!DOCTYPE html><html><body>\n" + "\n".join(links) + "\n</body></html>\n")
    return (root / "simple").as_uri()
