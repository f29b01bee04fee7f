"""Files of the home encrypted at rest, where the settings say so: AES-256-GCM, the key kept outside the home.

A sealed file begins with a mark and the id of its key with a checksum: plain files of an older home are read as they
are, and a wrong key is told from a damaged file. What is in force in a process stands in its environment, where the
processes that it starts find it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipeline.errors import BadSetting, CallQAError, shown
from pipeline.messages import Message
from pipeline.settings.privacy import Privacy
from pipeline.storage.files import read_regular

SEALING_KEY_BYTES = 32
_MARK = b"\x93callqa sealed 1\n"
_ID_BYTES, _NONCE_BYTES = 8, 12
_HEAD_BYTES = len(_MARK) + _ID_BYTES + _NONCE_BYTES
_LARGEST_KEY_FILE = 10_000
_VARIABLE = "CALLQA_SEALING"


class MissingKey(CallQAError):
    """A file is encrypted with a key that is not at hand. It is whole: nothing may be made in its place."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Keys by id; new files are sealed with `first`, or are plain where that is None."""

    keys: dict[bytes, bytes]
    first: bytes | None


def seal_by(settings: Privacy) -> None:
    """Read and write files so in this process, and in those that it starts; the key is read when it is needed."""
    file = str(settings.key_file) if settings.key_file else ""
    os.environ[_VARIABLE] = json.dumps([settings.encrypt, file, settings.key_env])


def sealing_in_force() -> Sealing:
    """What `seal_by` said in this process, or in one that started it; else nothing is sealed.

    Raises BadSetting for a key that is none, or is missing where files are to be encrypted.
    """
    told = os.environ.get(_VARIABLE)
    if told is None:
        return Sealing({}, None)
    encrypt, file, variable = json.loads(told)
    return _sealing(encrypt, file, variable, os.environ.get(variable, "") if variable else "")


@lru_cache(maxsize=4)
def _sealing(encrypt: bool, file: str, variable: str, text: str) -> Sealing:
    place: object = shown(Path(file)) if file else variable
    if file:
        try:
            text = read_regular(Path(file), _LARGEST_KEY_FILE).decode("ascii", "replace")
        except OSError as error:
            if encrypt or not isinstance(error, FileNotFoundError):
                raise BadSetting(
                    Message(
                        "privacy.key_file: {file}: cannot be read ({error})", file=place, error=error.strerror or ""
                    )
                ) from error
            text = ""
    try:
        keys = [bytes.fromhex(line) for line in text.replace(",", " ").split()]
    except ValueError:
        keys = [b""]
    if any(len(key) != SEALING_KEY_BYTES for key in keys):
        raise BadSetting(
            Message("{place}: not a key of 64 hexadecimal digits; callqa keys new FILE makes one", place=place)
        )
    if encrypt and not keys:
        raise BadSetting(
            Message(
                "privacy.encrypt is on, and there is no key: name its file in privacy.key_file, or put it into the "
                "environment variable {variable}",
                variable=variable or "privacy.key_env",
            )
        )
    return Sealing({_id(key): key for key in keys}, keys[0] if encrypt else None)


def without_key(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment for a program that has nothing to read here: less the variable that holds the key."""
    told = environment.get(_VARIABLE)
    variable = json.loads(told)[2] if told else ""
    return {name: value for name, value in environment.items() if name != variable}


def sealed(data: bytes) -> bytes:
    """What is to be written for `data`: sealed, or as it is."""
    sealing = sealing_in_force()
    if sealing.first is None:
        return data
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = _MARK + _id(sealing.first) + os.urandom(_NONCE_BYTES)
    return head + AESGCM(sealing.first).encrypt(head[-_NONCE_BYTES:], data, head)


def unsealed(data: bytes, place: Path) -> bytes:
    """What was sealed, or the data as it is. Raises MissingKey, and ValueError for what is damaged."""
    if not is_sealed(data):
        return data
    key_id = data[len(_MARK) : len(_MARK) + _ID_BYTES]
    if len(data) < _HEAD_BYTES or key_id != _checked(key_id[:4]):
        raise ValueError("the head of sealed data is damaged")
    key = sealing_in_force().keys.get(key_id)
    if key is None:
        raise MissingKey(
            Message(
                "{file}: encrypted with the key {key}, which is not at hand: name its file in privacy.key_file, or "
                "put it into the variable of privacy.key_env; nothing is lost",
                file=shown(place),
                key=key_id[:4].hex(),
            )
        )
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = data[:_HEAD_BYTES]
    try:
        return AESGCM(key).decrypt(head[-_NONCE_BYTES:], data[_HEAD_BYTES:], head)
    except InvalidTag as error:
        raise ValueError("sealed data was changed") from error


def is_sealed(data: bytes) -> bool:
    """Whether data begins as a sealed file does."""
    return data.startswith(_MARK)


def is_as_wanted(data: bytes) -> bool:
    """Whether a file's bytes are sealed with the key in force, or plain where that is wanted."""
    first = sealing_in_force().first
    return data.startswith(_MARK + _id(first)) if first else not is_sealed(data)


def sealing_id(key: bytes) -> str:
    """Tells a key from others, and nothing of it."""
    return _id(key)[:4].hex()


def _id(key: bytes) -> bytes:
    return _checked(hashlib.sha256(b"callqa sealing key" + key).digest()[:4])


def _checked(key_id: bytes) -> bytes:
    return key_id + zlib.crc32(key_id).to_bytes(4, "little")
