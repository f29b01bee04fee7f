"""The data of roles and announcements: what people may change in it without breaking anything."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.call.roles import score_words
from pipeline.language.announcements import prompt_phrases
from pipeline.language.role_phrases import role_phrases

PHRASES = [(weight, phrase) for weight, phrases in role_phrases("zh").phrases.items() for phrase in phrases]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_weights_are_in_steps_of_a_half_and_never_nothing(language: str) -> None:
    table = role_phrases(language)
    weights = {*table.phrases, *table.patterns}
    assert all(weight and float(weight * 2).is_integer() and abs(weight) <= 3.5 for weight in weights), weights


def test_a_phrase_stands_once() -> None:
    assert [phrase for phrase, times in Counter(phrase for _, phrase in PHRASES).items() if times > 1] == []
    prompts = prompt_phrases("zh")
    assert not set(prompts.at_start) & set(prompts.anywhere)


@pytest.mark.parametrize(("weight", "phrase"), PHRASES, ids=[phrase for _, phrase in PHRASES])
def test_a_phrase_speaks_for_its_side(weight: float, phrase: str) -> None:
    score = score_words([phrase])
    assert (score.agent if weight > 0 else score.customer) >= abs(weight)
