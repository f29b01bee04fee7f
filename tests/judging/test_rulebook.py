"""Rulebooks: every fault at once, with file and line and remedy; hashes; scores."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from pipeline.errors import BadRule
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import check_cases, evaluation_of, explain_rule, judge_call, scorecard
from tests.support.rulebooks import hotline, write_book

HEAD = """\
name: trial
language: zh
version: "1"
title: {zh: 试, en: trial}
dimensions:
  one: {title: {zh: 一, en: one}, weight: 60}
  two: {title: {zh: 二, en: two}, weight: 40}
"""
PHRASES = """\
hello: [您好, 早上好]
bye: {title: 道别, phrases: [再见, $hello]}
"""
RULE = """\
id: trial
title: {zh: 试, en: trial}
dimension: one
why: 试一下
weight: 2
applies: {fact: customer_turns, over: 0}
require:
  said: {by: agent, any: $hello}
cases:
  - verdict: pass
    call: |
      坐席 0.0: 您好。
      客户 2.0: 你好。
  - verdict: fail
    call: |
      坐席 0.0: 喂。
      客户 2.0: 喂。
  - verdict: not_applicable
    call: |
      坐席 0.0: 您好。
"""


def write(folder: Path, rules: dict[str, str] | None = None, head: str = HEAD, phrases: str = PHRASES) -> Path:
    return write_book(folder, {"trial.yaml": RULE} if rules is None else rules, phrases, head)


def faults(folder: Path) -> list[str]:
    with pytest.raises(BadRule) as caught:
        load_rulebook(folder)
    lines = str(caught.value).split("\n")
    assert len(lines) == len(caught.value.faults)
    return [line.replace(f"{folder}/", "") for line in lines]


def test_a_sound_rulebook_loads(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path))
    assert book.ids == ("trial",)
    assert tuple(each.source for each in book.phrase_lists["bye"].templates) == ("再见", "您好", "早上好")
    assert [result.ok for result in check_cases(book.rules[0], book)] == [True, True, True]


# What a rule author gets wrong, and what must be said of it: the line, and a piece of the message.
PLANTED: list[tuple[str, str, int, str]] = [
    ("dimension: one", "dimension: on", 3, "unknown dimension on (did you mean one?)"),
    ("weight: 2", "wieght: 2", 5, "unknown key wieght (did you mean weight?)"),
    ("weight: 2", "weight: -2", 5, "weight: must be more than 0"),
    ("weight: 2", "tags: [complain]", 5, "tags.0: choose booking, complaint or complaint-commitment"),
    ("weight: 2", "severity: bad", 5, "severity: choose minor, normal, serious or fatal"),
    ("id: trial", "id: Trial Rule", 1, "id: lower-case letters, digits and single dashes only"),
    ("why: 试一下\n", "", 1, "why is missing"),
    (
        "said: {by: agent, any: $hello}",
        "sayed: {by: agent, any: $hello}",
        8,
        "unknown condition sayed (did you mean said?)",
    ),
    ("any: $hello", "any: $helo", 8, "no phrase list $helo (did you mean $hello?)"),
    ("any: $hello", "any: []", 8, "a list of phrases"),
    ("any: $hello", "any: ['，。']", 8, "has no word in it"),
    ("any: $hello", "anny: $hello", 8, "unknown key anny (did you mean any?)"),
    ("any: $hello", "any: $hello, pattern: 好", 8, "takes one of"),
    ("any: $hello", "any: $hello, at_least: 9", 8, "can never be"),
    ("any: $hello", "pattern: '(好)?'", 8, "matches empty text"),
    ("any: $hello", "pattern: '(好'", 8, "the pattern is refused"),
    ("any: $hello", "pattern: '(?=好)好'", 8, "the pattern is refused"),
    ("any: $hello", "entity: PERSON", 8, "no entity PERSON (did you mean PERSON_TITLE?)"),
    ("any: $hello", "any: $hello, in: {turns: 0..2}", 8, "turns are counted 1, 2, 3"),
    ("any: $hello", "any: $hello, in: {turns: 3..1}", 8, "runs backwards; write 1..3"),
    ("any: $hello", "any: $hello, in: {turns: one}", 8, "is not a range; write 1..3"),
    ("any: $hello", "any: $hello, in: {seconds: 15}", 8, "is not a range; write 0..15"),
    ("any: $hello", "any: $hello, in: {percent: 0..200}", 8, "percent runs from 0 to 100"),
    ("any: $hello", "any: $hello, in: {turn: 1..2}", 8, "unknown key turn (did you mean turns?)"),
    ("any: $hello", "any: $hello, in: {around: {name: x, after: 2}}", 8, "no condition is called x"),
    ("any: $hello", "any: $hello, in: {after: x}", 8, "no condition is called x"),
    ("any: $hello", "any: $hello, in: {after: x, before: y}", 8, "in takes one of after, before and around"),
    ("any: $hello", "any: $hello, in: {turns: ..}", 8, "'..' is not a range"),
    ("any: $hello", "any: $hello, in: {around: {name: x}}", 8, "around needs before, after or both"),
    ("by: agent", "by: boss", 8, "choose agent, customer or any"),
    (
        "fact: customer_turns, over: 0",
        "fact: customer_turn, over: 0",
        6,
        "no fact customer_turn (did you mean customer_turns?)",
    ),
    ("fact: customer_turns, over: 0", "fact: customer_turns", 6, "fact takes over, under, at_least or at_most"),
    ("fact: customer_turns, over: 0", "cdr: wait_s", 6, "cdr takes over/under"),
    (
        "{fact: customer_turns, over: 0}",
        "{times: {of: {fact: turns, over: 1}}}",
        6,
        "times needs at_least, at_most or both",
    ),
    ("{fact: customer_turns, over: 0}", "{all: []}", 6, "all needs a list of conditions"),
    ("{fact: customer_turns, over: 0}", "[]", 6, "a condition is needed here"),
    (
        "  said: {by: agent, any: $hello}",
        "  said: {any: $hello}\n  silence: {}",
        9,
        "stands beside said; join them with all",
    ),
    ("require:\n  said: {by: agent, any: $hello}\n", "", 1, "a rule needs require or forbid"),
    ("verdict: not_applicable", "verdict: pass", 9, "no case with the verdict not_applicable"),
    ("verdict: not_applicable", "verdict: n/a", 18, "verdict: choose pass, fail"),
    ("客户 2.0: 喂。", "顾客 2.0: 喂。", 17, "cannot read '顾客' here"),
    ("客户 2.0: 喂。", "客户 2.0-1.0: 喂。", 17, "ends before it starts"),
    ("客户 2.0: 喂。", "标记 bell 1-2", 17, "a sound is written"),
    ("客户 2.0: 喂。", "cdr ring_count=many", 16, "metadata of the wrong kind: ring_count"),
    ("why: 试一下", "why: 试一下\nwhy: 再试", 5, "the key why is given twice"),
    ("why: 试一下", "why: [试", 5, "not YAML"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), PLANTED)
def test_a_fault_is_named(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert RULE.count(old) >= 1
    found = faults(
        write(
            tmp_path, {"trial.yaml": RULE.replace(old, new, 1) if old != "客户 2.0: 喂。" else RULE.replace(old, new)}
        )
    )
    where = [re.match(r"([\w.-]+):(\d+): (.*)", text) for text in found]
    assert any(m and m[1] == "trial.yaml" and abs(int(m[2]) - line) <= 1 and message in m[3] for m in where), found


@pytest.mark.parametrize(("old", "new"), [(old, new) for old, new, _, _ in PLANTED])
def test_a_fault_is_told_in_chinese_too(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(BadRule) as caught:
        load_rulebook(write(tmp_path, {"trial.yaml": RULE.replace(old, new)}))
    for fault in caught.value.faults:
        english, chinese = str(fault).split(": ", 1)[1], fault.in_language("zh").split(": ", 1)[1]
        assert chinese != english
        assert re.search("[\u4e00-\u9fff]", chinese), chinese


def test_twenty_faults_in_one_rulebook_are_all_named(tmp_path: Path) -> None:
    chosen = [fault for fault in PLANTED if "id" not in fault[0] and fault[0] != "客户 2.0: 喂。"][:20]
    rules = {
        f"rule-{number:02}.yaml": RULE.replace(old, new, 1).replace("id: trial", f"id: rule-{number:02}")
        for number, (old, new, _, _) in enumerate(chosen)
    }
    found = faults(write(tmp_path, rules))
    for number, (_, _, line, message) in enumerate(chosen):
        named = [re.match(rf"rule-{number:02}\.yaml:(\d+): (.*)", text) for text in found]
        assert any(m and abs(int(m[1]) - line) <= 1 and message in m[2] for m in named), (message, found)


def test_all_faults_at_once(tmp_path: Path) -> None:
    rules = {
        "a.yaml": RULE.replace("id: trial", "id: a").replace("$hello", "$helo").replace("weight: 2", "wait: 2"),
        "b.yaml": RULE.replace("id: trial", "id: b").replace("said:", "says:"),
        "c.yaml": RULE.replace("id: trial", "id: b"),
        "d.yaml": "- 1\n",
        "e.yml": RULE,
    }
    found = faults(write(tmp_path, rules, phrases=PHRASES + "again: [$again]\nodd: [$nobody, /(/]\n"))
    files = {text.split(":")[0] for text in found}
    assert files == {"a.yaml", "b.yaml", "c.yaml", "d.yaml", "e.yml", "phrases.yaml"}
    assert len(found) == 9
    assert any("the id b is taken by b.yaml" in text for text in found)
    assert any("contains itself (again → again)" in text for text in found)


def test_rulebook_and_phrases_have_faults_too(tmp_path: Path) -> None:
    head = HEAD.replace("weight: 60", "weight: 0") + "company: {names: [], agent_id: '(['}\npassmark: 3\n"
    found = faults(write(tmp_path, head=head))
    assert [text for text in found if "unknown key passmark (did you mean pass_mark?)" in text]
    assert [text for text in found if text.startswith("rulebook.yaml:6: ") and "more than 0" in text]


def test_missing_files(tmp_path: Path) -> None:
    assert "no such rulebook folder" in faults(tmp_path / "nowhere")[0]
    (tmp_path / "one.yaml").touch()
    assert "a file; name the folder of its rulebook" in faults(tmp_path / "one.yaml")[0]
    (tmp_path / "empty").mkdir()
    found = faults(tmp_path / "empty")
    assert len(found) == 3
    assert "no rule here" in "".join(found)


def test_plain_words_stay_words(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path, phrases="hello: [no, on, 001, 12:30, 110]\n"))
    assert tuple(each.source for each in book.phrase_lists["hello"].templates) == ("no", "on", "001", "12:30", "110")


def test_hashes_follow_what_can_change_a_verdict(tmp_path: Path) -> None:
    def hashes(name: str, **files: str) -> tuple[str, str]:
        rule, phrases = files.get("rule", RULE), files.get("phrases", PHRASES)
        book = load_rulebook(write(tmp_path / name, {"trial.yaml": rule}, files.get("head", HEAD), phrases))
        return book.rules[0].hash, book.hash

    same = hashes("a")
    assert hashes("b") == same
    assert hashes("c", rule=RULE.replace("why: 试一下", "why: 改一改")) == same
    assert hashes("tags", rule=RULE.replace("weight: 2", "tags: [booking]\nweight: 2")) == same
    assert hashes("d", rule=RULE.replace("喂。", "喂喂。")) == same
    assert hashes("e", rule=RULE.replace("by: agent, ", ""))[0] != same[0]
    assert hashes("f", phrases=PHRASES.replace("早上好", "下午好"))[0] != same[0]
    assert hashes("g", phrases=PHRASES.replace("再见", "拜拜")) == same
    weighed = hashes("h", head=HEAD.replace("weight: 60", "weight: 50"))
    assert weighed[0] == same[0]
    assert weighed[1] != same[1]


def rule(name: str, dimension: str, word: str, more: str = "") -> str:
    text = RULE.replace("id: trial", f"id: {name}").replace("dimension: one", f"dimension: {dimension}")
    return text.replace("any: $hello", f"any: [{word}]").replace(
        "why: 试一下", f"why: 试\n{more}" if more else "why: 试"
    )


CALL = """\
坐席 0.0-2.0: 您好，请讲。
客户 3.0-4.0: 你好。
坐席 5.0-7.0: 不行。不行。
客户 8.0-9.0: 再见。
"""


def scored(tmp_path: Path, **rules: str) -> tuple[Rulebook, float | None, float, bool]:
    book = load_rulebook(write(tmp_path, {f"{name}.yaml": text for name, text in rules.items()}))
    card = judge_call(call_from_script(CALL, "zh"), book)
    return book, card.score, card.coverage, card.fatal


def test_score_weighs_dimensions(tmp_path: Path) -> None:
    # dimension one: one of two rules of the same weight; dimension two: all
    rules = {"a": rule("a", "one", "您好"), "b": rule("b", "one", "没说"), "c": rule("c", "two", "请讲")}
    _, points, coverage, fatal = scored(tmp_path, **rules)
    assert points == pytest.approx(100 * (0.6 * 0.5 + 0.4 * 1.0))
    assert (coverage, fatal) == (1.0, False)


def test_unsure_and_not_applicable_leave_the_denominator(tmp_path: Path) -> None:
    rules = {
        "a": rule("a", "one", "您好"),
        "b": rule("b", "one", "没说").replace("fact: customer_turns, over: 0", "fact: customer_turns, over: 9"),
        "c": rule("c", "two", "没说").replace("fact: customer_turns, over: 0", "cdr: wait_s, over: 9"),
        "d": rule("d", "two", "没说", "status: experimental"),
        "e": rule("e", "two", "没说", "status: retired"),
    }
    book, points, coverage, _ = scored(tmp_path, **rules)
    assert points == 100.0
    assert coverage == pytest.approx(0.5)
    card = judge_call(call_from_script(CALL, "zh"), book)
    outcomes = {verdict.rule_id: verdict.outcome for verdict in card.verdicts}
    assert outcomes == {"a": "pass", "b": "not_applicable", "c": "unsure", "d": "fail"}


def test_nothing_decided_is_no_score(tmp_path: Path) -> None:
    undecided = rule("a", "one", "没说").replace("fact: customer_turns, over: 0", "cdr: wait_s, over: 9")
    _, points, coverage, _ = scored(tmp_path, a=undecided)
    assert (points, coverage) == (None, 0.0)


def test_each_time_costs_up_to_a_cap(tmp_path: Path) -> None:
    def forbid(more: str) -> str:
        return rule("a", "one", "不行", more).replace("require:", "forbid:").replace("weight: 2", "weight: 10")

    def deducted(name: str, more: str) -> tuple[float, int, float | None]:
        book = load_rulebook(write(tmp_path / name, {"a.yaml": forbid(more)}))
        card = judge_call(call_from_script(CALL, "zh"), book)
        return card.verdicts[0].deducted, card.verdicts[0].occurrences, card.score

    assert deducted("a", "") == (10.0, 2, 0.0)
    assert deducted("b", "deduct: {each: 3}") == (6.0, 2, 40.0)
    assert deducted("c", "deduct: {each: 3, at_most: 5}") == (5.0, 2, 50.0)


def test_a_dimension_has_a_cap(tmp_path: Path) -> None:
    head = HEAD.replace("en: one}, weight: 60", "en: one}, weight: 60, at_most: 0.25")
    book = load_rulebook(write(tmp_path, {"a.yaml": rule("a", "one", "没说")}, head))
    assert judge_call(call_from_script(CALL, "zh"), book).score == 75.0


def test_fatal(tmp_path: Path) -> None:
    rules = {"a": rule("a", "one", "您好"), "b": rule("b", "two", "没说", "severity: fatal")}
    _, points, _, fatal = scored(tmp_path, **rules)
    assert (points, fatal) == (0.0, True)


def test_a_call_without_a_word_of_the_agent_has_verdicts_and_no_score() -> None:
    book = hotline("zh")
    unanswered = judge_call(call_from_script("标记 ring x2 0-6", "zh"), book)
    assert {verdict.outcome for verdict in unanswered.verdicts} == {"pass", "not_applicable"}
    assert unanswered.score is None, "what the line did is no evidence of an agent"
    assert (
        judge_call(call_from_script("标记 ring x2 0-6\n坐席 6.5: 您好，远洋酒店，请讲。", "zh"), book).score is not None
    )


def test_score_of_no_verdicts(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path))
    assert scorecard(call_from_script(CALL, "zh"), (), book).score is None


def test_an_explanation_is_the_tree_with_its_truth(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path))
    call = call_from_script(CALL, "zh")
    rows = explain_rule(evaluation_of(call, book), book.rules[0])
    assert [(row.depth, row.gate, row.node.kind, row.truth) for row in rows] == [
        (0, "applies", "fact", True),
        (0, "require", "said", True),
    ]


def test_a_case_that_fails_is_told(tmp_path: Path) -> None:
    broken = load_rulebook(write(tmp_path, phrases=PHRASES.replace("您好", "没有")))
    results = check_cases(broken.rules[0], broken)
    assert [(r.line, r.expected, r.found) for r in results if not r.ok] == [(11, "pass", "fail")]


def test_script_times(tmp_path: Path) -> None:
    call = call_from_script(
        dedent("坐席 0.0: 您好，远洋酒店。\n客户 1.0: 喂。\n坐席 20.0-23.0: 再见。\n挂断 坐席 24.0"), "zh"
    )
    assert [(t.span.start_s, round(t.span.end_s, 2)) for t in call.turns] == [(0.0, 0.9), (1.0, 1.4), (20.0, 23.0)]
    assert (call.hang_up.by, call.hang_up.method, call.hang_up.at_s) == ("agent", "inferred", 24.0)


ONE_SIDE = {
    "both": "agent 0.0: hello\ncustomer 2.0: hello",
    "agent": "agent 0.0: hello",
    "customer": "customer 0.0: hello",
}


CONCERNED = [
    ("", {"both"}),
    ("both", {"both"}),
    ("agent", {"both", "agent"}),
    ("customer", {"both", "customer"}),
    ("any", {*ONE_SIDE, "nobody"}),
]


@pytest.mark.parametrize(("speaks", "concerned"), CONCERNED)
def test_a_rule_applies_where_those_have_spoken_who_must(tmp_path: Path, speaks: str, concerned: set[str]) -> None:
    """Both sides unless it says otherwise; and the reason tells who said nothing."""
    text = rule("a", "one", "x", f"speaks: {speaks}" if speaks else "")
    text = text.replace("applies: {fact: customer_turns, over: 0}\n", "")
    text = text.replace("require:", "forbid:")
    book = load_rulebook(write(tmp_path, {"a.yaml": text}))
    calls = {**ONE_SIDE, "nobody": "mark ring x2 0-6"}
    verdicts = {name: judge_call(call_from_script(call, "zh"), book).verdicts[0] for name, call in calls.items()}
    assert {name for name, verdict in verdicts.items() if verdict.outcome != "not_applicable"} == concerned
    if speaks == "":
        assert verdicts["agent"].reason == "不适用：客户没有说话"
        assert verdicts["customer"].reason == "不适用：坐席没有说话"
