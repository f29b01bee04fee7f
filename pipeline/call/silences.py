"""Silences: nobody speaks and no sound plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.call.voices import NOT_SILENT, Voices
from pipeline.datatypes import LineEvent, Party, Silence
from pipeline.timeline import Span, Timeline

SHORTEST_SILENCE_S = 0.5
"""Shorter gaps are the rhythm of speech and are not kept."""


def find_silences(
    duration_s: float,
    voices: Voices,
    events: Sequence[LineEvent],
    hang_up_s: float | None = None,
) -> tuple[Silence, ...]:
    """Gaps in which nobody speaks and no sound plays, by time; from `hang_up_s` on all are trailing.

    `music_s` is the music in the same gap between voices, beside the silence.
    """
    sounds = Timeline(event.span for event in events if event.kind in NOT_SILENT)
    music = Timeline(event.span for event in events if event.kind == "music")
    anybody = voices.anybody
    silences = []
    for gap in Timeline([Span(0.0, duration_s)]) - anybody:
        first = not anybody or anybody.spans[0].end_s > gap.start_s + 1e-6
        last = not anybody or anybody.spans[-1].start_s < gap.end_s - 1e-6
        for piece in Timeline([gap]) - sounds:
            if piece.duration_s < SHORTEST_SILENCE_S:
                continue
            ended = hang_up_s is not None and piece.middle_s >= hang_up_s
            silences.append(
                Silence(
                    span=piece,
                    where="leading" if first else "trailing" if last or ended else "inner",
                    after=_last_voice(voices.by_party, piece.start_s),
                    music_s=(music & [gap]).total_s,
                )
            )
    return tuple(silences)


def _last_voice(voices: Mapping[Party, Timeline], at_s: float) -> Party | None:
    ends = [(max((s.end_s for s in voice if s.start_s < at_s), default=-1.0), party) for party, voice in voices.items()]
    heard = [(end_s, party) for end_s, party in ends if end_s >= 0]
    return max(heard)[1] if heard else None
