"""The rulebooks that come with callqa: their own cases, and the labelled practice calls by their true words."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from pipeline.datatypes import Outcome
from pipeline.evaluation.truth import Truth, call_from_truth
from pipeline.judging.rulebook import Tag
from pipeline.judging.verdicts import check_cases, judge_call
from tests.support.rulebooks import CASE_GROUPS, LANGUAGES, RULES, hotline, joined, rule_of

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


@pytest.mark.parametrize("group", CASE_GROUPS, ids=joined)
def test_cases_get_their_verdict(group: tuple[str, str, str]) -> None:
    language, rule_id, verdict = group
    rule = rule_of(language, rule_id)
    cases = tuple(case for case in rule.cases if case.verdict == verdict)
    assert cases
    results = check_cases(replace(rule, cases=cases), hotline(language))
    wrong = [r for r in results if not r.ok]
    assert not wrong, "\n".join(f"{Path(r.file).name}:{r.line}: found {r.found}: {r.reason}" for r in wrong)


def test_no_case_is_left_out() -> None:
    rules = {(language, rule.id): rule for language in LANGUAGES for rule in hotline(language).rules}
    assert set(RULES) == set(rules)
    assert set(CASE_GROUPS) == {(*name, case.verdict) for name, rule in rules.items() for case in rule.cases}


def test_the_same_rules_in_both_languages() -> None:
    chinese, english = ({rule.id: rule for rule in hotline(language).rules} for language in LANGUAGES)
    assert set(chinese) == set(english) >= NINE
    for rule_id, rule in chinese.items():
        other = english[rule_id]
        assert rule.title == other.title
        assert (rule.dimension, rule.severity, rule.weight) == (other.dimension, other.severity, other.weight)
        assert rule.tags == other.tags


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tag_is_carried_by_one_rule(language: str) -> None:
    assert sorted(tag for rule in hotline(language).rules for tag in rule.tags) == sorted(get_args(Tag))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_enough_cases(language: str) -> None:
    for rule in hotline(language).rules:
        kinds = Counter(case.verdict for case in rule.cases)
        assert sum(kinds.values()) >= 8, rule.id
        assert kinds["pass"] >= 2, rule.id
        assert kinds["fail"] >= 2, rule.id


def test_labelled_calls_by_their_transcripts(shared: Path) -> None:
    outcomes: dict[str, Outcome] = {"pass": "pass", "fail": "fail", "na": "not_applicable"}
    wrong, judged = [], 0
    for file in sorted((shared / "synthetic-calls").glob("*.json")):
        truth = json.loads(file.read_text(encoding="utf-8"))
        for use_cdr in (True, False):
            call = call_from_truth(Truth.model_validate(truth), use_cdr)
            verdicts = {v.rule_id: v for v in judge_call(call, hotline(call.language)).verdicts}
            for rule_id, label in truth["labels"].items():
                if rule_id in verdicts:
                    judged += 1
                    expected = ARGUED.get((file.stem, rule_id), outcomes[label])
                    if verdicts[rule_id].outcome != expected:
                        wrong.append(f"{file.stem} {rule_id}: {expected}, found {verdicts[rule_id]}")
    assert not wrong, "\n".join(wrong)
    assert judged >= 200
