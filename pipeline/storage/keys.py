"""The home's key, under which callers' numbers are hashed: made, rotated, handed on to another machine.

A plain hash of a telephone number can be undone by trying all numbers; one under a key only by who has the key. The key
is a chain: a rotation adds a key that hashes what the keys before it gave. So every stored hash is brought under the
new chain without its number, and a caller stays the same caller. `caller.salt` holds the chain: 32 bytes of one key,
or, once there are several, lines of text. A record says by the chain's id under which its hash was made.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.datatypes import CDR
from pipeline.errors import BadArtefact, CallQAError, shown
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.files import read_regular, write_whole
from pipeline.storage.home import Home, RecordingRecord

KEY_BYTES = 32
_SHORTEST = 16
_LARGEST_FILE = 100_000
_FIRST_LINE = b"callqa caller key 1\n"


@dataclass(frozen=True, slots=True)
class KeyChain:
    """Keys, the oldest first. Two machines with equal chains hash a number alike."""

    keys: tuple[bytes, ...]

    def hashed(self, text: str, after: int = 0) -> str:
        """The hash of a text, 32 hexadecimal digits; `after`: of what the first `after` keys made of it."""
        for key in self.keys[after:]:
            text = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
        return text

    @property
    def id(self) -> str:
        """Tells a chain from others, and nothing of its keys."""
        return hashlib.sha256(b"callqa caller key" + b"".join(self.keys)).hexdigest()[:8]

    def position(self, chain_id: str) -> int | None:
        """How many of the keys a chain of that id has; "" is the first key alone, None no beginning of this chain."""
        if not chain_id:
            return 1
        counts = range(1, len(self.keys) + 1)
        return next((count for count in counts if KeyChain(self.keys[:count]).id == chain_id), None)

    def written(self) -> bytes:
        """The chain as text."""
        return _FIRST_LINE + b"".join(key.hex().encode() + b"\n" for key in self.keys)


def read_chain(path: Path) -> KeyChain:
    """A chain from a file. Raises CallQAError for a file that is none, and FileNotFoundError."""
    try:
        data = read_regular(path, _LARGEST_FILE)
        if not data.startswith(_FIRST_LINE):
            keys: tuple[bytes, ...] = (data,)
        else:
            keys = tuple(bytes.fromhex(line.decode()) for line in data.removeprefix(_FIRST_LINE).splitlines())
        if keys and all(len(key) >= _SHORTEST for key in keys):
            return KeyChain(keys)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CallQAError(
            Message("{file}: cannot be read ({error})", file=shown(path), error=error.strerror or "")
        ) from error
    except ValueError:
        pass
    raise CallQAError(
        Message("{file}: is no key of callqa; restore it, or remove it to begin with a new one", file=shown(path))
    )


def home_chain(home: Home) -> KeyChain:
    """The chain in force, made at its first use. Raises CallQAError, OSError."""
    try:
        return read_chain(home.salt)
    except FileNotFoundError:
        write_whole(home.salt, os.urandom(KEY_BYTES), secret=True)
        return read_chain(home.salt)


def former_chains(home: Home) -> Iterator[KeyChain]:
    """Chains that an import replaced: older calls that are not in the inbox any more keep hashes of theirs."""
    for path in sorted(home.root.glob(f"{home.salt.name}.former-*")):
        with suppress(CallQAError, FileNotFoundError):
            yield read_chain(path)


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What a new chain came to: calls whose hash it changed, and calls that keep one of a key that is not in it."""

    changed: int = 0
    kept: int = 0


def rotate_key(home: Home, on_progress: Callable[[int, int], None] = lambda done, of: None) -> Rekeyed:
    """Add a key to the chain and bring every stored hash under it; only for who holds the run lock."""
    finish_rotation(home)
    chain = KeyChain((*home_chain(home).keys, os.urandom(KEY_BYTES)))
    write_whole(_mark(home), b"", secret=True)
    write_whole(home.salt, chain.written(), secret=True)
    return finish_rotation(home, on_progress)


def import_key(home: Home, chain: KeyChain, on_progress: Callable[[int, int], None] = lambda done, of: None) -> Rekeyed:
    """Put another machine's chain in force; as `rotate_key`. The former chain stays beside it, unless it goes on."""
    finish_rotation(home)
    try:
        former = read_chain(home.salt)
    except FileNotFoundError:  # a home that was restored: its calls are hashed by a beginning of this chain
        former = KeyChain(chain.keys[:1])
    else:
        if former == chain:
            return Rekeyed()
    if chain.keys[: len(former.keys)] != former.keys:
        write_whole(home.salt.with_name(f"{home.salt.name}.former-{former.id}"), former.written(), secret=True)
    write_whole(_mark(home), former.id.encode(), secret=True)
    write_whole(home.salt, chain.written(), secret=True)
    return finish_rotation(home, on_progress)


def finish_rotation(home: Home, on_progress: Callable[[int, int], None] = lambda done, of: None) -> Rekeyed:
    """Bring stored hashes under the chain in force, where that was begun and is not done."""
    try:
        unnamed = _mark(home).read_text("ascii", errors="replace")
    except FileNotFoundError:
        return Rekeyed()
    chain, changed, kept = home_chain(home), 0, 0
    paths = list(home.files("recordings"))
    for number, path in enumerate(paths, 1):
        with suppress(BadArtefact):
            old = artefacts.read(path, RecordingRecord)
            record = _under(chain, replace(old, key_id=old.key_id or unnamed))
            if record != old:
                artefacts.write(path, record)
            has_hash = record.cdr.caller_hash is not None
            changed += has_hash and record.cdr != old.cdr
            kept += has_hash and record.key_id != chain.id
        on_progress(number, len(paths))
    _mark(home).unlink()
    return Rekeyed(changed, kept)


def _mark(home: Home) -> Path:
    """Is there while hashes are brought under a new chain; holds the id of the chain of records that name none."""
    return home.root / "rotation"


def _under(chain: KeyChain, record: RecordingRecord) -> RecordingRecord:
    """A record with its hash, wherever in its CDR that stands, as the chain makes it."""
    position, old = chain.position(record.key_id), record.cdr.caller_hash
    if position is None:
        return record
    if old is None:
        return replace(record, key_id=chain.id)
    return replace(record, cdr=_replaced(record.cdr, old, chain.hashed(old, position)), key_id=chain.id)


def _replaced(cdr: CDR, old: str, new: str) -> CDR:
    texts: dict[str, Any] = {
        name: text.replace(old, new) for name in cdr.__slots__ if isinstance(text := getattr(cdr, name), str)
    }
    return replace(cdr, **texts, extra={name: text.replace(old, new) for name, text in cdr.extra.items()})
