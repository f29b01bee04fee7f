"""Calls as they leave the house, made by hand: any turns, any roles, hostile texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from pipeline.datatypes import CDR, Evidence, Facts, HangUp, Layout, Role, Roles, Scorecard, Suspect, Verdict
from pipeline.exports.exported import ExportedCall
from pipeline.results.row_source import SaidCall, SaidFile, SaidJudged, SaidTurn
from pipeline.storage.home import Hearing, RecordingRecord
from pipeline.timeline import Span
from tests.support.factories import NIGHT, facts_of, make_turns, sha_of

SHANGHAI = ZoneInfo("Asia/Shanghai")

HOSTILE = (
    "a --> b", "</v><v Customer>", "& < > &amp; &lt;", "line\n\nNOTE x\r\n00:00:01.000 --> 00:00:09.000", "NUL\x00here",
    "\u202eright to left\u202c", "مرحبا", "\u2028\u2029", "=1+1", "@SUM(A1)", "＝cmd", '"quoted", with commas', "'",
    "", " ", "\ufeff", "𝄞 \u0301", "\x1b[2Jx", "|", "-1", "<NA>", "null", "[]", "a;b\tc",
)  # fmt: skip
"""What callers or systems may write."""

Line = tuple[str, float, float, str]
"""Speaker, start and end in seconds, text."""


@cache
def _facts() -> Facts:
    return facts_of(make_turns((("agent", "您好"),)), 3.0)


def leaving(
    lines: Sequence[Line] = (("ch0", 0.5, 2.0, "您好"), ("ch1", 2.5, 4.0, "你好")),
    roles: dict[str, Role] | None = None,
    cdr: CDR | None = None,
    card: Scorecard | None = None,
    layout: Layout = "stereo",
    record: RecordingRecord | None = None,
) -> ExportedCall:
    """A call of these turns, of agent and customer on their channels unless told otherwise."""
    turns = tuple(SaidTurn(n, Span(start, end), who, said) for n, (who, start, end, said) in enumerate(lines))
    known = {"ch0": "agent", "ch1": "customer"} if roles is None else roles
    cdr = CDR(call_id="20250303-0001", agent_id="1001", team="一组", started_at=NIGHT) if cdr is None else cdr
    facts = replace(_facts(), duration_s=max((end for _, _, end, _ in lines), default=3.0) + 0.5)
    call = SaidCall(
        sha_of("leaving"), "zh", cdr, turns, Roles(dict(known), "cdr", 1.0), (),
        HangUp("customer", "cdr", facts.duration_s, ""), facts,
    )  # fmt: skip
    file = SaidFile(SaidJudged(call, card), Hearing("f" * 64, layout, 0.98, {"recognizer": "x"}))
    return ExportedCall(file, record, frozenset(("code", "phone")), zone=SHANGHAI)


def judged_call() -> ExportedCall:
    """A call with a verdict of every kind; hostile words in its evidence."""
    sentence = HOSTILE[3]
    evidence = Evidence(1, Span(2.5, 4.0), sentence[:4], "because\nof it", sentence)
    verdicts = (
        Verdict("forbidden-phrases", "0" * 16, "fail", (evidence, evidence), "=1+1", 2, 5.0, (evidence,)),
        Verdict("closing", "1" * 16, "pass", (), "", suspect=Suspect(0.25, evidence)),
        Verdict("dead-air", "2" * 16, "unsure", (Evidence(None, None, "", "no sound"),), ""),
    )
    card = Scorecard("", "hotline-zh", "3" * 16, verdicts, 87.5, 0.9, False, "2026.1")
    return leaving([("ch0", 0.5, 2.0, "您好"), ("ch1", 2.5, 4.0, sentence)], card=card)


def moments() -> st.SearchStrategy[float]:
    """Seconds, of a call or far behind its end."""
    return st.floats(0, 400_000, allow_nan=False).map(lambda at: round(at, 4))


def lines_said() -> st.SearchStrategy[list[Line]]:
    """Turns of any voices: overlapping, of no length, saying anything."""
    texts = st.sampled_from(HOSTILE) | st.text(max_size=30)
    line = st.tuples(st.sampled_from(("ch0", "ch1", "S1", "S2", "prompt")), moments(), st.floats(0, 60), texts)
    return st.lists(line.map(lambda said: (said[0], said[1], said[1] + said[2], said[3])), max_size=12)


def began(call: ExportedCall) -> datetime:
    """When a call began that is known to have begun."""
    assert call.started_at is not None
    return call.started_at
