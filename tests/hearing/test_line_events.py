"""All events of a line together: channels, whole calls, and speech without what is tone or music."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.datatypes import Audio, LineEvent
from pipeline.hearing.decode import decode
from pipeline.hearing.line_ends import line_ends
from pipeline.hearing.line_events import line_events, without_events
from pipeline.hearing.music import HOP
from pipeline.hearing.spectra import FRAMES_AT_ONCE
from pipeline.timeline import Span
from tests.support import telephone
from tests.support.lines import (
    BUSY_CN,
    DECODE,
    NOISY,
    RATE,
    RING_CN,
    cadence,
    hold_music,
    line,
    speech,
    through,
    tone,
)


def test_tones_between_speech_keep_apart(tmp_path: Path) -> None:
    """A call put through: words, ring-back, words, then the busy tone."""
    sound = line(speech(5), np.zeros(4000), RING_CN, np.zeros(4000), speech(5, 2), np.zeros(4000), BUSY_CN)
    events = line_events(through(tmp_path, sound, "mulaw"))
    assert [(event.kind, event.count) for event in events] == [("ring", 3), ("busy", 5)]


@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(10 * RATE),
        speech(20),
        0.05 * np.random.default_rng(1).standard_normal(10 * RATE),
        # mains hum, and a whistle too short to be music
        tone(10, 50, 150, level=0.02),
        np.concatenate([speech(4), tone(1.5, 1400), speech(4)]),
        # one beep is no busy tone, and too short for a ring
        np.concatenate([speech(4), tone(0.35, 450), speech(4)]),
        # three notes, not of the telephone's
        cadence(4, (0.35, (600,)), (0.35, ())),
    ],
)  # fmt: skip
def test_other_sounds_are_no_event(tmp_path: Path, sound: np.ndarray) -> None:
    assert line_events(through(tmp_path, line(sound), "mulaw")) == ()


def test_channels_have_events_of_their_own(tmp_path: Path) -> None:
    ring = line(RING_CN)
    sound = np.stack([line(speech(ring.size / RATE - 4)), ring[: line(speech(ring.size / RATE - 4)).size]], axis=1)
    (event,) = line_events(through(tmp_path, sound, "mulaw"))
    assert (event.kind, event.channel, event.count) == ("ring", 1, 3)


@pytest.mark.slow
def test_practice_calls(shared: Path) -> None:
    """Every tone, every music and every line end of the practice calls, and nothing else."""
    kinds = {"hold_music": "music", "ring": "ring", "busy": "busy", "dtmf": "dtmf"}
    heard_s = spent_s = 0.0
    for file in sorted((shared / "synthetic-calls").glob("*.wav")):
        truth = json.loads(file.with_suffix(".json").read_text())
        audio = decode(file, DECODE)
        start = time.process_time()
        events = line_events(audio)
        spent_s += time.process_time() - start
        heard_s += audio.duration_s
        wanted = [(kinds[m["kind"]], m.get("count")) for m in truth["marks"] if m["kind"] in kinds]
        assert [(m.kind, m.count) for m in events if m.kind != "busy"] == wanted, file.name
        for event in truth["marks"]:
            if event["kind"] == "hold_music":
                (found,) = (m.span for m in events if m.kind == "music")
                assert found.start_s == pytest.approx(event["start_s"], abs=1)
                assert found.end_s == pytest.approx(event["end_s"], abs=1)
        ends = line_ends(audio, events)
        side = {role: int(channel) for channel, role in truth["channels"].items()}
        assert [end.channel for end in ends] == [side[truth["hung_up_first"]]], file.name
        assert ends[0].at_s == pytest.approx(truth["hangup_s"], abs=0.1), file.name
    assert spent_s < 0.05 * heard_s


@pytest.mark.parametrize("size", [0, 1, 100, 2000, 16000, 24000])
@pytest.mark.parametrize("channels", [1, 2])
def test_short_recordings(size: int, channels: int) -> None:
    noise = np.random.default_rng(8).normal(0, 0.1, (channels, size)).astype(np.float32)
    audio = Audio(noise, "mono" if channels == 1 else "stereo")
    assert line_events(audio) == ()
    assert line_ends(audio, ()) == ()


def test_long_recordings_are_looked_at_in_parts_without_seams() -> None:
    """A call longer than one part, with music across the seam between the first two."""
    seam = FRAMES_AT_ONCE * HOP
    still = 0.001 * np.random.default_rng(9).standard_normal(seam - 5 * RATE)
    narrow = np.concatenate([still, hold_music(10), still[: 10 * RATE]])
    (event,) = line_events(Audio(np.repeat(narrow, 2)[np.newaxis].astype(np.float32), "mono"))
    assert event.kind == "music"
    assert event.span.duration_s == pytest.approx(10, abs=2)


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "mx"])
def test_a_voice_over_busy_tone_stays_and_the_tone_goes(tmp_path: Path, samples: Path, name: str, coding: str) -> None:
    busy = telephone.cadence(12, telephone.BUSIES[name], dbfs=-22)
    agent = decode(samples / "20261116-142011-2115-repair.wav", DECODE).samples[0, ::2]
    spoken = agent[int(0.5 * RATE) : int(1.5 * RATE)]
    busy[2 * RATE : 3 * RATE] += telephone.at_level(spoken, -20)
    audio = through(tmp_path, line(busy, noise_db=-36), coding)
    (event,) = events = line_events(audio)
    assert (event.kind, event.count) == ("busy", 12)
    # voice activity takes tone in noise for a voice
    everything = ((Span(0.5, audio.duration_s),),)
    left = [span for span in without_events(everything, events, audio)[0] if 2 < span.start_s < event.span.end_s - 0.1]
    assert left
    assert min(span.start_s for span in left) > 3.8
    assert max(span.end_s for span in left) < 5.3
    assert sum(span.duration_s for span in left) > 0.4


def test_without_events() -> None:
    voiced = ((Span(0, 2), Span(4, 9)), (Span(1, 3),))
    ring, hold = LineEvent(Span(1, 5), "ring", 0, 1), LineEvent(Span(6, 7), "music", 0)
    events = (ring, hold, LineEvent(Span(8.95, 20), "busy", 0, 9))
    assert without_events(voiced, events) == ((Span(0, 1), Span(5, 6), Span(7, 8.95)), (Span(1, 3),))
    assert without_events(voiced, (LineEvent(Span(0, 20), "music"),)) == ((), ())
    assert without_events(voiced, ()) == voiced


spans = st.tuples(st.integers(0, 80), st.integers(2, 20)).map(lambda p: Span(float(p[0]), float(p[0] + p[1])))


@settings(max_examples=200, deadline=None)
@given(st.lists(spans, max_size=5), st.lists(spans, max_size=5))
def test_without_keeps_exactly_what_is_outside(voiced: list[Span], holes: list[Span]) -> None:
    apart = [span for k, span in enumerate(sorted(voiced)) if all(span.overlap_s(o) == 0 for o in sorted(voiced)[:k])]
    (left,) = without_events((tuple(apart),), tuple(LineEvent(hole, "music") for hole in holes))
    second = {x for x in range(101) for s in apart if s.start_s <= x < s.end_s}
    hidden = {x for x in range(101) for s in holes if s.start_s <= x < s.end_s}
    assert {x for x in range(101) for s in left if s.start_s <= x < s.end_s} == second - hidden
