"""Music: found through codecs and in noise, and not in real speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.hearing.decode import decode
from pipeline.hearing.line_events import line_events
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
