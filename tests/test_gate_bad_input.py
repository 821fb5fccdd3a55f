"""Sides that cannot be had, as `conformance gate` meets them: the reason, the exit status, and what is left behind."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conformance.__main__ import main
from conformance.environments import Indexes, Options, build, list_cache, parse_side, resolve_one
from conformance.environments import build as build_function
from conformance.environments.cache import environments_root
from conformance.environments.lock import Lock
from conformance.environments.uv import UvFailure
from tests.environment_fixtures import index, isolated, options, uv_cache
from tests.fake_packages import digest, index_over, make_wheel
from tests.planted_workers import PATIENCE_SECONDS

__all__ = ["index", "isolated", "options", "uv_cache"]

OLD, NEW = "torch==2.14.1 torchvision==0.29.1", "torch==2.15.0 torchvision==0.29.2"
BUILD = sys.modules[build_function.__module__]


@pytest.fixture
def gate(isolated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gate:
    return Gate(monkeypatch, capsys)


@dataclass
class Gate:
    """`conformance gate`, called; `reason` is what it says of why it could not go on."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def reason(self, *words: str) -> str:
        """The single line that ends a gate with status 3."""
        self.monkeypatch.setattr(sys, "argv", ["conformance", "gate", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 3
        error = self.capsys.readouterr().err
        assert "Traceback" not in error
        (line,) = (line for line in error.splitlines() if line.startswith("conformance: "))
        assert error.endswith(f"{line}\n")
        return line


def built() -> list[str]:
    """The environments that are there, whole or in part, without their lock files."""
    root = environments_root()
    return sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def test_a_candidate_that_does_not_resolve_leaves_the_baseline_alone(gate: Gate, index: str) -> None:
    reason = gate.reason(OLD, "torch==9.9", "--index-url", index)
    assert "the candidate (torch==9.9) cannot be had: " in reason
    assert "there is no version of torch==9.9" in reason
    assert built() == []


def test_no_network_and_nothing_cached(gate: Gate, tmp_path: Path) -> None:
    gate.monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    gate.monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    reason = gate.reason(OLD, NEW, "--index-url", "http://127.0.0.1:9/simple")
    assert "the baseline (torch==2.14.1 torchvision==0.29.1) cannot be had: " in reason
    assert "Nothing usable is cached. Check the network, the proxy and --index-url" in reason


def test_a_disk_that_runs_full_while_the_candidate_is_built(gate: Gate, index: str) -> None:
    install = BUILD.run_uv_or_offline

    def run(arguments: list[str], **keywords: object) -> object:
        if "torch==2.15.0" in Path(arguments[-1]).read_text():
            raise UvFailure("failed to write: No space left on device (os error 28).")
        return install(arguments, **keywords)

    gate.monkeypatch.setattr(BUILD, "run_uv_or_offline", run)
    reason = gate.reason(OLD, NEW, "--index-url", index)
    assert "the disk ran full while an environment was built" in reason
    assert "nothing half-made is left" in reason
    (kept,) = list_cache()
    assert kept.packages["torch"] == "2.14.1"
    assert built() == [kept.name]


def test_a_file_with_hashes_addresses_extras_and_markers(options: Options, tmp_path: Path) -> None:
    torch = make_wheel(tmp_path / "files", "torch", "2.15.0")
    vision = make_wheel(tmp_path / "elsewhere", "torchvision", "0.29.2", ["numpy", 'six; extra == "video"'])
    others = [make_wheel(tmp_path / "files", name, "1.0") for name in ("numpy", "six")]
    offered = Options(indexes=Indexes(index_url=index_over(tmp_path, [torch, *others])))
    file = tmp_path / "requirements.txt"

    def lock_of(allowed: str) -> Lock:
        file.write_text(
            f"torch==2.15.0 --hash={allowed}\n"
            f"torchvision[video] @ {vision.as_uri()} ; python_version >= '3'\n"
            "numpy==1.0 ; sys_platform != 'nowhere'\n"
            "six==9.9 ; python_version < '3'\n"
            "flask[async]==3.0\n"
        )
        return resolve_one(parse_side(str(file)), options=offered)

    lock = lock_of(digest(torch))
    assert dict(lock.packages) == {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "1.0", "six": "1.0"}
    assert f"torch==2.15.0 --hash={digest(torch)}" in lock.install_text()
    assert build(lock).packages["six"] == "1.0"


class Index(http.server.ThreadingHTTPServer):
    """An index that tells everything about its wheels (PEP 691, PEP 658) and sends none of them."""

    def __init__(self, files: list[Path]) -> None:
        super().__init__(("127.0.0.1", 0), Stalling)
        self.files = {file.name: file for file in files}
        self.asked: queue.Queue[str] = queue.Queue()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Stalling(http.server.BaseHTTPRequestHandler):
    server: Index

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        name = self.path.strip("/").rsplit("/", 1)[-1]
        if name.endswith(".whl"):
            self.server.asked.put(name)
            assert self.connection.recv(1) == b""  # until the one who asked has ended
            self.close_connection = True
        elif name.endswith(".metadata"):
            self.send("text/plain", metadata(name.removesuffix(".metadata")))
        else:
            self.send("application/vnd.pypi.simple.v1+json", self.page(name))

    def send(self, kind: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self, package: str) -> bytes:
        files = [
            {
                "filename": name,
                "url": f"{self.server.url}/files/{name}",
                "hashes": {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()},
                "core-metadata": True,
            }
            for name, file in self.server.files.items()
            if name.startswith(f"{package}-")
        ]
        return json.dumps({"meta": {"api-version": "1.0"}, "name": package, "files": files}).encode()


def metadata(wheel: str) -> bytes:
    name, version = wheel.split("-")[:2]
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()


@pytest.fixture
def stalling(tmp_path: Path) -> Iterator[Index]:
    pins = (*OLD.split(), *NEW.split(), "numpy==1.0")
    files = [make_wheel(tmp_path / "files", *pin.split("==")) for pin in pins]
    with Index(files) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.mark.full
@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_build_leaves_no_process_and_no_file(
    isolated: Path, stalling: Index, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "conformance", "gate", f"{OLD} numpy", f"{NEW} numpy"]
    with subprocess.Popen(
        [*command, "--index-url", stalling.url],
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as running:
        wanted = {file for file in stalling.files if file.startswith("torch-")}
        while wanted:  # until both sides are being built
            wanted.discard(stalling.asked.get(timeout=PATIENCE_SECONDS))
        running.send_signal(number)
        error = running.communicate(timeout=PATIENCE_SECONDS)[1]
    assert running.returncode == status, error
    assert "Traceback" not in error
    assert built() == []
    assert list(temporary.iterdir()) == []
