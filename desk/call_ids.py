"""What stands in addresses for a call: who has the recording, or another call's address, cannot tell it.

It is the first half of the recording's SHA-256, encrypted as one block of AES under a key of the home: without the key
an id says nothing, and any other id is as good as random.
"""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_ID = re.compile(r"[0-9a-f]{32}")


class CallIds:
    """Ids of calls under a key of 16 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # one block each, never two of one message

    def of(self, sha256: str) -> str:
        """The id of a recording."""
        block = self._cipher.encryptor().update(bytes.fromhex(sha256[:32]))
        return block.hex()

    def beginning(self, call_id: str) -> str | None:
        """The first 32 digits of the recording's SHA-256 that an id stands for, whether there is one or not."""
        if not _ID.fullmatch(call_id):
            return None
        return self._cipher.decryptor().update(bytes.fromhex(call_id)).hex()
