"""What a call's page is made from: lines, times of words, facts, what earlier versions said."""

from __future__ import annotations

from dataclasses import replace

from desk.calls.call_facts import hung_up_reason, past_changes, talk_shares
from desk.calls.call_lines import SoundLine, TurnLine, call_lines
from desk.calls.call_verdicts import findings, marked_words, shown_verdicts
from pipeline.datatypes import Evidence, HangUp, LineEvent, Silence, Suspect, Turn, Word
from pipeline.storage.home import PastCard
from pipeline.timeline import Span
from tests.support.factories import hit_on, make_judged, make_turns, make_verdict


def test_lines_come_in_order_with_what_rests_on_them_marked() -> None:
    turns = make_turns([("agent", "您好，请问有什么可以帮您？"), ("customer", "我要退款。")], start_s=2.0)
    fail = make_verdict("empathy", "fail", (Evidence(1, turns[1].words[2].span, "退款", "", turns[1].text),))
    judged = make_judged("one", turns=turns, verdicts=[make_verdict("greeting", "pass", (hit_on(turns[0]),)), fail])
    ring, silence = LineEvent(Span(0.0, 1.5), "ring", 0, 1), Silence(Span(9.0, 13.0), "trailing", "customer")
    call = replace(judged.call, events=(ring,), silences=(silence,))
    groups = shown_verdicts(call, judged.scorecard, None)
    assert [(shown.verdict.rule_id, piece.role) for shown, piece in findings(groups)] == [("empathy", "customer")]
    lines = call_lines(call, marked_words(groups))
    order = [line.kind if isinstance(line, SoundLine) else line.turn.index for line in lines]
    assert order == ["ring", 0, 1, "silence"]
    said = lines[2]
    assert isinstance(said, TurnLine)
    assert [(text, shown.verdict.rule_id if shown else "") for text, shown in said.parts] == [
        ("我要", ""), ("退款", "empathy"), ("。", ""),
    ]  # fmt: skip


def test_times_of_words_count_characters_as_browsers_do() -> None:
    words = tuple(Word(Span(n * 0.5, n * 0.5 + 0.5), text, 0.9, 0) for n, text in enumerate(("𠮷", "好", "了")))
    turn = Turn(0, Span(0.0, 1.5), "ch0", "𠮷好了", words)
    judged = make_judged("one", turns=(turn,), verdicts=[])
    (line,) = (line for line in call_lines(judged.call, {}) if isinstance(line, TurnLine))
    assert line.words == "0:0 50:2 100:3"


def test_only_what_speaks_against_a_pass_is_shown_as_such() -> None:
    turn = make_turns([("agent", "不知道")])[0]
    doubted = replace(make_verdict("knowledge", "pass"), suspect=Suspect(0.9, hit_on(turn)))
    calm = replace(make_verdict("privacy", "pass"), suspect=Suspect(-0.9, hit_on(turn)))
    judged = make_judged("one", turns=(turn,), verdicts=[doubted, calm])
    shown = {each.verdict.rule_id: each.suspect for each in shown_verdicts(judged.call, judged.scorecard, None)["pass"]}
    assert shown["knowledge"] is not None
    assert shown["privacy"] is None


def test_earlier_versions_are_compared_the_last_first() -> None:
    judged = make_judged("one", verdicts=[make_verdict("greeting", "pass"), make_verdict("empathy", "fail")])
    past = (
        PastCard("hotline-zh", "1", 70.0, {"greeting": "fail", "empathy": "fail"}),
        PastCard("hotline-zh", "2", 80.0, {"greeting": "pass", "gone": "pass"}),
    )
    last, first = past_changes(past, judged.scorecard)
    assert last.changed == (("gone", "pass", None),)
    assert first.changed == (("greeting", "fail", "pass"),)


def test_shares_of_time_fill_the_bar_and_reasons_are_said_in_either_language() -> None:
    call = make_judged("one").call
    shares = talk_shares(replace(call.facts, ring_s=3.0, inner_silence_s=2.0))
    assert sum(share.length for share in shares) > 99
    assert all(share.length >= 0 for share in shares)
    reason = "the agent's channel gives way to busy tone while the other lives"
    hung_up = replace(call, hang_up=HangUp("agent", "inferred", 9.0, reason))
    assert hung_up_reason(hung_up, "en") == reason
    assert hung_up_reason(hung_up, "zh") == "坐席声道转为忙音，对方声道仍未中断"
