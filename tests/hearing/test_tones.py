"""Ring-back and busy tone: made here, sent through real codecs, in noise, and told from notes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.hearing.line_events import line_events
from tests.support import telephone
from tests.support.lines import (
    BUSY_CN,
    NOISY,
    RATE,
    RING_CN,
    cadence,
    hold_music,
    in_noise,
    line,
    speech,
    through,
    tone,
)

TONES = {
    "ring in China": (RING_CN, "ring", 3),
    "ring in Germany": (cadence(2, (1.0, (425,)), (4.0, ())), "ring", 2),
    "ring in the USA": (cadence(2, (2.0, (440, 480)), (4.0, ())), "ring", 2),
    "ring in the UK": (cadence(3, (0.4, (400, 450)), (0.2, ()), (0.4, (400, 450)), (2.0, ())), "ring", 3),
    "a single ring": (tone(1.0, 450), "ring", 1),
    "busy in China": (BUSY_CN, "busy", 5),
    "busy in Europe": (cadence(4, (0.5, (425,)), (0.5, ())), "busy", 4),
    "busy in the USA": (cadence(4, (0.5, (480, 620)), (0.5, ())), "busy", 4),
    "congestion in the USA": (cadence(6, (0.25, (480, 620)), (0.25, ())), "busy", 6),
    "keys": (
        np.concatenate([np.concatenate([tone(0.08, row, column), tone(0.08)]) for row, column in
                        [(697, 1209), (770, 1336), (770, 1336), (941, 1477), (852, 1633)]]),
        "dtmf", 5,
    ),
}  # fmt: skip


@pytest.mark.parametrize("coding", ["mulaw", "alaw", "gsm", "mp3", "opus", "amr"])
@pytest.mark.parametrize("name", TONES)
def test_tones_are_found_through_codecs(tmp_path: Path, name: str, coding: str) -> None:
    sound, kind, count = TONES[name]
    audio = through(tmp_path, line(sound), coding)
    (event,) = line_events(audio)
    assert (event.kind, event.count, event.channel) == (kind, count, None)
    pause_s = 0.08 if kind == "dtmf" else 0
    assert event.span.start_s == pytest.approx(2.0, abs=0.2)
    assert event.span.duration_s == pytest.approx(sound.size / RATE - pause_s, abs=0.12)


@pytest.mark.parametrize("name", TONES)
def test_tones_are_found_in_noise_and_at_low_level(tmp_path: Path, name: str) -> None:
    sound, kind, count = TONES[name]
    for noisy in (line(sound, noise_db=-36), line(0.1 * sound, noise_db=-66)):
        events = line_events(through(tmp_path, noisy, "mulaw"))
        assert [(event.kind, event.count) for event in events] == [(kind, count)]


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "us", "uk", "au"])
def test_rings_are_counted_in_loud_noise_through_codecs(tmp_path: Path, name: str, coding: str) -> None:
    ring = telephone.cadence(3, telephone.RINGS[name], dbfs=-26)
    (event,) = line_events(in_noise(tmp_path, ring, coding))
    assert (event.kind, event.count) == ("ring", 3)


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "us", "uk", "mx"])
def test_busy_tone_is_found_in_loud_noise_through_codecs(tmp_path: Path, name: str, coding: str) -> None:
    busy = telephone.cadence(6, telephone.BUSIES[name], dbfs=-26)
    (event,) = line_events(in_noise(tmp_path, busy, coding))
    assert (event.kind, event.count) == ("busy", 6)


def test_one_ring_before_a_prompt_is_a_ring(tmp_path: Path) -> None:
    ring = telephone.tone(0.95, 450, dbfs=-22)
    for said in (speech(6), np.concatenate([speech(2), hold_music(8)])):
        sound = np.concatenate([ring, np.zeros(round(0.1 * RATE)), said])
        event = line_events(through(tmp_path, line(sound), "mulaw"))[0]
        assert (event.kind, event.count) == ("ring", 1)


@pytest.mark.parametrize("seed", range(4))
def test_the_first_note_of_a_melody_is_no_ring(tmp_path: Path, seed: int) -> None:
    """A note as pure, as long and as high as one ring, out of silence, and the tune goes on after it."""
    tune = telephone.music("chip", 10, np.random.default_rng(seed), -22)
    sound = np.concatenate([telephone.tone(0.95, 440, dbfs=-22), np.zeros(round(0.04 * RATE)), tune])
    (event,) = line_events(through(tmp_path, line(sound), "mulaw"))
    assert event.kind == "music"
    assert event.span.start_s == pytest.approx(2, abs=0.5)
