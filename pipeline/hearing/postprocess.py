"""What a recogniser wrote, made fit to read and to judge: one script, punctuation, and marks on what nobody said.

Whisper writes Chinese in either script and often without punctuation, and it invents text: in noise, in loops,
or by repeating its own context. The hallucination filter marks such a segment with why (`Segment.gate`). It is never
erased, so that a reader can see what was left out, and a wrong mark can be found.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from opencc import OpenCC

from pipeline.datatypes import LineEvent, Segment, Word
from pipeline.language.hallucinations import hallucinations
from pipeline.language.text import HAN, HAN_CHARACTER, put_together
from pipeline.language.zh.questions import asks
from pipeline.timeline import Span

PAUSE_S = 0.35
"""A Chinese speaker who pauses this long has ended a clause."""

STOP_S = 0.8
"""A Chinese speaker who pauses this long has ended a sentence."""

NO_SPEECH = 0.6
"""Above it, and below `UNLIKELY`, Whisper's authors hold a window to be silent (whisper/transcribe.py)."""

UNLIKELY = -1.0
"""Mean log probability that goes with `NO_SPEECH`."""

NOISE = 0.7
"""Above it a loop is no speaker repeating himself: noise that was decoded with hot words had 0.75 to 0.94."""

_SOUND = re.compile(rf"[{HAN}]|[^\W_{HAN}]+(?:['’][a-z]+)?")
_LATIN_END = re.compile(r"[a-zA-Z0-9'-]$")
_DIGIT_BY_DIGIT = re.compile(r"(?<![\w-])\d(?:-\d){2,}(?![\w-])")
_LATIN_GOES_ON = re.compile(r"(?:-[a-zA-Z0-9]|['’]?[a-zA-Z])")
_END_MARK = re.compile(r"[，。？！；：、,.?!;:…][\"'”’」』）)]*$")
_FULL_WIDTH = {",": "，", "?": "？", "!": "！", ":": "：", ";": "；", ".": "。"}


@cache
def _to_simplified() -> OpenCC:
    return OpenCC("t2s")


def simplify(text: str) -> str:
    """Chinese text in simplified characters; anything else as it was."""
    return str(_to_simplified().convert(text))


def postprocess(
    segments: Iterable[Segment],
    voiced: Sequence[Sequence[Span]],
    events: Iterable[LineEvent] = (),
    hot_words: Sequence[str] = (),
) -> list[Segment]:
    """Segments as the artefact keeps them: simplified, punctuated, filtered; `raw_text` stays the engine's.

    `voiced` holds the speech spans of each channel, `events` the sounds that are none, `hot_words` what the
    recogniser was told to expect. Segments stay in order and none is left out.
    """
    events = tuple(events)
    done = []
    for segment in segments:
        words = punctuate(_simplified(_whole(segment.words)), segment.language)
        segment = replace(segment, words=words, text=put_together(words, segment.language))
        spans = voiced[segment.channel] if segment.channel < len(voiced) else ()
        done.append(replace(segment, gate=hallucination_filter(segment, spans, events, hot_words)))
    return done


def _whole(words: Sequence[Word]) -> tuple[Word, ...]:
    """Latin words in one piece: engines give "Wi", "-Fi" and, in Chinese, "iP", "hone", without a space between.

    So are numbers that were read out digit by digit, which engines write as 773419 or as 7-7-3-4-1-9.
    """
    out: list[Word] = []
    for word in words:
        if out and _LATIN_END.search(out[-1].text) and _LATIN_GOES_ON.match(word.text):
            last = out[-1]
            out[-1] = replace(
                last,
                span=Span(last.span.start_s, word.span.end_s),
                text=last.text + word.text,
                probability=min(last.probability, word.probability),
            )
        else:
            out.append(word)
    return tuple(
        replace(word, text=_DIGIT_BY_DIGIT.sub(lambda number: number[0].replace("-", ""), word.text))
        if "-" in word.text
        else word
        for word in out
    )


def _simplified(words: Sequence[Word]) -> tuple[Word, ...]:
    """Words in simplified characters, converted together: 乾 and its like depend on their neighbours."""
    together = simplify("".join(word.text for word in words))
    if len(together) != sum(len(word.text) for word in words):
        return tuple(replace(word, text=simplify(word.text)) for word in words)
    out, at = [], 0
    for word in words:
        out.append(replace(word, text=together[at : at + len(word.text)]))
        at += len(word.text)
    return tuple(out)


