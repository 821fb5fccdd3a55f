"""Loads what another process saved: `python -m reference.catalogue.loading FRAMEWORK DEVICE FAMILY DIRECTORY NAME...`.

For each entry DIRECTORY holds `inputs/<name>.npz` and, under `saved/<name>`, with the ending that its form gives it,
what was saved; `loaded/<name>.npz` is written, the outputs.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reference.catalogue import find

LIMIT_SECONDS = 300


def in_fresh_process(
    framework: str, device: str, family: str, directory: Path, names: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    """The outputs of the entries as a process loads them that has just been started.

    Raises RuntimeError with the end of what it said where it fails.
    """
    code = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "reference.catalogue.loading", framework, device, family, str(directory), *names]
    # Started where the code lies, because that is where -m looks first.
    ended = subprocess.run(command, cwd=code, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    if ended.returncode:
        raise RuntimeError(f"the process that loads ended with exit status {ended.returncode}: {ended.stderr[-2000:]}")
    return {name: dict(np.load(directory / "loaded" / f"{name}.npz")) for name in names}


def main(framework: str, device: str, family: str, directory: str, *names: str) -> None:
    """Load the entries and write what they give."""
    importlib.import_module(f"reference.{framework}.imports").configure(device, 1)
    runner = importlib.import_module(f"reference.{framework}.catalogue")
    for name in names:
        entry = find(family, name)
        inputs = dict(np.load(Path(directory, "inputs", f"{name}.npz")))
        path = str(Path(directory, "saved", name))
        outputs = runner.loaded_outputs(entry, entry.form(framework), inputs, path)
        keep(Path(directory, "loaded", f"{name}.npz"), outputs)


def keep(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name, which may hold slashes."""
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
