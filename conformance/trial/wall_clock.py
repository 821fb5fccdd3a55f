"""A wall clock that can be set for the processes of a run alone; Linux, with a C compiler."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from conformance.ending import NotPossible

_SOURCE = Path(__file__).with_suffix(".c")
_OFFSET_BYTES = 8


class WallClock:
    """A clock that is off by what a file says; `variables` are the environment of the processes that see it."""

    def __init__(self, directory: Path) -> None:
        """Build what is preloaded, in the directory. Raises NotPossible where there is no compiler."""
        library = directory / "wall_clock.so"
        try:
            subprocess.run(
                ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(_SOURCE)],
                check=True,
                capture_output=True,
                text=True,
            )
        except FileNotFoundError as error:
            raise NotPossible(
                "no C compiler is called cc, without which the clock cannot be set: install one"
            ) from error
        except subprocess.CalledProcessError as error:
            raise NotPossible(f"{_SOURCE.name} cannot be compiled: {error.stderr.strip()}") from error
        self._file = directory / "offset"
        self.variables: Mapping[str, str] = {
            "LD_PRELOAD": str(library),
            "CONFORMANCE_CLOCK_OFFSET": str(self._file),
        }

    def put(self, offset: float) -> None:
        """Let the clock be off by so many seconds from now on, rounded to whole ones."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(round(offset).to_bytes(_OFFSET_BYTES, sys.byteorder, signed=True))
