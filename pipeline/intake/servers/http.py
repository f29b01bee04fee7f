"""Web servers that list a folder as a page: nginx and Apache autoindex, Python's http.server and their like.

A listing is for people: it may round sizes and leave out seconds, so a file that is to be fetched is looked at first.
User and password come from ~/.netrc.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import parsedate_to_datetime
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urljoin

import httpx

from pipeline.intake.servers.server import (
    ChangedOnServer,
    DeniedByServer,
    GoneFromServer,
    ServedBytes,
    ServerFile,
    UnreachableServer,
    broken_off,
    opened,
)
from pipeline.messages import Message

_TIMEOUT_S = 60
_LARGEST_PAGE = 64 << 20
_DEEPEST = 64

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}-[A-Za-z]{3}-\d{4}")
_SIZE = re.compile(r"(?<![\w:.-])(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?(?![\w:.-])", re.IGNORECASE)


class HttpServer:
    """What a page lists, and the pages below it; links that lead elsewhere are not followed."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/") + "/"
        secrets = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        self._web = httpx.Client(
            timeout=_TIMEOUT_S,
            # what is packed on the way has another length, and cannot be resumed
            headers={"Accept-Encoding": "identity"},
            auth=httpx.NetRCAuth(str(secrets)) if secrets.is_file() else None,
        )

    def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
        folders: list[tuple[str, tuple[str, ...]]] = [(self._address, ())]
        while folders:
            page, folder = folders.pop()
            rows = opened(partial(self._rows, page), folder, denied, Message("there is no such page")) or {}
            for name, told in rows.items():
                parts = (*folder, unquote(name.rstrip("/"), errors="surrogateescape"))
                if not name.endswith("/"):
                    yield _listed(page + name, parts, told)
                elif len(parts) < _DEEPEST:
                    folders.append((page + name, parts))

    def _rows(self, page: str) -> dict[str, str]:
        """What a page lists: the quoted name of each entry, a folder's with a slash, and what is told beside it."""
        with self._reply("GET", page) as reply:
            size, chunks = 0, []
            for chunk in reply.iter_bytes():
                size += len(chunk)
                if size > _LARGEST_PAGE:
                    raise UnreachableServer(Message("its page has no end"), is_lasting=True)
                chunks.append(chunk)
            text = b"".join(chunks).decode("utf-8", "replace")
        parser = _Links()
        parser.feed(text)
        parser.close()
        rows: dict[str, str] = {}
        for link, told in parser.links:
            address = urljoin(page, link)
            name = address.removeprefix(page)
            # sorting links, the folder above, other places
            if name != address and re.fullmatch(r"[^/?#]+/?", name):
                rows.setdefault(name, " ".join(told.split()))
        if not parser.links and not _is_page(text):
            raise UnreachableServer(Message("it answers with no page that lists files"), is_lasting=True)
        return rows

    def look(self, file: ServerFile) -> ServerFile:
        with self._reply("HEAD", file.key) as reply:
            return _described(file, reply.headers)

    @contextmanager
    def read(self, file: ServerFile, start: int) -> Iterator[ServedBytes]:
        mark = file.stamp.partition(" | ")[0]
        # without a mark that names the version exactly, what is there could be the beginning of another one
        resumed = bool(start and mark and not mark.startswith("W/"))
        wanted = {"Range": f"bytes={start}-", "If-Range": mark} if resumed else {}
        with self._reply("GET", file.key, wanted) as reply:
            if _described(file, reply.headers).stamp.rpartition(" | ")[0] != file.stamp.rpartition(" | ")[0]:
                raise ChangedOnServer
            yield ServedBytes(start if reply.status_code == httpx.codes.PARTIAL_CONTENT else 0, _chunks(reply))

    @contextmanager
    def _reply(self, method: str, address: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        try:
            with self._web.stream(method, address, headers=headers) as reply:
                _check(reply.status_code)
                yield reply
        except httpx.InvalidURL:
            raise GoneFromServer from None
        except httpx.HTTPError as error:
            raise broken_off(type(error).__name__) from None


class _Links(HTMLParser):
    """The links of a page with the text that follows each, up to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self._is_within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.links.append((link, ""))
            self._is_within = True

    def handle_endtag(self, tag: str) -> None:
        self._is_within = self._is_within and tag != "a"

    def handle_data(self, data: str) -> None:
        if self.links and not self._is_within:
            link, told = self.links[-1]
            self.links[-1] = link, f"{told} {data}"


def _is_page(text: str) -> bool:
    return "<html" in text[:2000].lower() or "<!doctype html" in text[:2000].lower()


def _check(status: int) -> None:
    if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
        raise GoneFromServer
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise DeniedByServer
    if not 200 <= status < 300:
        # a redirect is not followed: it may lead to a page of greeting for whoever is not logged in
        lasting = status < 500 and status not in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)
        raise UnreachableServer(Message("it answers HTTP {status}", status=status), is_lasting=lasting)


def _chunks(reply: httpx.Response) -> Iterator[bytes]:
    try:
        yield from reply.iter_raw()
    except httpx.HTTPError as error:
        raise broken_off(type(error).__name__) from None


def _listed(address: str, parts: tuple[str, ...], told: str) -> ServerFile:
    """A file by its line in a listing; only a line with day and size says when the file is another one."""
    sizes = _SIZE.findall(_DAY.sub(" ", re.sub(r"\d{1,2}:\d{2}(:\d{2})?", " ", told)))
    if not sizes or not _DAY.search(told):
        return ServerFile(address, parts, None, "", is_exact=False)
    number, unit = sizes[-1]
    size = float(number) * 1024 ** ("KMGT".index(unit.upper()) + 1 if unit else 0)
    # rounded, it may be half of the last digit more
    return ServerFile(address, parts, int(size * 1.05 if unit else size), told, is_exact=False)


def _described(file: ServerFile, headers: httpx.Headers) -> ServerFile:
    """The file by what the server says of it: its mark (an ETag or a time) and its size make the stamp."""
    tag, changed = headers.get("etag", ""), headers.get("last-modified", "")
    length = headers.get("content-range", "").rpartition("/")[2] or headers.get("content-length", "")
    size = int(length) if length.isdecimal() else None
    return replace(
        file,
        size_bytes=size,
        stamp=f"{tag or changed} | {length}" if tag or changed else "",
        changed_at_s=_seconds(changed),
        is_exact=True,
    )


def _seconds(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
