"""What a server of recordings is asked for: its files, and their bytes from anywhere on.

A server module translates and knows nothing of caches, retries or calls: it raises the four faults below, whatever its
library calls them. None carries a library's own text, which may hold a key or a user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pipeline.messages import Message

_Listed = TypeVar("_Listed")

CHUNK_BYTES = 1 << 20


class GoneFromServer(Exception):
    """A file that was listed is not there any more."""


class DeniedByServer(Exception):
    """The server may be reached and does not give this."""


class ChangedOnServer(Exception):
    """A file is another one than was listed."""


class UnreachableServer(Exception):
    """The server, or the way to it, fails. `is_lasting` where trying again at once is of no use."""

    def __init__(self, why: Message, is_lasting: bool = False) -> None:
        super().__init__(why)
        self.why, self.is_lasting = why, is_lasting


def broken_off(fault: str) -> UnreachableServer:
    """What a server or network fails with, by its name; trying again may help."""
    return UnreachableServer(Message("cannot be reached or broke off ({fault})", fault=fault))


def opened(
    listing: Callable[[], _Listed], folder: tuple[str, ...], denied: list[tuple[str, ...]], missing: Message
) -> _Listed | None:
    """What a folder lists; None for one that is gone, or denied, which is noted in `denied`.

    The inbox itself, `()`, must be there. Raises UnreachableServer with `missing`, or DeniedByServer.
    """
    try:
        return listing()
    except GoneFromServer:
        if not folder:
            raise UnreachableServer(missing, is_lasting=True) from None
    except DeniedByServer:
        if not folder:
            raise
        denied.append(folder)
    return None


@dataclass(frozen=True, slots=True)
class ServerFile:
    """A file as a server lists it.

    - `key` is what the server calls it, `parts` are its folders below the inbox and its own name, as they are there:
      nothing is known of them yet.
    - `size_bytes` is None where nothing is said, and a guess where `is_exact` is false (a listing for people: 313K).
    - `stamp` changes when the file does: an ETag, a time, or a listing's line; "" where the listing does not tell.
    - `changed_at_s` is when it changed, in seconds since 1970, where it may still be growing; None where a server shows
      whole files only.
    - `md5` is the bytes' checksum in hexadecimal, as far as the server is to be believed; "" for none.
    """

    key: str
    parts: tuple[str, ...]
    size_bytes: int | None
    stamp: str
    changed_at_s: float | None = None
    md5: str = ""
    is_exact: bool = True


@dataclass(frozen=True, slots=True)
class ServedBytes:
    """A file's bytes from `start` on: 0 where the server cannot begin in the middle."""

    start: int
    chunks: Iterator[bytes]


class Server(Protocol):
    """One inbox on a server; may be asked by several threads.

    Everything raises DeniedByServer and UnreachableServer; `look` and `read` GoneFromServer, `read` ChangedOnServer.
    """

    def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
        """Every file below the inbox's folder; folders that may not be read go to `denied`. Links are not followed."""

    def look(self, file: ServerFile) -> ServerFile:
        """The file as it is now, with everything known exactly."""

    def read(self, file: ServerFile, start: int) -> AbstractContextManager[ServedBytes]:
        """The bytes of a file that `look` gave, from `start` on where that can be."""
