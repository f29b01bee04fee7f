"""Templates found by compiled loops are found where the plain way finds them, and verdicts are the same to the word."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from pipeline.datatypes import Call
from pipeline.judging.lexicon import Lexicon
from pipeline.judging.matches import CallMatches
from pipeline.judging.notation import call_from_script, parse_script
from pipeline.judging.phrases import Lists, Phrases, read_phrases
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.token_index import index_call
from pipeline.judging.verdicts import judge_call
from tests.support.faulty_calls import faulty
from tests.support.rulebooks import LANGUAGES, hotline

# what is written, and what the recogniser makes of it
WORDS = {
    "zh": ("我", "您", "你", "要", "不", "退款", "推款", "退宽", "感谢", "感写", "来电", "赖电", "请讲", "星期五上午",
           "星七五上午", "三十", "一二三", "五", "元", "吗", "app"),
    "en": ("I", "you", "want", "not", "refund", "can't", "thank", "calling", "thirty", "1 2 3", "pounds", "please"),
}  # fmt: skip
MARKS = ("", "", "", "", "，", "。", "？")


def template(language: str, draw: random.Random, names: list[str], deep: int = 2) -> str:
    """A template, any that can be written."""
    space = " " if language == "en" else ""
    pieces = []
    for _ in range(draw.randint(1, 4)):
        kind = draw.random()
        one, other = draw.choice(WORDS[language]), draw.choice(WORDS[language])
        if kind < 0.3 or not deep:
            pieces.append(one)
        elif kind < 0.45:
            pieces.append(f"({template(language, draw, names, deep - 1)}|{other})")
        elif kind < 0.6:
            pieces.append(f"[{draw.choice((one, '<number>'))}]")
        elif kind < 0.75:
            pieces.append(draw.choice(("…", "…2", "…4-(不|not)", "*", "*-(不|not)")) + one)
        elif kind < 0.85:
            pieces.append(f"<{draw.choice(['number', 'digits', *names])}>")
        else:
            pieces.append(draw.choice((f"^{one}", f"{one}$")))
    return draw.choice(("", "", "~" if language == "zh" else "")) + space.join(pieces)


def some_lists(language: str, draw: random.Random) -> list[Phrases]:
    """Lists, those behind made of those before too; some with what takes them back, and with patterns."""
    lists = Lists(language, named := {})
    while len(named) < 12:
        lines = [template(language, draw, list(named)) for _ in range(draw.randint(1, 6))]
        if draw.random() < 0.2:
            lines.append("/退.|refund/")
        try:
            listed = read_phrases(lines, lists)
        except ValueError:  # it can be empty, or stands for too much
            continue
        if draw.random() < 0.3 and named:
            listed = listed.except_for(draw.choice(list(named.values())))
        named[f"list{len(named)}"] = read_phrases(["x", *lines], lists) if listed.number < 0 else listed
    return list(named.values())


def said(language: str, draw: random.Random) -> str:
    space = " " if language == "en" else ""
    turns = []
    for number in range(6):
        words = [draw.choice(WORDS[language]) + draw.choice(MARKS) for _ in range(draw.randint(1, 14))]
        turns.append(f"{('agent', 'customer')[number % 2]} {number * 9}.0: {space.join(words)}")
    return "\n".join(turns)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(12))
def test_templates_are_found_where_the_plain_way_finds_them(language: str, seed: int) -> None:
    draw = random.Random(seed)
    lists = some_lists(language, draw)
    plain, quick = Lexicon(language, lists), Lexicon(language, lists)
    quick.plain_calls = found = 0
    for _ in range(8):
        index = index_call(call_from_script(said(language, draw), language), language)
        one, other = CallMatches(index, plain), CallMatches(index, quick)
        for listed in lists:
            matches = one.of(listed).everywhere()
            assert other.of(listed).everywhere() == matches, listed.title
            found += len(matches)
    assert found > 20


def test_what_would_take_for_ever_is_left_to_the_plain_way() -> None:
    listed = read_phrases(["甲…30" * 100 + "甲"], Lists("zh", {}))
    plain, quick = Lexicon("zh", [listed]), Lexicon("zh", [listed])
    quick.plain_calls = 0
    said_once, said_often = (index_call(call_from_script(f"agent 0.0: {'甲' * n}", "zh"), "zh") for n in (3, 400))
    program = quick.program()
    assert program is not None
    assert program.scan(said_once) is not None  # what is compiled now is not counted below
    began = time.process_time()
    assert program.scan(said_often) is None
    assert time.process_time() - began < 5
    assert (
        CallMatches(said_often, quick).of(listed).everywhere() == CallMatches(said_often, plain).of(listed).everywhere()
    )


def said_in_cases(book: Rulebook, draw: random.Random) -> list[str]:
    """What is said in the cases of some rules."""
    cases = [case for rule in draw.sample(book.rules, 15) for case in rule.cases]
    return [turn.text for case in cases for turn in parse_script(case.call, book.language).turns if turn.text]


def faulty_calls(book: Rulebook, count: int) -> list[Call]:
    """Calls of the turns of cases, heard as badly as may be."""
    draw = random.Random(3)
    texts, made = said_in_cases(book, draw), []
    for _ in range(count):
        lines = [f"{('agent', 'customer')[n % 2]} {n * 7}.0-{n * 7 + 6}.0: {draw.choice(texts)}" for n in range(30)]
        made.append(faulty(call_from_script("\n".join(lines), book.language), draw))
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_verdicts_evidence_and_reasons_are_the_same(language: str) -> None:
    plain, quick = replace(hotline(language)), replace(hotline(language))
    calls = faulty_calls(plain, 14)
    cards = [judge_call(call, plain) for call in calls]
    quick.lexicon.plain_calls = 0
    assert [judge_call(call, quick) for call in calls] == cards
    assert quick.lexicon.program() is not None
    outcomes = {verdict.outcome for card in cards for verdict in card.verdicts}
    assert outcomes == {"pass", "fail", "unsure", "not_applicable"}
