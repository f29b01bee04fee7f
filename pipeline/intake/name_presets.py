"""What telephone systems call their recordings, and what such a name says of the call.

Only whole names count that can be nothing else. Sources: FreePBX, sub-record-check in functions.inc.php of its core
and callrecording modules (`TYPE-TO-FROM-YYYYMMDD-HHMMSS-UNIQUEID`, which Issabel has, too); Asterisk, app_queue's
`${UNIQUEID}`; FreeSWITCH, the vanilla dialplan's `record_session` and callcenter's record-template; VICIdial,
`campaign_rec_filename` and its tokens; 3CX, the names of its recordings folder. Many more systems put a moment, the
numbers and a word for the direction into the name (Yeastar: `20261120093100-ID-FROM-TO-Inbound`): where it has each of
them once, their order does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.errors import BadSetting
from pipeline.intake.vocabulary import DIRECTIONS
from pipeline.messages import Message
from pipeline.numbers import SHORTEST_NUMBER, is_telephone_number

SIDE_SUFFIX = re.compile(r"-(all|in|out|r|t)\Z")
"""What recorders put behind the names of the mix (all) and of its two sides."""

VICIDIAL_TOKENS = "vicidial:"
"""How a setting begins that goes on with VICIdial's own `campaign_rec_filename`."""

_UNIQUEID = r"(?P<uniqueid>(?:[A-Za-z][\w.]*-)?(?P<epoch>[12]\d{9})\.\d+)"
_UUID = r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"

NameFields = dict[str, Any]
"""What a name says, by the attributes of `reader.Leg`."""


@dataclass(frozen=True, slots=True)
class NamePattern:
    """How one system names recordings; `fields` gives what a match says, None where it makes no sense after all."""

    name: str
    pattern: re.Pattern[str]
    fields: Callable[[re.Match[str]], NameFields | None]

    def read(self, stem: str) -> NameFields | None:
        """What a file's name without its extension and side says; None for the names of others."""
        match = self.pattern.fullmatch(stem)
        return self.fields(match) if match else None


def _is_extension(text: str) -> bool:
    return text.isdecimal() and len(text) < SHORTEST_NUMBER


def _moment(text: str) -> str | None:
    """A moment of fourteen digits as the table's cells have it; None where there is no such day or hour."""
    try:
        return f"{datetime.strptime(text, '%Y%m%d%H%M%S'):%Y-%m-%d %H:%M:%S}"
    except ValueError:
        return None


def _at(match: re.Match[str]) -> NameFields | None:
    moment = _moment(re.sub(r"\D", "", match["moment"]))
    return {"cells": {"started_at": moment}} if moment else None


def _said(fields: NameFields) -> NameFields:
    return {name: value for name, value in fields.items() if value}


# --- Asterisk and FreePBX


def _asterisk(match: re.Match[str]) -> NameFields:
    return {"ids": (match["uniqueid"],), "call_id": match["uniqueid"], "epoch_s": float(match["epoch"])}


def _freepbx(match: re.Match[str]) -> NameFields | None:
    fields = _at(match)
    if fields is None:
        return None
    kind, to, by = match["kind"], match["to"], match["by"]
    fields |= _asterisk(match)
    if kind == "out":
        fields |= _said({"direction": "outbound", "customer": to, "extension": by if _is_extension(by) else ""})
    elif kind == "in" or (kind in ("q", "rg") and not (_is_extension(by) and len(by) < 5)):
        # a queue or a group may also be called from a telephone of the house
        fields |= _said({"direction": "inbound", "customer": by if is_telephone_number(by) or kind == "in" else ""})
    elif kind == "external":
        fields |= _said({"direction": "inbound", "customer": by, "extension": to if _is_extension(to) else ""})
    else:
        # the one with a number is the other party, whoever called
        number = next((party for party in (by, to) if is_telephone_number(party)), "")
        inside = next((party for party in (by, to) if _is_extension(party)), "")
        extension = inside if number and kind in ("exten", "force", "ondemand") else ""
        fields |= _said({"customer": number, "extension": extension})
    if kind == "q":
        fields["cells"]["queue"] = to
    return fields


# --- FreeSWITCH


def _freeswitch(match: re.Match[str]) -> NameFields | None:
    fields = _at(match)
    by = match["by"]
    return fields and fields | _said(
        {"customer": by if is_telephone_number(by) else "", "extension": by if _is_extension(by) else ""}
    )


def _callcenter(match: re.Match[str]) -> NameFields | None:
    fields = _at(match)
    ids = {"ids": (match["uuid"],), "call_id": match["uuid"]}
    # only callers wait in a queue
    return fields and fields | ids | _said({"direction": "inbound", "customer": match["by"]})


# --- 3CX


def _threecx(match: re.Match[str]) -> NameFields | None:
    fields, by, to = _at(match), match["by"], match["to"]
    if fields is None:
        return None
    if is_telephone_number(by) and _is_extension(to):
        return fields | {"direction": "inbound", "customer": by, "extension": to}
    if _is_extension(by) and is_telephone_number(to):
        return fields | {"direction": "outbound", "customer": to, "extension": by}
    return fields


# --- VICIdial


