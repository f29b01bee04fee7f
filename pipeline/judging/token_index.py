"""A call's words made ready for matching: tokens, sentences, exchanges, and when each was said."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Protocol

from pipeline.datatypes import PARTIES, Call, Party, Role, Turn
from pipeline.language.backchannels import is_backchannel
from pipeline.language.normalise import SENTENCE, TEXT_END, TURN_END, tokenise_all
from pipeline.timeline import Span, Timeline

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from pipeline.judging.lexicon import Lexicon

BETWEEN_SENTENCES = " \n\t“‘（("
"""What stands before a sentence's first word and belongs to the next one."""

WORD_GAP_S = 1.0
"""Words closer than this cover the speech between them."""

_DIGITS = re.compile(r"\d+")

TokenRange = tuple[int, int]
"""First token, and the one behind the last."""


def digit_runs(tokens: str) -> list[TokenRange]:
    """Digits that follow each other in a call's tokens, one character each, whatever stands for a Latin word."""
    return [run.span() for run in _DIGITS.finditer(tokens)]


WordPlace = tuple[int, int, float, float]
"""Offsets of a word in its turn's text, start and end in seconds."""


class SaidTokens(Protocol):
    """The tokens of a call, or of several one behind another, and their sentences."""

    @property
    def words(self) -> list[str]: ...
    @property
    def sentence_of(self) -> Sequence[int] | npt.NDArray[np.int64]: ...
    @property
    def sentence_ends(self) -> Sequence[int] | npt.NDArray[np.int64]: ...
    def code(self, lexicon: Lexicon, /) -> str: ...
    def sounds(self, lexicon: Lexicon, /) -> str: ...


class Stretches(Protocol):
    """Stretches of time that can be measured."""

    def within_s(self, region: Span) -> float:
        """How much of them lies in a region."""


