"""Captions, read back by webvtt-py."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import webvtt as reader
from hypothesis import given

from pipeline.datatypes import CDR
from pipeline.exports.exported import ExportedCall
from pipeline.exports.webvtt import webvtt
from tests.support.leaving import HOSTILE, Line, leaving, lines_said

NO_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def captions(call: ExportedCall) -> list[tuple[str, float, float, str]]:
    """Voice, start and end in seconds, text."""
    found = []
    for caption in reader.from_string(webvtt(call)):
        inner = re.fullmatch(r"<v ([^>]*)>(.*)</v>", caption.raw_text)
        assert inner, caption.raw_text
        start_s, end_s = (
            t.hours * 3600 + t.minutes * 60 + t.seconds + t.milliseconds / 1000
            for t in (caption.start_time, caption.end_time)
        )
        found.append((unescape(inner[1]), start_s, end_s, unescape(inner[2])))
    return found


@given(lines_said())
def test_captions_read_back_are_the_turns(lines: list[Line]) -> None:
    call = leaving(lines, {"ch0": "agent", "ch1": "customer"})
    names = {"ch0": "Agent", "ch1": "Customer", "S1": "Unknown S1", "S2": "Unknown S2", "prompt": "Announcement"}
    found = captions(call)
    assert len(found) == len(lines)
    for (voice, start_s, end_s, text), (who, began_s, ended_s, said) in zip(
        found, sorted(lines, key=lambda line: line[1]), strict=True
    ):
        assert (voice, text) == (names[who], NO_LINES.sub(" ", said))
        assert abs(start_s - began_s) <= 0.0011
        assert abs(end_s - ended_s) <= 0.0021
        assert end_s > start_s


def test_a_calls_id_is_no_cue() -> None:
    call = leaving([("ch0", 0.5, 2.0, "您好")])
    cdr = replace(call.call.cdr, call_id="00:00.000 ---> 00:09.000")
    judged = replace(call.said.judged, call=replace(call.call, cdr=cdr))
    text = webvtt(replace(call, said=replace(call.said, judged=judged)))
    assert text.count("-->") == 1


def test_the_example_of_the_page() -> None:
    text = webvtt(leaving([("ch0", 0.5, 2.0, "您好 & welcome"), ("ch1", 3599.9996, 3599.9996, "a --> <b>")]))
    head, _, cues = text.partition("\n\n1\n")
    assert head.splitlines()[:4] == ["WEBVTT", "", "NOTE", "call: 20250303-0001"]
    assert cues == (
        "00:00:00.500 --> 00:00:02.000\n<v Agent>您好 &amp; welcome</v>\n\n"
        "2\n01:00:00.000 --> 01:00:00.001\n<v Customer>a --&gt; &lt;b&gt;</v>\n"
    )


def test_voices_are_named_in_either_language() -> None:
    assert "<v 坐席>" in webvtt(leaving(), "zh")
    assert "<v 客户>" in webvtt(leaving(), "zh")


def test_a_call_in_which_nobody_speaks_has_no_caption() -> None:
    assert captions(leaving([])) == []


def test_whatever_the_telephone_system_wrote_starts_no_caption() -> None:
    for text in HOSTILE:
        call = leaving([("ch0", 1.0, 2.0, "您好")], cdr=CDR(call_id=text, agent_id=text))
        assert [said for *_, said in captions(call)] == ["您好"]
