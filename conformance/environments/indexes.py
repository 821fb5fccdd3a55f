"""Package indexes: what the user asked for, and what uv and pip are configured with on this machine.

uv reads its own configuration and ignores pip's, so pip's is read here (files and `PIP_*` variables, in pip's
order of precedence) and handed to uv through variables, which keep credentials out of the list of processes.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_CREDENTIALS = re.compile(r"(?<=://)[^/\s'\"`]*@")


def mask(text: str) -> str:
    """The text with the user names and passwords of its URLs replaced by `****`."""
    return _CREDENTIALS.sub("****@", text)


@dataclass(frozen=True)
class Indexes:
    """Where packages come from, beyond what uv itself is configured with; empty means uv's own configuration.

    `extra_index_urls` come before the default index, in this order. `merge` lets the best version of all
    indexes win, as pip does; without it uv takes a package from the first index that has it. Addresses may hold
    credentials and are left out of the representation.
    """

    index_url: str | None = field(default=None, repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    find_links: tuple[str, ...] = field(default=(), repr=False)
    no_index: bool = False
    merge: bool = False
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def arguments(self) -> list[str]:
        """Arguments for `uv pip compile` and `uv pip install`."""
        links = [argument for place in self.find_links for argument in ("--find-links", place)]
        return [*links, *(["--no-index"] if self.no_index else [])]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Variables for uv, on top of `environ`; nothing that `environ` sets for uv is lost."""
        values = {name: value for name, value in self.variables if name not in environ}
        if self.index_url is not None:
            values["UV_DEFAULT_INDEX"] = self.index_url
        if self.extra_index_urls:
            values["UV_INDEX"] = " ".join([*self.extra_index_urls, *environ.get("UV_INDEX", "").split()])
        if self.merge and "UV_INDEX_STRATEGY" not in environ:
            values["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        return values

    def over(self, other: Indexes) -> Indexes:
        """These indexes, completed by others of lower precedence."""
        return Indexes(
            index_url=self.index_url or other.index_url,
            extra_index_urls=_unique(self.extra_index_urls + other.extra_index_urls),
            find_links=_unique(self.find_links + other.find_links),
            no_index=self.no_index or other.no_index,
            merge=self.merge or other.merge,
            variables=tuple(dict((*other.variables, *self.variables)).items()),
        )


def configured(
    index_url: str | None = None,
    extra_index_urls: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> Indexes:
    """The indexes of the command line, then pip's configuration; uv completes them with its own.

    pip's default index gives way to one that uv is configured with. Where pip has further places to look, all
    places are merged as pip merges them.
    """
    environ = os.environ if environ is None else environ
    return Indexes(index_url, extra_index_urls).over(_pip_indexes(environ))


def _pip_indexes(environ: Mapping[str, str]) -> Indexes:
    settings = pip_settings(environ)
    extra = tuple(settings.get("extra-index-url", "").split())
    links = tuple(settings.get("find-links", "").split())
    default = settings.get("index-url")
    if default is not None and _uv_has_default_index(environ):
        extra, default = (*extra, default), None
    return Indexes(
        index_url=default,
        extra_index_urls=extra,
        find_links=links,
        no_index=settings.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        merge=bool(extra or links),
        variables=tuple(_connection_variables(settings)),
    )


def _connection_variables(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    names = {
        "cert": ["SSL_CERT_FILE"],
        "client-cert": ["SSL_CLIENT_CERT"],
        "proxy": ["HTTPS_PROXY", "HTTP_PROXY"],
    }
    for option, variables in names.items():
        if settings.get(option):
            yield from ((variable, settings[option]) for variable in variables)
    if settings.get("trusted-host"):
        yield "UV_INSECURE_HOST", " ".join(settings["trusted-host"].split())
    timeout = settings.get("timeout") or settings.get("default-timeout")
    if timeout:
        yield "UV_HTTP_TIMEOUT", str(max(1, round(float(timeout))))


def pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings for `pip install`: files, then `PIP_*` variables, later ones winning, as in pip."""
    parser = configparser.RawConfigParser()
    parser.read(_pip_files(environ), encoding="utf-8")
    settings: dict[str, str] = {}
    for section in ("global", "install"):
        if parser.has_section(section):
            settings.update((name.replace("_", "-"), value) for name, value in parser.items(section) if value)
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return settings


def _pip_files(environ: Mapping[str, str]) -> list[Path]:
    chosen = environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:
        return []
    home = Path(environ.get("HOME", Path.home()))
    system = [Path(place) / "pip" for place in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)]
    user = Path(environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip"
    if sys.platform == "darwin":
        system = [Path("/Library/Application Support/pip"), *system]
        user = home / "Library/Application Support/pip" if (home / "Library/Application Support/pip").is_dir() else user
    places = [*system, Path("/etc"), home / ".pip", user, Path(sys.prefix)]
    return [*(place / "pip.conf" for place in places), *([Path(chosen)] if chosen else [])]


def _uv_has_default_index(environ: Mapping[str, str]) -> bool:
    """Whether uv's variables or files name a default index."""
    if environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL"):
        return True
    return any(_names_default_index(settings) for settings in _uv_settings(environ))


def _names_default_index(settings: Mapping[str, Any]) -> bool:
    pip = settings.get("pip", {})
    return (
        "index-url" in settings
        or "index-url" in pip
        or any(index.get("default") for index in (*settings.get("index", ()), *pip.get("index", ())))
    )


def _uv_settings(environ: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    if environ.get("UV_CONFIG_FILE"):
        yield _toml(Path(environ["UV_CONFIG_FILE"]))
        return
    if environ.get("UV_NO_CONFIG"):
        return
    for directory in (Path.cwd(), *Path.cwd().parents):
        if (directory / "uv.toml").is_file():
            yield _toml(directory / "uv.toml")
            break
        project = _toml(directory / "pyproject.toml").get("tool", {}).get("uv")
        if project is not None:
            yield project
            break
    home = Path(environ.get("XDG_CONFIG_HOME", Path(environ.get("HOME", Path.home())) / ".config"))
    for system in (
        home,
        *map(Path, environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)),
        Path("/etc"),
    ):
        yield _toml(system / "uv" / "uv.toml")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # uv reports a file of its own that it cannot read
        return {}


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
