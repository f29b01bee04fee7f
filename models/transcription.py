"""From speech to segments, the part that both Whisper engines share: what is decoded, what again, in which language.

The windows of all channels are decoded together. Nothing is ever conditioned on text decoded before: errors would feed
on themselves.

A call has one language, yet a caller may go over to the other one. Cuts that came out doubtful, or written as the
other language, are therefore heard once more for their language alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from models.tokens import Decoded, assign_tokens, loops, mean_log_probability, segment_of, trim_to_words
from models.windows import Cut, DecodingWindow, cut_speech, merge_cuts, one_window
from pipeline.datatypes import Samples, Segment
from pipeline.timeline import Span

RETRY_S = 0.3
"""A cut with at least this much voice and no word is decoded once more, alone."""

SWITCHED = ("zh", "en")
"""Languages between which speakers go over within a call."""

SWITCH_S = 1.0
"""The language of a cut with less voice than this cannot be told."""

DOUBTFUL = -0.5
"""Mean log probability below which a cut may have been decoded in a language that is not its own: Chinese decoded as
English got -1.6 to -0.8 (a number that it translated -0.3), while in practice calls of one language one cut in eight
is asked."""

SURELY = 0.9
"""Probability from which a cut is held to be in the other of `SWITCHED`; of 196 in practice calls of one language none
got there."""

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
_LATIN = re.compile(r"[A-Za-z]{2,}")

DecodeWindows = Callable[[Sequence[Samples], str], list[Decoded]]
"""An engine: the samples of some windows (each shape (n,), 16 kHz, at most 30 s) and a language, to their words."""

LanguageProbabilities = Callable[[Sequence[Samples]], list[dict[str, float]]]
"""An engine: the samples of some cuts (as for `DecodeWindows`) to the probabilities of the languages they are in."""


def transcribe_channels(
    decode: DecodeWindows,
    language_probabilities: LanguageProbabilities,
    channels: Sequence[Samples],
    voiced: Sequence[Iterable[Span]],
    language: str,
) -> list[Segment]:
    """Decode the voiced spans of a call's channels and give one segment for each cut that has words.

    `text` and `raw_text` are the engine's own; words have start < end, lie in their cut's voiced span and do not
    overlap. A cut left without words is decoded once more by itself, a window that looped in halves: a decoder that
    falls into a loop loses all that comes behind it. In a call in one of `SWITCHED`, cuts that are surely in the other
    have words and `language` of that one.
    """
    cuts = [cut_speech(samples, voiced[number]) for number, samples in enumerate(channels)]
    segments = _decoded(decode, channels, cuts, language)
    if language in SWITCHED:
        segments = _in_their_own(segments, decode, language_probabilities, channels, language)
    return [segment for segment, _ in sorted(segments, key=lambda pair: (pair[0].channel, pair[0].span))]


def _decoded(
    decode: DecodeWindows, channels: Sequence[Samples], cuts: Sequence[Sequence[Cut]], language: str
) -> list[tuple[Segment, Cut]]:
    """The segments of each channel's cuts, in no order, each with its cut."""
    segments: list[tuple[Segment, Cut]] = []
    work = [(number, window) for number, own in enumerate(cuts) if own for window in merge_cuts(channels[number], own)]
    while work:
        again: list[tuple[int, DecodingWindow]] = []
        for (number, window), decoded in zip(work, decode([w.samples for _, w in work], language), strict=True):
            several = len(window.cuts) > 1
            if several and loops(decoded):
                middle = len(window.cuts) // 2
                halves = window.cuts[:middle], window.cuts[middle:]
                again += [(number, one_window(channels[number], half)) for half in halves]
                continue
            lost: list[Cut] = []
            for cut, tokens in zip(window.cuts, assign_tokens(decoded.tokens, window), strict=True):
                if tokens:
                    cut, rest = trim_to_words(cut, tokens)
                    segment = segment_of(tokens, cut, language, number, decoded.no_speech_probability)
                    segments.append((segment, cut))
                    lost += rest
                elif several and cut.voiced.duration_s >= RETRY_S:
                    lost.append(cut)
            # what the decoder left out together is tried together, then each alone
            apart = [(cut,) for cut in lost] if len(lost) == len(window.cuts) else [tuple(lost)]
            again += [(number, one_window(channels[number], own)) for own in apart if own]
        work = again
    return segments


