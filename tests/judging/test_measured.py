"""What is measured of a rulebook: how far a rule's fail holds on the sentences set aside, and the bar it must pass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from pipeline.errors import BadRule
from pipeline.judging.loader import load_rulebook
from pipeline.judging.measured import Measured, Share, written
from pipeline.judging.measuring import measure_book
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import Rulebook, Trust
from pipeline.judging.verdicts import judge_call
from tests.support.rulebooks import CASES, HEAD, write_book

ACTS = """\
sorry: {when: {said: {by: agent, any: [对不起, 很抱歉]}}}
rude: {when: {said: {by: agent, any: [笨蛋]}}}
"""


def rule(name: str, **gates: object) -> str:
    head = {"id": name, "title": {"zh": "试", "en": "trial"}, "dimension": "one", "why": "试", "cases": CASES}
    return yaml.safe_dump(head | gates, allow_unicode=True)


RULES = {
    "regret": rule("regret", require={"use": "sorry", "in": {"turns": "1..2"}}),
    "civil": rule("civil", forbid={"use": "rude"}),
    "quick": rule("quick", require={"fact": "longest_silence_s", "under": 5}),
    "script": rule(
        "script",
        require={"sequence": [{"use": "sorry"}, {"said": {"any": ["登记"]}}, {"said": {"any": ["再见"]}}]},
    ),
}
SAYINGS = {
    "sorry.txt": "对不起啊\n真很抱歉\n抱歉抱歉\n",
    "sorry.not.txt": "您贵姓\n要说对不起\n您请讲\n好的\n",
    "rude.txt": "你个笨蛋\n蠢死了\n",
    "rude.not.txt": "笨蛋牌相机\n好的\n您请讲\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_book(tmp_path, {**RULES, "conditions": ACTS}, head=HEAD.format(language="zh"))
    (tmp_path / "sayings" / "aside").mkdir(parents=True)
    for name, text in SAYINGS.items():
        (tmp_path / "sayings" / name).write_text("别的句子\n", encoding="utf-8")
        (tmp_path / "sayings" / "aside" / name).write_text(text, encoding="utf-8")
    return tmp_path


def measured(folder: Path) -> Rulebook:
    (folder / "measured.yaml").write_text(written(measure_book(load_rulebook(folder))), encoding="utf-8")
    return load_rulebook(folder)


def test_the_fail_of_a_rule_is_measured_by_what_it_forbids_or_requires(folder: Path) -> None:
    book = measured(folder)
    assert book.measured == {
        # forbidden: found in 1 of 2 that do it, and in 1 near miss
        "civil": Measured(Share(1, 2), Share(1, 2), 5),
        # required: not found in 3 of 4 near misses, and in 1 of 3 that do it
        "regret": Measured(Share(3, 4), Share(3, 4), 7),
    }
    assert book.measures.acts["sorry"] == Measured(Share(2, 3), Share(2, 3), 7)


def test_a_rule_under_the_bar_is_experimental_until_it_passes(folder: Path) -> None:
    head = folder / "rulebook.yaml"
    assert measured(folder).under_bar == frozenset()  # too few sentences to tell
    before = load_rulebook(folder)
    head.write_text(head.read_text(encoding="utf-8") + "trust: {precision: 0.6, n: 5}\n", encoding="utf-8")
    book = load_rulebook(folder)
    assert book.under_bar == {"civil"}
    assert book.rule("civil").status == "experimental"
    assert book.rule("regret").status == "stable"
    assert book.hash != before.hash


def test_an_act_changed_since_is_told(folder: Path) -> None:
    assert measured(folder).remeasure == ()
    changed = ACTS.replace("[笨蛋]", "[笨蛋, 蠢]")
    (folder / "conditions.yaml").write_text(changed, encoding="utf-8")
    assert load_rulebook(folder).remeasure == ("rude",)


def test_the_bar() -> None:
    bar = Trust(precision=0.8, recall=0.5, n=50)
    assert not bar.refuses(Measured(Share(0, 10), Share(0, 10), 20))
    assert bar.refuses(Measured(Share(7, 10), Share(9, 10), 50))
    assert bar.refuses(Measured(Share(9, 10), Share(4, 10), 50))
    assert not bar.refuses(Measured(Share(8, 10), Share(5, 10), 50))


def test_a_damaged_file_of_measures_is_a_fault(folder: Path) -> None:
    (folder / "measured.yaml").write_text(
        "rules:\n  civil: {precision: [3, 2], recall: [1, 2], n: 5}\n", encoding="utf-8"
    )
    with pytest.raises(BadRule, match="found, of how many"):
        load_rulebook(folder)


def test_a_rule_that_finds_little_says_that_nothing_was_found(folder: Path) -> None:
    before, book = load_rulebook(folder), measured(folder)
    assert {rule.id for rule in book.rules if rule.finds_little} == {"civil"}
    assert book.hash != before.hash
    call = replace(call_from_script("坐席 0.0: 对不起啊\n客户 3.0: 好的", "zh"), language="zh")
    verdicts = {verdict.rule_id: verdict for verdict in judge_call(call, book).verdicts}
    assert (verdicts["civil"].outcome, verdicts["civil"].nothing_found) == ("pass", True)
    assert "50%" in verdicts["civil"].reason
    assert not verdicts["regret"].nothing_found
    assert not any(verdict.nothing_found for verdict in judge_call(call, before).verdicts)


def test_what_is_found_is_found_by_a_rule_that_finds_little_too(folder: Path) -> None:
    call = replace(call_from_script("坐席 0.0: 你个笨蛋\n客户 3.0: 好的", "zh"), language="zh")
    verdict = next(v for v in judge_call(call, measured(folder)).verdicts if v.rule_id == "civil")
    assert (verdict.outcome, verdict.nothing_found) == ("fail", False)