def punctuate(words: Sequence[Word], language: str) -> tuple[Word, ...]:
    """The words of one segment with punctuation behind them; times and the words themselves are not touched.

    Chinese: marks become full-width; a clause ends where the engine put a space or the speaker paused, a
    sentence where the pause is long or the segment ends; clauses that ask end in a question mark. Other
    languages keep the engine's marks. Spaces around words are dropped.
    """
    bare = [replace(word, text=word.text.strip()) for word in words]
    kept = [(word, before.text[:1].isspace()) for word, before in zip(bare, words, strict=True) if word.text]
    if language != "zh":
        return tuple(word for word, _ in kept)
    out: list[Word] = []
    clause = ""
    for i, (word, _) in enumerate(kept):
        text = _widen(word.text)
        last = i + 1 == len(kept)
        following, spaced = (None, False) if last else kept[i + 1]
        clause += text
        if _END_MARK.search(text):
            if text[-1] in "，。" and asks(clause[:-1]):
                text = text[:-1] + "？"
        else:
            gap_s = following.span.start_s - word.span.end_s if following else 0.0
            between_han = following and HAN_CHARACTER.match(following.text) and HAN_CHARACTER.match(text[-1])
            if following is None or (between_han and gap_s >= STOP_S):
                text += "？" if asks(clause) else "。"
            elif between_han and (spaced or gap_s >= PAUSE_S):
                text += "？" if asks(clause) else "，"
        if _END_MARK.search(text):
            clause = ""
        out.append(replace(word, text=text))
    return tuple(out)


def _widen(text: str) -> str:
    """Full-width marks behind Han characters; 3.5, 9:00 and Latin words keep theirs."""
    if len(text) > 1 and text[-1] in _FULL_WIDTH and (HAN_CHARACTER.match(text[-2]) or text[-1] in ",?!;"):
        return text[:-1] + _FULL_WIDTH[text[-1]]
    return _FULL_WIDTH.get(text, text)


def hallucination_filter(
    segment: Segment, voiced: Sequence[Span], events: Sequence[LineEvent] = (), hot_words: Sequence[str] = ()
) -> str | None:
    """Why nobody said this segment, or None.

    "sound": it lies in music, tones or a prompt. "silence": next to no voice, more words than a mouth can say in
    it, or an engine that hears no speech there and doubts its own words. "repetition": a loop, told from a speaker
    who repeats himself by its speed, its length or the engine's own doubt, of its words or of speech being there.
    "phrase": subtitle credits and sign-offs of videos, unless heard clearly. "echo": only the hot words, in their
    order. "doubt": a probability that words guessed at random get.
    """
    sounds = _SOUND.findall(segment.text.lower())
    if not sounds:
        return "silence"
    voiced_s = sum(segment.span.overlap_s(span) for span in voiced)
    other_s = sum(
        segment.span.overlap_s(event.span)
        for event in events
        if event.kind in ("ring", "busy", "dtmf", "music") and event.channel in (None, segment.channel)
    )
    if other_s > 0.8 * segment.span.duration_s and voiced_s < 0.2 * segment.span.duration_s:
        return "sound"
    rate = _syllables(sounds) / max(voiced_s, 0.01)
    if voiced_s < 0.08 or rate > 16.0:
        return "repetition" if _loop(sounds) >= 4 else "silence"
    weak = segment.mean_log_probability < -0.8 or rate > 9.0 or segment.no_speech_probability > 0.6
    noise = segment.no_speech_probability > NOISE
    times = _loop(sounds, fewest=4 if noise else 8)
    if times and (noise or times >= 12 or rate > 9.0 or segment.mean_log_probability < -1.0):
        return "repetition"
    if _echoes(sounds, hot_words):
        return "echo"
    if segment.no_speech_probability > NO_SPEECH and segment.mean_log_probability < UNLIKELY:
        return "silence"
    bare = " ".join(sounds) if segment.language != "zh" else "".join(sounds)
    if hallucinations().credits.search(segment.text) and (weak or segment.mean_log_probability < -0.25):
        return "phrase"
    if hallucinations().sign_offs.fullmatch(bare) and weak:
        return "phrase"
    # a short reply heard alone gets probabilities that a sentence gets only when it is made up
    return "doubt" if segment.mean_log_probability < (-4.0 if len(sounds) < 6 else -2.0) else None


def _syllables(sounds: Sequence[str]) -> float:
    return sum(1.0 if HAN_CHARACTER.match(sound) else max(1.0, len(sound) / 3.5) for sound in sounds)


def _loop(sounds: Sequence[str], fewest: int = 8) -> int:
    """How often a phrase is said in a row when that makes up most of the text, else 0.

    One or two syllables count from `fewest` times on (对对对对 is said by people), longer phrases from four.
    """
    for size in range(1, min(24, len(sounds) // 4) + 1):
        run = longest = 0
        for i in range(size, len(sounds)):
            run = run + 1 if sounds[i] == sounds[i - size] else 0
            longest = max(longest, run)
        times = longest // size + 1
        if times >= (fewest if size <= 2 else 4) and times * size >= 0.6 * len(sounds):
            return times
    text = " ".join(sounds).encode()
    return 4 if len(sounds) >= 24 and len(text) / len(zlib.compress(text)) > 4.0 else 0


def _echoes(sounds: Sequence[str], hot_words: Sequence[str]) -> bool:
    """At least three hot words one behind the other, as the decoder was given them, and nothing else."""
    if len(hot_words) < 3:
        return False
    said = " ".join(sounds)
    listed = " ".join(_SOUND.findall(simplify(" ".join(hot_words)).lower()))
    told = [" ".join(_SOUND.findall(simplify(word).lower())) for word in hot_words]
    return f" {said} " in f" {listed} " and sum(f" {word} " in f" {said} " for word in told) >= 3
