"""Patterns that cannot match are left out by their literal pieces, and none that can match is."""

from __future__ import annotations

import random
from collections import Counter

import pytest
import re2

from pipeline.judging.notation import parse_script
from pipeline.judging.prefilter import PieceIndex, pieces, within_sentence
from pipeline.language.normalise import normalise
from tests.support.rulebooks import hotline


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("工号[0-9]+", {"工号"}),
        ("(抱歉|对不起)[^\\n]*稍等", {"稍等"}),
        ("不(好|太好)意思", {"不好意思", "不太好意思"}),
        ("好?的", {"的"}),
        ("(a|b)?", None),
        ("[^\\n]+", None),
        ("\\pL+", None),
        ("[[:digit:]]+元", None),
        ("(?:abc)+x", {"abc"}),
        ("(抱歉|对不起)(啊|哈)?[^\\n]", {"抱歉", "对不起"}),
    ],
)
def test_pieces(pattern: str, found: set[str] | None) -> None:
    assert pieces(pattern) == found


@pytest.mark.parametrize(
    ("pattern", "within"),
    [
        ("抱歉[^\\n]*稍等", True),
        ("抱歉[^，]*稍等", False),
        ("(^|\\n)(嗯|啊)*好(\\n|$)", True),
        ("还有[^没]|[^没]有", True),
        ("好\\n?好", False),
        ("稍等\\n?$", False),
        ("再见$", True),
        ("(好|再见\\n)\\b", False),
        ("\\b好\\b", True),
        ("(好\\n)+", False),
        ("(?s:.)好", False),
        ("(?m)^好$", True),
    ],
)
def test_within_a_sentence(pattern: str, within: bool) -> None:
    assert within_sentence(pattern) == within


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.slow
def test_nothing_that_matches_is_left_out(language: str) -> None:
    book = hotline(language)
    index: PieceIndex = book.lexicon.patterns
    said = sorted({
        normalise(turn.text, language)
        for rule in book.rules for case in rule.cases for turn in parse_script(case.call, language).turns if turn.text
    })  # fmt: skip
    draw, left_out = random.Random(1), 0
    for _ in range(5):
        sentences = draw.sample(said, 40)
        possible = index.possible(sentences)
        text = "\n".join(sentences)
        for pattern in index.patterns - possible.keys():
            left_out += 1
            assert re2.search(pattern, text) is None, pattern
        for pattern, numbers in possible.items():
            if pattern not in index.across:
                bounded = ("\n" * bool(n) + sentences[n] + "\n" for n in numbers)
                alone = Counter(match[0].strip("\n") for piece in bounded for match in re2.finditer(pattern, piece))
                # two sentences have the line break between them to themselves when they are tried alone
                assert Counter(match[0].strip("\n") for match in re2.finditer(pattern, text)) <= alone, pattern
    assert left_out > 100
