"""Music: found through codecs and in noise, and not in real speech."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.vad import SileroVoiceActivity
from pipeline.datatypes import RATE_HZ
from pipeline.hearing.decode import decode
from pipeline.hearing.line_events import line_events, without_events
from pipeline.timeline import Span, Timeline
from tests.support import telephone
from tests.support.lines import DECODE, hold_music, line, speech, through


@pytest.mark.parametrize("coding", ["mulaw", "gsm", "mp3", "opus", "amr"])
def test_music_is_found_through_codecs(tmp_path: Path, coding: str) -> None:
    sound = line(speech(6), hold_music(8), speech(6, 2))
    events = line_events(through(tmp_path, sound, coding))
    assert [event.kind for event in events] == ["music"]
    assert events[0].span.start_s == pytest.approx(8, abs=1.0)
    assert events[0].span.end_s == pytest.approx(16, abs=1.0)


@pytest.mark.parametrize("kind", telephone.MUSIC)
def test_music_is_found_in_noise(tmp_path: Path, kind: str) -> None:
    played = telephone.music(kind, 10, np.random.default_rng(4), -24)
    talk = telephone.at_level(speech(6), -20)
    events = line_events(through(tmp_path, line(talk, played, talk, noise_db=-30), "opus"))
    assert [event.kind for event in events] == ["music"]
    assert events[0].span.start_s == pytest.approx(8, abs=1.0)
    assert events[0].span.end_s == pytest.approx(18, abs=1.0)


@pytest.mark.slow
def test_real_speech_has_no_music(shared: Path) -> None:
    for file in sorted((shared / "real-calls").glob("*.wav")):
        kinds = {event.kind for event in line_events(decode(file, DECODE))}
        assert not kinds & {"music", "busy", "dtmf"}, file.name


@pytest.mark.parametrize("kind", ["piano", "pop", "song"])
@pytest.mark.parametrize("under_db", [8, 15])
def test_music_of_the_room_is_no_hold_and_hold_stays_hold(shared: Path, kind: str, under_db: float) -> None:
    call = decode(shared / "synthetic-calls" / "d07-hold-good.wav", DECODE)
    left, right = call.samples
    room = np.repeat(telephone.music(kind, call.duration_s + 1, np.random.default_rng(4), -26 - under_db), 2)[
        : left.size
    ]
    # the hold is the exchange's: the agent's room is not heard meanwhile
    held = np.arange(left.size) // RATE_HZ
    room[(held >= 23) & (held < 35)] = 0
    in_room = replace(call, samples=np.stack([left + room, right]).astype(np.float32))
    vad = SileroVoiceActivity()
    voices = tuple(vad.voiced(channel, False) for channel in in_room.samples)
    events = line_events(in_room, voices)
    found = Timeline(event.span for event in events if event.kind == "music")
    assert (found & [Span(23, 35)]).total_s > 11
    assert not found & [Span(4, 20)], "the agent and the customer speak"
    plain = Timeline(vad.voiced(left, False))
    assert (plain & without_events(voices, events, in_room)[0]).total_s > 0.94 * plain.total_s
