"""Questions to begin with: those of docs/sql.md, as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from pipeline.messages import Language


@dataclass(frozen=True, slots=True)
class CommonQuestion:
    """What people often ask, in both languages, and how."""

    en: str
    zh: str
    sql: str

    def title(self, language: Language) -> str:
        """What is asked."""
        return self.zh if language == "zh" else self.en


@cache
def common_questions() -> tuple[CommonQuestion, ...]:
    """All of them."""
    text = Path(__file__).with_name("questions.yaml").read_text(encoding="utf-8")
    return tuple(CommonQuestion(**each) for each in yaml.safe_load(text))
