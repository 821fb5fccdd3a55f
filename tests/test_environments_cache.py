"""Environments in the cache: built once, complete or absent, removed by age and never while in use."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.environments import (
    Environment,
    EnvironmentFailure,
    Indexes,
    Lock,
    Options,
    build,
    clear_cache,
    list_cache,
    parse_side,
    resolve_one,
)
from conformance.environments import build as build_function
from conformance.environments.cache import building, environments_root
from conformance.environments.uv import UvFailure, run_uv
from tests.environment_fixtures import index, isolated, options, uv_cache
from tests.fake_packages import index_over, make_wheel

__all__ = ["index", "isolated", "options", "uv_cache"]

BUILD = sys.modules[build_function.__module__]
Usage = namedtuple("Usage", "total used free")


def lock_of(words: str, options: Options) -> Lock:
    return resolve_one(parse_side(words), options=options)


def names() -> list[str]:
    return sorted(path.name for path in environments_root().iterdir() if path.is_dir())


def failing(failure: BaseException) -> Callable[..., None]:
    """An installation that fails."""

    def run(arguments: list[str], **keywords: object) -> None:
        assert arguments[:2] == ["pip", "install"]
        raise failure

    return run


def test_an_environment_is_built_once_and_holds_the_side_only(options: Options) -> None:
    lock = lock_of("tensorflow-cpu==2.15.1", options)
    first = build(lock)
    again = build(lock)
    assert (first.built, again.built) == (True, False)
    assert first.directory == again.directory
    assert first.packages == lock.packages
    listed = subprocess.run(
        [first.interpreter, "-c", "import keras; print(keras.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert listed.stdout.strip() == "2.15.0"
    (cached,) = list_cache()
    assert (cached.directory, cached.packages, cached.in_use) == (first.directory, first.packages, True)
    assert 0 < cached.shared_bytes <= cached.size_bytes


@pytest.mark.parametrize(("variable", "compiled"), [("1", True), ("", False)])
def test_what_workers_may_not_compile_is_compiled_at_once(
    options: Options, monkeypatch: pytest.MonkeyPatch, variable: str, compiled: bool
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", variable)
    environment = build(lock_of("tensorflow-cpu==2.15.1", options))
    assert any(environment.directory.rglob("keras/**/*.pyc")) == compiled


def test_the_key_tells_files_and_pythons_apart(options: Options, tmp_path: Path) -> None:
    lock = lock_of("torch==2.15.0", options)
    assert lock.key != lock_of("torch==2.14.1", options).key
    run_uv(["venv", "--quiet", "--python", str(lock.interpreter.path), str(tmp_path / "environment")])
    same_base = parse_side("torch==2.15.0", python=str(tmp_path / "environment/bin/python"))
    assert lock.key == resolve_one(same_base, options=options).key
    other = replace(lock.interpreter, identity=(*lock.interpreter.identity[:-1], "/opt/other"))
    assert lock.key != replace(lock, interpreter=other).key


def test_an_interrupted_build_leaves_nothing_usable(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of("torch==2.15.0", options)
    with monkeypatch.context() as patched:
        patched.setattr(BUILD, "run_uv_or_offline", failing(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            build(lock)
    assert names() == []
    assert build(lock).built


def test_what_a_killed_build_left_is_removed_at_the_next_use(options: Options) -> None:
    lock = lock_of("torch==2.15.0", options)
    directory = build(lock).directory
    of_one_in_use = directory.with_name(f"{directory.name}.1-2.part")
    shutil.copytree(directory, of_one_in_use, symlinks=True)
    next_lock = lock_of("torch==2.14.1", options)
    next_one = build(next_lock)
    next_directory = next_one.directory
    assert not of_one_in_use.exists()
    next_one.release()
    clear_cache()
    of_the_same = next_directory.with_name(f"{next_directory.name}.3-4.part")
    of_the_same.mkdir()
    build(next_lock)
    assert not of_the_same.exists()
    assert names() == sorted([directory.name, next_directory.name])


def test_a_build_under_way_is_left_alone(options: Options) -> None:
    directory = environments_root() / "torch-1-abc"
    part = directory.with_name(f"{directory.name}.5-6.part")
    with building(directory):
        part.mkdir()
        build(lock_of("torch==2.15.0", options))
        clear_cache()
        assert part.exists()
    clear_cache()
    assert not part.exists()


def test_a_directory_without_its_facts_is_built_anew(options: Options) -> None:
    lock = lock_of("torch==2.15.0", options)
    environment = build(lock)
    environment.release()
    (environment.directory / "environment.json").unlink()
    assert build(lock).built


def test_an_environment_whose_python_is_gone_is_built_anew(options: Options) -> None:
    lock = lock_of("torch==2.15.0", options)
    environment = build(lock)
    environment.release()
    environment.interpreter.unlink()
    environment.interpreter.symlink_to("/nowhere/python")
    assert build(lock).built


@pytest.mark.full
def test_two_processes_share_one_build(options: Options, index: str) -> None:
    code = (
        "import sys\n"
        "from conformance.environments import Indexes, Options, build, parse_side, resolve_one\n"
        "options = Options(indexes=Indexes(index_url=sys.argv[1]))\n"
        "print(build(resolve_one(parse_side('torch==2.15.0'), options=options)).built)\n"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, index], stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        for _ in range(2)
    ]
    assert sorted(process.communicate()[0].strip() for process in both) == ["False", "True"]
    assert len(names()) == 1


@pytest.mark.parametrize(
    "failure",
    [UvFailure("failed to write: No space left on device (os error 28)."), OSError(errno.ENOSPC, "full")],
)
def test_a_disk_that_runs_full(failure: Exception, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BUILD, "run_uv_or_offline", failing(failure))
    with pytest.raises(EnvironmentFailure, match=r"the disk ran full .*conformance cache clear"):
        build(lock_of("torch==2.15.0", options))
    assert names() == []


def test_too_little_disk_is_refused_before_the_download(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of("torch==2.15.0", options)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 10**6, 10**6))
    with pytest.raises(EnvironmentFailure, match=r"has 0\.0 GB free and needs about 0\.2 GB"):
        build(lock)
    assert names() == []


def test_what_uvs_cache_holds_needs_no_disk(isolated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(isolated / "uv"))
    files = [make_wheel(tmp_path, "torch", "1.0", size=10**6), make_wheel(tmp_path, "numpy", "1.0")]
    offered = Options(indexes=Indexes(index_url=index_over(tmp_path, files)))
    lock = lock_of("torch numpy torchvision; python_version < '3'", offered)
    roomy = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 201 * 10**6))
    with pytest.raises(EnvironmentFailure, match=r"has 0\.2 GB free and needs about 0\.2 GB"):
        build(lock)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", roomy)
        build(lock).release()
    clear_cache()
    assert build(lock).built


def test_a_cache_that_cannot_be_written(options: Options, isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = lock_of("torch==2.15.0", options)
    (isolated / "file").write_text("")
    monkeypatch.setenv("CONFORMANCE_CACHE", str(isolated / "file"))
    with pytest.raises(EnvironmentFailure, match="CONFORMANCE_CACHE names another directory"):
        build(lock)


def test_the_oldest_unused_environment_makes_room(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    oldest, old, used = (
        build(lock_of(words, options)) for words in ("torch==2.14.1", "torch==2.15.0", "tensorflow-cpu==2.15.1")
    )
    for age, environment in ((30, oldest), (20, old), (90, used)):
        os.utime(environment.directory / "last-used", (age and 2_000_000_000 - age, 2_000_000_000 - age))
    oldest.release()
    old.release()
    total = sum(one.size_bytes for one in list_cache())
    monkeypatch.setenv("CONFORMANCE_CACHE_LIMIT", str((total - 1) / 1e9))
    newest = build(lock_of("tensorflow-cpu==2.16.2", options))
    left = {one.directory for one in list_cache()}
    assert oldest.directory not in left
    assert {used.directory, newest.directory} <= left


def test_clearing_spares_what_is_in_use(options: Options) -> None:
    used, unused = build(lock_of("torch==2.15.0", options)), build(lock_of("torch==2.14.1", options))
    unused.release()
    assert clear_cache() == ([unused.directory.name], [used.directory.name])
    assert names() == [used.directory.name]
    used.release()
    assert clear_cache() == ([used.directory.name], [])
    assert list_cache() == []


def test_use_ends_with_the_process_that_used(options: Options) -> None:
    environment: Environment = build(lock_of("torch==2.15.0", options))
    environment.release()
    code = (
        "import sys, pathlib\n"
        "from conformance.environments.cache import lease\n"
        "held = lease(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    user = subprocess.Popen(
        [sys.executable, "-c", code, environment.directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert user.stdout is not None
    assert user.stdin is not None
    with user.stdout, user.stdin:
        assert user.stdout.readline() == "held\n"
        assert list_cache()[0].in_use
        user.send_signal(signal.SIGKILL)
        user.wait()
    assert not list_cache()[0].in_use


def test_a_limit_that_is_no_number(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONFORMANCE_CACHE_LIMIT", "much")
    with pytest.raises(EnvironmentFailure, match="give a number of gigabytes"):
        build(lock_of("torch==2.15.0", options))
