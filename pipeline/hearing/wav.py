"""Where the sound of a WAV lies, as the bytes show it: what its header says of that is only the first hint.

A recorder that dies leaves the size of its last update, or none; one that streams never knows it. Behind the sound
other software puts notes, cover pictures and zeros. So what follows the stated size is looked at: chunks, text and
zeros are no sound, anything else is.

Sources: Microsoft and IBM, Multimedia Programming Interface 1.0 (RIFF); EBU Tech 3306 (RF64); Sony Wave64 (W64).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from pipeline.storage.files import read_at

PCM, FLOAT, ALAW, MULAW = 1, 3, 6, 7
"""Tags of codings in which a second has the same number of bytes whatever is in it."""

_EXTENSIBLE = 0xFFFE
_NOT_STATED = 0x7FFF0000
"""Sizes from here on are what a recorder writes who does not know the size yet: 0x7FFFFFFF, 0xFFFFFFFF less a bit."""

_TAIL_BYTES = 4 << 20
_BLOCK_BYTES = 1 << 20
_MOST_CHUNKS = 1000
_LETTERS = 8
_NOTES = (
    b"LIST", b"id3 ", b"ID3 ", b"_PMX", b"bext", b"iXML", b"aXML", b"axml", b"cue ", b"smpl", b"fact", b"PEAK", b"DISP",
    b"JUNK", b"junk", b"PAD ", b"FLLR", b"cart", b"plst", b"umid", b"levl", b"note", b"labl", b"ltxt", b"link", b"chna",
)  # fmt: skip
"""Chunks that are known to stand behind the sound."""


@dataclass(frozen=True, slots=True)
class WavSound:
    """The sound of a WAV: bytes `start` to `end` of the file, and what its header says of it.

    `stated_bytes` is None where the header does not know. `floats` says whether samples are floats.
    """

    tag: int
    channels: int
    rate_hz: int
    bits: int
    bytes_a_second: int
    start: int
    end: int
    stated_bytes: int | None

    @property
    def floats(self) -> bool:
        return self.tag == FLOAT

    @property
    def is_as_stated(self) -> bool:
        """Whether a reader that believes the header finds all the sound and nothing else."""
        return self.stated_bytes is not None and self.start + self.stated_bytes >= self.end

    @property
    def length_s(self) -> float | None:
        """The length of the sound that is there, where the number of bytes tells it."""
        exact = self.tag in (PCM, FLOAT, ALAW, MULAW) and self.bytes_a_second
        return (self.end - self.start) / self.bytes_a_second if exact else None

    @property
    def coding(self) -> str | None:
        """ffmpeg's name of the samples as they lie there, where it has one."""
        names = {(ALAW, 8): "alaw", (MULAW, 8): "mulaw", (PCM, 8): "u8"}
        linear = {PCM: "s", FLOAT: "f"}.get(self.tag)
        return names.get((self.tag, self.bits)) or (f"{linear}{self.bits}le" if linear else None)

    @property
    def stated_s(self) -> float | None:
        """The length that the header states, in seconds."""
        if self.stated_bytes is None or not self.bytes_a_second:
            return None
        return self.stated_bytes / self.bytes_a_second


