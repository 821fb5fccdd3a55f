"""From two sides to two locks, with a resolver that sees a fake index."""

from __future__ import annotations

import functools
import http.server
import os
import stat
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from conformance.environments import (
    Change,
    EnvironmentFailure,
    Indexes,
    Options,
    build,
    clear_cache,
    packages_changed,
    parse_side,
    resolve,
    resolve_one,
)
from conformance.environments.interpreters import Found, find, inspect, installed
from conformance.environments.uv import run_uv
from tests.environment_fixtures import index, isolated, options, uv_cache
from tests.fake_packages import digest, index_over, make_wheel

__all__ = ["index", "isolated", "options", "uv_cache"]


def test_what_the_candidate_does_not_name_is_held_or_forced(options: Options) -> None:
    baseline, candidate = parse_side("tensorflow-cpu==2.15.1"), parse_side("tensorflow-cpu==2.16.2")
    old, new = resolve(baseline, candidate, options=options)
    assert old.packages == {
        "tensorflow-cpu": "2.15.1",
        "keras": "2.15.0",
        "numpy": "1.26.4",
        "estimator": "2.15.0",
    }
    assert new.packages["numpy"] == "1.26.4"
    assert packages_changed(old, new) == [
        Change("tensorflow-cpu", "2.15.1", "2.16.2", "named"),
        Change("keras", "2.15.0", "3.1.0", "forced"),
        Change("namex", None, "0.1", "added"),
        Change("estimator", "2.15.0", None, "dropped"),
    ]
    assert resolve_one(candidate, options=options).packages["numpy"] == "2.0.0"


def test_a_bare_name_moves_to_the_newest_release(options: Options) -> None:
    old, new = resolve(parse_side("torch==2.14.1"), parse_side("torch"), options=options)
    assert (old.packages["torch"], old.packages["torchvision"]) == ("2.14.1", "0.29.1")
    assert (new.packages["torch"], new.packages["torchvision"]) == ("2.15.0", "0.29.2")
    kinds = {change.name: change.kind for change in packages_changed(old, new)}
    assert kinds == {"torch": "named", "torchvision": "forced"}


def test_the_same_words_give_the_same_lock(options: Options) -> None:
    old, new = resolve(parse_side("torch"), parse_side("torch"), options=options)
    assert old.key == new.key
    assert packages_changed(old, new) == []


def test_a_pre_release_brings_the_torchvision_that_fits(options: Options) -> None:
    lock = resolve_one(parse_side("torch==2.16.0.dev1"), options=options)
    assert lock.packages["torchvision"] == "0.30.0.dev1"


def test_a_constraints_file_installs_its_frameworks_only(options: Options, tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("tensorflow-cpu==2.16.2\nnumpy==1.26.4\nsix==1.16.0\n")
    lock = resolve_one(parse_side("limits.txt", directory=tmp_path), options=options)
    assert lock.packages == {"tensorflow-cpu": "2.16.2", "keras": "3.1.0", "namex": "0.1", "numpy": "1.26.4"}
    everything = parse_side("limits.txt", directory=tmp_path, full_environment=True)
    assert resolve_one(everything, options=options).packages["six"] == "1.16.0"


def test_a_full_environment_without_a_framework_is_refused(options: Options, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("six\nnumpy\n")
    side = parse_side("r.txt", directory=tmp_path, full_environment=True)
    with pytest.raises(EnvironmentFailure, match=r"no framework \(.*found: numpy, six\)"):
        resolve_one(side, options=options)


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (
            "tensorflow-cpu==9.9",
            r"the candidate \(tensorflow-cpu==9.9\) .*there is no version of tensorflow-cpu==9.9",
        ),
        ("tensorflow-cpu==2.16.2 numpy==1.20", r"there is no version of numpy==1.20"),
        ("tensorflow-cpu==2.15.1 keras==3.1.0", r"depends on keras<2.16"),
    ],
)
def test_the_resolvers_reason_in_one_paragraph(candidate: str, message: str, options: Options) -> None:
    with pytest.raises(EnvironmentFailure, match=message) as caught:
        resolve(parse_side("tensorflow-cpu==2.15.1"), parse_side(candidate), options=options)
    assert "\n" not in str(caught.value)


