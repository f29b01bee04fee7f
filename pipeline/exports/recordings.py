"""A call's recording as an export tells of it: its name, a hash of its bytes, where others find it, or the sound."""

from __future__ import annotations

import hashlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pipeline.errors import shown
from pipeline.storage.home import RecordingRecord
from pipeline.storage.masked_paths import MASK

MEDIA_TYPES: Mapping[str, str] = {
    ".wav": "audio/x-wav", ".mp3": "audio/x-mp3", ".mp4": "audio/x-mp4", ".m4a": "audio/x-mp4", ".ogg": "audio/ogg",
    ".oga": "audio/ogg", ".opus": "audio/ogg", ".amr": "audio/amr", ".flac": "audio/flac", ".aac": "audio/aac",
}  # fmt: skip
"""By how a file's name ends; those that the vCon draft names are called as it calls them."""

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class ToldRecording:
    """`name` has its telephone numbers masked. `content_hash` is `sha512-` and the hash as base64url, where the very
    bytes that were heard are on this machine. `channel` is that of one side's file, None of a whole recording. `body`
    is the sound itself, with nothing to be heard where something is hidden, in `body_channels` channels."""

    name: str
    media_type: str | None = None
    content_hash: str | None = None
    url: str | None = None
    channel: int | None = None
    body: bytes | None = None
    body_channels: int = 1


def told_recordings(
    record: RecordingRecord | None, *, hashed: bool, root: Path | None = None, address: str | None = None
) -> tuple[ToldRecording, ...]:
    """The files of a recording: one, or one of each side; none of a call whose recording nobody knows any more.

    `hashed`: they are read whole. `address` is where others find the folder `root`; a name in which a number is masked
    is no address.
    """
    if record is None:
        return ()
    if record.halves:
        return tuple(
            _told(half.named, half.sha256, half.files, hashed, root, address, channel)
            for channel, half in enumerate(record.halves)
        )
    return (_told(record.named[0], record.sha256, record.files, hashed, root, address, None),) if record.paths else ()


def _told(
    path: Path, sha256: str, files: Iterable[Path], hashed: bool, root: Path | None, address: str | None,
    channel: int | None,
) -> ToldRecording:  # fmt: skip
    content_hash = next(filter(None, (_hash(file, sha256) for file in files)), None) if hashed else None
    url = None
    if address is not None and content_hash is not None and MASK not in str(path):
        place = path.relative_to(root) if root is not None and path.is_relative_to(root) else Path(path.name)
        url = address.rstrip("/") + "/" + quote(os.fsencode(place))
    return ToldRecording(shown(Path(path.name)), MEDIA_TYPES.get(path.suffix.lower()), content_hash, url, channel)


def _hash(file: Path, sha256: str) -> str | None:
    """The hash of a file that holds what was heard; None of one that is gone, or holds something else."""
    heard, told = hashlib.sha256(), hashlib.sha512()
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                heard.update(block)
                told.update(block)
    except OSError:
        return None
    return f"sha512-{base64url(told.digest())}" if heard.hexdigest() == sha256 else None


def base64url(data: bytes) -> str:
    """Bytes as JSON Web Signatures write them: base64 for addresses, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()
