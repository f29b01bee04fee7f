"""Rulebooks for tests: those of the checkout, their rules by name before anything is loaded, and small ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import yaml

from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.settings import CHECKOUT

LANGUAGES = ("zh", "en")


def folder_of(language: str) -> Path:
    return CHECKOUT / "rules" / f"hotline-{language}"


@cache
def hotline(language: str) -> Rulebook:
    return load_rulebook(folder_of(language))


def hotlines() -> dict[str, Rulebook]:
    """The rulebooks of the checkout by language, as settings name them; read once for all tests."""
    return {language: hotline(language) for language in LANGUAGES}


def rule_of(language: str, rule_id: str) -> Rule:
    return next(rule for rule in hotline(language).rules if rule.id == rule_id)


HEAD = """\
name: trial
language: {language}
version: "1"
title: {{zh: 试, en: trial}}
dimensions: {{one: {{title: {{zh: 一, en: one}}, weight: 1}}}}
"""
CASES = [
    {"verdict": verdict, "call": "agent 0.0: hello"} for verdict in ("pass", "fail", "not_applicable")
]  # loaded, not run


def write_book(folder: Path, rules: Mapping[str, str], phrases: str = "empty: [无]", head: str = "") -> Path:
    """A rulebook's files: `rules` by their file's name, which gets a .yaml if it has no ending."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rulebook.yaml").write_text(head or HEAD.format(language="zh"), encoding="utf-8")
    (folder / "phrases.yaml").write_text(phrases, encoding="utf-8")
    for name, text in rules.items():
        (folder / (name if "." in name else f"{name}.yaml")).write_text(text, encoding="utf-8")
    return folder


def make_book(
    folder: Path,
    language: str = "zh",
    phrases: str = "empty: [无]",
    head: str = HEAD,
    conditions: str = "",
    **gates: object,
) -> Rulebook:
    """A rulebook of one rule, which has some gates, written as YAML or as values; `conditions`: those with a name."""
    rule = {"id": "trial", "title": {"zh": "试", "en": "trial"}, "dimension": "one", "why": "试", "cases": CASES}
    rule["speaks"] = "any"  # what is asked is the condition
    given = {gate: yaml.safe_load(text) if isinstance(text, str) else text for gate, text in gates.items()}
    text = yaml.safe_dump(rule | given, allow_unicode=True)
    files = {"trial": text} | ({"conditions": conditions} if conditions else {})
    return load_rulebook(write_book(folder, files, phrases, head.format(language=language)))


def _rule_files() -> Iterator[tuple[str, str, str]]:
    """Language, rule and text of each rule's file: loading the rulebooks to list tests would cost every run seconds."""
    for language in LANGUAGES:
        for file in sorted(folder_of(language).rglob("*.yaml")):
            text = file.read_text(encoding="utf-8")
            if found := re.search(r"^id: (\S+)", text, re.MULTILINE):
                yield language, found[1], text


RULES = tuple((language, rule_id) for language, rule_id, _ in _rule_files())
"""(language, rule)."""
CASE_GROUPS = tuple(
    (language, rule_id, verdict)
    for language, rule_id, text in _rule_files()
    for verdict in dict.fromkeys(re.findall(r"^ *- \{?verdict: (\w+)", text, re.MULTILINE))
)
"""(language, rule, verdict expected)."""


def joined(parts: tuple[str, ...]) -> str:
    """The name of a test: zh-greeting-pass."""
    return "-".join(parts)