def _vicidial(match: re.Match[str]) -> NameFields | None:
    named = {name: value for name, value in match.groupdict().items() if value}
    cells: NameFields = {"agent_id": named.get("AGENT"), "queue": named.get("INGROUP")}
    if "FULLDATE" in named:
        cells["started_at"] = _moment(named["FULLDATE"].replace("-", ""))
        if cells["started_at"] is None:
            return None
    extra = {name.lower(): named[name] for name in ("CAMPAIGN", "LEADID", "VENDORLEADCODE", "RECID") if name in named}
    fields = {"customer": named.get("CUSTPHONE"), "call_id": named.get("CALLID"), "extra": extra, "cells": _said(cells)}
    fields |= {"ids": (named["CALLID"],) if "CALLID" in named else ()}
    if "EPOCH" in named:
        fields["epoch_s"] = float(named["EPOCH"])
    return _said(fields)


# --- names of one moment, one number, one extension and one word for the direction, in any order


def _spoken(match: re.Match[str]) -> NameFields | None:
    """What a name says that has a moment, one number and one direction. Where it ends in "in" or "out", that may be the
    side of a half; and a short number that is called may be a queue's.
    """
    fields = _at(match)
    parts = _PART.findall(match.string[: match.start("moment")] + "-" + match.string[match.end("moment") :])
    if parts and parts[-1].casefold() in ("in", "out"):
        return None
    directions = {DIRECTIONS[part.casefold()] for part in parts if part.casefold() in DIRECTIONS}
    numbers = {part for part in parts if is_telephone_number(part) and _MOMENT_OR_ID.fullmatch(part) is None}
    lines = {part for part in parts if _is_extension(part) and len(part) > 2}
    if fields is None or len(directions) != 1 or len(numbers) != 1:
        return None
    line = lines.pop() if len(lines) == 1 else ""
    direction = directions.pop()
    side = "extension" if direction == "outbound" else "callee"
    return fields | _said({"direction": direction, "customer": numbers.pop(), side: line})


_PART = re.compile(r"\+?[^\W_]+(?:\.\d+)?")
_MOMENT_OR_ID = re.compile(r"[12]\d{9}(?:\.\d+)?|(?:19|20)\d{6}(?:\d{6})?")

_TOKENS = {
    "FULLDATE": r"\d{8}-\d{6}",
    "TINYDATE": r"[0-9A-Za-z]{6,9}",
    "EPOCH": r"[12]\d{9}",
    "CUSTPHONE": r"\+?\d*",
    "LEADID": r"\d+",
    "RECID": r"\d+",
    "CALLID": r"[A-Z]\w+",
    **dict.fromkeys(("CAMPAIGN", "INGROUP", "AGENT", "VENDORLEADCODE"), r"[^\s]*?"),
}


def vicidial_pattern(setting: str) -> NamePattern:
    """The pattern of "vicidial:" and a `campaign_rec_filename`. Raises BadSetting where that has no token."""
    parts = re.split(f"({'|'.join(_TOKENS)})", setting.removeprefix(VICIDIAL_TOKENS))
    tokens = parts[1::2]
    if not tokens or len(set(tokens)) < len(tokens):
        raise BadSetting(
            Message(
                "ingest.file_names: {name}: give each once of {tokens}", name=setting, tokens=", ".join(sorted(_TOKENS))
            )
        )
    source = "".join(
        f"(?P<{part}>{_TOKENS[part]})" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return NamePattern(setting, re.compile(source), _vicidial)


_PRESETS = (
    NamePattern(
        "freepbx",
        re.compile(
            r"(?P<kind>out|in|exten|internal|external|q|rg|conf|force|parked|page|ondemand)-(?P<to>[^-]*)-(?P<by>[^-]*)-"
            rf"(?P<moment>\d{{8}}-\d{{6}})-{_UNIQUEID}"
        ),
        _freepbx,
    ),
    NamePattern("asterisk", re.compile(_UNIQUEID), _asterisk),
    NamePattern(
        "freeswitch-callcenter",
        re.compile(rf"(?P<moment>\d{{4}}(?:-\d\d){{5}})\.(?P<to>[^.]*)\.(?P<by>[^.]*)\.{_UUID}", re.IGNORECASE),
        _callcenter,
    ),
    NamePattern(
        "freeswitch", re.compile(r"(?P<by>\+?\w[\w ]*)\.(?P<moment>\d{4}(?:-\d\d){5})"), _freeswitch
    ),
    NamePattern(
        "3cx",
        re.compile(r"\[(?P<who>.*)\]_(?P<by>[^_-]+)-(?P<to>[^_-]+)_(?P<moment>\d{14})(?:\((?P<id>\d+)\))?"),
        _threecx,
    ),
    NamePattern(
        "vicidial",
        re.compile(rf"(?P<FULLDATE>\d{{8}}-\d{{6}})_(?P<CUSTPHONE>\+?\d{{{SHORTEST_NUMBER},}})"),
        _vicidial,
    ),
    NamePattern(
        "words",
        re.compile(r"(?:.*[-_ ])?(?P<moment>(?:19|20)\d{6}[-_]?\d{6})(?:[-_ ].*)?", re.DOTALL),
        _spoken,
    ),
)  # fmt: skip


def name_presets() -> Iterator[NamePattern]:
    """Every preset, in the order in which they are tried."""
    yield from _PRESETS
