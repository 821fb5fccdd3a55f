"""What a user may write for a side, and what is made of it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from conformance.environments import Side, SideError, parse_side


def roots(side: Side) -> list[str]:
    return [one.text for one in side.roots]


def limits(side: Side) -> list[str]:
    return [one.as_constraint() for one in side.constraints]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("torch==2.14.1 torchvision==0.29.1", ["torch==2.14.1", "torchvision==0.29.1"]),
        ("tensorflow-cpu", ["tensorflow-cpu"]),
        ("tensorflow-cpu >= 2.15, <2.16  numpy", ["tensorflow-cpu<2.16,>=2.15", "numpy"]),
        ("tensorflow[and-cuda]==2.21.0", ["tensorflow[and-cuda]==2.21.0"]),
        (
            "tensorflow==2.21.0; python_version > '3.9' and sys_platform == 'linux' keras==3.15",
            ['tensorflow==2.21.0; python_version > "3.9" and sys_platform == "linux"', "keras==3.15"],
        ),
        (
            "tensorflow @ https://host/tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl numpy",
            ["tensorflow@ https://host/tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl", "numpy"],
        ),
        (
            "https://host/tensorflow_cpu-2.21.0-cp311-cp311-linux_x86_64.whl",
            ["tensorflow-cpu @ https://host/tensorflow_cpu-2.21.0-cp311-cp311-linux_x86_64.whl"],
        ),
    ],
)
def test_words_become_requirements(words: str, expected: list[str]) -> None:
    assert [text.replace(" @ ", "@ ") for text in roots(parse_side(words))] == [
        text.replace(" @ ", "@ ") for text in expected
    ]


def test_local_wheel_becomes_a_url_with_its_name(tmp_path: Path) -> None:
    side = parse_side("./torch-2.15.0+cpu-cp311-cp311-linux_x86_64.whl torchvision", directory=tmp_path)
    assert roots(side)[0] == f"torch @ {tmp_path.as_uri()}/torch-2.15.0%2Bcpu-cp311-cp311-linux_x86_64.whl"


def test_torch_brings_the_torchvision_that_fits() -> None:
    side = parse_side("torch==2.15.0")
    assert roots(side) == ["torch==2.15.0", "torchvision>=0.4"]
    assert side.named == {"torch"}
    assert "torchvision" in side.notes[0]
    assert roots(parse_side("torch==2.16.0.dev1"))[1] == "torchvision>=0.4.dev0"
    assert parse_side("torch torchvision==0.29.1").notes == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("  ", "empty"),
        ("six==1.17.0 numpy", r"no framework .*found: numpy, six.*name tensorflow"),
        ("keras==3.15", "keras runs on one and holds none"),
        ("pytorch==2.15", "called torch"),
        ("torch==", "no requirement"),
        ("torch=2.15.0", r"^'torch=2.15.0' is no requirement: write torch==2.15.0$"),
        ("torch==2.15.0 @@", "no requirement"),
        ("requirements.txt", "there is no file requirements.txt"),
        ("some/where", "there is no file some/where"),
        ("python:", "needs the path"),
    ],
)
def test_words_that_make_no_side(words: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SideError, match=message):
        parse_side(words, directory=tmp_path)


def test_words_longer_than_any_file_name() -> None:
    words = " ".join(f"package-{number}==1.0" for number in range(40))
    assert len(roots(parse_side(f"torch==2.15.0 {words}"))) == 42


def test_interpreter_with_spaces_in_its_path(tmp_path: Path) -> None:
    side = parse_side("python:my venv/bin/python", directory=tmp_path)
    assert side.interpreter == tmp_path / "my venv/bin/python"
    with pytest.raises(SideError, match="Python already"):
        parse_side("python:/x/python", python="3.11")


def test_file_limits_versions_and_installs_its_frameworks_only(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("numpy==1.26.4 ; python_version >= '3.9'\n")
    (tmp_path / "limits.txt").write_text("torch==2.14.1\n")
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# ours\n"
        "-r more.txt\n"
        "-c limits.txt\n"
        "--pre\n"
        "torch \\\n"
        "    --hash=sha256:aa \\\n"
        "    --hash=sha256:bb\n"
        "flask[async]==3.0  # web\n"
        "-e .\n"
        "./wheels/thing-1.0-py3-none-any.whl\n"
    )
    side = parse_side("requirements.txt", directory=tmp_path)
    assert roots(side) == ["torch", "torchvision>=0.4"]
    assert limits(side) == [
        "torch==2.14.1",
        'numpy==1.26.4; python_version >= "3.9"',
        "flask==3.0",
        f"thing @ {tmp_path.as_uri()}/wheels/thing-1.0-py3-none-any.whl",
    ]
    assert side.hashes == {"torch": {"sha256:aa", "sha256:bb"}}
    assert {"torch", "numpy", "flask", "thing"} <= side.named
    everything = parse_side("requirements.txt", directory=tmp_path, full_environment=True)
    assert "flask[async]==3.0" in roots(everything)
    assert tmp_path.as_uri() in roots(everything)
    assert limits(everything) == ["torch==2.14.1"]


def test_index_options_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret")
    (tmp_path / "r.txt").write_text(
        "-i https://a/simple\n--extra-index-url=https://u:${TOKEN}@b/simple\n-f wheels\n--no-index\ntorch\n"
    )
    indexes = parse_side("r.txt", directory=tmp_path).indexes
    assert indexes.index_url == "https://a/simple"
    assert indexes.extra_index_urls == ("https://u:s3cret@b/simple",)
    assert indexes.find_links == (str(tmp_path / "wheels"),)
    assert indexes.no_index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("six==1.17.0\n", "no framework .*found: six"),
        ("torch==2.15.0\nnot a requirement\n", r"r\.txt, line 2: .*no requirement"),
        ("torch\n-r absent.txt\n", r"line 2: .*absent\.txt cannot be read: No such file"),
        ("torch\n-r r.txt\n", "includes itself"),
        ("torch\n-r https://host/more.txt\n", "download it"),
    ],
)
def test_files_that_make_no_side(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text(text)
    with pytest.raises(SideError, match=message):
        parse_side("r.txt", directory=tmp_path)


def test_standard_input_is_read_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("tensorflow-cpu==2.21.0\nrich==15.0\n"))
    side = parse_side("-")
    assert roots(side) == ["tensorflow-cpu==2.21.0"]
    assert limits(side) == ["rich==15.0"]


def test_lock_files_of_other_tools_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("")
    with pytest.raises(SideError, match="uv export"):
        parse_side("uv.lock", directory=tmp_path)


def test_credentials_never_stand_in_the_text() -> None:
    side = parse_side("torch@https://user:s3cret@host/torch-2.15.0-cp311-cp311-linux_x86_64.whl")
    assert "s3cret" not in side.text
    with pytest.raises(SideError) as caught:
        parse_side("six@https://user:s3cret@host/six-1.0-py3-none-any.whl")
    assert "s3cret" not in str(caught.value)
