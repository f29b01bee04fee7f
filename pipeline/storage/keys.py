"""The home's key, under which callers' numbers are hashed, and whatever else could be guessed from a plain hash."""

from __future__ import annotations

import hashlib
import hmac
import os

from pipeline.storage.files import write_whole
from pipeline.storage.home import Home


def home_key(home: Home) -> bytes:
    """The key of the home, made at its first use. Raises OSError."""
    try:
        key = home.salt.read_bytes()
    except FileNotFoundError:
        key = b""
    if len(key) < 16:
        write_whole(home.salt, os.urandom(32), secret=True)
        key = home.salt.read_bytes()
    return key


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA256 of a text, its first 32 hexadecimal digits: whoever has not the key cannot try texts against it."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]
