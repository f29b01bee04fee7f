"""From what a telephone system says of a call, field by field, to its CDR: what every reader ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.datatypes import CALL_YEARS, CDR, LONGEST_CELL
from pipeline.errors import BadSetting
from pipeline.intake.callers import CallerHash
from pipeline.intake.cells import (
    cell_text,
    channel_map_text,
    parse_channel_map,
    parse_count,
    parse_duration_s,
    parse_time,
)
from pipeline.intake.rows import BROKEN_TEXT
from pipeline.intake.vocabulary import FIELD_VALUES, METADATA_FIELDS
from pipeline.messages import Message
from pipeline.settings import Ingest
from pipeline.storage.home import Home


class CdrBuilder:
    """Translates values as the settings say, and hashes callers' numbers.

    Raises BadSetting for a time zone that does not exist, or a field in `ingest.values` that does not.
    """

    def __init__(self, settings: Ingest, home: Home) -> None:
        self._translations = settings.values
        self._callers = CallerHash(home)
        try:
            zone = ZoneInfo(settings.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            message = Message(
                "ingest.timezone: {zone}: no such zone; use one like Asia/Shanghai", zone=settings.timezone
            )
            raise BadSetting(message) from error
        check_fields(settings.values, "ingest.values")
        self._parsers: dict[str, Callable[[str], Any]] = {
            "started_at": partial(_moment, zone=zone),
            "ring_count": parse_count,
            "wait_s": parse_duration_s,
            "channel_map": parse_channel_map,
            **{name: partial(_choice, name) for name in FIELD_VALUES},
        }

    def build(
        self, named: Mapping[str, Any], extra: Mapping[int, tuple[str, Any]], place: str, warnings: list[Message]
    ) -> CDR:
        """A CDR from cells by field; `extra` are other columns by their number, with their name. What makes no sense is
        left out.

        The warning of it names `place` and the field, of another column its number, and does not quote the cell.
        """
        told = _Told(place, warnings)
        caller = self._text("caller_number", named.get("caller_number"), told)
        values: dict[str, Any] = {"caller_hash": self._callers.hashed(caller)}
        for name, cell in named.items():
            if name == "caller_number" or not (text := self._text(name, cell, told)):
                continue
            parse = self._parsers.get(name)
            try:
                values[name] = parse(text) if parse else self._callers.without_caller(text, caller)
            except (ValueError, OverflowError, OSError):
                told.left_out(name)
        rest = {}
        for number, (name, cell) in extra.items():
            if text := self._text(Message("column {number}", number=number), cell, told):
                rest[name] = self._callers.without_numbers(text)
        return CDR(**values, extra=dict(sorted(rest.items())))

    def _text(self, name: str, cell: Any, told: _Told) -> str:
        """A cell's text, translated as the settings say; "" where there is none, or none that can be used."""
        try:
            text = channel_map_text(cell) if name == "channel_map" else cell_text(cell)
        except ValueError:
            told.left_out(name)
            return ""
        if BROKEN_TEXT.search(text):
            told.broken(name)
            return ""
        if len(text) > LONGEST_CELL:
            told.cut(name)
            text = text[:LONGEST_CELL]
        return self._translations.get(name, {}).get(text, text)


@dataclass(frozen=True, slots=True)
class _Told:
    """Warnings of one row's cells."""

    place: str
    warnings: list[Message]

    def left_out(self, name: str) -> None:
        self.warnings.append(
            Message(
                "{place}: {field}: not understood and left out; see ingest.values in the settings",
                place=self.place,
                field=name,
            )
        )

    def broken(self, name: str) -> None:
        self.warnings.append(
            Message(
                "{place}: {field}: holds control characters or broken text and is left out; export it as UTF-8",
                place=self.place,
                field=name,
            )
        )

    def cut(self, name: str) -> None:
        self.warnings.append(
            Message(
                "{place}: {field}: longer than {most} characters; the rest is left out",
                place=self.place,
                field=name,
                most=LONGEST_CELL,
            )
        )


def check_fields(names: Iterable[str], key: str, allowed: tuple[str, ...] = METADATA_FIELDS) -> None:
    """Raises BadSetting when the setting `key` names fields that there are not."""
    if unknown := sorted(set(names) - set(allowed)):
        raise BadSetting(
            Message(
                "{key}: {names}: no such field; there are {known}",
                key=key,
                names=", ".join(unknown),
                known=", ".join(allowed),
            )
        )


def _moment(text: str, zone: ZoneInfo) -> datetime:
    moment = parse_time(text)
    if moment.year not in CALL_YEARS:
        raise ValueError(moment.year)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _choice(field: str, text: str) -> str:
    try:
        return FIELD_VALUES[field][text.casefold()]
    except KeyError as error:
        raise ValueError(field) from error
