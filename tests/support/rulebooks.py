"""The rulebooks of the checkout: their rules by name before anything is loaded, and each loaded once in a process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rule, Rulebook
from pipeline.settings import CHECKOUT

LANGUAGES = ("zh", "en")


def folder_of(language: str) -> Path:
    return CHECKOUT / "rules" / f"hotline-{language}"


@cache
def hotline(language: str) -> Rulebook:
    return load_rulebook(folder_of(language))


def rule_of(language: str, rule_id: str) -> Rule:
    return next(rule for rule in hotline(language).rules if rule.id == rule_id)


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
