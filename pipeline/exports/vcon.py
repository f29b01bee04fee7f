"""A call as a vCon, the IETF's container of conversations: who took part, the recording, its transcript, its scores.

By draft-ietf-vcon-vcon-core-04 and, for roles, draft-ietf-vcon-cc-extension-02. It is not signed: whoever passes it on
signs it with a key of their own. The same call, hiding the same, is the same file again, `uuid` and all.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import msgspec

from pipeline.call.prompts import PROMPT
from pipeline.datatypes import PARTIES
from pipeline.exports.export_tables import ExportTable
from pipeline.exports.exported import ExportedCall, turns_by_time
from pipeline.exports.recordings import ToldRecording, base64url
from pipeline.messages import shown_json

SYNTAX = "0.4.0"
"""The draft's name for its own syntax; gone once it is an RFC."""

TRANSCRIPT_SCHEMA, SCORECARD_SCHEMA = "callqa-transcript-1", "callqa-scorecard-1"

_LEAST_HIDDEN = frozenset(("code",))
_AGENT, _CUSTOMER = 0, 1
_NOBODY = ""
_VERDICTS = ExportTable("verdicts", ())
_OF_THE_CARD = ("sha256", "version")


def vcon(call: ExportedCall, recordings: Sequence[ToldRecording]) -> str:
    """The vCon of a call, as JSON; `recordings` are its recording, or one of each side, or none."""
    parties = _parties(call)
    dialog = _dialog(call, recordings, parties)
    made: dict[str, Any] = {
        "vcon": SYNTAX,
        "uuid": str(_uuid(call, call.hidden, call.has_words)),
        "extensions": ["CC"],
        "created_at": _date(_first_seen(call)),
        "subject": call.call.cdr.scenario,
        "redacted": _redacted(call),
        "parties": [party for _, party in parties],
        "dialog": dialog,
        "analysis": list(_analysis(call, parties)),
    }
    kept = {name: value for name, value in made.items() if value is not None}
    return shown_json(msgspec.json.format(msgspec.json.encode(kept), indent=2).decode()) + "\n"


