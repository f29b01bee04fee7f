"""Words as written text, and how much was said."""

from __future__ import annotations

import re

import pytest

from pipeline.datatypes import Word
from pipeline.language.text import HAN, HAN_CHARACTER, put_together, speech_units
from pipeline.settings import CHECKOUT
from pipeline.timeline import Span


@pytest.mark.parametrize(
    ("texts", "language", "expected"),
    [
        (("您", "好，", "请", "讲。"), "zh", "您好，请讲。"),
        (("Thank", "you,", "Mr.", "Carter."), "en", "Thank you, Mr. Carter."),
        ((" Thank", " you"), "en", "Thank you"),
        (("尚", "街", "Loft", "生", "活"), "zh", "尚街Loft生活"),
        (("工", "号", "3", "0", "26"), "zh", "工号3026"),
        (("room", "3", "26"), "en", "room 3 26"),
        (("50", "%"), "en", "50%"),
    ],
)
def test_text_is_put_together(texts: tuple[str, ...], language: str, expected: str) -> None:
    words = [Word(Span(i, i + 1), text, 1.0, 0) for i, text in enumerate(texts)]
    assert put_together(words, language) == expected


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("您好，工号3026。", 8),
        ("It's a Wi-Fi router, isn't it?", 6),
        ("Agent four one two", 4),
        ("。，？!", 0),
        ("A楼8号", 4),
    ],
)
def test_what_counts_as_said(text: str, units: int) -> None:
    assert speech_units(text) == units


@pytest.mark.parametrize(("character", "han"), [("中", True), ("㐀", True), ("豈", True), ("𠮷", True), ("々", False)])
def test_which_characters_are_han(character: str, han: bool) -> None:
    assert bool(HAN_CHARACTER.fullmatch(character)) == han


def test_the_ranges_of_han_characters_are_written_once() -> None:
    ranges = {
        str(file.relative_to(CHECKOUT)): set(re.findall(r"\\u(?:3400|4e00)[^]\"]*", file.read_text(encoding="utf-8")))
        for package in ("pipeline", "models", "flows")
        for file in sorted((CHECKOUT / package).rglob("*.py"))
    }
    named = {file: found for file, found in ranges.items() if found}
    assert named == {"models/transcription.py": {HAN}, "pipeline/language/text.py": {HAN}}
