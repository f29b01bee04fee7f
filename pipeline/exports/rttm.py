"""Who speaks when: RTTM, a SPEAKER line a turn. Source: NIST's evaluation plan of rich transcription, 2009."""

from __future__ import annotations

import re

from pipeline.exports.exported import ExportedCall, span_ms, turns_by_time
from pipeline.results.row_source import SaidTurn

_BLANKS = re.compile(r"\s+")
_CHANNEL = re.compile(r"ch(\d)")


def rttm(call: ExportedCall) -> str:
    """The lines of a call: file, channel (from 1), start and length in seconds, and who: agent, customer, or a voice
    that is neither. A call in which nobody speaks has no line."""
    return "".join(_line(call, turn) for turn in turns_by_time(call.call.turns))


def _line(call: ExportedCall, turn: SaidTurn) -> str:
    role = call.call.role(turn)
    who = _BLANKS.sub("_", turn.speaker) if role == "unknown" else role
    own = _CHANNEL.fullmatch(turn.speaker)
    channel = int(own[1]) + 1 if own else 1
    start, end = span_ms(turn)
    at = f"{start / 1000:.3f} {(end - start) / 1000:.3f}"
    return f"SPEAKER {call.name} {channel} {at} <NA> <NA> {who} <NA> <NA>\n"
