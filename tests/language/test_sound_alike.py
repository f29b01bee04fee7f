"""Chinese phrases are heard through slips of recognition, and not through anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.language.sound_alike import sounds_of, times_heard


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
    assert times_heard(phrase, text, sounds_of(text)) == times


def test_what_is_not_han_parts_syllables() -> None:
    once = sounds_of("您好")
    parted = sounds_of("您好，ok，您好")
    assert (parted[:2], parted[3:]) == (once, once)
    assert sounds_of("您好，您好") == sounds_of("您好您好")


@given(
    st.text(alphabet="您好请问工号公皓福物", min_size=3, max_size=7),
    st.text(alphabet="您好请问工号公皓福物，。a", max_size=40),
)
def test_a_phrase_is_counted_as_if_every_place_were_looked_at(phrase: str, text: str) -> None:
    wanted, sounds = sounds_of(phrase), sounds_of(text)
    times, start = text.count(phrase), 0
    while not text.count(phrase) and start + len(wanted) <= len(sounds):
        heard = sounds[start : start + len(wanted)]
        is_heard = sum(one != other for one, other in zip(wanted, heard, strict=True)) <= (len(wanted) >= 5)
        times, start = times + is_heard, start + (len(wanted) if is_heard else 1)
    assert times_heard(phrase, text, sounds) == times
