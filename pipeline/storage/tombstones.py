"""Calls that were forgotten: they are not heard again while their recordings lie in the inbox.

What is kept of such a call does not tell whose it was: keyed hashes of each content of its recording, and of its id
with its day, as another copy of the recording has other bytes. The key is a file of its own.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from pipeline.datatypes import CDR
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Keyed hashes, in hexadecimal and sorted."""

    hashes: tuple[str, ...] = ()


def call_mark(cdr: CDR) -> str | None:
    """What tells a call apart from all others besides its recording: its id and its day. None without an id."""
    if not cdr.call_id:
        return None
    started = cdr.started_at
    day = (started.astimezone(UTC) if started and started.tzinfo else started) if started else None
    return f"{cdr.call_id} {day.date() if day else ''}"


class Tombstones:
    """Which calls were forgotten. Raises BadArtefact or CallQAError where that cannot be told: forgotten calls would be
    heard again."""

    def __init__(self, home: Home) -> None:
        self._hashes: frozenset[str] = frozenset()
        if os.path.lexists(home.forgotten):
            self._hashes = frozenset(artefacts.read(home.forgotten, Forgotten).hashes)
        self._key = _key(home) if self._hashes else b""

    def __bool__(self) -> bool:
        return bool(self._hashes)

    def holds(self, content: str) -> bool:
        """Whether a recording with these bytes (SHA-256) was forgotten."""
        return bool(self._hashes) and _hashed(self._key, content) in self._hashes

    def holds_call(self, cdr: CDR) -> bool:
        """Whether the call of this id and day was forgotten."""
        mark = call_mark(cdr) if self._hashes else None
        return mark is not None and _hashed(self._key, mark) in self._hashes


def bury(home: Home, known_by: Iterable[str]) -> None:
    """Keep from being heard again what these SHA-256s and `call_mark`s tell. Raises OSError."""
    known = artefacts.read(home.forgotten, Forgotten).hashes if os.path.lexists(home.forgotten) else ()
    if not known and not home.forgotten_key.exists():
        write_whole(home.forgotten_key, os.urandom(_KEY_BYTES), secret=True)
    key = _key(home)
    hashes = {*known, *(_hashed(key, text) for text in known_by)}
    if hashes != set(known):
        artefacts.write(home.forgotten, Forgotten(tuple(sorted(hashes))))


def _key(home: Home) -> bytes:
    try:
        key = home.forgotten_key.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) < _KEY_BYTES:
        raise CallQAError(
            Message(
                "{file}: the key of the forgotten calls is missing, and they would be heard again; put it back from a "
                "backup",
                file=home.forgotten_key,
            )
        )
    return key


def _hashed(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()[:32]
