"""Results as files: written whole or not at all, read back equal.

Every file is gzipped JSON made from one frozen dataclass. Writing goes to a temporary file in the same
folder, is flushed to the disk and renamed over the target, so that a killed process or a full disk leaves
either the old file or the new one. The bytes are a function of the value (no time stamp in the gzip header).
"""

from __future__ import annotations

import gzip
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import BadArtefact

T = TypeVar("T")


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically and durably; folders are made. Raises OSError (a full disk, say)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write(path: Path, value: object) -> None:
    """Write a dataclass as gzipped JSON, atomically."""
    write_bytes(
        path, gzip.compress(_adapter(cast(Any, type(value))).dump_json(value, by_alias=True), compresslevel=6, mtime=0)
    )


def read(path: Path, kind: type[T]) -> T:
    """Read back what `write` wrote. Raises BadArtefact when the file is missing, damaged or of another shape."""
    try:
        value: T = _adapter(cast(Any, kind)).validate_json(gzip.decompress(path.read_bytes()))
    except FileNotFoundError as error:
        raise BadArtefact(f"{path}: no such artefact") from error
    except (OSError, EOFError, ValidationError, ValueError) as error:
        # the error's own text may quote the content, which must not reach a log
        raise BadArtefact(f"{path}: damaged, or written by another version ({type(error).__name__})") from error
    return value
