"""Letters and digits that are read out: A for alpha, Yankee Echo one nine, 大写的A，小写的b，7739, W-H-I-T-E, k8m2."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from pipeline.language.sensitive_words import sensitive_words
from pipeline.language.text import HAN
from pipeline.privacy.digits import digit_groups, digit_pieces, is_gap

WHOLE_NUMBER = 9
"""So many digits in one piece are a number by themselves."""


@dataclass(frozen=True, slots=True)
class SpelledPiece:
    """What stands for letters or digits, in capitals: B for Bravo, double L, k8m2, one nine.

    `single`: one by one. `weak`: a word that is none but amid others: Lincoln, kay.
    """

    start: int
    end: int
    value: str
    single: bool
    weak: bool = False


@dataclass(frozen=True, slots=True)
class SpelledRun:
    """Pieces of which at least one has a letter, with nothing but punctuation and small words between them."""

    pieces: tuple[SpelledPiece, ...]

    @property
    def start(self) -> int:
        return self.pieces[0].start

    @property
    def end(self) -> int:
        return self.pieces[-1].end

    @property
    def value(self) -> str:
        return "".join(piece.value for piece in self.pieces)

    @property
    def letters(self) -> int:
        return sum(not character.isdigit() for character in self.value)

    @property
    def digits(self) -> int:
        return sum(character.isdigit() for character in self.value)

    @property
    def singles(self) -> int:
        """Letters that are read out one by one."""
        return sum(len(piece.value) for piece in self.pieces if piece.single)


def spelled_runs(text: str) -> list[SpelledRun]:
    """The runs of letters and digits in a text, in order."""
    runs: list[list[SpelledPiece]] = []
    for piece in spelled_pieces(text):
        if runs and is_gap(text, runs[-1][-1].end, piece.start):
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return [run for pieces in runs for run in _without_words(text, pieces)]


def spelled_pieces(text: str) -> list[SpelledPiece]:
    """Letters, and digits with them, in order; none where there is no letter."""
    letters = [piece for match in _letter().finditer(text) if (piece := _piece(match)) is not None]
    if not letters:
        return []
    digits = [
        SpelledPiece(one.start, one.end, one.digits, False)
        for one in digit_pieces(text)
        if len(one.digits) < WHOLE_NUMBER
        and not any(one.start < piece.end and piece.start < one.end for piece in letters)
    ]
    pieces = sorted([*letters, *digits], key=lambda piece: piece.start)
    return [piece for at, piece in enumerate(pieces) if not piece.weak or _is_amid(text, pieces, at)]


def _is_amid(text: str, pieces: Sequence[SpelledPiece], at: int) -> bool:
    """Whether right beside a word that may be a letter stand others, or nothing."""
    start, end = (pieces[at - 1].end if at else 0), (pieces[at + 1].start if at + 1 < len(pieces) else len(text))
    before, after = text[start : pieces[at].start], text[pieces[at].end : end]
    beside = [at > 0 and not before.strip(" ,.-"), at + 1 < len(pieces) and not after.strip(" ,.-")]
    return (
        any(beside)
        and (beside[0] or _EDGE.search(before) is not None)
        and (beside[1] or _EDGE.match(after) is not None)
    )


_EDGE = re.compile(r"^\W*$|^[,.?!]|[,.?!]\s*$")


def single_pieces(text: str, longest: int = 1) -> list[tuple[int, int]]:
    """Where letters and digits stand that are told one by one, or few together, small words left out."""
    letters = [
        (piece.start, piece.end)
        for run in spelled_runs(text)
        for piece in run.pieces
        if len(piece.value) <= longest and not _is_loose(text, (piece,))
    ]
    groups = (group for group in digit_groups(text) if not group.counts)
    digits = [(one.start, one.end) for group in groups for one in group.pieces if len(one.digits) <= longest]
    return sorted(place for place in {*letters, *digits} if text[slice(*place)].lower() not in _WORDS_TOO)


def _without_words(text: str, pieces: Sequence[SpelledPiece]) -> Iterator[SpelledRun]:
    """A run without the words at its edges that only look like a letter: I have 12, a 5."""
    pieces = list(pieces)
    while pieces and _is_loose(text, pieces):
        del pieces[0]
    while pieces and text[pieces[-1].start : pieces[-1].end] in _LOOSE and _GOES_ON.match(text, pieces[-1].end):
        del pieces[-1]
    while len(pieces) > 1 and _is_new_word(text, pieces):
        del pieces[-1]
    if any(not piece.value.isdigit() for piece in pieces):
        yield SpelledRun(tuple(pieces))


def _is_new_word(text: str, pieces: Sequence[SpelledPiece]) -> bool:
    """Whether the last piece begins a sentence: 34 56 C. Oh no."""
    last = pieces[-1]
    return (
        text[last.start : last.end].lower() in _WORDS_TOO
        and _NEW_SENTENCE.search(text, pieces[-2].end, last.start) is not None
    )


def _is_loose(text: str, pieces: Sequence[SpelledPiece]) -> bool:
    """Whether the first piece is a word: a 2019 model, a private one, B16 DAV."""
    first = text[pieces[0].start : pieces[0].end]
    if first in _LOOSE and _GOES_ON.match(text, pieces[0].end):
        return True
    if len(pieces) == 1:
        return False
    return (first == "a" and text[pieces[1].start].isdigit()) or (first == "one" and len(pieces[1].value) > 1)


_WORDS_TOO = ("oh", "o", "one")
_NEW_SENTENCE = re.compile(r"[.?!]\s")
_LOOSE = ("a", "I", "o", "A")
_GOES_ON = re.compile(r"\s[A-Za-z]{2}|['’]")


def _piece(match: re.Match[str]) -> SpelledPiece | None:
    start, end = match.span()
    if match["token"]:
        token = match["token"]
        if _measure().fullmatch(token):
            return None
        if token.upper() in sensitive_words().en.not_letters and not _BEGUN.match(match.string, end):
            return None
        return SpelledPiece(start, end, _bare(token), False)
    if match["row"]:
        return SpelledPiece(start, end, _bare(match["row"]), True)
    if match["many"]:
        times = sensitive_words().times[match["times"].lower()]
        return SpelledPiece(start, end, match["many"].upper() * times, True)
    if match["province"]:
        return SpelledPiece(start, end, match["province"], False)
    if match["weak"]:
        letter = sensitive_words().en.letter_names.get(match["weak"].lower()) or match["weak"][0]
        return SpelledPiece(start, end, letter, True, weak=True)
    letter = match["told"] or match["alone"] or match["word"][0]
    return SpelledPiece(start, end, letter.upper(), True)


_BEGUN = re.compile(r"\s\d\d(?:[\s,]{1,2}[A-Z]){3}\b|\s\d\d[\s,]{1,2}[A-Z]{3}\b|(?:\s\d\d){3}\s[A-D]\b")
"""Behind letters that are a word elsewhere, the rest of a British plate or of a National Insurance number."""


def _bare(token: str) -> str:
    return "".join(character for character in token.upper() if character.isalnum())


@cache
def _letter() -> re.Pattern[str]:
    words = sensitive_words()
    by = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in words.en.letter_told_by)
    letters = "|".join(sorted(words.en.letters, key=len, reverse=True))
    named, names = "|".join(words.en.letters_too), "|".join(words.en.letter_names)
    times = "|".join(sorted(words.times, key=len, reverse=True))
    provinces = words.zh.plate_provinces
    return re.compile(
        r"(?<![A-Za-z0-9'’_@])(?:"
        rf"(?P<told>[A-Za-z])[\s,]+(?:{by})\s+(?:(?P=told)[A-Za-z]+|(?-i:[A-Z])[a-z]+)"
        rf"|(?P<times>{times})[\s-]+(?P<many>[A-Za-z])"
        rf"|(?P<word>{letters})|(?P<weak>(?-i:{named})|{names})"
        r"|(?P<row>[A-Za-z0-9](?:-[A-Za-z0-9])*-[A-Za-z](?:-[A-Za-z0-9])*|[A-Za-z](?:-[A-Za-z0-9])+)"
        r"|(?P<token>(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*|(?-i:[A-Z]{2,5})|[A-Za-z]{2,8}(?=[零〇一二三四五六七八九幺]{2})|(?<=[零〇一二三四五六七八九幺])[A-Za-z]{2,8})"
        r"|(?P<alone>[A-Za-z])"
        r")(?![A-Za-z0-9'’_@])"
        rf"|(?P<province>[{provinces}])(?:[，,、\s]*[{HAN}]{{1,2}}的(?P=province))?(?=[，,、\s]*[A-Za-z](?![A-Za-z]))",
        re.IGNORECASE,
    )


@cache
def _measure() -> re.Pattern[str]:
    """A number with its unit written to it: 5G, 30th, 90s."""
    return re.compile(rf"\d+(?:{'|'.join(sensitive_words().en.glued_units)})", re.IGNORECASE)