@dataclass(frozen=True)
class TokenIndex:
    """All that was said in a call: tokens, and where they come from. What is worked out of it is worked out once.

    `text` is the turns' texts, a `TEXT_END` behind each, and `starts` and `ends` are offsets into it; `breaks` says
    what punctuation stands behind a token: SENTENCE, CLAUSE or 0. A turn's end ends a sentence.
    """

    call: Call
    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    breaks: list[int]
    first: list[int]
    """Per turn, its first token, and the number of tokens at last; between two turns is a `TURN_END`."""
    language: str

    def code(self, lexicon: Lexicon) -> str:
        """The tokens as a lexicon writes them, one character each."""
        known = self._codes.get(lexicon)
        if known is None:
            known = self._codes[lexicon] = lexicon.code(self.words)
        return known

    @cached_property
    def _codes(self) -> dict[Lexicon, str]:
        return {}

    def sounds(self, lexicon: Lexicon) -> str:
        """The tokens' sounds as a lexicon writes them, one character each."""
        return lexicon.sound(self.code(lexicon))

    def turn_of(self, token: int) -> int:
        return bisect_right(self.first, token) - 1

    def turn(self, token: int) -> Turn:
        return self.call.turns[self.turn_of(token)]

    def range_of(self, turn: int) -> tuple[int, int]:
        """First token of a turn, and the one behind its last."""
        return self.first[turn], self.first[turn + 1] - 1

    def break_after(self, token: int) -> int:
        """What punctuation stands behind a token: SENTENCE, CLAUSE or 0."""
        return self.breaks[token]

    @cached_property
    def turn_at(self) -> list[int]:
        """The turn of each token."""
        return [number for number, (start, end) in enumerate(pairwise(self.first)) for _ in range(start, end)]

    @cached_property
    def sentence_of(self) -> list[int]:
        """The number of each token's sentence."""
        return [
            number for number, (start, end) in enumerate(pairwise([0, *self.sentence_ends])) for _ in range(start, end)
        ]

    @cached_property
    def sentence_ends(self) -> list[int]:
        """The tokens behind the last ones of sentences, those behind a `TURN_END` among them."""
        return [token for token, kind in enumerate(self.breaks, 1) if kind == SENTENCE]

    def same_sentence(self, start: int, end: int) -> bool:
        """Whether no sentence ends between two tokens (`end` exclusive)."""
        return end <= self.sentence_ends[bisect_right(self.sentence_ends, start)]

    def sentence(self, token: int) -> tuple[int, int]:
        """The sentence around a token: first token, and the one behind its last."""
        ends = self.sentence_ends
        number = bisect_right(ends, token)
        return ends[number - 1] if number else 0, ends[number]

    def quote(self, start: int, end: int) -> str:
        """The words of the transcript behind these tokens, as they stand there."""
        return self.text[self.starts[start] : self.ends[end - 1]]

    def sentences_around(self, start: int, end: int) -> str:
        """The sentence around these tokens as it stands in the transcript; several, where they reach over several."""
        first, last = self.sentence(start)[0], self.sentence(end - 1)[1]
        known = self._sentences_around.get((first, last))
        if known is None:
            known = self._sentences_around[first, last] = self._stretch(first, last)
        return known

    @cached_property
    def _sentences_around(self) -> dict[TokenRange, str]:
        return {}

    def _stretch(self, first: int, last: int) -> str:
        """Some sentences as they stand in the transcript."""
        behind = self.starts[last] if last < len(self.starts) and self.words[last] != TURN_END else -1
        turn_end = self.text.find(TEXT_END, self.ends[last - 1])
        if behind < 0 or 0 <= turn_end < behind:
            behind = turn_end
        return self.text[self.starts[first] : behind].replace(TEXT_END, " ").strip(BETWEEN_SENTENCES)

    def span(self, start: int, end: int) -> Span:
        """When these tokens were said, by the times of the words they are in."""
        turn = self.turn_of(start)
        (places, times), begins = self._times(turn), self._begins[turn]
        begin = _time_at(places, times, self.starts[start] - begins, 0)
        finish = _time_at(places, times, self.ends[end - 1] - begins - 1, 1)
        return Span(begin, max(begin, finish))

    def start_s(self, token: int) -> float:
        """When a token was begun: the start of its `span`."""
        turn = self.turn_of(token)
        return _time_at(*self._times(turn), self.starts[token] - self._begins[turn], 0)

    @cached_property
    def _begins(self) -> list[int]:
        """Where each turn's text begins in the whole."""
        return [0, *accumulate(len(turn.text) + 1 for turn in self.call.turns)]

    @cached_property
    def _word_times(self) -> dict[int, tuple[list[int], list[WordPlace]]]:
        return {}

    def _times(self, turn: int) -> tuple[list[int], list[WordPlace]]:
        """The words of a turn: where they begin in its text, and their places."""
        known = self._word_times.get(turn)
        if known is None:
            times = self.word_times(turn)
            known = self._word_times[turn] = [place[0] for place in times], times
        return known

    def word_times(self, turn: int) -> list[WordPlace]:
        """The words of a turn."""
        found = []
        item, place = self.call.turns[turn], 0
        for word in item.words:
            piece = word.text.strip()
            at = item.text.find(piece, place)
            if piece and at >= 0:
                place = at + len(piece)
                found.append((at, place, word.span.start_s, word.span.end_s))
        return found or [(0, max(1, len(item.text)), item.span.start_s, item.span.end_s)]

    @cached_property
    def plain(self) -> str:
        """All tokens, one character each (a Latin word is an x), so that offsets are token numbers."""
        return "".join(word if len(word) == 1 else "x" for word in self.words)

    @cached_property
    def digit_runs(self) -> list[TokenRange]:
        """Digits that follow each other, spoken or written, as tokens."""
        return digit_runs(self.plain)

    @cached_property
    def exchanges(self) -> list[tuple[str, list[int]]]:
        """Turns as a listener counts them: (role, turn indices), a role goes on until the other takes over.

        A 嗯 of the other in between takes nothing over, and stands by itself. Turns of unknown speakers do not
        part anything, and are in no exchange.
        """
        runs: list[tuple[str, list[int]]] = []
        floor = last = -1  # the run that has the floor, and the one that the turn before is in
        for turn in self.call.turns:
            role = self.call.role(turn)
            if role == "unknown":
                continue
            if not runs or role not in (runs[last][0], runs[floor][0]):
                runs.append((role, []))
                last = len(runs) - 1
            elif runs[last][0] != role:
                last = floor
            runs[last][1].append(turn.index)
            if floor < 0 or not self.small(turn.index):
                floor = last
        return runs

    @cached_property
    def smalls(self) -> list[bool]:
        """Of each turn, whether it is a backchannel only."""
        first = self.first
        return [
            first[turn.index + 1] - first[turn.index] <= 9 and is_backchannel(turn.text) for turn in self.call.turns
        ]

    def small(self, turn: int) -> bool:
        """Whether a turn is a backchannel only."""
        return self.smalls[turn]

    def side(self, by: str) -> SideTurns:
        """The exchanges of one side ("any": of both), with what windows start from."""
        found = self._sides.get(by)
        if found is None:
            found = self._sides[by] = self._side(by)
        return found

    @cached_property
    def _sides(self) -> dict[str, SideTurns]:
        return {}

    def _side(self, by: str) -> SideTurns:
        groups = [turns for role, turns in self.exchanges if by in ("any", role)]
        smalls = self.smalls
        solid = [n for n, turns in enumerate(groups) if not all(smalls[i] for i in turns)]
        turns = tuple(sorted(i for turns in groups for i in turns))
        return SideTurns(groups, turns, solid or list(range(len(groups))))

    @cached_property
    def live(self) -> Span:
        """From the first to the last word of the two sides."""
        spans = [self.call.turns[i].span for i in self.side("any").turns]
        return Span(min(span.start_s for span in spans), max(span.end_s for span in spans))

    @cached_property
    def encoded(self) -> bytes:
        """The whole call as normalised text for patterns, a line break where a sentence or turn ends, as the bytes
        that RE2 works on."""
        return b"".join(
            text + b"\n"[:between] for text, between in zip(self.encoded_sentences, self._line_breaks, strict=True)
        )

    @cached_property
    def _line_breaks(self) -> list[int]:
        """Of each sentence, how many line breaks (one or none) stand between it and the next in `encoded`."""
        texts = self.encoded_sentences
        return [int(b"\n" not in both) for both in zip(texts, [*texts[1:], b"\n"], strict=True)]

    @cached_property
    def _encoded_begins(self) -> list[int]:
        """Where each sentence begins in `encoded`."""
        sizes = zip(self.encoded_sentences, self._line_breaks, strict=True)
        return [0, *accumulate(len(text) + between for text, between in sizes)]

    def token_at(self, byte: int) -> int:
        """The token of a byte of `encoded` that is no space and no line break."""
        number = bisect_right(self._encoded_begins, byte) - 1
        before = self.encoded_sentences[number][: byte - self._encoded_begins[number]]
        at = len(before.decode("utf-8", "ignore"))  # the byte may be inside a character
        return self.tokens_at(number, at, at + 1)[0]

    @cached_property
    def sentence_texts(self) -> list[str]:
        """Every sentence as normalised text; that of a `TURN_END` is a line break."""
        words, begins = self.words, [0, *self.sentence_ends]
        between = " " if self.language == "en" else ""
        return [between.join(words[start:end]) for start, end in pairwise(begins)]

    @cached_property
    def encoded_sentences(self) -> list[bytes]:
        return [text.encode("utf-8", "replace") for text in self.sentence_texts]

    @cached_property
    def bounded_sentences(self) -> list[bytes]:
        """Every sentence with the line breaks around it: nothing stands before the first."""
        return [(b"\n" if number else b"") + text + b"\n" for number, text in enumerate(self.encoded_sentences)]

    @cached_property
    def sentence_turns(self) -> list[int]:
        """The turn of each sentence."""
        return [self.turn_of(end - 1) for end in self.sentence_ends]

    def tokens_at(self, sentence: int, first: int, last: int) -> tuple[int, int]:
        """The tokens that have the characters from `first` to before `last` of a sentence's text."""
        start = self.sentence_ends[sentence - 1] if sentence else 0
        end = self.sentence_ends[sentence]
        if len(self.sentence_texts[sentence]) == end - start:
            return start + first, start + last
        offsets = self._offsets.get(sentence)
        if offsets is None:
            gap = self.language == "en"
            offsets = [0, *accumulate(len(word) + gap for word in self.words[start:end])]
            self._offsets[sentence] = offsets
        return start + bisect_right(offsets, first) - 1, start + bisect_right(offsets, last - 1)

    @cached_property
    def _offsets(self) -> dict[int, list[int]]:
        """By sentence, where each of its tokens begins in its text."""
        return {}

    def worded_s(self, party: Party, region: Span) -> tuple[float, float]:
        """How long a party is voiced in a region, and how much of that has words, in seconds."""
        known = self._voiced.get(party)
        if known is None:
            known = self._voiced[party] = self._stretches(party)
        voiced, worded = known
        return voiced.within_s(region), worded.within_s(region)

    @cached_property
    def _voiced(self) -> dict[Party, tuple[Stretches, Stretches]]:
        return {}

    def _stretches(self, party: Party) -> tuple[Stretches, Stretches]:
        """When a party is voiced, and when it is voiced and has words."""
        return Timeline(self.call.voiced.get(party, ())), Timeline(self.covered[party])

    @cached_property
    def covered(self) -> dict[Party, tuple[Span, ...]]:
        """When each party is voiced and has words."""
        worded = self._worded
        return {party: (Timeline(self.call.voiced.get(party, ())) & worded.get(party, ())).spans for party in PARTIES}

    @property
    def _worded(self) -> dict[Role, list[Span]]:
        """Per role, the stretches of time that have words, a little margin around them."""
        # a call has a thousand words: they are joined as they come, for a Timeline of all of them takes its time
        stretches: dict[Role, list[list[float]]] = {}
        for turn in self.call.turns:
            own = stretches.setdefault(self.call.role(turn), [])
            for word in turn.words:
                start_s, end_s = word.span.start_s, word.span.end_s
                if own and start_s - own[-1][1] <= WORD_GAP_S and start_s >= own[-1][0]:
                    if end_s > own[-1][1]:
                        own[-1][1] = end_s
                else:
                    own.append([start_s, end_s])
        margin_s = WORD_GAP_S / 2
        return {role: [Span(start - margin_s, end + margin_s) for start, end in own] for role, own in stretches.items()}


@dataclass(frozen=True, slots=True)
class SideTurns:
    """One side's exchanges, as lists of turns, and all its turns."""

    groups: list[list[int]]
    turns: tuple[int, ...]
    solid: list[int]
    """The numbers of the exchanges that are more than a 嗯; of all, where none is."""


def _time_at(places: Sequence[int], times: Sequence[WordPlace], offset: int, edge: int) -> float:
    """Time of a character, words of several characters being spoken evenly."""
    start, end, start_s, end_s = times[max(0, bisect_right(places, offset) - 1)]
    share = min(1.0, max(0.0, (offset + edge - start) / max(1, end - start)))
    return start_s + share * (end_s - start_s)


def index_call(call: Call, language: str) -> TokenIndex:
    """Tokenise a call."""
    text, tokens = tokenise_all([turn.text for turn in call.turns], language)
    words, breaks = tokens.words, tokens.breaks
    first = [0, *[token for token, word in enumerate(words, 1) if word == TURN_END]]
    for behind in first[1:]:
        breaks[behind - 1] = SENTENCE
        if behind > 1 and words[behind - 2] != TURN_END:
            breaks[behind - 2] = SENTENCE
    return TokenIndex(call, text, words, tokens.starts, tokens.ends, breaks, first, language)
