"""Running uv: by argument list, stopped with us, its errors as one paragraph."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import uv

from conformance.environments.errors import EnvironmentFailure
from conformance.environments.indexes import mask

Progress = Callable[[str], None]

_NETWORK = re.compile(r"Request failed|error sending request|Failed to (fetch|download)|dns error|Network")
_DISK = re.compile(r"No space left on device|Disk quota exceeded|os error 28\b|os error 122\b")
_LIMIT = 3 * 3600.0

_running: set[subprocess.Popen[str]] = set()


class UvFailure(EnvironmentFailure):
    """uv ended with an error; the text is its reason in one paragraph, credentials masked."""

    @property
    def of_network(self) -> bool:
        """Whether an index or a file could not be reached."""
        return _NETWORK.search(str(self)) is not None

    @property
    def of_disk(self) -> bool:
        """Whether the disk, or the user's share of it, is full."""
        return _DISK.search(str(self)) is not None


def run_uv(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
    stdin: str = "",
    on_progress: Progress | None = None,
    time_limit: float = _LIMIT,
) -> str:
    """Run uv and return its standard output.

    Each line uv writes about its work goes to `on_progress`. uv never downloads a Python and runs in the
    caller's working directory, so that relative paths and uv's own configuration mean what they mean to the
    user. On Ctrl-C, or after `time_limit` seconds, uv and what it started are ended. Raises UvFailure.
    """
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        **(variables or {}),
    }
    process = subprocess.Popen(
        [uv.find_uv_bin(), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=environment,
        start_new_session=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_read_lines, args=(process, lines, on_progress), daemon=True)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        _end(process)

    timer = threading.Timer(time_limit, expire)
    try:
        _running.add(process)
        reader.start()
        timer.start()
        output = _converse(process, stdin)
        status = process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        _running.discard(process)
        timer.cancel()
        reader.join(timeout=5)
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
    if expired.is_set():
        raise UvFailure(f"uv {arguments[0]} did not end within {time_limit:.0f} s and was stopped")
    if status != 0:
        raise UvFailure(reason(lines) or f"uv ended with status {status} and said nothing")
    return output


def run_uv_or_offline(
    arguments: Sequence[str],
    *,
    variables: Mapping[str, str],
    stdin: str = "",
    on_progress: Progress | None = None,
) -> UvFailure | None:
    """Run uv; where the network fails, once more with what uv's cache holds.

    Returns the network's failure where the cache sufficed, and None where it was not needed. Raises UvFailure,
    the network's own where the cache did not help.
    """
    try:
        run_uv(arguments, variables=variables, stdin=stdin, on_progress=on_progress)
    except UvFailure as failure:
        if not failure.of_network:
            raise
        try:
            run_uv([*arguments, "--offline"], variables=variables, stdin=stdin, on_progress=on_progress)
        except UvFailure:
            raise failure from None
        return failure
    return None


def _converse(process: subprocess.Popen[str], stdin: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(stdin)
        process.stdin.close()
    with process.stdout as stream:
        return stream.read()


def _read_lines(process: subprocess.Popen[str], lines: list[str], on_progress: Progress | None) -> None:
    assert process.stderr is not None
    with process.stderr as stream:
        for line in stream:
            lines.append(line.rstrip())
            if on_progress is not None and line.strip():
                on_progress(mask(line.strip()))


def end_running() -> None:
    """End every uv that a thread of this process waits for; its caller gets a UvFailure."""
    for process in tuple(_running):
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """End uv and the build backends it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def reason(lines: Sequence[str]) -> str:
    """uv's error as one paragraph: what failed, its causes, its hints; warnings and progress left out."""
    start = next((number for number, line in enumerate(lines) if line.startswith("error:")), 0)
    text = ""
    for line in dict.fromkeys(filter(None, (line.strip() for line in lines[start:]))):
        label, _, rest = line.partition(": ")
        if label == "cause":
            text = f"{text.rstrip(':.')}: {rest}"
        elif label == "hint":
            text = f"{text.rstrip('.')}. Hint: {rest}"
        else:
            text = f"{text} {line.removeprefix('error: ')}"
    return mask(text.strip()).rstrip(".") + "." if text else ""


def cache_directory() -> Path:
    """uv's own cache, where it unpacks what it downloads."""
    return Path(run_uv(["cache", "dir"]).strip())
