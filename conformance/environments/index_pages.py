"""Pages of package indexes (PEP 503, PEP 691, directories): which files of a distribution are there."""

from __future__ import annotations

import base64
import contextlib
import html.parser
import json
import netrc
import os
import ssl
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from conformance.environments.errors import EnvironmentFailure
from conformance.environments.indexes import Indexes, mask

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_TIME_LIMIT = 60.0


@dataclass(frozen=True)
class File:
    """A file that an index lists, with the Pythons it asks for (a PEP 440 specifier, "" for any)."""

    name: str
    requires_python: str
    yanked: bool


def files_of(index: str, package: str, indexes: Indexes) -> Iterator[tuple[Version, File]]:
    """Each file of a distribution with its version. Raises EnvironmentFailure if `index` does not answer."""
    name = canonicalize_name(package)
    for file in _listed(index, name, indexes):
        with contextlib.suppress(InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
            wheel = file.name.endswith(".whl")
            found, version = parse_wheel_filename(file.name)[:2] if wheel else parse_sdist_filename(file.name)
            if found == name:
                yield version, file


def _listed(index: str, name: str, indexes: Indexes) -> Iterable[File]:
    location = urlsplit(index)
    if location.scheme in ("", "file"):
        directory = Path(unquote(location.path))
        page = directory / name / "index.html"
        if not page.is_file():
            return [File(path.name, "", False) for path in directory.iterdir()]
        return _from_html(page.read_text(encoding="utf-8"), page.as_uri())
    url = f"{index.rstrip('/')}/{name}/"
    body, kind = _get(url, indexes)
    return _from_json(json.loads(body)) if "json" in kind else _from_html(body.decode(errors="replace"), url)


def _from_json(page: dict[str, Any]) -> list[File]:
    """Files of PEP 691's JSON form, in which `yanked` is a reason or a flag."""
    return [
        File(file["filename"], file.get("requires-python") or "", file.get("yanked", False) is not False)
        for file in page["files"]
    ]


def _from_html(text: str, url: str) -> list[File]:
    """Files of PEP 503's HTML form."""
    files: list[File] = []

    class Anchors(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            values = dict(attrs)
            if tag == "a" and values.get("href"):
                place = urlsplit(urljoin(url, values["href"] or "")).path
                required = values.get("data-requires-python") or ""
                files.append(File(unquote(place.rsplit("/", 1)[-1]), required, "data-yanked" in values))

    Anchors().feed(text)
    return files


def _get(url: str, indexes: Indexes) -> tuple[bytes, str]:
    """Body and content type, asked with the credentials that are configured for the place."""
    location = urlsplit(url)
    host = location.netloc.rsplit("@", 1)[-1]
    request = urllib.request.Request(
        urlunsplit(location._replace(netloc=host)),
        headers={"Accept": _ACCEPT, "User-Agent": "framework-conformance"},
    )
    credentials = _credentials(host, indexes)
    if credentials is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(credentials.encode()).decode()}")
    certificates = os.environ.get("SSL_CERT_FILE") or dict(indexes.variables).get("SSL_CERT_FILE")
    context = ssl.create_default_context(cafile=certificates)
    try:
        with urllib.request.urlopen(request, timeout=_TIME_LIMIT, context=context) as answer:
            return answer.read(), answer.headers.get_content_type()
    except OSError as error:
        raise EnvironmentFailure(f"the package index {mask(url)} does not answer: {error}") from error


def _credentials(host: str, indexes: Indexes) -> str | None:
    """User and password for a host: from the configured index addresses, else from ~/.netrc."""
    configured = (indexes.index_url, *indexes.extra_index_urls)
    variables = (
        os.environ.get(name, "") for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL")
    )
    for url in (*filter(None, configured), *(url for value in variables for url in value.split())):
        user, at, place = urlsplit(url.split("=", 1)[-1] if "://" in url else "").netloc.rpartition("@")
        if at and place == host:
            return unquote(user)
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        known = netrc.netrc().authenticators(host.split(":")[0])
        if known is not None:
            return f"{known[0]}:{known[2]}"
    return None