def _in_their_own(
    segments: Sequence[tuple[Segment, Cut]],
    decode: DecodeWindows,
    language_probabilities: LanguageProbabilities,
    channels: Sequence[Samples],
    language: str,
) -> list[tuple[Segment, Cut]]:
    """The segments, those that are surely in one language and written in the other decoded in their own.

    Whisper goes over by itself now and then, and takes the neighbours along; or it translates, or writes down sounds.
    Doubtful cuts are asked for their language, and all of a call in which one of them is in the other. Only what the
    engine itself finds likelier replaces what was there.
    """
    asked: list[tuple[Segment, Cut]] = []
    trusted: list[tuple[Segment, Cut]] = []
    kept: list[tuple[Segment, Cut]] = []
    for segment, cut in segments:
        doubtful = segment.mean_log_probability < DOUBTFUL or written_in(segment.raw_text, language) != language
        long = cut.voiced.duration_s >= SWITCH_S
        (kept if not long else asked if doubtful else trusted).append((segment, cut))
    likeliest = _likeliest(asked, language_probabilities, channels)
    if any(own != language and probability >= SURELY for own, probability in likeliest):
        asked += trusted
        likeliest += _likeliest(trusted, language_probabilities, channels)
    else:
        kept += trusted
    for (segment, cut), (own, probability) in zip(asked, likeliest, strict=True):
        written = written_in(segment.raw_text, language)
        fits = own == written and (own == segment.language or segment.mean_log_probability >= DOUBTFUL)
        if fits or probability < SURELY:
            kept.append((replace(segment, language=written), cut))
        else:
            alone: list[list[Cut]] = [[] for _ in channels]
            alone[segment.channel] = [cut]
            anew = _decoded(decode, channels, alone, own)
            better = anew and mean_log_probability(s for s, _ in anew) > segment.mean_log_probability
            kept += anew if better else [(replace(segment, language=written), cut)]
    return kept


def _likeliest(
    segments: Sequence[tuple[Segment, Cut]],
    language_probabilities: LanguageProbabilities,
    channels: Sequence[Samples],
) -> list[tuple[str, float]]:
    """Which of `SWITCHED` each is heard to be in, and how surely; alike lengths go together, for padding costs."""
    order = sorted(range(len(segments)), key=lambda i: segments[i][1].sound.duration_s)
    pieces = [one_window(channels[segments[i][0].channel], [segments[i][1]]).samples for i in order]
    by_segment = dict(zip(order, language_probabilities(pieces) if pieces else (), strict=True))
    return [among_only(by_segment[i], SWITCHED) for i in range(len(segments))]


def written_in(text: str, otherwise: str) -> str:
    """Which of `SWITCHED` a text is written in, a few Latin words within Chinese being Chinese; digits tell nothing."""
    han, latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    return otherwise if han == latin else "zh" if han > latin else "en"


def language_of_speech(
    language_probabilities: LanguageProbabilities, samples: Samples, voiced: Iterable[Span], among: Sequence[str]
) -> tuple[str, float]:
    """The likeliest of `among` by the first window of speech; its first, with probability 0, when there is none."""
    windows = merge_cuts(samples, cut_speech(samples, voiced))
    if not windows:
        return next(iter(among), ""), 0.0
    (probabilities,) = language_probabilities([windows[0].samples])
    return among_only(probabilities, among)


def among_only(probabilities: dict[str, float], among: Sequence[str]) -> tuple[str, float]:
    """The likeliest of `among` (of all, if it is empty), and its probability given that it is one of them."""
    among = among or tuple(probabilities)
    total = sum(probabilities.get(language, 0.0) for language in among)
    best = max(among, key=lambda language: probabilities.get(language, 0.0))
    return best, probabilities.get(best, 0.0) / total if total > 0 else 0.0
