"""JSON as telephone systems write it: one object, a list, one object a line, or objects with nothing between them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pipeline.intake.cells import parse_time
from pipeline.intake.reader import MetadataFile
from pipeline.messages import Message

_DECODER = json.JSONDecoder()
_ISO = re.compile(r"\d{4}-\d\d-\d\dT")
_BETWEEN = re.compile(r"[\s,\[\]\x1e\ufeff]*")
_NEXT_OBJECT = re.compile(r"\n\{|(?<=\})\s*,?\s*\{")


def json_objects(file: MetadataFile, warnings: list[Message]) -> Iterator[tuple[Message, dict[str, Any]]]:
    """The objects that stand at the top of a file or in its list, each with its place (file, line it starts in).

    Kinesis Firehose puts records together without a line's end between them. What cannot be read is left out with a
    warning; it costs the records up to the next object that can.
    """
    text, at, line, counted = file.text, 0, 1, 0
    while (at := _after(_BETWEEN, text, at)) < len(text):
        line, counted = line + text.count("\n", counted, at), at
        place = file.line(line)
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            following = _NEXT_OBJECT.search(text, at + 1)
            value, end = None, following.end() - 1 if following else len(text)
        if isinstance(value, dict):
            yield place, value
        else:
            warnings.append(Message("{place}: is not a JSON object that can be read; left out", place=place))
        at = max(end, at + 1)


def _after(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def looks_like_json(file: MetadataFile, *keys: str) -> bool:
    """Whether a file begins as JSON does, and all of the keys stand in its beginning."""
    head = file.text[:_HEAD].lstrip("\ufeff \t\r\n")
    return head[:1] in ("{", "[") and all(f'"{key}"' in head for key in keys)


_HEAD = 200_000


def json_part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object within an object; an empty one where there is none."""
    part = value.get(name)
    return part if isinstance(part, dict) else {}


def json_text(value: Mapping[str, Any], name: str) -> str:
    """A text or number within an object, as text; "" for anything else."""
    part = value.get(name)
    if isinstance(part, str):
        return part.strip()
    return str(part) if isinstance(part, int | float) and not isinstance(part, bool) else ""


def moment_text(text: str) -> tuple[str, float | None]:
    """A moment as `parse_time` understands it, and its epoch where it names a zone: ISO 8601, RFC 2822, or an epoch."""
    try:
        moment = _moment(text)
        return moment.isoformat(), moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError, OSError):
        return text, None


def _moment(text: str) -> datetime:
    if text[:1].isalpha():
        return parsedate_to_datetime(text)
    # parse_time has no fractions of a second
    return datetime.fromisoformat(text) if _ISO.match(text) else parse_time(re.sub(r" (UTC|GMT)$", "Z", text))
