"""Fixtures for the tests of sides' environments: a fake index, caches of their own, no configuration of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conformance.environments import Indexes, Options
from tests.fake_packages import make_index


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an index with the fake packages."""
    return make_index(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="session")
def uv_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """uv's cache for all tests: every test's index has an address of its own."""
    return tmp_path_factory.mktemp("uv")


@pytest.fixture
def isolated(tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with our cache in it; no configuration but the test's own, no `PIP_*`, no `UV_*`."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "CONFORMANCE_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("CONFORMANCE_CACHE", str(home / "conformance"))
    return home


@pytest.fixture
def options(index: str, isolated: Path) -> Options:
    """Resolve from the fake index alone."""
    return Options(indexes=Indexes(index_url=index))
