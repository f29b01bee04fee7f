"""Results as files: written whole or not at all, read back equal.

Every file is JSON packed with zstd, made from one frozen dataclass; its bytes are a function of the value. What earlier
versions wrote is gzipped JSON under another name (`.json.gz`), some of its fields under the names they had then: it is
read as it is, and gone once the value is written again. Files may be encrypted (`sealing`); one whose key is missing
raises MissingKey, which is no BadArtefact: it is whole, and must not be made again.
"""

from __future__ import annotations

import os
import zlib
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
from backports import zstd
from pydantic import TypeAdapter, ValidationError

from pipeline.errors import BadArtefact, shown
from pipeline.messages import Message
from pipeline.storage.files import write_whole
from pipeline.storage.sealing import sealed, unsealed

Stored = TypeVar("Stored")

ARTEFACT_SUFFIX = ".json.zst"
EARLIER_SUFFIX = ".json.gz"

LARGEST_PACKED = 1 << 29
"""Bytes of a file; nothing that callqa writes comes near it."""

_SPARE, _DENSEST = 1 << 24, 64
"""A file may hold so many bytes, and so many times its own besides: one that holds more is no artefact of ours."""

_PACKING: dict[int, int] = {zstd.CompressionParameter.compression_level: 3, zstd.CompressionParameter.checksum_flag: 1}
_ZSTD, _GZIP = b"\x28\xb5\x2f\xfd", b"\x1f\x8b"


@cache
def _decoder(kind: type[Any]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@cache
def _earlier_decoder(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def write(path: Path, value: object) -> None:
    """Write a dataclass, atomically; what an earlier version wrote of it goes."""
    packed = zstd.compress(msgspec.json.encode(value, enc_hook=plain), options=_PACKING)
    write_whole(_renamed(path, ARTEFACT_SUFFIX), sealed(packed))
    _renamed(path, EARLIER_SUFFIX).unlink(missing_ok=True)


def read(path: Path, kind: type[Stored]) -> Stored:
    """Read back what `write` wrote. Raises BadArtefact when the file is missing, damaged or of another shape."""
    packed, content = _load(path)
    try:
        if packed.startswith(_ZSTD):
            return cast(Stored, _decoder(cast(Any, kind)).decode(content))
        return cast(Stored, _earlier_decoder(cast(Any, kind)).validate_json(content))
    except (ValidationError, ValueError) as error:
        # the error's own text may quote the content, which must not reach a log
        raise _damaged(path, error) from error


def unpacked(path: Path) -> bytes:
    """The JSON of an artefact, its checksum tried. Raises BadArtefact."""
    return _load(path)[1]


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of what an artefact holds, nothing tried; b"" where they cannot be had so cheaply."""
    try:
        return zstd.ZstdDecompressor().decompress(unsealed(_read_bytes(path), path), size)
    except (OSError, ValueError, zstd.ZstdError):
        return b""


def lying(path: Path) -> Path:
    """Where an artefact lies: as an earlier version named it, where there is only that."""
    earlier = _renamed(path, EARLIER_SUFFIX)
    return earlier if not os.path.lexists(path) and os.path.lexists(earlier) else path


def is_artefact(path: Path | os.DirEntry[str]) -> bool:
    """Whether a file is named like an artefact, of today or of an earlier version, and is not half written."""
    return path.name.endswith((ARTEFACT_SUFFIX, EARLIER_SUFFIX)) and not path.name.startswith(".")


def _load(path: Path) -> tuple[bytes, bytes]:
    """What a file holds as it was packed, and unpacked."""
    try:
        packed = unsealed(_read_bytes(path), path)
        return packed, _content(packed)
    except FileNotFoundError as error:
        raise BadArtefact(Message("{file}: no such artefact", file=shown(path))) from error
    except (OSError, EOFError, zlib.error, zstd.ZstdError, ValueError) as error:
        raise _damaged(path, error) from error


def _read_bytes(path: Path) -> bytes:
    for suffix in (ARTEFACT_SUFFIX, EARLIER_SUFFIX):
        try:
            with _renamed(path, suffix).open("rb") as stream:
                # asked for more than there is, a stream makes room for it all the same
                return stream.read(min(LARGEST_PACKED, os.fstat(stream.fileno()).st_size))
        except FileNotFoundError:
            continue
    raise FileNotFoundError(path)


def _content(packed: bytes) -> bytes:
    """What is packed, in no more memory than something of that size can need."""
    most = _SPARE + _DENSEST * len(packed)
    if packed.startswith(_ZSTD):
        frame, size = zstd.ZstdDecompressor(), zstd.get_frame_info(packed).decompressed_size
        # with room for no more than is told it is unpacked at once, in half the time
        room = min(most, size + 1) if size else most
        content, whole, rest = frame.decompress(packed, room), frame.eof, frame.unused_data
    elif packed.startswith(_GZIP):
        stream = zlib.decompressobj(wbits=31)
        content, whole, rest = stream.decompress(packed, most), stream.eof, stream.unused_data
    else:
        raise ValueError
    if not whole or rest:
        raise EOFError
    return content


def _damaged(path: Path, error: Exception) -> BadArtefact:
    return BadArtefact(
        Message("{file}: damaged, or written by another version ({kind})", file=shown(path), kind=type(error).__name__)
    )


def _renamed(path: Path, suffix: str) -> Path:
    """The path with the suffix of today, or of earlier versions."""
    if path.name.endswith(suffix):
        return path
    return path.with_name(path.name.removesuffix(ARTEFACT_SUFFIX).removesuffix(EARLIER_SUFFIX) + suffix)


def plain(value: object) -> object:
    """A text or number of a class of its own, as what it is."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(type(value).__name__)
