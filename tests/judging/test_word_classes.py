"""Classes of words in templates: days, times of day, places, surnames."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.judging.lexicon import Lexicon
from pipeline.judging.loader import load_rulebook
from pipeline.judging.matches import CallMatches
from pipeline.judging.notation import Script, ScriptTurn, call_from_script, script_call
from pipeline.judging.phrases import Lists, read_phrases
from pipeline.judging.token_index import index_call
from pipeline.judging.verdicts import judge_call
from pipeline.language.word_classes import CLASSES
from pipeline.timeline import Span
from tests.support.conditions import judged
from tests.support.rulebooks import write_book

SAID = [
    ("zh", "day", "明天来", "明天"),
    ("zh", "day", "下个星期三行吗", "下个星期三"),
    ("zh", "day", "周末有空", "周末"),
    ("zh", "day", "十二月三十一号到", "十二月三十一号"),
    ("zh", "day", "二十五号来", "二十五号来"),
    ("zh", "day", "二十五号", "二十五号"),
    ("zh", "day", "零零一号为您服务", ""),
    ("zh", "day", "等一下", ""),
    ("zh", "time", "下午三点半来", "下午三点半"),
    ("zh", "time", "十点一刻", "十点一刻"),
    ("zh", "time", "两点钟", "两点钟"),
    ("zh", "time", "晚上八点二十分", "晚上八点二十分"),
    ("zh", "time", "早一点来", ""),
    ("zh", "place", "住在建国路", "建国路"),
    ("zh", "place", "我在杭州", "杭州"),
    ("zh", "place", "八号楼", "八号楼"),
    ("zh", "place", "您在哪条路", ""),
    ("zh", "surname", "欧阳", "欧阳"),
    ("en", "day", "on Mondays", "Mondays"),
    ("en", "day", "the day after tomorrow", "the day after tomorrow"),
    ("en", "day", "the 14th of May", "the 14th of May"),
    ("en", "day", "June twenty-first", "June twenty-first"),
    ("en", "day", "next week", "next week"),
    ("en", "day", "may I help you", ""),
    ("en", "time", "at half past ten", "half past ten"),
    ("en", "time", "at 10:30 a.m., then", "10: 30 a.m"),
    ("en", "time", "nine o'clock", "nine o'clock"),
    ("en", "time", "this afternoon", "this afternoon"),
    ("en", "time", "good morning", ""),
    ("en", "place", "twelve Mill Road", "twelve Mill Road"),
    ("en", "place", "flat three", "flat three"),
    ("en", "place", "which street", ""),
    ("en", "surname", "this is Patel", "Patel"),
]


@pytest.mark.parametrize(("language", "name", "said", "found"), SAID)
def test_a_class_finds_its_words(language: str, name: str, said: str, found: str) -> None:
    """The longest of what it finds."""
    listed = read_phrases(f"<{name}>", Lists(language))
    call = script_call(Script((ScriptTurn("agent", Span(0.0, 10.0), said),)), language)
    index = index_call(call, language)
    matches = CallMatches(index, Lexicon(language, [listed]))
    places = matches.of(listed).everywhere()
    longest = max((match[:2] for match in places), key=lambda place: place[1] - place[0], default=None)
    assert (index.quote(*longest) if longest else "") == found


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", CLASSES)
def test_every_class_is_in_every_language(language: str, name: str) -> None:
    assert read_phrases(f"${name}", Lists(language)).items


def test_a_class_is_filled_in_place_and_told_by_its_name(tmp_path: Path) -> None:
    require = "said: {by: agent, any: [<day><time>…2(来|到)]}"
    verdict = judged(tmp_path / "a", "坐席 0-3: 师傅周三上午九点左右到。", require=require)
    assert verdict.outcome == "pass"
    assert verdict.evidence[0].matched == "周三上午九点左右到"
    assert judged(tmp_path / "b", "坐席 0-3: 师傅左右到。", require=require).outcome == "fail"
    named = judged(tmp_path / "c", "坐席 0-3: 好的。", require="said: {by: agent, any: $day}")
    assert named.reason == "没有听到坐席说“日期”"


def test_a_rulebooks_own_list_of_the_name_goes_first(tmp_path: Path) -> None:
    rule = (
        "id: a\ntitle: {zh: 试, en: a}\ndimension: one\nwhy: 试\nspeaks: any\nrequire: {said: {any: <day>见}}\ncases:\n"
        + "".join(f'  - {{verdict: {kind}, call: "坐席 0: 好"}}\n' for kind in ("pass", "fail", "not_applicable"))
    )
    outcomes, hashes = [], set()
    for number, phrases in enumerate(("empty: [无]", "day: [改日]")):
        book = load_rulebook(write_book(tmp_path / str(number), {"a": rule}, phrases))
        hashes.add(book.rules[0].hash)
        calls = [call_from_script(f"坐席 0: {said}", "zh") for said in ("明天见", "改日见")]
        outcomes += [judge_call(call, book).verdicts[0].outcome for call in calls]
    assert outcomes == ["pass", "fail", "fail", "pass"]
    assert len(hashes) == 2
