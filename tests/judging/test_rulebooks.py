"""The rulebooks that come with callqa: their own cases, and the labelled practice calls heard by perfect ears."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from pipeline.datatypes import Outcome
from pipeline.evaluation.truth import Truth, call_from_truth
from pipeline.judging.rulebook import Rulebook, Tag, load_rulebook
from pipeline.judging.verdicts import check_cases, judge_call
from pipeline.settings import CHECKOUT

NINE = {
    "greeting", "name-usage", "apology", "hang-up-order", "dead-air", "closing", "anything-else", "forbidden-phrases",
    "no-interruption",
}  # fmt: skip

# Labels that contradict the written definitions, which bind; each is argued here.
ARGUED: dict[tuple[str, str], Outcome] = {
    # 您好 + 神舟客服 + 请讲: a salutation and two of the other three; "请讲" offers help by definition
    ("d04-dead-air", "greeting"): "pass",
    # 21 s from the agent's first word to the last: "not applicable under 30 s of conversation"
    ("d06-rude-agent", "name-usage"): "not_applicable",
    ("e03-rude-agent", "name-usage"): "not_applicable",
}


@pytest.fixture(scope="module")
def books() -> dict[str, Rulebook]:
    return {language: load_rulebook(CHECKOUT / "rules" / f"hotline-{language}") for language in ("zh", "en")}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_cases(books: dict[str, Rulebook], language: str) -> None:
    book = books[language]
    wrong = [
        f"{Path(r.file).name}:{r.line}: {r.expected} expected, {r.found} found: {r.reason}"
        for rule in book.rules
        for r in check_cases(rule, book)
        if not r.ok
    ]
    assert not wrong, "\n".join(wrong)


def test_the_same_rules_in_both_languages(books: dict[str, Rulebook]) -> None:
    chinese, english = ({rule.id: rule for rule in book.rules} for book in books.values())
    assert set(chinese) == set(english) >= NINE
    for rule_id, rule in chinese.items():
        other = english[rule_id]
        assert rule.title == other.title
        assert (rule.dimension, rule.severity, rule.weight) == (other.dimension, other.severity, other.weight)
        assert rule.tags == other.tags


def test_every_tag_is_carried_by_one_rule(books: dict[str, Rulebook]) -> None:
    for book in books.values():
        assert sorted(tag for rule in book.rules for tag in rule.tags) == sorted(get_args(Tag))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_rule_has_enough_cases(books: dict[str, Rulebook], language: str) -> None:
    for rule in books[language].rules:
        kinds = Counter(case.verdict for case in rule.cases)
        assert sum(kinds.values()) >= 8, rule.id
        assert kinds["pass"] >= 2, rule.id
        assert kinds["fail"] >= 2, rule.id


def test_labelled_calls_by_perfect_ears(books: dict[str, Rulebook], shared: Path) -> None:
    outcomes: dict[str, Outcome] = {"pass": "pass", "fail": "fail", "na": "not_applicable"}
    wrong, judged = [], 0
    for file in sorted((shared / "synthetic-calls").glob("*.json")):
        truth = json.loads(file.read_text(encoding="utf-8"))
        for use_cdr in (True, False):
            call = call_from_truth(Truth.model_validate(truth), use_cdr)
            verdicts = {v.rule_id: v for v in judge_call(call, books[call.language]).verdicts}
            for rule_id, label in truth["labels"].items():
                if rule_id in verdicts:
                    judged += 1
                    expected = ARGUED.get((file.stem, rule_id), outcomes[label])
                    if verdicts[rule_id].outcome != expected:
                        wrong.append(f"{file.stem} {rule_id}: {expected}, found {verdicts[rule_id]}")
    assert not wrong, "\n".join(wrong)
    assert judged >= 200
