"""logs/error.log of a home: errors that nobody thought of, by their frames, without any value that passed through."""

from __future__ import annotations

import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


def note_error(log: Path, error: BaseException, doing: str = "") -> bool:
    """Append an error; `doing` is what was being done, in words of our own. Whether it could be written."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    lines = [datetime.now(UTC).isoformat(), *filter(None, [doing]), *frames, type(error).__name__, ""]
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write("\n".join(lines) + "\n")
        return True
    return False
