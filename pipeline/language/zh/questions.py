"""Whether a Chinese clause asks, punctuation or not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from pipeline.language.data import Words, compile_listed, read_table


@dataclass(frozen=True)
class ChineseQuestions:
    """`zh/questions.yaml`."""

    endings: Sequence[str]
    not_endings: Words

    @cached_property
    def ending(self) -> re.Pattern[str]:
        return compile_listed("zh/questions.yaml", f"(?:{'|'.join(self.endings)})$")


@cache
def chinese_questions() -> ChineseQuestions:
    return read_table("zh", "questions", ChineseQuestions)


def asks(clause: str) -> bool:
    """Whether a clause without its punctuation is a question."""
    questions = chinese_questions()
    return questions.ending.search(clause) is not None and not clause.endswith(questions.not_endings)
