"""The links of an Ogg file: what a recorder began anew within it, at a transfer or after a pause.

A chained Ogg is several files one behind the other. Where the next link has another codec, rate or number of channels,
ffmpeg loses it; so the file is cut into stretches that are alike, each decoded by itself.

Sources: RFC 3533 (Ogg), RFC 7845 (Opus), Xiph's Vorbis I, Speex and FLAC mappings.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pipeline.storage.files import read_at

MOST_STRETCHES = 64
"""A file that changes more often is decoded as one."""

_HEAD_BYTES = 27
_BODY_BYTES = 64
_FIRST = 2
_MOST_PAGES = 2_000_000
_RESYNC_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class OggStretch:
    """Bytes `start` to `end` of a file, links that have the same streams: codec, rate and channels of each."""

    start: int
    end: int
    streams: tuple[bytes, ...]


def ogg_stretches(descriptor: int, size_bytes: int) -> tuple[OggStretch, ...]:
    """The stretches of an Ogg file that have to be decoded each by itself; one, mostly. Raises OSError."""
    links: list[OggStretch] = []
    streams: list[bytes] = []
    at, start, in_head = 0, 0, False
    for _ in range(_MOST_PAGES):
        page = _page(descriptor, at)
        if page is None:
            break
        is_first, body, length = page
        if is_first:
            if not in_head:
                _add(links, start, at, streams)
                start, streams = at, []
            streams.append(_parameters(body))
        in_head = is_first
        at += length
        if at < size_bytes and not _is_page(descriptor, at):
            at = _resync(descriptor, at)
    _add(links, start, size_bytes, streams)
    return tuple(links) if len(links) <= MOST_STRETCHES else ()


def _add(links: list[OggStretch], start: int, end: int, streams: list[bytes]) -> None:
    if end <= start or not streams:
        return
    if links and links[-1].streams == tuple(streams):
        links[-1] = OggStretch(links[-1].start, end, links[-1].streams)
    else:
        links.append(OggStretch(start if links else 0, end, tuple(streams)))


def _page(descriptor: int, at: int) -> tuple[bool, bytes, int] | None:
    """Whether the page is the first of its stream, what such a one holds, and the page's length; None at the end."""
    head = read_at(descriptor, at, _HEAD_BYTES + 255)
    if len(head) < _HEAD_BYTES or head[:4] != b"OggS":
        return None
    start = _HEAD_BYTES + head[26]
    length = start + sum(head[_HEAD_BYTES:start])
    is_first = bool(head[5] & _FIRST)
    body = read_at(descriptor, at + start, min(length - start, _BODY_BYTES)) if is_first else b""
    return is_first, body, length


def _is_page(descriptor: int, at: int) -> bool:
    return read_at(descriptor, at, 4) == b"OggS"


def _resync(descriptor: int, at: int) -> int:
    """The next page behind bytes that are none, or where reading ends."""
    while True:
        data = read_at(descriptor, at, _RESYNC_BYTES)
        if len(data) < 4:
            return at
        if (found := data.find(b"OggS")) >= 0:
            return at + found
        at += len(data) - 3


def _parameters(body: bytes) -> bytes:
    """Codec, channels and rate as the first packet of a stream states them, without what else stands there."""
    if body[:8] == b"OpusHead":
        return body[:8] + body[9:10]
    if body[:7] == b"\x01vorbis":
        return body[:7] + body[11:16]
    if body[:8] == b"Speex   ":
        return body[:8] + body[36:44] + body[48:52]
    if body[:5] == b"\x7fFLAC":
        # rate and channels are in the twenty bits and three behind the frame sizes
        (packed,) = struct.unpack(">I", body[27:31].ljust(4, b"\0"))
        return body[:5] + struct.pack(">I", packed >> 9)
    return body[:8]
