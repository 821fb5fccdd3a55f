"""What oneDNN says that it ran: the lines that it prints where ONEDNN_VERBOSE is set, read back."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager
from typing import Any

_MARK = "onednn_verbose,"
_DTYPE = re.compile(r"\bsrc(?:_\w+)?[:_]([a-z]+\d+(?:_e\d+m\d+)?)\b")
_FUSED = re.compile(r"attr-post-ops:(\S+)")
_STDOUT = 1


@contextmanager
def printed() -> Any:
    """Collect what this process prints to its stdout, C libraries included: a list that is full at the end."""
    lines: list[str] = []
    kept = os.dup(_STDOUT)
    with tempfile.TemporaryFile() as file:
        _flush()
        os.dup2(file.fileno(), _STDOUT)
        try:
            yield lines
        finally:
            _flush()
            os.dup2(kept, _STDOUT)
            os.close(kept)
            file.seek(0)
            lines += file.read().decode(errors="replace").splitlines()


def primitives(lines: Iterable[str]) -> dict[str, int]:
    """How often each primitive ran, by its name, implementation, dtype of its source, and what is fused into it.

    The order of the fields is oneDNN's (https://uxlfoundation.github.io/oneDNN/dev_guide_verbose.html): engine,
    primitive, implementation, propagation, memory descriptors, attributes; what stands before differs by version.
    """
    found: Counter[str] = Counter()
    for line in lines:
        fields = line.partition(_MARK)[2].split(",")
        if "exec" not in fields:
            continue
        _, primitive, implementation, _, memory, attributes = (fields[fields.index("exec") + 1 :] + [""] * 6)[:6]
        dtype, fused = _DTYPE.search(memory), _FUSED.search(attributes)
        parts = ["oneDNN", primitive, implementation.replace("x64:", ""), dtype.group(1) if dtype else ""]
        parts += [f"+ {fused.group(1)}"] if fused else []
        found[" ".join(part for part in parts if part)] += 1
    return dict(found)


def _flush() -> None:
    """Empty the buffers of the C library's streams, where it can be reached."""
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)
