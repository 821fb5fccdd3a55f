"""The worker's loop: take the messages' pipe away from everything else, then answer requests one by one."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, BinaryIO, cast

sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).resolve().parent]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from observer import failing, messages, operations, warned  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    """Serve the parent until it closes the pipe."""
    requests, replies = _take_pipes()
    inbox: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, inbox), daemon=True).start()
    replies.write(messages.READY)
    replies.flush()
    while True:
        facts, tensors = inbox.get()
        reply = _answer(facts["operation"], facts["arguments"], tensors)
        try:
            messages.write(replies, reply)
        except OSError:
            _end()  # nobody is there to read it


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the parent; what a framework prints to stdout goes to stderr from now on."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return requests, replies


def _receive(requests: BinaryIO, inbox: queue.Queue[Any]) -> None:
    """Hand on requests; when the parent is gone, end this process and everything it started."""
    try:
        while True:
            message = messages.read(requests)
            if message is None:
                break
            inbox.put(message)
    finally:
        _end()


def _end() -> None:
    """End this process and everything that it started, which shares its group."""
    if os.name == "posix" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


def _answer(operation: str, arguments: dict[str, Any], tensors: messages.Tensors) -> list[bytes | memoryview]:
    """One reply: what was observed with the warnings raised meanwhile, or the exception, be it SystemExit."""
    worker = os.getpid()
    try:
        with warned.collected() as seen:
            facts, observed = operations.perform(operation, arguments, tensors)
        # Framed here, so that a result which cannot be sent is an exception like any other.
        framed = messages.frame({**facts, "warnings": sorted(seen)}, observed)
    except BaseException as error:
        failure = {
            "kind": type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exc(),
            "step": failing.failed_step(error),
        }
        framed = messages.frame({"error": failure}, {})
    if os.getpid() != worker:
        os._exit(1)  # a child that the operation forked and did not end: the reply is not its to give
    return cast("list[bytes | memoryview]", framed)


if __name__ == "__main__":
    main()
