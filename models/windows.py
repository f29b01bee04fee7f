"""Speech to words, the part that both Whisper engines share: what is decoded together, and whose words are whose.

Whisper looks at 30 seconds at a time, whether they are full or not, and small models err less with context.
So the utterances of one channel are put one behind the other, with a short rest between, into chunks of up
to 28 s, and the chunks of all channels are decoded together. On practice calls this made a third fewer errors
than one utterance at a time, at less than half the cost. Nothing is ever conditioned on text decoded before:
errors would feed on themselves.

A call has one language, yet a caller may go over to the other one. Utterances that came out doubtful, or written as
the other language, are therefore heard once more for their language alone.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.datatypes import RATE_HZ, Samples, Segment, Word
from pipeline.timeline import Span

VERSION = "5"
"""Raised whenever this module would cut or map, or an engine decode, otherwise; part of both their fingerprints."""

WINDOW_S = 28.0
"""Longest chunk; Whisper's window is 30 s and its last words suffer at the very edge."""

JOIN_S = 0.5
"""Voiced spans closer than this belong to one utterance."""

PAD_S = 0.15
"""Sound kept before and after an utterance; words are clamped to what was voiced."""

REST_S = 0.5
"""Silence between two utterances of a chunk."""

EVEN_S = 0.5
"""Windows are made even to so much."""

SHORTEST_WORD_S = 0.02
LEAST = 1e-4
"""Probability that a word has at least, so that one cannot outweigh a sentence."""

RETRY_S = 0.3
"""An utterance with at least this much voice and no word is decoded once more, alone."""

SHORT_S = 0.15
"""A word is held to be said in its last so many seconds, whatever its start."""

TAIL_S = 1.5
"""An utterance that has no word for so long at its end is cut there, and the rest decoded again."""

LOOP_RATIO = 2.4
"""Compression ratio above which Whisper's authors hold a text to be a loop."""

SWITCHED = ("zh", "en")
"""Languages between which speakers go over within a call."""

SWITCH_S = 1.0
"""The language of an utterance with less voice than this cannot be told."""

DOUBTFUL = -0.5
"""Mean log probability below which an utterance may have been decoded in a language that is not its own: Chinese
decoded as English got -1.6 to -0.8 (a number that it translated -0.3), while in practice calls of one language one
utterance in eight is asked."""

SURELY = 0.9
"""Probability from which an utterance is held to be in the other of `SWITCHED`; of 196 in practice calls of one
language none got there."""

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Token:
    """A word as an engine gives it: times in the chunk, text with its leading space."""

    start_s: float
    end_s: float
    text: str
    probability: float


@dataclass(frozen=True, slots=True)
class Decoded:
    """What an engine says of one chunk."""

    tokens: tuple[Token, ...]
    no_speech_probability: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """Speech decoded together: where it is voiced, and from where to where its sound is taken."""

    voiced: Span
    cut: Span


@dataclass(frozen=True, slots=True)
class Chunk:
    """Utterances in one window; `offsets_s[i]` is where the cut of `utterances[i]` starts in `samples`."""

    samples: Samples
    utterances: tuple[Utterance, ...]
    offsets_s: tuple[float, ...]


Decode = Callable[[Sequence[Samples], str], list[Decoded]]
"""An engine: the samples of some chunks (each shape (n,), 16 kHz, at most 30 s) and a language, to their words."""

Tell = Callable[[Sequence[Samples]], list[dict[str, float]]]
"""An engine: the samples of some utterances (as for `Decode`) to the probabilities of the languages they are in."""


def utterances(samples: Samples, voiced: Iterable[Span]) -> list[Utterance]:
    """Voiced spans put together over short pauses; those longer than a window are split where it is quietest."""
    duration_s = samples.size / RATE_HZ
    longest_s = WINDOW_S - 2 * PAD_S - REST_S
    joined: list[Span] = []
    for span in voiced:
        span = Span(max(0.0, span.start_s), min(span.end_s, duration_s))
        if span.duration_s <= 0:
            continue
        last = joined[-1] if joined else None
        if last and span.start_s - last.end_s < JOIN_S and span.end_s - last.start_s <= longest_s:
            joined[-1] = Span(last.start_s, max(last.end_s, span.end_s))
        else:
            joined.append(span)
    parts = [part for span in joined for part in _split(samples, span, longest_s)]
    found: list[Utterance] = []
    for i, part in enumerate(parts):
        # the pad must not reach into a neighbour, or its words are heard twice
        floor_s = (parts[i - 1].end_s + part.start_s) / 2 if i else 0.0
        ceiling_s = (parts[i + 1].start_s + part.end_s) / 2 if i + 1 < len(parts) else duration_s
        found.append(Utterance(part, Span(max(floor_s, part.start_s - PAD_S), min(ceiling_s, part.end_s + PAD_S))))
    return found


