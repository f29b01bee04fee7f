"""rules/README: every example is what it says, in both languages, and both say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script, parse_script
from pipeline.judging.reference import reference
from pipeline.judging.verdicts import check_cases, judge_call
from pipeline.settings import CHECKOUT
from tests.support.rulebooks import HEAD, hotline, make_book, write_book

READMES = {"zh": CHECKOUT / "rules" / "README.zh-CN.md", "en": CHECKOUT / "rules" / "README.md"}
OUTCOMES = {
    "达成": "pass", "未达成": "fail", "不可判": "unsure", "true": "pass", "false": "fail", "unsure": "unsure",
}  # fmt: skip


def blocks(language: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", READMES[language].read_text(encoding="utf-8"), re.DOTALL)


def head_of(language: str) -> str:
    return HEAD.format(language=language).replace("one:", "solving:", 1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_first_rule_is_green(tmp_path: Path, language: str) -> None:
    phrases, rules = "\n".join(blocks(language, "yaml phrases")), blocks(language, "yaml rule")
    assert phrases
    assert rules
    named = {f"rule{n}": text for n, text in enumerate(rules)}
    book = load_rulebook(write_book(tmp_path, named, phrases, head_of(language)))
    for rule in book.rules:
        assert [result for result in check_cases(rule, book) if not result.ok] == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_condition_does_what_its_remarks_say(tmp_path: Path, language: str) -> None:
    examples, phrases = blocks(language, "yaml condition"), "\n".join(blocks(language, "yaml phrases"))
    conditions = "\n".join(blocks(language, "yaml conditions"))
    assert len(examples) >= 10
    for number, text in enumerate(examples):
        remarks = re.findall(r"^# ([^:：]+)[:：] ?(.+)$", text, re.MULTILINE)
        assert remarks, text
        book = make_book(tmp_path / str(number), language, phrases, conditions=conditions, require=text)
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
    text = READMES[language].read_text(encoding="utf-8")
    for kind in CONDITIONS:
        assert f"`{kind}`" in text, kind
    commands = set(re.findall(r"callqa rules ([a-z]+)", text))
    assert commands == {
        "lint",
        "test",
        "try",
        "sample",
        "replay",
        "explain",
        "publish",
        "conditions",
        "score",
        "measure",
        "learn",
        "cases",
    }


def test_both_languages_say_the_same() -> None:
    zh, en = (READMES[language].read_text(encoding="utf-8") for language in ("zh", "en"))
    assert re.findall(r"^#+", zh, re.MULTILINE) == re.findall(r"^#+", en, re.MULTILINE)
    assert re.findall(r"^```(.*)$", zh, re.MULTILINE) == re.findall(r"^```(.*)$", en, re.MULTILINE)
    assert len(re.findall(r"^\|", zh, re.MULTILINE)) == len(re.findall(r"^\|", en, re.MULTILINE))


@pytest.mark.parametrize(("language", "name"), [("en", "conditions.md"), ("zh", "conditions.zh-CN.md")])
def test_the_reference_of_conditions_is_current(language: str, name: str) -> None:
    written = (CHECKOUT / "docs" / name).read_text(encoding="utf-8")
    assert written == reference(language), f"callqa --lang {language} rules conditions > docs/{name}"


def test_the_reference_tells_every_condition_and_parameter() -> None:
    text = reference("en")
    for kind, model in CONDITIONS.items():
        assert f"## `{kind}`" in text
        assert all(field.description for name, field in model.model_fields.items() if name != "of"), kind


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_readme_names_every_dimension_of_its_rulebook(language: str) -> None:
    text = READMES[language].read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `dimension` \|.*$", text, re.MULTILINE)
    assert set(hotline(language).dimensions) <= set(re.findall(r"`([a-z-]+)`", row))
