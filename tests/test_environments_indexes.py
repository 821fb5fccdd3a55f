"""Indexes: the command line, then pip's configuration, beside uv's own; credentials stay where they belong."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from conformance.environments import Indexes, configured, mask
from conformance.environments.indexes import pip_settings
from conformance.environments.uv import UvFailure, reason, run_uv
from tests.environment_fixtures import isolated, uv_cache

__all__ = ["isolated", "uv_cache"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://user:pass@host/simple and more", "https://****@host/simple and more"),
        ("`https://t0ken@host:8080/x`", "`https://****@host:8080/x`"),
        ("https://user:p@ss@host/simple", "https://****@host/simple"),
        ("https://host/simple/@scope", "https://host/simple/@scope"),
    ],
)
def test_credentials_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


def pip_configuration(directory: Path, text: str) -> dict[str, str]:
    (directory / "pip.conf").write_text(text)
    return {"PIP_CONFIG_FILE": str(directory / "pip.conf"), "HOME": str(directory), "XDG_CONFIG_DIRS": str(directory)}


def test_pips_files_and_variables_in_pips_order(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "pip"
    user.mkdir(parents=True)
    (user / "pip.conf").write_text("[global]\nindex-url = https://user\ntimeout = 9\n")
    environ = pip_configuration(tmp_path, "[global]\nindex-url = https://file\n[install]\nfind_links = /wheels\n")
    settings = pip_settings(environ)
    assert (settings["index-url"], settings["timeout"], settings["find-links"]) == ("https://file", "9", "/wheels")
    assert pip_settings({**environ, "PIP_INDEX_URL": "https://variable"})["index-url"] == "https://variable"
    assert "index-url" not in pip_settings({**environ, "PIP_CONFIG_FILE": os.devnull})


def test_the_command_line_goes_before_pips_configuration(tmp_path: Path) -> None:
    environ = pip_configuration(
        tmp_path, "[global]\nindex-url = https://pip/simple\nextra-index-url = https://a/simple\n    https://b/simple\n"
    )
    environ["UV_NO_CONFIG"] = "1"
    indexes = configured("https://ours/simple", ("https://first/simple",), environ)
    assert indexes.index_url == "https://ours/simple"
    assert indexes.extra_index_urls == ("https://first/simple", "https://a/simple", "https://b/simple")
    assert configured(environ=environ).index_url == "https://pip/simple"


def test_pips_default_index_gives_way_to_uvs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = pip_configuration(tmp_path, "[global]\nindex-url = https://pip/simple\n")
    for name, text in {
        "uv.toml": '[[index]]\nurl = "https://uv/simple"\ndefault = true\n',
        "pyproject.toml": '[tool.uv]\nindex-url = "https://uv/simple"\n',
    }.items():
        (tmp_path / name).write_text(text)
        indexes = configured(environ=environ)
        assert (indexes.index_url, indexes.extra_index_urls) == (None, ("https://pip/simple",))
        (tmp_path / name).unlink()
    assert configured(environ={**environ, "UV_DEFAULT_INDEX": "https://uv/simple"}).index_url is None
    assert configured(environ=environ).index_url == "https://pip/simple"


def test_what_uv_is_told(tmp_path: Path) -> None:
    environ = pip_configuration(
        tmp_path,
        "[global]\nextra-index-url = https://u:s3cret@a/simple\nfind-links = /wheels\ntimeout = 15.5\n"
        "cert = /ca.pem\nproxy = http://proxy:3128\ntrusted-host = a b\nno-index = true\n",
    )
    indexes = configured(environ=environ)
    assert indexes.arguments() == ["--find-links", "/wheels", "--no-index"]
    assert indexes.environment({"UV_INDEX": "https://uv/simple", "HTTP_PROXY": "http://mine"}) == {
        "UV_INDEX": "https://u:s3cret@a/simple https://uv/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_HTTP_TIMEOUT": "16",
        "UV_INSECURE_HOST": "a b",
        "SSL_CERT_FILE": "/ca.pem",
        "HTTPS_PROXY": "http://proxy:3128",
    }
    assert "UV_INDEX_STRATEGY" not in indexes.environment({"UV_INDEX_STRATEGY": "first-index"})
    assert "s3cret" not in repr(indexes)


def test_no_configuration_leaves_uv_alone() -> None:
    indexes = configured(environ={"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"})
    assert indexes == Indexes()
    assert (indexes.arguments(), indexes.environment({})) == ([], {})


def test_uvs_error_becomes_a_paragraph() -> None:
    lines = [
        "warning: something else",
        "error: No solution found",
        "  cause: Because only the following versions are available:",
        "             six<=1",
        "         and you require six==99 from https://u:p@host/simple, it fails.",
        "",
        "hint: try another",
    ]
    assert reason(lines) == (
        "No solution found: Because only the following versions are available: six<=1 and you require six==99 from"
        " https://****@host/simple, it fails. Hint: try another."
    )
    assert reason([]) == ""


def test_uv_that_takes_too_long_is_ended(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    original = subprocess.Popen

    def remember(*arguments: object, **keywords: object) -> subprocess.Popen[str]:
        started.append(original(["sleep", "60"], **keywords))  # type: ignore[call-overload]
        return started[0]

    monkeypatch.setattr(subprocess, "Popen", remember)
    with pytest.raises(UvFailure, match="did not end within 0 s"):
        run_uv(["cache", "dir"], time_limit=0.1)
    assert started[0].poll() is not None


def test_uv_ends_with_an_interrupted_caller(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []
    original = subprocess.Popen

    def remember(*arguments: object, **keywords: object) -> subprocess.Popen[str]:
        started.append(original(["sleep", "60"], **keywords))  # type: ignore[call-overload]
        return started[0]

    def interrupt(*arguments: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "Popen", remember)
    monkeypatch.setattr("conformance.environments.uv._converse", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_uv(["cache", "dir"])
    assert started[0].poll() is not None