def _split(samples: Samples, span: Span, longest_s: float) -> list[Span]:
    parts = []
    while span.duration_s > longest_s:
        # look for the quietest 0.1 s in the last two thirds of what fits
        start = int((span.start_s + longest_s / 3) * RATE_HZ)
        stop = int((span.start_s + longest_s) * RATE_HZ)
        step = RATE_HZ // 10
        power = np.square(samples[start : start + (stop - start) // step * step]).reshape(-1, step).mean(axis=1)
        cut_s = (start + (int(power.argmin()) + 0.5) * step) / RATE_HZ
        parts.append(Span(span.start_s, cut_s))
        span = Span(cut_s, span.end_s)
    return [*parts, span]


def chunks(samples: Samples, found: Sequence[Utterance]) -> list[Chunk]:
    """Utterances in windows of at most `WINDOW_S`, in order: as few as hold them, and those as even as may be.

    A batch costs what its longest window costs, many times over.
    """
    fewest = len(_filled(found, WINDOW_S))
    groups = next(
        groups
        for longest_s in (*np.arange(WINDOW_S / 4, WINDOW_S, EVEN_S), WINDOW_S)
        if len(groups := _filled(found, longest_s)) == fewest
    )
    return [_chunk(samples, group) for group in groups]


def _filled(found: Sequence[Utterance], longest_s: float) -> list[list[Utterance]]:
    """Utterances put into windows, each as full as it gets; one that is longer by itself has its own."""
    groups: list[list[Utterance]] = []
    filled_s = 0.0
    for utterance in found:
        need_s = utterance.cut.duration_s + REST_S
        if not groups or filled_s + need_s > longest_s:
            groups.append([])
            filled_s = 0.0
        groups[-1].append(utterance)
        filled_s += need_s
    return groups


def _chunk(samples: Samples, group: Sequence[Utterance]) -> Chunk:
    rest = np.zeros(int(REST_S * RATE_HZ), np.float32)
    pieces: list[Samples] = []
    offsets_s: list[float] = []
    at = 0
    for utterance in group:
        piece = samples[round(utterance.cut.start_s * RATE_HZ) : round(utterance.cut.end_s * RATE_HZ)]
        offsets_s.append(at / RATE_HZ)
        pieces += [piece, rest]
        at += piece.size + rest.size
    return Chunk(np.concatenate(pieces).astype(np.float32), tuple(group), tuple(offsets_s))


def transcribe(
    decode: Decode, tell: Tell, channels: Sequence[Samples], voiced: Sequence[Iterable[Span]], language: str
) -> list[Segment]:
    """Decode the voiced spans of a call's channels and give one segment for each utterance that has words.

    `text` and `raw_text` are the engine's own; words have start < end, lie in their utterance's voiced span
    and do not overlap. An utterance left without words is decoded once more by itself, a chunk that looped
    in halves: a decoder that falls into a loop loses all that comes behind it. In a call in one of `SWITCHED`,
    utterances that are surely in the other have words and `language` of that one.
    """
    found = [utterances(samples, voiced[number]) for number, samples in enumerate(channels)]
    segments = _decoded(decode, channels, found, language)
    if language in SWITCHED:
        segments = _in_their_own(segments, decode, tell, channels, language)
    return [segment for segment, _ in sorted(segments, key=lambda pair: (pair[0].channel, pair[0].span))]


def _decoded(
    decode: Decode, channels: Sequence[Samples], found: Sequence[Sequence[Utterance]], language: str
) -> list[tuple[Segment, Utterance]]:
    """The segments of each channel's utterances, in no order, with what was cut out for them."""
    segments: list[tuple[Segment, Utterance]] = []
    work = [(number, chunk) for number, some in enumerate(found) if some for chunk in chunks(channels[number], some)]
    while work:
        again: list[tuple[int, Chunk]] = []
        decoded = decode([chunk.samples for _, chunk in work], language)
        for (number, chunk), said_there in zip(work, decoded, strict=True):
            several = len(chunk.utterances) > 1
            if several and loops(said_there):
                middle = len(chunk.utterances) // 2
                halves = chunk.utterances[:middle], chunk.utterances[middle:]
                again += [(number, _chunk(channels[number], half)) for half in halves]
                continue
            lost: list[Utterance] = []
            for utterance, said in zip(chunk.utterances, share_out(said_there.tokens, chunk), strict=True):
                if said:
                    utterance, rest = _worded(utterance, said)
                    segment = _segment(said, utterance, language, number, said_there.no_speech_probability)
                    segments.append((segment, utterance))
                    lost += rest
                elif several and utterance.voiced.duration_s >= RETRY_S:
                    lost.append(utterance)
            # what the decoder left out together is tried together, then each alone
            apart = [(utterance,) for utterance in lost] if len(lost) == len(chunk.utterances) else [tuple(lost)]
            again += [(number, _chunk(channels[number], some)) for some in apart if some]
        work = again
    return segments


def _in_their_own(
    segments: Sequence[tuple[Segment, Utterance]],
    decode: Decode,
    tell: Tell,
    channels: Sequence[Samples],
    language: str,
) -> list[tuple[Segment, Utterance]]:
    """The segments, those that are surely in one language and written in the other decoded in their own.

    Whisper goes over by itself now and then, and takes the neighbours along; or it translates, or writes down sounds.
    Doubtful utterances are asked for their language, and all of a call in which one of them is in the other. Only what
    the engine itself finds likelier replaces what was there.
    """
    asked: list[tuple[Segment, Utterance]] = []
    trusted: list[tuple[Segment, Utterance]] = []
    kept: list[tuple[Segment, Utterance]] = []
    for segment, utterance in segments:
        doubtful = segment.mean_log_probability < DOUBTFUL or written_in(segment.raw_text, language) != language
        long = utterance.voiced.duration_s >= SWITCH_S
        (kept if not long else asked if doubtful else trusted).append((segment, utterance))
    told = _told(asked, tell, channels)
    if any(own != language and probability >= SURELY for own, probability in told):
        asked += trusted
        told += _told(trusted, tell, channels)
    else:
        kept += trusted
    for (segment, utterance), (own, probability) in zip(asked, told, strict=True):
        written = written_in(segment.raw_text, language)
        fits = own == written and (own == segment.language or segment.mean_log_probability >= DOUBTFUL)
        if fits or probability < SURELY:
            kept.append((replace(segment, language=written), utterance))
        else:
            alone: list[list[Utterance]] = [[] for _ in channels]
            alone[segment.channel] = [utterance]
            anew = _decoded(decode, channels, alone, own)
            better = anew and mean_log_probability(s for s, _ in anew) > segment.mean_log_probability
            kept += anew if better else [(replace(segment, language=written), utterance)]
    return kept


def _told(
    segments: Sequence[tuple[Segment, Utterance]], tell: Tell, channels: Sequence[Samples]
) -> list[tuple[str, float]]:
    """Which of `SWITCHED` each is heard to be in, and how surely; alike lengths go together, for padding costs."""
    order = sorted(range(len(segments)), key=lambda i: segments[i][1].cut.duration_s)
    pieces = [_chunk(channels[segments[i][0].channel], [segments[i][1]]).samples for i in order]
    told = dict(zip(order, tell(pieces) if pieces else (), strict=True))
    return [among_only(told[i], SWITCHED) for i in range(len(segments))]


def written_in(text: str, otherwise: str) -> str:
    """Which of `SWITCHED` a text is written in, a few Latin words within Chinese being Chinese; digits tell nothing."""
    han, latin = len(_HAN.findall(text)), len(_LATIN.findall(text))
    return otherwise if han == latin else "zh" if han > latin else "en"


def mean_log_probability(segments: Iterable[Segment]) -> float:
    """Mean over the words of all segments, of which there is at least one."""
    logs = [math.log(max(word.probability, LEAST)) for segment in segments for word in segment.words]
    return sum(logs) / len(logs)


def _worded(utterance: Utterance, said: Sequence[Token]) -> tuple[Utterance, list[Utterance]]:
    """An utterance as far as it has words, and what follows when the decoder stopped long before its end."""
    end_s = max(token.end_s for token in said)
    if utterance.voiced.end_s - end_s < TAIL_S or end_s - utterance.voiced.start_s < TAIL_S:
        return utterance, []
    voiced, cut = utterance.voiced, utterance.cut
    return (
        Utterance(Span(voiced.start_s, end_s), Span(cut.start_s, end_s)),
        [Utterance(Span(end_s, voiced.end_s), Span(end_s, cut.end_s))],
    )


def loops(decoded: Decoded) -> bool:
    """Whether the text repeats itself so much that the decoder is likely to be caught in a loop."""
    return compression_ratio("".join(token.text for token in decoded.tokens)) > LOOP_RATIO


def share_out(tokens: Iterable[Token], chunk: Chunk) -> list[list[Token]]:
    """Each utterance's tokens, with times from the recording's start: the utterance in which a token ends.

    Alignment gives a pause to the word behind it, so that a word's end can be relied on and its start cannot.
    """
    shares: list[list[Token]] = [[] for _ in chunk.utterances]
    ends_s = [
        offset_s + utterance.cut.duration_s + REST_S / 2
        for utterance, offset_s in zip(chunk.utterances, chunk.offsets_s, strict=True)
    ]
    for token in tokens:
        at_s = max((token.start_s + token.end_s) / 2, token.end_s - SHORT_S)
        index = next((i for i, end_s in enumerate(ends_s) if at_s < end_s), len(ends_s) - 1)
        shift_s = chunk.utterances[index].cut.start_s - chunk.offsets_s[index]
        shares[index].append(Token(token.start_s + shift_s, token.end_s + shift_s, token.text, token.probability))
    return shares


def _segment(
    tokens: Sequence[Token], utterance: Utterance, language: str, channel: int, no_speech_probability: float
) -> Segment:
    raw = "".join(token.text for token in tokens).strip()
    words = tuple(
        Word(span, token.text, token.probability, channel)
        for token, span in zip(tokens, fit(tokens, utterance.voiced), strict=True)
    )
    return Segment(
        span=utterance.voiced,
        channel=channel,
        text=raw,
        raw_text=raw,
        words=words,
        language=language,
        mean_log_probability=sum(math.log(max(token.probability, LEAST)) for token in tokens) / len(tokens),
        no_speech_probability=no_speech_probability,
        compression_ratio=compression_ratio(raw),
    )


def fit(tokens: Sequence[Token], within: Span) -> list[Span]:
    """Spans of the tokens, in order, none empty, none overlapping, all inside `within`."""
    shortest_s = min(SHORTEST_WORD_S, within.duration_s / len(tokens))
    starts = [min(max(token.start_s, within.start_s), within.end_s) for token in tokens]
    ends = [min(max(token.end_s, within.start_s), within.end_s) for token in tokens]
    floor_s = within.start_s
    for i in range(len(tokens)):
        starts[i] = max(starts[i], floor_s)
        ends[i] = max(ends[i], starts[i] + shortest_s)
        floor_s = ends[i]
    ceiling_s = within.end_s
    for i in reversed(range(len(tokens))):
        ends[i] = min(ends[i], ceiling_s)
        starts[i] = min(starts[i], ends[i] - shortest_s)
        ceiling_s = starts[i]
    return [Span(max(0.0, start_s), end_s) for start_s, end_s in zip(starts, ends, strict=True)]


def compression_ratio(text: str) -> float:
    """How far zlib shrinks the text (bytes before / after), as Whisper measures repetition."""
    data = text.encode("utf-8")
    return len(data) / len(zlib.compress(data)) if data else 0.0


def among_only(probabilities: dict[str, float], among: Sequence[str]) -> tuple[str, float]:
    """The likeliest of `among` (of all, if it is empty), and its probability given that it is one of them."""
    among = among or tuple(probabilities)
    total = sum(probabilities.get(language, 0.0) for language in among)
    best = max(among, key=lambda language: probabilities.get(language, 0.0))
    return best, probabilities.get(best, 0.0) / total if total > 0 else 0.0
