"""Conditions with a name: used in rules, scenarios and one another, in a window of the place of use."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BadRule
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.tried import try_sentence
from pipeline.judging.verdicts import evaluation_of, explain_rule, judge_call
from tests.support.rulebooks import HEAD, make_book

ACTS = """\
sorry:
  title: {zh: 致歉, en: apology}
  when:
    any:
      - said: {by: agent, any: [对不起]}
      - said: {by: agent, any: [很抱歉], in: {turns: 1..1}}
sorry-and-soon:
  when:
    all:
      - use: sorry
      - said: {by: agent, any: [马上处理]}
"""


def outcome(book: Rulebook, *turns: str) -> str:
    script = "\n".join(f"{turn.split(' ')[0]} {n * 5}.0: {turn.split(' ')[1]}" for n, turn in enumerate(turns))
    return judge_call(call_from_script(script, "zh"), book).verdicts[0].outcome


def faults(folder: Path, conditions: str, require: str = "use: sorry", head: str = HEAD) -> list[str]:
    with pytest.raises(BadRule) as caught:
        make_book(folder, head=head, conditions=conditions, require=require)
    return [str(fault).replace(f"{folder}/", "") for fault in caught.value.faults]


def test_a_rule_uses_a_condition_by_its_name(tmp_path: Path) -> None:
    book = make_book(tmp_path, conditions=ACTS, require="use: sorry-and-soon")
    assert outcome(book, "agent 对不起,马上处理") == "pass"
    assert outcome(book, "agent 马上处理") == "fail"
    assert book.acts["sorry"].title == "致歉"
    assert book.acts["sorry-and-soon"].title == "sorry-and-soon"


def test_the_window_of_the_place_of_use_is_that_of_what_is_said_in_it(tmp_path: Path) -> None:
    use = "{use: sorry-and-soon, in: {turns: 2..2}}"
    book = make_book(tmp_path, conditions=ACTS, require=use)
    early, late = "agent 对不起,马上处理", "customer 我的灯坏了"
    assert outcome(book, early, late, "agent 再见了您") == "fail"
    assert outcome(book, "agent 您请讲", late, early) == "pass"
    # what has a window of its own keeps it
    assert outcome(book, "agent 很抱歉", late, "agent 马上处理") == "pass"


def test_an_act_can_be_an_anchor_and_look_near_one(tmp_path: Path) -> None:
    acts = ACTS + "broken: {when: {said: {by: customer, any: [坏了]}}}\n"
    book = make_book(
        tmp_path, conditions=acts,
        applies="{use: broken, as: trouble}", require="{use: sorry, in: {around: {name: trouble, after: 1 turns}}}",
    )  # fmt: skip
    assert outcome(book, "customer 灯坏了", "agent 真对不起您") == "pass"
    assert outcome(book, "agent 真对不起您", "customer 灯坏了", "agent 几号楼呢") == "fail"


def test_a_scenario_uses_an_act(tmp_path: Path) -> None:
    head = HEAD + "scenarios: {{regret: {{title: {{zh: 歉, en: regret}}, when: {{use: sorry}}}}}}\n"
    book = make_book(tmp_path, head=head, conditions=ACTS, require="scenario: regret")
    assert outcome(book, "agent 真对不起您") == "pass"
    assert outcome(book, "agent 几号楼呢") == "fail"


def test_the_hash_of_a_rule_covers_the_acts_it_uses_and_no_other(tmp_path: Path) -> None:
    def hash_with(name: str, acts: str) -> str:
        return make_book(tmp_path / name, conditions=acts, require="use: sorry-and-soon").rules[0].hash

    plain = hash_with("plain", ACTS)
    assert plain == hash_with("retitled", ACTS.replace("致歉", "道歉"))
    assert plain == hash_with("more", ACTS + "other: {when: {said: {any: [再见]}}}\n")
    assert plain != hash_with("changed", ACTS.replace("[对不起]", "[对不起, 抱歉]"))


def test_faults_of_acts_name_their_line(tmp_path: Path) -> None:
    cycle = "sorry: {when: {use: two}}\ntwo:\n  when: {use: sorry}\n"
    [found] = faults(tmp_path / "cycle", cycle)
    assert found.startswith("conditions.yaml:3: ")
    assert "sorry → two → sorry" in found
    [found] = faults(tmp_path / "unknown", ACTS, require="use: sorri")
    assert "no condition sorri (did you mean sorry?)" in found
    [found] = faults(tmp_path / "broken", "sorry:\n  when: {said: {by: agent, anny: [对不起]}}\n")
    assert found.startswith("conditions.yaml:2: ")
    [found] = faults(tmp_path / "key", "sorry:\n  whem: {said: {any: [对不起]}}\n  when: {fact: turns, over: 0}\n")
    assert "unknown key whem (did you mean when?)" in found
    [found] = faults(tmp_path / "name", ACTS + "../up: {when: {said: {any: [对不起]}}}\n")
    assert "is not a name" in found
    [found] = faults(
        tmp_path / "window", "sorry: {when: {fact: turns, over: 0}}", require="{use: sorry, in: {turns: 1..1}}"
    )
    assert "nothing in sorry can be told where to look" in found


def test_an_act_asks_for_no_scenario(tmp_path: Path) -> None:
    head = HEAD + "scenarios: {{regret: {{title: {{zh: 歉, en: regret}}, when: {{use: sorry}}}}}}\n"
    found = faults(tmp_path, "sorry: {when: {scenario: regret}}", head=head)
    assert any(each.startswith("conditions.yaml:1: ") and "in rules only" in each for each in found)


def test_acts_that_nothing_uses_are_told(tmp_path: Path) -> None:
    book = make_book(tmp_path, conditions=ACTS, require="use: sorry")
    assert book.unused_acts == ("sorry-and-soon",)
    (tmp_path / "sayings").mkdir()
    (tmp_path / "sayings" / "sorry-and-soon.txt").write_text("对不起\n", encoding="utf-8")
    assert load_rulebook(tmp_path).unused_acts == ()


def test_an_explanation_goes_into_the_act(tmp_path: Path) -> None:
    book = make_book(tmp_path, conditions=ACTS, require="use: sorry-and-soon")
    rows = explain_rule(evaluation_of(call_from_script("agent 0.0: 对不起", "zh"), book), book.rules[0])
    assert [row.node.kind for row in rows] == ["use", "all", "use", "any", "said", "said", "said"]


def test_a_tried_sentence_tells_the_acts_it_does(tmp_path: Path) -> None:
    book = make_book(tmp_path, conditions=ACTS, require="use: sorry")
    assert [(act.name, act.rules) for act in try_sentence("对不起", book).acts] == [("sorry", ("trial",))]
    assert [act.name for act in try_sentence("对不起，马上处理", book).acts] == ["sorry", "sorry-and-soon"]
    assert try_sentence("对不起", book, "customer").acts == ()
