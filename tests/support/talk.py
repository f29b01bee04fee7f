"""Heard calls written as scripts, for the tests of turns, roles and facts: words lie evenly in their line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.call.build import build_call
from pipeline.datatypes import CDR, LineEnd, LineEvent, Segment, SpeakerSpan, Transcript, Word
from pipeline.language.text import HAN
from pipeline.timeline import Span, Timeline

Line = tuple[str, float, float, str]
"""Speaker ("ch0", "ch1", "S1"…), start and end in seconds, text."""

NOBODY = CDR()
"""Nothing is known of the call."""

CHANNELS_KNOWN = CDR(channel_map={0: "agent", 1: "customer"})

SHORT_CALL: Sequence[Line] = (
    ("ch0", 1.0, 3.0, "您好，客服中心，请问有什么可以帮您？"),
    ("ch1", 3.5, 6.0, "我想问一下服务站几点下班？"),
    ("ch0", 12.0, 14.0, "六点下班，请问还有其他需要吗？"),
    ("ch1", 14.5, 15.5, "没有了。"),
)

_PIECE = re.compile(rf"[{HAN}][，。？！、]*|[^\s{HAN}]+")


def words_of(text: str, start_s: float, end_s: float, channel: int = 0) -> tuple[Word, ...]:
    pieces = _PIECE.findall(text)
    step_s = (end_s - start_s) / max(1, len(pieces))
    return tuple(
        Word(Span(start_s + i * step_s, start_s + (i + 1) * step_s), piece, 0.9, channel)
        for i, piece in enumerate(pieces)
    )


def spoken(*lines: tuple[str, str]) -> list[Line]:
    """Lines of (speaker, text) one after the other, 3 s each."""
    return [(speaker, 3.5 * i, 3.5 * i + 3.0, text) for i, (speaker, text) in enumerate(lines)]


def written_calls(file: Path) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Language, topic and lines (who, text) of each call in a text file; calls are parted by empty lines."""
    text = "\n".join(line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    for block in text.strip().split("\n\n"):
        head, *lines = block.strip().splitlines()
        language, topic = head.split()
        yield language, topic, [(line[0], line[2:]) for line in lines]


def heard_call(
    lines: Sequence[Line],
    *,
    duration_s: float | None = None,
    language: str = "zh",
    channels: int | None = None,
    events: Sequence[LineEvent] = (),
    line_ends: Sequence[LineEnd] = (),
    levels_dbfs: tuple[tuple[float, ...], ...] | None = None,
    gate: str | None = None,
    overlap_heard: bool = True,
) -> Transcript:
    """Two true channels when the speakers are "ch0"/"ch1", else one channel with diarized speakers."""
    stereo = any(speaker.startswith("ch") for speaker, *_ in lines) if channels is None else channels == 2
    end_s = duration_s or max((end for _, _, end, _ in lines), default=10.0) + 1.0
    segments, speakers = [], []
    voiced: list[list[Span]] = [[], []] if stereo else [[]]
    for speaker, start_s, stop_s, text in lines:
        channel = int(speaker[2:]) if stereo else 0
        span = Span(start_s, stop_s)
        words = words_of(text, start_s, stop_s, channel)
        if text:
            segments.append(Segment(span, channel, text, text, words, language, -0.3, 0.1, 1.2, gate))
        voiced[channel].append(span)
        speakers.append(SpeakerSpan(span, speaker))
    steps = int(end_s * 4) + 1
    return Transcript(
        sha256="0" * 64,
        duration_s=end_s,
        layout="stereo" if stereo else "mono",
        language=language,
        language_probability=1.0,
        voiced=tuple(Timeline(spans).spans for spans in voiced),
        segments=tuple(sorted(segments, key=lambda s: (s.span, s.channel))),
        speakers=tuple(sorted(speakers, key=lambda s: (s.span, s.speaker))),
        overlap_heard=overlap_heard,
        events=tuple(events),
        line_ends=tuple(line_ends),
        levels_dbfs=levels_dbfs or tuple((-40.0,) * steps for _ in voiced),
        coverage=1.0,
        fingerprint="test",
    )


def said(heard: Transcript) -> list[tuple[str, str]]:
    """Speaker and text of each turn."""
    return [(turn.speaker, turn.text) for turn in build_call(heard, NOBODY).turns]
