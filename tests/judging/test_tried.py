"""What a sentence matches in a rulebook and why, and what a list stands for."""

from __future__ import annotations

import random

import pytest
import yaml

from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.tried import ListTried, sample_list, try_sentence
from tests.support.rulebooks import CASES, HEAD, write_book
from tests.support.sentences import matches_in

PHRASES = """
refund:
  title: 要求退款
  phrases: |
    (我|我们)[真的]要退(款|钱)
    把<sum>退给我
    /退[0-9]+次/
  except: |
    不是[说]我
sum:
  title: 一笔钱
  phrases: |
    钱
    <number>元
money: [$refund, 赔偿金]
late:
  title: 来得晚
  phrases: [来得太晚了]
unused: [没人用的话]
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Rulebook:
    def rule(name: str, said: object) -> str:
        title = {"zh": "试", "en": "trial"}
        gates = {"id": name, "title": title, "dimension": "one", "why": "试", "cases": CASES, "forbid": {"said": said}}
        return yaml.safe_dump(gates, allow_unicode=True)

    rules = {
        "refunds": rule("refunds", {"by": "customer", "any": "$money"}),
        "delays": rule("delays", {"by": "agent", "any": ["$late", "改天再说吧"]}),
    }
    return load_rulebook(write_book(tmp_path_factory.mktemp("book"), rules, PHRASES, HEAD.format(language="zh")))


def named(tried: tuple[ListTried, ...]) -> dict[str, tuple[str, ...]]:
    return {listed.name: listed.rules for listed in tried}


def test_a_line_tells_what_was_heard(book: Rulebook) -> None:
    refund, money = try_sentence("那我们真的要退钱。", book).lists
    assert (refund.name, refund.title, refund.rules, refund.holds) == ("refund", "要求退款", ("refunds",), True)
    (line,) = refund.lines
    assert line.line == "(我|我们)[真的]要退(款|钱)"
    assert (line.how, line.heard, line.meant, line.cost) == ("spelling", "我们真的要退钱", "我们真的要退钱", 0)
    assert (money.name, money.lines) == ("money", refund.lines)


def test_what_is_heard_by_its_sound_tells_what_was_meant(book: Rulebook) -> None:
    (late,) = try_sentence("你们莱得太晚了", book).lists
    (line,) = late.lines
    assert (line.how, line.heard, line.meant) == ("sound", "莱得太晚了", "来得太晚了")
    assert line.cost > 0


def test_a_pattern_is_told_as_it_is_written(book: Rulebook) -> None:
    (line,) = try_sentence("退了退3次", book).lists[0].lines
    assert (line.how, line.line, line.heard, line.meant) == ("pattern", "/退[0-9]+次/", "退3次", "")


def test_an_exception_that_takes_a_line_back_is_told(book: Rulebook) -> None:
    refund, money = try_sentence("不是说我要退款", book).lists
    assert not refund.holds
    assert not money.holds
    (line,) = refund.lines
    assert line.heard == "我要退款"
    assert [(by.line, by.heard) for by in line.taken_back_by] == [("不是[说]我", "不是说我")]
    assert try_sentence("不是说我。我要退款", book).lists[0].holds


def test_lists_of_the_other_side_are_left_out_when_a_side_is_given(book: Rulebook) -> None:
    said = "我要退钱，来得太晚了，没人用的话"
    assert named(try_sentence(said, book).lists) == {
        "refund": ("refunds",), "money": ("refunds",), "late": ("delays",), "unused": (),
    }  # fmt: skip
    assert named(try_sentence(said, book, "agent").lists) == {"late": ("delays",), "unused": ()}
    assert named(try_sentence(said, book, "customer").lists) == {
        "refund": ("refunds",), "money": ("refunds",), "unused": (),
    }  # fmt: skip


def test_a_list_that_only_stands_in_templates_is_not_told_by_itself(book: Rulebook) -> None:
    assert named(try_sentence("八十元", book).lists) == {}
    assert named(try_sentence("把八十元退给我", book).lists).keys() == {"refund", "money"}


def test_what_stands_in_a_rule_is_told_by_the_rule(book: Rulebook) -> None:
    (written,) = try_sentence("那就改天再说吧", book).lists
    assert (written.name, written.title, written.rules) == ("", "delays", ("delays",))
    assert [line.line for line in written.lines] == ["改天再说吧"]


def test_where_nothing_matches_the_nearest_lines_are_told(book: Rulebook) -> None:
    tried = try_sentence("你们来得太早了", book)
    assert tried.lists == ()
    assert [(near.name, near.line) for near in tried.nearest] == [("late", "来得太晚了")]
    assert 0.5 < tried.nearest[0].likeness < 1
    assert try_sentence("今天天气不错", book).nearest == ()


@pytest.mark.parametrize("said", ["", "…", "。。", "\x00"])
def test_a_sentence_without_a_word_matches_nothing(book: Rulebook, said: str) -> None:
    assert try_sentence(said, book).lists == ()


def test_a_sample_says_what_the_list_finds(book: Rulebook) -> None:
    refund = book.phrase_lists["refund"]
    drawn = sample_list(refund, 100, random.Random(1))
    assert {"我要退款", "我们真的要退钱", "把钱退给我"} <= set(drawn)
    assert any("元退给我" in said for said in drawn)
    assert len(drawn) == len(set(drawn))
    assert [said for said in drawn if not matches_in(refund, said)] == []
    assert len(sample_list(refund, 3, random.Random(1))) == 3
    assert sample_list(book.phrase_lists["late"], 3, random.Random(1)) == ["来得太晚了"]


def test_a_line_is_told_with_its_file_and_number(book: Rulebook) -> None:
    refund, money = try_sentence("那我们真的要退钱，把八十元退给我。", book).lists
    text = PHRASES.splitlines()
    for line in (*refund.lines, *money.lines):
        file, number = line.place.split(":")
        assert file == "phrases.yaml"
        assert text[int(number) - 1].strip() == line.line
    (taken_back,) = try_sentence("不是说我要退款", book).lists[0].lines[0].taken_back_by
    assert taken_back.place == "phrases.yaml:9"
    (written,) = try_sentence("那就改天再说吧", book).lists
    file, number = written.lines[0].place.split(":")
    assert "改天再说吧" in (book.folder / file).read_text().splitlines()[int(number) - 1]


def test_the_verdicts_that_a_sentence_alone_would_change_are_told(book: Rulebook) -> None:
    changed = [(one.rule, one.by, one.outcome) for one in try_sentence("我要退款，来得太晚了", book).verdicts]
    assert changed == [("delays", "agent", "fail"), ("refunds", "customer", "fail")]
    assert [one.by for one in try_sentence("我要退款", book, "customer").verdicts] == ["customer"]
    assert try_sentence("不是说我要退款", book).verdicts == ()
    assert try_sentence("今天天气不错", book).verdicts == ()
