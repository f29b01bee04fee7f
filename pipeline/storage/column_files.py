"""Columns in a file: arrays by name, each packed by itself and unpacked when somebody asks for it.

For what can be made again. A file is written whole or not at all; one that is damaged says so when it is read. Columns
may be encrypted (`sealing`), each by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from backports import zstd

from pipeline.errors import BadArtefact, shown
from pipeline.messages import Message
from pipeline.storage.files import write_whole
from pipeline.storage.sealing import sealed, unsealed

Column = npt.NDArray[Any]

LARGEST_COLUMN = 1 << 30
"""Bytes of one column, unpacked."""

_MAGIC = b"callqa columns 1\n"
_SIZE = 8
"""Bytes that say how long the head is."""

_PACKING: dict[int, int] = {zstd.CompressionParameter.compression_level: 3, zstd.CompressionParameter.checksum_flag: 1}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a column lies behind the head, and its type; sizes in bytes."""

    kind: str
    at: int
    packed: int
    size: int


_decoder = msgspec.msgpack.Decoder(dict[str, _Place])


def write_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write one-dimensional arrays to a file. Raises OSError."""
    places, frames, at = {}, [], 0
    for name, values in columns.items():
        raw = np.ascontiguousarray(values).tobytes()
        frame = sealed(zstd.compress(raw, options=_PACKING))
        places[name] = _Place(values.dtype.str, at, len(frame), len(raw))
        frames.append(frame)
        at += len(frame)
    head = sealed(zstd.compress(msgspec.msgpack.encode(places), options=_PACKING))
    write_whole(path, b"".join((_MAGIC, len(head).to_bytes(_SIZE, "little"), head, *frames)))


class ColumnFile:
    """The columns of a file. Raises BadArtefact when it is missing, damaged or of another kind, then or later."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                start = stream.read(len(_MAGIC) + _SIZE)
                size = int.from_bytes(start[len(_MAGIC) :], "little")
                if not start.startswith(_MAGIC) or size > LARGEST_COLUMN:
                    raise ValueError
                self._places = _decoder.decode(_unpacked(unsealed(stream.read(size), path), LARGEST_COLUMN))
                self._behind = len(start) + size
        except (OSError, ValueError, zstd.ZstdError) as error:
            raise damaged_columns(self.path, error) from error

    def __getitem__(self, name: str) -> Column:
        """A column, unpacked anew."""
        try:
            place = self._places[name]
            with self.path.open("rb") as stream:
                stream.seek(self._behind + place.at)
                packed = stream.read(max(0, min(place.packed, LARGEST_COLUMN)))
            raw = _unpacked(unsealed(packed, self.path), max(0, min(place.size, LARGEST_COLUMN)))
            if len(raw) != place.size:
                raise ValueError
            return np.frombuffer(raw, np.dtype(place.kind))
        except (OSError, ValueError, KeyError, TypeError, zstd.ZstdError) as error:
            raise damaged_columns(self.path, error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places


def damaged_columns(path: Path, error: Exception) -> BadArtefact:
    """What to say of a file that cannot be what it says it is."""
    return BadArtefact(
        Message("{file}: damaged; it is made again ({kind})", file=shown(path), kind=type(error).__name__)
    )


def _unpacked(packed: bytes, most: int) -> bytes:
    frame = zstd.ZstdDecompressor()
    content = frame.decompress(packed, most + 1)
    if not frame.eof:
        raise ValueError
    return content