def _uuid(call: ExportedCall, hidden: frozenset[str], has_words: bool) -> uuid.UUID:
    """Of version 8, out of the recording's SHA-256 and of what is hidden: with more hidden it is another vCon."""
    told = f"callqa vcon\n{call.call.sha256}\n{' '.join(sorted(hidden))}\n{has_words}"
    digest = bytearray(hashlib.sha256(told.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return uuid.UUID(bytes=bytes(digest))


def _first_seen(call: ExportedCall) -> datetime:
    """When callqa got to know the call: it does not change."""
    seen = call.record.first_seen if call.record else call.started_at
    return seen or datetime.fromtimestamp(0, UTC)


def _redacted(call: ExportedCall) -> dict[str, str]:
    """What is hidden, and which vCon has it: card codes are never kept, so that some of it is in none."""
    kinds = f"hidden: {', '.join(sorted(call.hidden))}"
    told = {"type": kinds if call.has_words else f"{kinds}; what was said is no longer kept"}
    if call.has_words and call.hidden > _LEAST_HIDDEN:
        told["uuid"] = str(_uuid(call, _LEAST_HIDDEN, True))
    return told


_Parties = list[tuple[str, dict[str, str]]]
"""Each with what it is known by: a role, or a voice's own name."""


def _parties(call: ExportedCall) -> _Parties:
    """The agent, the customer, and voices that are neither; where nobody knows who called, an empty party last, which
    stands for the caller."""
    cdr = call.call.cdr
    agent = {
        "role": "agent", "type": "person", "name": cdr.agent_name, "uuid": cdr.agent_id, "org": cdr.company,
        "dept": cdr.team, "validation": "call metadata" if cdr.agent_name else None,
    }  # fmt: skip
    found: dict[str, dict[str, str]] = {
        "agent": {name: value for name, value in agent.items() if value is not None},
        "customer": {"role": "customer", "type": "person"},
    }
    for voice in sorted({turn.speaker for turn in call.call.turns if call.call.role(turn) == "unknown"}):
        found[voice] = {"type": "bot"} if voice == PROMPT else {"role": "unknown", "name": voice, "validation": "none"}
    if cdr.direction is None:
        found[_NOBODY] = {}
    return list(found.items())


def _index(parties: _Parties, call: ExportedCall, speaker: str) -> int:
    """The party that a speaker is, the agent's where nothing tells."""
    role = call.call.roles.of(speaker)
    known_by = speaker if role == "unknown" else role
    return next((number for number, (name, _) in enumerate(parties) if name == known_by), _AGENT)


def _dialog(call: ExportedCall, recordings: Sequence[ToldRecording], parties: _Parties) -> list[dict[str, Any]]:
    """The recording; of one in two files, the set of both, then each."""
    whole = {"start": call.started_at and _date(call.started_at), "duration": round(call.call.facts.duration_s, 3)}
    halves = [told for told in recordings if told.channel is not None]
    if not halves:
        told = recordings[0] if recordings else ToldRecording("")
        made = [{"type": "recording", **whole, **_heard(call, parties, told), **_content(told)}]
    else:
        sides = [_index(parties, call, f"ch{told.channel}") for told in halves]
        made = [{"type": "recording-set", **whole, "parties": sides, "recordings": [1, 2]}]
        made += [
            {"type": "recording", **whole, "recording_set": 0, "parties": side, **_content(told)}
            for side, told in zip(sides, halves, strict=True)
        ]
    made[0] |= _of_call(call, made[0]["parties"], len(parties) - 1)
    return [{name: value for name, value in each.items() if value is not None} for each in made]


def _heard(call: ExportedCall, parties: _Parties, told: ToldRecording) -> dict[str, Any]:
    """Who is on which channel of the file."""
    both, hearing = [_AGENT, _CUSTOMER], call.said.hearing
    layout = hearing.layout if hearing else "mono"
    if told.body_channels == 2 if told.body is not None else layout == "stereo":
        return {"parties": [_index(parties, call, "ch0"), _index(parties, call, "ch1")]}
    return {"parties": both if told.body is not None or layout == "mono" else [both, both]}


def _content(told: ToldRecording) -> dict[str, Any]:
    if told.body is not None:
        return {
            "mediatype": told.media_type, "filename": told.name, "encoding": "base64url",
            "body": base64url(told.body),
        }  # fmt: skip
    return {
        "mediatype": told.media_type, "filename": told.name or None, "url": told.url,
        "content_hash": told.content_hash,
    }  # fmt: skip


def _of_call(call: ExportedCall, parties: Any, nobody: int) -> dict[str, Any]:
    """Who called, who hung up, and what a telephone system calls it. A hang-up that is inferred from the sound is no
    event."""
    cdr, hung_up, started = call.call.cdr, call.call.hang_up, call.started_at
    caller = {"inbound": _CUSTOMER, "outbound": _AGENT}.get(cdr.direction or "", nobody)
    first = parties[0] if isinstance(parties, list) else parties
    history = None
    if started and hung_up.method == "cdr" and hung_up.at_s is not None and hung_up.by in PARTIES:
        at = started + timedelta(seconds=round(hung_up.at_s, 3))
        party = _AGENT if hung_up.by == "agent" else _CUSTOMER
        history = [{"party": party, "time": _date(at), "event": "drop"}]
    return {
        "originator": caller if caller != first else None,
        "party_history": history,
        "interaction_id": cdr.call_id,
        "skill": cdr.queue,
    }


def _analysis(call: ExportedCall, parties: _Parties) -> Iterator[dict[str, Any]]:
    if call.has_words:
        turns = [
            {
                "turn": turn.index, "party": _index(parties, call, turn.speaker),
                "start": round(turn.span.start_s, 3), "end": round(turn.span.end_s, 3), "text": turn.text,
            }
            for turn in turns_by_time(call.call.turns)
        ]  # fmt: skip
        yield _made("transcript", TRANSCRIPT_SCHEMA, {"language": call.call.language, "turns": turns})
    if call.said.judged.scorecard is not None:
        yield _made("report", SCORECARD_SCHEMA, _scorecard(call))


def _made(kind: str, schema: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": kind, "dialog": 0, "mediatype": "application/json", "vendor": "callqa",
        "product": f"callqa {version('callqa')}", "schema": schema, "encoding": "json", "body": body,
    }  # fmt: skip


def _scorecard(call: ExportedCall) -> dict[str, Any]:
    card = call.said.judged.scorecard
    assert card is not None
    verdicts = [
        {name: value for name, value in row.items() if name not in _OF_THE_CARD} for row in _VERDICTS.rows(call)
    ]
    return {
        "rulebook": card.rulebook, "version": card.version or None, "score": card.score, "coverage": card.coverage,
        "fatal": card.fatal, "verdicts": verdicts,
    }  # fmt: skip


def _date(moment: datetime) -> str:
    """A moment as RFC 3339 writes it; its zone's distance in whole minutes."""
    offset = moment.utcoffset()
    in_minutes = offset is not None and not offset.total_seconds() % 60
    return (moment if in_minutes else moment.astimezone(UTC)).isoformat()
