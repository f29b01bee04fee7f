"""One evaluation a call: it is asked once, and goes when nobody uses it."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from textwrap import dedent

from pipeline.judging.conditions.base import Evaluation
from pipeline.judging.lexicon import PLAIN_CALLS
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import evaluation_of, judge_rule
from tests.support.conditions import TALK
from tests.support.rulebooks import hotline, make_book


def test_judging_leaves_the_call_as_it_was(tmp_path: Path) -> None:
    book = make_book(tmp_path, require="said: {by: agent, any: [感谢来电]}")
    call = call_from_script(dedent(TALK), "zh")
    again = call_from_script(dedent(TALK), "zh")
    first = judge_rule(evaluation_of(call, book), book.rules[0])
    assert call == again
    assert judge_rule(evaluation_of(call, book), book.rules[0]) == first


def test_equal_conditions_share_a_number_and_others_do_not(tmp_path: Path) -> None:
    same = "said: {by: agent, any: [您好], in: {turns: 1..2}}"
    require = (
        f"all: [{{{same}}}, {{{same}}}, {{said: {{by: agent, any: [您好]}}}}, {{said: {{by: agent, all: [您好]}}}}]"
    )
    (rule,) = make_book(tmp_path, require=require).rules
    assert rule.require is not None
    one, two, three, four = (part.number for part in rule.require.children)
    assert one == two
    assert len({one, three, four, rule.require.number}) == 4


def test_anchors_of_one_name_in_two_rules_are_not_taken_for_one(tmp_path: Path) -> None:
    near = "said: {by: agent, any: [抱歉], in: {around: {name: x, after: 1 turns}}}"
    first = make_book(tmp_path, applies="said: {any: [漏水]}\nas: x", require=near)
    second = (
        (tmp_path / "trial.yaml").read_text(encoding="utf-8").replace("漏水", "停电").replace("id: trial", "id: other")
    )
    (tmp_path / "other.yaml").write_text(second, encoding="utf-8")
    book = load_rulebook(tmp_path)
    numbers = {rule.require.number for rule in book.rules if rule.require}
    assert (len(first.rules), len(book.rules), len(numbers)) == (1, 2, 2)


def test_an_evaluation_goes_as_soon_as_nobody_uses_it() -> None:
    book: Rulebook = hotline("zh")
    call = call_from_script(dedent(TALK), "zh")
    greeting = next(rule for rule in book.rules if rule.id == "greeting")
    for _ in range(PLAIN_CALLS + 1):  # the compiler holds on to the first call that its code looks through
        judge_rule(evaluation_of(call, book), greeting)
    evaluation: Evaluation = evaluation_of(call, book)
    for rule in book.rules[:20]:
        judge_rule(evaluation, rule)
    gone = [weakref.ref(kept) for kept in (evaluation, evaluation.matches, evaluation.index)]
    gc.disable()
    try:
        del evaluation
        assert all(kept() is None for kept in gone)
    finally:
        gc.enable()
