"""Results as files: written whole or not at all, read back equal.

Every file is gzipped JSON made from one frozen dataclass; its bytes are a function of the value (no time stamp in
the gzip header).
"""

from __future__ import annotations

import gzip
import zlib
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import BadArtefact, shown
from pipeline.messages import Message
from pipeline.storage.files import write_whole

Stored = TypeVar("Stored")


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def write(path: Path, value: object) -> None:
    """Write a dataclass as gzipped JSON, atomically."""
    write_whole(
        path, gzip.compress(_adapter(cast(Any, type(value))).dump_json(value, by_alias=True), compresslevel=6, mtime=0)
    )


def read(path: Path, kind: type[Stored]) -> Stored:
    """Read back what `write` wrote. Raises BadArtefact when the file is missing, damaged or of another shape."""
    try:
        value: Stored = _adapter(cast(Any, kind)).validate_json(gzip.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise BadArtefact(Message("{file}: no such artefact", file=shown(path))) from error
    except (OSError, EOFError, zlib.error, ValidationError, ValueError) as error:
        # the error's own text may quote the content, which must not reach a log
        raise BadArtefact(
            Message(
                "{file}: damaged, or written by another version ({kind})", file=shown(path), kind=type(error).__name__
            )
        ) from error
    return value
