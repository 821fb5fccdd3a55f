"""Loads what another process saved: `python -m reference.catalogue.loading FRAMEWORK DEVICE FAMILY DIRECTORY NAME...`.

For each entry DIRECTORY holds `inputs/<name>.npz` and, under `saved/<name>`, with the ending that its form gives it,
what was saved. Written are `loaded/<name>.npz`, the outputs, or `failed/<name>.json`, what was raised.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reference.catalogue import find
from reference.catalogue.running import described

LIMIT_SECONDS = 300


def in_fresh_process(
    framework: str, device: str, family: str, directory: Path, names: Sequence[str]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, str]]]:
    """The outputs of the entries as a process loads them that has just been started; of those that fail, why.

    An entry that takes its process down with it fails alone, too: the rest are loaded in another process.
    """
    outputs: dict[str, dict[str, np.ndarray]] = {}
    failures: dict[str, dict[str, str]] = {}
    remaining = list(names)
    while remaining:
        end = _process(framework, device, family, directory, remaining)
        for name in remaining:
            if (directory / "loaded" / f"{name}.npz").exists():
                outputs[name] = dict(np.load(directory / "loaded" / f"{name}.npz"))
            elif (directory / "failed" / f"{name}.json").exists():
                failures[name] = json.loads((directory / "failed" / f"{name}.json").read_text(encoding="utf-8"))
        remaining = [name for name in remaining if name not in outputs and name not in failures]
        if remaining:
            failures[remaining.pop(0)] = {"kind": "ProcessEnded", "message": end, "traceback": ""}
    return outputs, failures


def _process(framework: str, device: str, family: str, directory: Path, names: Sequence[str]) -> str:
    """Run a process that loads the entries; returns how it ended."""
    code = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "reference.catalogue.loading", framework, device, family, str(directory), *names]
    try:
        # Started where the code lies, because that is where -m looks first.
        ended = subprocess.run(command, cwd=code, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"the process that loads did not end within {LIMIT_SECONDS} s"
    return f"the process that loads ended with exit status {ended.returncode}: {ended.stderr[-2000:]}"


def main(framework: str, device: str, family: str, directory: str, *names: str) -> None:
    """Load the entries and write what they give."""
    importlib.import_module(f"reference.{framework}.imports").configure(device, 1)
    runner = importlib.import_module(f"reference.{framework}.catalogue")
    for name in names:
        entry = find(family, name)
        inputs = dict(np.load(Path(directory, "inputs", f"{name}.npz")))
        path = str(Path(directory, "saved", name))
        try:
            outputs = runner.loaded_outputs(entry, entry.form(framework), inputs, path)
        except Exception as error:
            failed = Path(directory, "failed", f"{name}.json")
            failed.parent.mkdir(exist_ok=True)
            failed.write_text(json.dumps(described(error)), encoding="utf-8")
        else:
            keep(Path(directory, "loaded", f"{name}.npz"), outputs)


def keep(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name, which may hold slashes."""
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
