"""A reviewed verdict becomes a case of its rule: numbers and names invented, judged as the call was."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.datatypes import Call, Judged, Outcome
from pipeline.errors import CallQAError
from pipeline.judging.case_files import append_case, with_case
from pipeline.judging.case_writing import case_lines, written_case
from pipeline.judging.invented import replacements
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.replayed_reviews import replay_reviews
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call, run_cases
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.storage.home import Home
from tests.support.factories import save
from tests.support.people import say, stored
from tests.support.rulebooks import write_book

RULE = """\
id: trial
title: {{zh: 试, en: trial}}
dimension: one
why: 试
speaks: any
forbid:
  said: {{by: agent, any: [{phrases}]}}
cases:
  - verdict: fail
    call: |
      坐席 0.0: 没办法。
  - verdict: pass
    call: |
      坐席 0.0: 您好。

  - verdict: not_applicable   # loaded, not run
    call: |
      标记 music 0.0-3.0
"""

SAID = """\
cdr ring_count=3 company=安心家政
标记 ring x3 0.0-2.0
坐席 2.5-5.0: 您好，安心家政，请讲。
客户 5.5-9.0: 我姓欧阳，电话是13912345678。
坐席 9.5-14.0: 欧阳女士您好，您的电话是幺三九，幺二三四，五六七八，对吗？
客户 14.5-16.0: 对的。
坐席 16.5-17.5: 好的
坐席 20.0-22.0: 这个我也没办法今天就答复您。
听不清 23.0-25.0 客户
挂断 客户 26.0
"""


def book_of(folder: Path, phrases: str = "没办法") -> Rulebook:
    return load_rulebook(write_book(folder, {"trial": RULE.format(phrases=phrases)}))


def the_call() -> Call:
    call = call_from_script(SAID, "zh")
    return replace(call, cdr=replace(call.cdr, call_id="C1", agent_name="李梅"))


def outcome(call: Call, book: Rulebook) -> Outcome:
    return judge_call(call, book).verdicts[0].outcome


def test_the_case_of_an_overturned_verdict_fails_until_the_rule_is_right(tmp_path: Path) -> None:
    present, call = book_of(tmp_path / "present"), the_call()
    assert outcome(call, present) == "fail"
    case = written_case(call, "trial", "pass", present, "复核：原判有误")
    assert case.found == "fail"
    append_case(present, "trial", case.yaml)
    failed = [result for result in run_cases(load_rulebook(present.folder)) if not result.ok]
    assert [(result.expected, result.found, result.note) for result in failed if result.expected == "pass"] == [
        ("pass", "fail", "复核：原判有误")
    ]
    mended = book_of(tmp_path / "mended", "没办法], unless: [没办法今天")
    append_case(mended, "trial", case.yaml)
    assert next(result for result in run_cases(load_rulebook(mended.folder)) if result.note).ok


def test_the_case_of_a_confirmed_verdict_passes(tmp_path: Path) -> None:
    present = book_of(tmp_path)
    append_case(present, "trial", written_case(the_call(), "trial", "fail", present, "kept").yaml)
    (kept,) = [result for result in run_cases(load_rulebook(tmp_path)) if result.note == "kept"]
    assert kept.ok


def test_numbers_and_names_are_invented_the_same_all_over_the_call() -> None:
    call = the_call()
    text = "\n".join(case_lines(call))
    assert "13912345678" not in text
    assert "幺三九" not in text
    assert "欧阳" not in text
    number = re.search(r"电话是(\d{11})。", text)
    assert number is not None
    read_back = re.search(r"您的电话是([^对]+)，对吗", text)
    assert read_back is not None
    han = "".join(str("零一二三四五六七八九".index(each)) for each in read_back[1] if each not in "，")
    assert han == number[1]
    assert replacements(call)


def test_a_written_call_is_the_call_but_for_its_words() -> None:
    call = the_call()
    again = call_from_script("\n".join(case_lines(call)), "zh")
    assert [(turn.speaker, len(turn.text)) for turn in again.turns] == [
        (turn.speaker, len(turn.text)) for turn in call.turns
    ]
    assert [event.kind for event in again.events] == [event.kind for event in call.events]
    assert again.voiced == call.voiced
    assert (again.hang_up.by, again.cdr.ring_count) == ("customer", 3)
    assert [s.span for s in again.silences] == [s.span for s in call.silences]


def test_what_a_case_is_put_behind_stays_as_it_was(tmp_path: Path) -> None:
    text = RULE.format(phrases="没办法") + "# the end\n"
    longer = with_case(text, "- verdict: pass\n  call: |\n    坐席 0.0: 好。\n", tmp_path)
    case = "  - verdict: pass\n    call: |\n      坐席 0.0: 好。\n"
    assert longer.replace(case, "", 1) in (text, text.replace(case, "", 1))
    assert longer.count(case) == 1
    assert longer.endswith("# the end\n")
    (tmp_path / "trial.yaml").write_text(longer, encoding="utf-8")
    write_book(tmp_path, {})
    assert len(load_rulebook(tmp_path).rule("trial").cases) == 4
    with pytest.raises(CallQAError, match="append by hand"):
        with_case("cases: [{verdict: pass, call: x}]", "- verdict: pass\n", tmp_path)


def test_a_draft_is_told_what_it_makes_of_overturned_and_confirmed_verdicts(tmp_path: Path) -> None:
    present, home = book_of(tmp_path / "present"), Home(tmp_path / "home")
    call = the_call()
    other = replace(call_from_script("坐席 0.0: 没办法！\n客户 3.0: 那算了。", "zh"), sha256="b" * 64)
    night = [Judged(each, judge_call(each, present)) for each in (replace(call, sha256="a" * 64), other)]
    save(home, night)
    reviews = Reviews(home)
    say(reviews, "li", verdict_keys(stored(night[0]))["trial"], "pass")
    say(reviews, "li", verdict_keys(stored(night[1]))["trial"])
    (rule,) = replay_reviews(home, present).rules()
    assert (rule.overturned, rule.mended, rule.confirmed, rule.broken) == (1, 0, 1, 0)
    harmless = book_of(tmp_path / "harmless", "算了吧")
    (rule,) = replay_reviews(home, harmless).rules()
    assert (rule.overturned, rule.mended, rule.confirmed, rule.broken) == (1, 1, 1, 1)
