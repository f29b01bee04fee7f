"""Chinese phrases are heard through slips of recognition, and not through anything."""

from __future__ import annotations

import pytest

from pipeline.language.sound_alike import syllables_of, times_heard


@pytest.mark.parametrize(
    ("phrase", "text", "times"),
    [
        ("您贵姓", "请问您贵姓", 1),
        ("您贵姓", "请问您贵性", 1),
        ("您贵姓", "您贵性您贵星", 2),
        ("您贵姓", "您贵。姓", 0),  # a sentence ends within it
        ("您贵姓", "您贵庚", 0),
        ("贵姓", "贵性", 0),  # too short to be matched by sound
        ("有什么可以帮您", "有什么可以邦您", 1),
        ("有什么可以帮您", "有什么可以送您", 1),  # one syllable of five may be another
        ("有什么可以帮您", "有什么不能送您", 0),
    ],
)
def test_times_heard(phrase: str, text: str, times: int) -> None:
    assert times_heard(phrase, text, syllables_of(text)) == times


def test_what_is_not_han_parts_syllables() -> None:
    assert syllables_of("您好，ok，您好") == [*syllables_of("您好"), "", *syllables_of("您好")]
    assert syllables_of("您好，您好") == syllables_of("您好您好")
