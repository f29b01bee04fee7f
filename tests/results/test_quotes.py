"""Evidence as people read it: the whole sentence with the matched words marked."""

from __future__ import annotations

from dataclasses import replace

from pipeline.datatypes import Evidence
from pipeline.results.quotes import MarkedQuote, mark, marked_parts, marked_quote, read_marked
from tests.support.factories import hit_on, make_judged


def test_the_matched_words_are_marked_in_their_sentence() -> None:
    call = make_judged().call
    evidence = replace(hit_on(call.turns[4]), matched="没办法", sentence="这个我也没办法，你再等等吧。")
    quote = marked_quote(evidence, call)
    assert quote == MarkedQuote("这个我也", "没办法", "，你再等等吧。")
    assert quote.text == "这个我也【没办法】，你再等等吧。"
    assert quote.sentence == evidence.sentence


def test_without_a_sentence_the_turn_stands_in_and_without_a_turn_the_words() -> None:
    call = make_judged().call
    old = Evidence(4, call.turns[4].span, "没办法", "")
    assert marked_quote(old, call).text == "这个我也【没办法】，你再等等吧。"
    assert marked_quote(replace(old, turn=99), call).text == "没办法"
    assert marked_quote(replace(old, turn=0), call).text == "没办法", "not that turn's words"


def test_a_sound_shows_no_words() -> None:
    call = make_judged().call
    assert marked_quote(Evidence(4, call.turns[4].span, "", "7 s of silence"), call).text == ""


def test_what_was_matched_whole_needs_no_mark() -> None:
    assert mark("再见。", "再见。").text == "再见。"
    assert mark("再见。", "您好").text == "再见。", "words that are not there"


def test_marked_text_is_read_back() -> None:
    for quote in (mark("这个【真】没办法。", "没办法"), mark("再见。", "再见。"), mark("再见。", "")):
        assert read_marked(quote.text, quote.matched) == quote


def test_a_line_is_cut_where_words_were_matched() -> None:
    parts = list(marked_parts("先生您好，没办法，再见", ("没办法", "您好", "好，没", "", "无")))
    assert parts == [("先生", False), ("您好", True), ("，", False), ("没办法", True), ("，再见", False)]
    assert list(marked_parts("", ("好",))) == []
