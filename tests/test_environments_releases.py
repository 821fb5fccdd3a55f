"""Releases between two versions, from pages of every form."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.environments import EnvironmentFailure, Indexes, Options, Release, SideError, releases
from conformance.environments.interpreters import installed
from tests.environment_fixtures import index, isolated, options, uv_cache
from tests.fake_packages import digest, index_over, make_wheel

__all__ = ["index", "isolated", "options", "uv_cache"]

VERSIONS = {
    "1.0": "py3-none-any",
    "1.1rc1": "py3-none-any",
    "1.1": "cp27-cp27m-win32",
    "1.2": "py3-none-any",
    "2.0": "py3-none-any",
}
NO_WHEEL = f"no wheel for Python {installed()[0].version} on this machine"


def shown(found: list[Release]) -> list[tuple[str, str]]:
    return [(str(release.version), release.skipped) for release in found]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [make_wheel(tmp_path / "files", "tool", version, tag=tag) for version, tag in VERSIONS.items()]


class Pages(http.server.BaseHTTPRequestHandler):
    """An index in PEP 691's form that wants a password; release 1.2 is yanked."""

    files: tuple[Path, ...]

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Basic {base64.b64encode(b'user:s3cret').decode()}":
            self.send_response(401)
            self.end_headers()
            return
        if self.path == "/simple/tool/":
            kind, body = "application/vnd.pypi.simple.v1+json", self.page()
        else:
            (file,) = (file for file in self.files if file.name == self.path.rsplit("/", 1)[-1])
            kind, body = "application/octet-stream", file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def page(self) -> bytes:
        entries = [
            {
                "filename": file.name,
                "url": f"../../files/{file.name}",
                "hashes": dict([digest(file).split(":")]),
                "yanked": "broken" if "-1.2-" in file.name else False,
                "requires-python": None,
            }
            for file in self.files
        ]
        return json.dumps({"meta": {"api-version": "1.0"}, "name": "tool", "files": entries}).encode()


@pytest.fixture
def server(files: list[Path]) -> Iterator[str]:
    handler = type("Handler", (Pages,), {"files": tuple(files)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def test_releases_between_two_versions(files: list[Path], tmp_path: Path, isolated: Path) -> None:
    options = Options(indexes=Indexes(index_url=index_over(tmp_path, files)))
    python = installed()[0]
    found = releases("Tool", "1.0", "2.0", python=python, options=options)
    assert shown(found) == [("1.0", ""), ("1.1rc1", "pre-release"), ("1.1", NO_WHEEL), ("1.2", ""), ("2.0", "")]
    backwards = releases("tool", "2.0", "1.2", python=python, include_pre=True, options=options)
    assert shown(backwards) == [("2.0", ""), ("1.2", "")]
    asked = releases("tool", "1.0", "1.2", python=python, include_pre=True, options=options)
    assert ("1.1rc1", "") in shown(asked)


def test_yanked_releases_of_an_index_with_a_password(server: str, isolated: Path) -> None:
    options = Options(indexes=Indexes(index_url=f"http://user:s3cret@{server}/simple"))
    python = installed()[0]
    found = shown(releases("tool", "1.0", "2.0", python=python, options=options))
    assert ("1.2", "yanked") in found
    asked = shown(releases("tool", "1.0", "2.0", python=python, include_yanked=True, options=options))
    assert ("1.2", "") in asked


def test_a_wrong_password_is_not_shown(server: str, isolated: Path) -> None:
    options = Options(indexes=Indexes(index_url=f"http://user:wr0ng@{server}/simple"))
    with pytest.raises(EnvironmentFailure, match=r"tool 1\.0 cannot be had") as caught:
        releases("tool", "1.0", "2.0", python=installed()[0], options=options)
    assert "wr0ng" not in str(caught.value)


def test_releases_of_a_directory(files: list[Path], tmp_path: Path, isolated: Path) -> None:
    local = make_wheel(tmp_path / "files", "tool", "1.2+ours")
    links = Options(indexes=Indexes(find_links=(str(local.parent),), no_index=True))
    found = shown(releases("tool", "1.0", "2.0", python=installed()[0], options=links))
    assert ("1.2+ours", "a local build of 1.2") in found
    assert ("1.2", "") in found


def test_ends_that_do_not_exist(options: Options) -> None:
    with pytest.raises(EnvironmentFailure, match=r"six 1\.18 cannot be had: .*no version of six==1\.18"):
        releases("six", "1.16.0", "1.18", python=installed()[0], options=options)
    with pytest.raises(SideError, match="give two versions of six"):
        releases("six", "old", "1.17.0", python=installed()[0], options=options)
