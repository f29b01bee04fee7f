"""rules/README: every example is what it says, in both languages, and both say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script, parse_script
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import check_cases, judge_call
from pipeline.settings import CHECKOUT

READMES = {"zh": CHECKOUT / "rules" / "README.zh-CN.md", "en": CHECKOUT / "rules" / "README.md"}
BOOK = """
name: trial
language: {language}
version: "1"
title: {{zh: 试, en: trial}}
dimensions: {{solving: {{title: {{zh: 解决, en: solving}}, weight: 1}}}}
"""
OUTCOMES = {
    "达成": "pass", "未达成": "fail", "不可判": "unsure", "true": "pass", "false": "fail", "unsure": "unsure",
}  # fmt: skip
NEVER = {"verdict": "not_applicable", "call": "agent 0.0: x"}


def blocks(language: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", READMES[language].read_text(encoding="utf-8"), re.DOTALL)


def make_book(folder: Path, language: str, rules: dict[str, str], phrases: str = "empty: [x]") -> Rulebook:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rulebook.yaml").write_text(BOOK.format(language=language), encoding="utf-8")
    (folder / "phrases.yaml").write_text(phrases, encoding="utf-8")
    for name, text in rules.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_rulebook(folder)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_first_rule_is_green(tmp_path: Path, language: str) -> None:
    phrases, rules = "\n".join(blocks(language, "yaml phrases")), blocks(language, "yaml rule")
    assert phrases
    assert rules
    book = make_book(tmp_path, language, {f"rule{n}": text for n, text in enumerate(rules)}, phrases)
    for rule in book.rules:
        assert [result for result in check_cases(rule, book) if not result.ok] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_condition_does_what_its_remarks_say(tmp_path: Path, language: str) -> None:
    examples = blocks(language, "yaml condition")
    assert len(examples) >= 10
    for number, text in enumerate(examples):
        remarks = re.findall(r"^# ([^:：]+)[:：] ?(.+)$", text, re.MULTILINE)
        assert remarks, text
        cases = [{**NEVER, "verdict": verdict} for verdict in ("pass", "fail", "not_applicable")]
        rule = {
            "id": "trial", "title": {"zh": "试", "en": "trial"}, "dimension": "solving", "why": "x",
            "require": yaml.safe_load(text), "cases": cases,
        }  # fmt: skip
        book = make_book(tmp_path / str(number), language, {"trial": yaml.safe_dump(rule, allow_unicode=True)})
        for outcome, call in remarks:
            script = "\n".join(part.strip() for part in call.split("|"))
            verdict = judge_call(call_from_script(script, language), book).verdicts[0]
            assert verdict.outcome == OUTCOMES[outcome], (text, call, verdict.reason)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_notation_of_cases_is_read(language: str) -> None:
    for text in blocks(language, "call"):
        script = parse_script(text, language)
        assert len(script.events) == 2
        assert script.hung_up_by == "agent"
        assert script.loud


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_condition_and_command_is_told(language: str) -> None:
    from pipeline.judging.conditions import CONDITIONS

    text = READMES[language].read_text(encoding="utf-8")
    for kind in CONDITIONS:
        assert f"`{kind}`" in text, kind
    commands = set(re.findall(r"callqa rules ([a-z]+)", text))
    assert commands == {"lint", "test", "replay", "explain", "publish"}


def test_both_languages_say_the_same() -> None:
    zh, en = (READMES[language].read_text(encoding="utf-8") for language in ("zh", "en"))
    assert re.findall(r"^#+", zh, re.MULTILINE) == re.findall(r"^#+", en, re.MULTILINE)
    assert re.findall(r"^```(.*)$", zh, re.MULTILINE) == re.findall(r"^```(.*)$", en, re.MULTILINE)
    assert len(re.findall(r"^\|", zh, re.MULTILINE)) == len(re.findall(r"^\|", en, re.MULTILINE))