def test_hashes_of_a_file_are_enforced(options: Options, index: str, tmp_path: Path) -> None:
    wheel = Path(index.removeprefix("file://")).parent / "files" / "torch-2.15.0-py3-none-any.whl"
    file = tmp_path / "r.txt"
    file.write_text(f"torch==2.15.0 --hash=sha256:{'0' * 64} --hash={digest(wheel)}\n")
    lock = resolve_one(parse_side("r.txt", directory=tmp_path), options=options)
    assert f"torch==2.15.0 --hash={digest(wheel)}" in lock.install_text().splitlines()
    assert build(lock).packages["torch"] == "2.15.0"
    file.write_text(f"torch==2.15.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(EnvironmentFailure, match=r"no file of torch 2.15.0 has a hash that was given"):
        resolve_one(parse_side("r.txt", directory=tmp_path), options=options)


_BACKEND = """\
import shutil

def build_wheel(directory, config_settings=None, metadata_directory=None):
    return shutil.copy(open("wheel.txt").read(), directory).rpartition("/")[2]
"""


def test_a_changed_source_tree_is_another_environment(options: Options, tmp_path: Path) -> None:
    tree = tmp_path / "ours"
    tree.mkdir()
    (tree / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "torch"\nversion = "2.15.0"\n'
    )
    (tree / "backend.py").write_text(_BACKEND)
    options = replace(options, indexes=offering_vision(tmp_path, options), allow_builds=True)
    sizes = []
    for size in (10, 2000):
        (tree / "wheel.txt").write_text(str(make_wheel(tmp_path / f"size-{size}", "torch", "2.15.0", size=size)))
        directory = build(resolve_one(parse_side(f"torch@{tree.as_uri()} numpy"), options=options)).directory
        (data,) = directory.glob("lib/*/site-packages/torch/data")
        sizes.append(data.stat().st_size)
    assert sizes == [10, 2000]


def test_a_wheel_by_its_address(options: Options, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "torch", "2.15.0+ours")
    lock = resolve_one(
        parse_side(f"torch@{wheel.as_uri()} numpy"),
        options=replace(options, indexes=offering_vision(tmp_path, options)),
    )
    assert lock.packages["torch"] == "2.15.0+ours"
    assert build(lock).packages["torch"] == "2.15.0+ours"


def offering_vision(tmp_path: Path, options: Options) -> Indexes:
    make_wheel(tmp_path / "links", "torchvision", "0.31.0", ["torch>=2.15", "numpy"])
    return replace(options.indexes, find_links=(str(tmp_path / "links"),))


def test_markers_decide_on_the_sides_python(options: Options) -> None:
    lock = resolve_one(parse_side("torch==2.15.0 six==1.16.0; python_version < '3.0'"), options=options)
    assert "six" not in lock.packages


def test_wheels_only_unless_builds_are_allowed(options: Options, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    source = tmp_path / "files" / "torch-2.15.0.tar.gz"
    source.write_bytes(b"")
    alone = Options(indexes=Indexes(index_url=index_over(tmp_path, [source])))
    with pytest.raises(EnvironmentFailure, match=r"no usable wheels.*--allow-builds"):
        resolve_one(parse_side("torch torchvision"), options=alone)


def test_an_index_that_does_not_answer(isolated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    closed = Options(indexes=Indexes(index_url="http://user:s3cret@127.0.0.1:9/simple"))
    with pytest.raises(EnvironmentFailure, match=r"Nothing usable is cached. Check the network") as caught:
        resolve_one(parse_side("torch"), options=closed)
    assert "s3cret" not in str(caught.value)


def test_uvs_cache_serves_where_the_network_does_not(
    index: str, isolated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    handler = functools.partial(SilentPages, directory=index.removeprefix("file://"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        served = Options(indexes=Indexes(index_url=f"http://127.0.0.1:{serving.server_port}"))
        online = resolve_one(parse_side("torch==2.15.0"), options=served)
        build(online).release()
        serving.shutdown()
        thread.join()
    clear_cache()
    offline = resolve_one(parse_side("torch==2.15.0"), options=served)
    assert offline.key == online.key
    assert "could not be reached" in offline.notes[-1]
    assert build(offline).built


class SilentPages(http.server.SimpleHTTPRequestHandler):
    """Serves a directory, has nothing kept, and logs nothing."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=0")
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_a_cpu_only_torch_beside_another_torchvision_is_pointed_out(options: Options, tmp_path: Path) -> None:
    make_wheel(tmp_path / "links", "torch", "2.15.0+cpu")
    links = replace(options.indexes, find_links=(str(tmp_path / "links"),))
    lock = resolve_one(parse_side("torch==2.15.0 torchvision==0.29.2"), options=replace(options, indexes=links))
    assert lock.packages["torch"] == "2.15.0+cpu"
    assert "torchvision::nms" in lock.notes[0]


def test_a_side_may_have_another_python(options: Options, isolated: Path) -> None:
    this = ".".join(map(str, sys.version_info[:2]))
    side = parse_side("torch==2.15.0", python=sys.executable)
    assert resolve_one(side, options=options).interpreter.path == Path(sys.executable)
    with pytest.raises(EnvironmentFailure, match=r"there is no Python 4.2 on this machine \(found: .*" + this):
        resolve_one(parse_side("torch", python="4.2"), options=options)


def only(python: Found) -> str:
    """The tag of a wheel for one minor version."""
    return "cp{}{}-none-any".format(*python.minor)


@pytest.mark.skipif(len(installed()) < 2, reason="this machine has one Python only")
def test_both_sides_get_the_newest_python_that_both_have_wheels_for(options: Options, tmp_path: Path) -> None:
    newest, older = installed()[:2]
    old, new = (
        make_wheel(tmp_path / "files", "torch", "3.0", tag=only(older)),
        make_wheel(tmp_path / "files", "torch", "3.1"),
    )
    others = [
        make_wheel(tmp_path / "files", "numpy", "3.0"),
        make_wheel(tmp_path / "files", "torchvision", "3.0", ["numpy"]),
    ]
    offered = Options(indexes=Indexes(index_url=index_over(tmp_path, [old, new, *others])))
    pythons = [
        lock.interpreter.version
        for lock in resolve(parse_side("torch==3.0"), parse_side("torch==3.1"), options=offered)
    ]
    assert pythons == [older.version, older.version]
    alone = resolve_one(parse_side("torch==3.1"), options=offered)
    assert alone.interpreter.version == newest.version


@pytest.mark.skipif(len(installed()) < 2, reason="this machine has one Python only")
def test_different_pythons_where_no_one_serves_both(options: Options, tmp_path: Path) -> None:
    newest, older = installed()[:2]
    wheels = [
        make_wheel(tmp_path / "files", "torch", "3.0", tag=only(older)),
        make_wheel(tmp_path / "files", "torch", "3.1", tag=only(newest)),
        make_wheel(tmp_path / "files", "torch", "2.0", tag="cp27-none-any"),
        make_wheel(tmp_path / "files", "torchvision", "3.0", ["numpy"]),
        make_wheel(tmp_path / "files", "numpy", "3.0"),
    ]
    offered = Options(indexes=Indexes(index_url=index_over(tmp_path, wheels)))
    locks = resolve(parse_side("torch==3.0"), parse_side("torch==3.1"), options=offered)
    assert Change("python", older.version, newest.version, "forced") in packages_changed(*locks)
    with pytest.raises(EnvironmentFailure, match=rf"the baseline .*Python tried: {newest.version}, {older.version}"):
        resolve(parse_side("torch==2.0"), parse_side("torch==3.1"), options=offered)


def test_an_existing_interpreter_is_a_side(options: Options, tmp_path: Path) -> None:
    environment = build(resolve_one(parse_side("torch==2.14.1"), options=options))
    side = parse_side(f"python:{environment.interpreter}")
    old, new = resolve(side, parse_side("torch==2.15.0"), options=options)
    assert old.packages["torch"] == "2.14.1"
    assert (old.frameworks, old.pins) == (("pytorch",), ())
    named = [change.name for change in packages_changed(old, new) if change.kind == "named"]
    assert named == ["torch", "torchvision"]
    used = build(old)
    assert (used.interpreter, used.built, used.size_bytes) == (environment.interpreter, False, 0)


def test_an_existing_candidate_lends_its_versions_to_the_baseline(options: Options) -> None:
    environment = build(resolve_one(parse_side("tensorflow-cpu==2.16.2 numpy==1.26.4"), options=options))
    old, _ = resolve(
        parse_side("tensorflow-cpu==2.16.2 keras"),
        parse_side(f"python:{environment.interpreter}"),
        options=options,
    )
    assert old.packages["numpy"] == "1.26.4"


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_interpreters_that_are_none(tmp_path: Path, options: Options) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    old = '{"version": [3, 8, 1], "release": "3.8.1"}'
    cases = {
        tmp_path / "absent": "there is no Python at",
        tmp_path: "is a directory: give its interpreter",
        plain: "is not executable",
        script(tmp_path / "fails", "raise SystemExit('broken')"): r"does not run as a Python \(status 1: broken\)",
        script(tmp_path / "chatters", "print('hello')"): "does not run as a Python",
        script(tmp_path / "old", f"print('{old}')"): "Python 3.8.1; a side needs Python 3.9 or newer",
    }
    for path, message in cases.items():
        with pytest.raises(EnvironmentFailure, match=message):
            inspect(path)
    with pytest.raises(EnvironmentFailure, match="holds no framework"):
        resolve_one(parse_side(f"python:{installed()[0].path}"), options=options)


def test_inspection_hands_on_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_uv(["venv", "--quiet", "--python", sys.executable, str(tmp_path / "venv")])
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    told = tmp_path / "told"
    (packages / "spy.pth").write_text(
        f"import os; open({str(told)!r}, 'w').write(os.environ.get('GITHUB_TOKEN', 'nothing'))", encoding="utf-8"
    )
    monkeypatch.setenv("GITHUB_TOKEN", "x")
    inspect.cache_clear()
    inspect(tmp_path / "venv" / "bin" / "python")
    assert told.read_text(encoding="utf-8") == "nothing"


def test_inspection_reads_metadata_and_imports_no_framework(options: Options) -> None:
    environment = build(resolve_one(parse_side("torch==2.15.0"), options=options))
    module = environment.directory / "lib"
    (init,) = module.glob("python3.*/site-packages/torch/__init__.py")
    init.unlink()
    init.write_text("raise SystemExit(3)")
    inspect.cache_clear()
    assert dict(inspect(environment.interpreter).packages)["torch"] == "2.15.0"


def test_versions_are_found_by_their_prefix() -> None:
    newest = installed()[0]
    assert find(newest.version) == newest
    assert find("{}.{}".format(*newest.minor)) == newest
    assert all(os.access(found.path, os.X_OK) for found in installed())