def is_wav(head: bytes) -> bool:
    """Whether a file that begins so is a WAV of any kind but W64."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE"


def is_w64(head: bytes) -> bool:
    """Whether a file that begins so is a Wave64."""
    return head[:4] == b"riff" and head[24:28] == b"wave"


def riff_chunks(head: bytes, order: str, start: int = 12) -> Iterable[tuple[bytes, int, int]]:
    """(name, offset of its content, size) of the RIFF chunks in `head`."""
    at = start
    while at + 8 <= len(head):
        name, size = struct.unpack_from(f"{order}4sI", head, at)
        yield name, at + 8, size
        at += 8 + size + (size & 1)


def wav_sound(descriptor: int, size_bytes: int) -> WavSound | None:
    """Find the sound of a WAV (RIFF, RIFX, RF64, W64); None where its header is not whole. Raises OSError."""
    head = read_at(descriptor, 0, 12)
    order = ">" if head[:4] == b"RIFX" else "<"
    chunks = _w64_chunks(descriptor) if head[:4] == b"riff" else _chunks(descriptor, order)
    form, long_size = b"", None
    for name, at, size in chunks:
        if name == b"ds64":
            (long_size,) = struct.unpack("<Q", read_at(descriptor, at + 8, 8).ljust(8, b"\0"))
        if name == b"fmt ":
            form = read_at(descriptor, at, min(size, 40))
        if name == b"data":
            if len(form) < 16:
                return None
            if size == 0xFFFFFFFF and long_size is not None:
                size = long_size
            limit = 1 << 62 if head[:4] != b"RIFF" and head[:4] != b"RIFX" else _NOT_STATED
            return _sound(descriptor, size_bytes, form, order, at, size if 0 < size < limit else None)
    return None


def _sound(descriptor: int, size_bytes: int, form: bytes, order: str, start: int, stated: int | None) -> WavSound:
    tag, channels, rate_hz, average, _, bits = struct.unpack_from(f"{order}HHIIHH", form)
    if tag == _EXTENSIBLE and len(form) >= 26:
        (tag,) = struct.unpack_from(f"{order}H", form, 24)
    block = channels * bits // 8 if tag in (PCM, FLOAT, ALAW, MULAW) else 1
    bytes_a_second = block * rate_hz if tag in (PCM, FLOAT, ALAW, MULAW) else average
    silent_zeros = tag in (PCM, FLOAT) and bits > 8
    end = _end(descriptor, start, stated, size_bytes, silent_zeros)
    return WavSound(tag, channels, rate_hz, bits, bytes_a_second, start, end, stated)


def _chunks(descriptor: int, order: str) -> Iterator[tuple[bytes, int, int]]:
    at = 12
    for _ in range(_MOST_CHUNKS):
        head = read_at(descriptor, at, 8)
        if len(head) < 8:
            return
        name, size = struct.unpack(f"{order}4sI", head)
        yield name, at + 8, size
        at += 8 + size + (size & 1)


def _w64_chunks(descriptor: int) -> Iterator[tuple[bytes, int, int]]:
    """As `_chunks`: names of sixteen bytes begin with RIFF's four; sizes hold the head's 24 bytes."""
    at = 40
    for _ in range(_MOST_CHUNKS):
        head = read_at(descriptor, at, 24)
        if len(head) < 24:
            return
        (size,) = struct.unpack_from("<Q", head, 16)
        yield head[:4], at + 24, max(0, size - 24)
        at += max(24, size + 7 & ~7)


def _end(descriptor: int, start: int, stated: int | None, size_bytes: int, silent_zeros: bool) -> int:
    """Where the sound ends. `silent_zeros`: zeros are silence in this coding, not the loudest sound there is."""
    at = start + (stated or 0)
    if at >= size_bytes:
        return size_bytes
    if _only_notes(descriptor, at, size_bytes):
        return at
    zeros_from = _zeros_from(descriptor, at, size_bytes)
    end = _without_notes(descriptor, at, zeros_from, size_bytes)
    if end == size_bytes and not (stated is None and silent_zeros):
        end = zeros_from
    if stated is None:
        return end
    return at if _is_text(read_at(descriptor, at, min(512, end - at))) else end


def _only_notes(descriptor: int, at: int, end: int) -> bool:
    """Whether nothing but chunks, and zeros, lie from `at` to the file's end; a pad byte may stand before them."""
    for start in (at, at + 1):
        place, found = start, False
        for _ in range(_MOST_CHUNKS):
            head = read_at(descriptor, place, 8)
            if len(head) < 8 or not head.strip(b"\0"):
                break
            name, size = head[:4], int.from_bytes(head[4:], "little")
            whole = place + 8 + size <= end + 1
            if not (name in _NOTES or (whole and _is_name(name))):
                found = False
                break
            place, found = place + 8 + size + (size & 1), True
        if found and (place >= end - 1 or _zeros_from(descriptor, place, end) == place):
            return True
    return False


def _without_notes(descriptor: int, at: int, zeros_from: int, end: int) -> int:
    """The sound's end before chunks that lead exactly to the file's end, or known ones to the zeros at its end."""
    first = max(at, end - _TAIL_BYTES)
    data = read_at(descriptor, first, end - first)
    if len(data) < 8:
        return end
    part = np.frombuffer(data, np.uint8).astype(np.uint32)
    # where a chunk would end that began at each place
    ends = np.arange(first + 8, first + part.size + 1, dtype=np.int64)
    ends += part[4:-3] | part[5:-2] << 8 | part[6:-1] << 16 | part[7:] << 24
    result, known_from = end, zeros_from
    while True:
        for place in map(int, np.flatnonzero((ends >= min(known_from, result - 1)) & (ends <= result))):
            name = data[place : place + 4]
            # a pad byte may be missing
            if name in _NOTES or (ends[place] >= result - 1 and _is_name(name)):
                result = known_from = first + place
                break
        else:
            return result


def _zeros_from(descriptor: int, at: int, end: int) -> int:
    """Where the zeros at the file's end begin, `at` the earliest."""
    while end > at:
        first = max(at, end - _BLOCK_BYTES)
        there = read_at(descriptor, first, end - first).rstrip(b"\0")
        if there:
            return first + len(there)
        end = first
    return at


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name) and name[:1] != b" "


def _is_text(start: bytes) -> bool:
    """Whether bytes are a tag or a text: no sound has only letters, or letters and zeros, for long."""
    if start[:3] in (b"ID3", b"TAG") or start[:8] == b"APETAGEX":
        return True
    with suppress(UnicodeDecodeError):
        text = start[: max(1, len(start) - 3)].decode("utf-8")
        # a silent line repeats a letter or two
        return len(set(text)) >= _LETTERS and all(c.isprintable() or c.isspace() for c in text)
    return False
