"""Tones, music and line ends: made here, sent through real codecs, and looked for in the practice calls."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.datatypes import LEVEL_STEP_S, RATE_HZ, Audio, LineEvent
from pipeline.hearing import sounds
from pipeline.hearing.decode import decode
from pipeline.hearing.sounds import levels_dbfs, line_ends, line_events, without
from pipeline.settings import Decode
from pipeline.timeline import Span
from tests.support import telephone
from tests.support.malformed import AMR, MP3, encoded, voice, wav

RATE = 8000
DECODE = Decode()  # type: ignore[call-arg]


def tone(seconds: float, *frequencies_hz: float, level: float = 0.1) -> np.ndarray:
    t = np.arange(int(seconds * RATE)) / RATE
    waves = [level * np.sin(2 * np.pi * f * t) for f in frequencies_hz]
    return np.mean(waves, axis=0) if waves else np.zeros(t.size)


def cadence(times: int, *pattern: tuple[float, tuple[float, ...]]) -> np.ndarray:
    """`pattern`, (seconds, frequencies) repeated, the last pause left out."""
    parts = [tone(seconds, *frequencies) for _ in range(times) for seconds, frequencies in pattern]
    return np.concatenate(parts[:-1])


def line(*parts: np.ndarray, noise_db: float = -55.0, seed: int = 0) -> np.ndarray:
    """The parts one after another on a line with noise, between two seconds of it."""
    still = np.zeros(2 * RATE)
    whole = np.concatenate([still, *parts, still])
    return whole + 10 ** (noise_db / 20) * np.random.default_rng(seed).standard_normal(whole.size)


def speech(seconds: float, seed: int = 1) -> np.ndarray:
    return voice(seconds, seed) / 32768


def through(tmp_path: Path, samples: np.ndarray, coding: str) -> Audio:
    """Decode the samples, (n,) or (n, 2), after a telephone codec."""
    pcm = (np.clip(samples, -1, 1) * 32767).astype(np.int16)
    channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    if coding == "gsm":
        buffer = io.BytesIO()
        soundfile.write(buffer, pcm, RATE, format="WAV", subtype="GSM610")
        data = buffer.getvalue()
    elif coding == "pcm":
        data = wav(pcm.tobytes(), channels=channels)
    else:
        data = encoded({
            "mulaw": ["-c:a", "pcm_mulaw", "-f", "wav"],
            "alaw": ["-c:a", "pcm_alaw", "-f", "wav"],
            "mp3": ["-c:a", "libmp3lame", "-b:a", "16k", "-f", "mp3"] if channels == 1 else MP3,
            "opus": ["-c:a", "libopus", "-b:a", "16k" if channels == 1 else "64k", "-f", "ogg"],
            "amr": AMR,
        }[coding], pcm)  # fmt: skip
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    return decode(path, DECODE)


RING_CN = cadence(3, (1.0, (450,)), (4.0, ()))
BUSY_CN = cadence(5, (0.35, (450,)), (0.35, ()))
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
    (mark,) = line_events(audio)
    assert (mark.kind, mark.count, mark.channel) == (kind, count, None)
    pause_s = 0.08 if kind == "dtmf" else 0
    assert mark.span.start_s == pytest.approx(2.0, abs=0.2)
    assert mark.span.duration_s == pytest.approx(sound.size / RATE - pause_s, abs=0.12)


@pytest.mark.parametrize("name", TONES)
def test_tones_are_found_in_noise_and_at_low_level(tmp_path: Path, name: str) -> None:
    sound, kind, count = TONES[name]
    for noisy in (line(sound, noise_db=-36), line(0.1 * sound, noise_db=-66)):
        events = line_events(through(tmp_path, noisy, "mulaw"))
        assert [(mark.kind, mark.count) for mark in events] == [(kind, count)]


def test_tones_between_speech_keep_apart(tmp_path: Path) -> None:
    """A call put through: words, ring-back, words, then the busy tone."""
    sound = line(speech(5), np.zeros(4000), RING_CN, np.zeros(4000), speech(5, 2), np.zeros(4000), BUSY_CN)
    events = line_events(through(tmp_path, sound, "mulaw"))
    assert [(mark.kind, mark.count) for mark in events] == [("ring", 3), ("busy", 5)]


NOISY = ["mulaw", "gsm", "mp3", "opus"]


def in_noise(tmp_path: Path, sound: np.ndarray, coding: str, snr_db: float = 10.0) -> Audio:
    """The sound, at the level of speech or below, in white noise `snr_db` under -20 dBFS."""
    return through(tmp_path, line(sound, noise_db=-20 - snr_db), coding)


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "us", "uk", "au"])
def test_rings_are_counted_in_loud_noise_through_codecs(tmp_path: Path, name: str, coding: str) -> None:
    ring = telephone.cadence(3, telephone.RINGS[name], dbfs=-26)
    (mark,) = line_events(in_noise(tmp_path, ring, coding))
    assert (mark.kind, mark.count) == ("ring", 3)


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "us", "uk", "mx"])
def test_busy_tone_is_found_in_loud_noise_through_codecs(tmp_path: Path, name: str, coding: str) -> None:
    busy = telephone.cadence(6, telephone.BUSIES[name], dbfs=-26)
    (mark,) = line_events(in_noise(tmp_path, busy, coding))
    assert (mark.kind, mark.count) == ("busy", 6)


@pytest.mark.parametrize("coding", NOISY)
def test_every_key_is_found_in_noise_through_codecs(tmp_path: Path, coding: str) -> None:
    keys = [
        np.concatenate([telephone.key(name, 0.1, -22, (-6, 0, 4)[n % 3], (0.99, 1.01)[n % 2]), telephone.silence(0.1)])
        for n, name in enumerate(telephone.KEYS)
    ]
    (mark,) = line_events(in_noise(tmp_path, np.concatenate(keys), coding))
    assert (mark.kind, mark.count) == ("dtmf", 16)


def test_a_melody_of_pure_notes_is_no_ring_and_no_key(tmp_path: Path) -> None:
    """A flute that plays about the pitch of ring-back, and a third and a fifth that lie near a key's."""
    rng = np.random.default_rng(5)
    notes = [telephone.tone(s, hz) for s, hz in ((0.9, 440), (0.5, 494), (1.0, 440), (0.4, 392), (0.9, 466))]
    pairs = [telephone.tone(0.15, low, high) for low, high in ((740, 1245), (784, 1318), (880, 1397))]
    sound = np.concatenate([*notes, *pairs, telephone.music("flute", 8, rng)])
    kinds = {mark.kind for mark in line_events(through(tmp_path, line(sound), "mulaw"))}
    assert kinds <= {"music"}


@pytest.mark.parametrize("seed", range(4))
def test_the_first_note_of_a_melody_is_no_ring(tmp_path: Path, seed: int) -> None:
    """A note as pure, as long and as high as one ring, out of silence, and the tune goes on after it."""
    tune = telephone.music("chip", 10, np.random.default_rng(seed), -22)
    sound = np.concatenate([telephone.tone(0.95, 440, dbfs=-22), np.zeros(round(0.04 * RATE)), tune])
    (mark,) = line_events(through(tmp_path, line(sound), "mulaw"))
    assert mark.kind == "music"
    assert mark.span.start_s == pytest.approx(2, abs=0.5)


def test_one_ring_before_a_prompt_is_a_ring(tmp_path: Path) -> None:
    ring = telephone.tone(0.95, 450, dbfs=-22)
    for said in (speech(6), np.concatenate([speech(2), music(8)])):
        sound = np.concatenate([ring, np.zeros(round(0.1 * RATE)), said])
        mark = line_events(through(tmp_path, line(sound), "mulaw"))[0]
        assert (mark.kind, mark.count) == ("ring", 1)


@pytest.mark.parametrize("coding", NOISY)
@pytest.mark.parametrize("name", ["cn", "mx"])
def test_a_voice_over_busy_tone_stays_and_the_tone_goes(tmp_path: Path, samples: Path, name: str, coding: str) -> None:
    busy = telephone.cadence(12, telephone.BUSIES[name], dbfs=-22)
    agent = decode(samples / "20261116-142011-2115-repair.wav", DECODE).samples[0, ::2]
    spoken = agent[int(0.5 * RATE) : int(1.5 * RATE)]
    busy[2 * RATE : 3 * RATE] += telephone.at_level(spoken, -20)
    audio = through(tmp_path, line(busy, noise_db=-36), coding)
    (mark,) = events = line_events(audio)
    assert (mark.kind, mark.count) == ("busy", 12)
    # voice activity takes tone in noise for a voice
    everything = ((Span(0.5, audio.duration_s),),)
    left = [span for span in without(everything, events, audio)[0] if 2 < span.start_s < mark.span.end_s - 0.1]
    assert left
    assert min(span.start_s for span in left) > 3.8
    assert max(span.end_s for span in left) < 5.3
    assert sum(span.duration_s for span in left) > 0.4


def music(seconds: float, seed: int = 3) -> np.ndarray:
    """Chords and a melody of plucked notes, as on hold."""
    rng = np.random.default_rng(seed)
    whole = np.zeros(int(seconds * RATE) + RATE * 2)
    for beat in np.arange(0, seconds, 0.5):
        chord = 220 * 2 ** (np.array([0, 4, 7]) / 12 + rng.integers(0, 8) / 12)
        for f in [*chord, 2 * chord[rng.integers(0, 3)]]:
            t = np.arange(int(1.5 * RATE)) / RATE
            note = sum(np.sin(2 * np.pi * f * k * t) / k**1.5 for k in range(1, 6)) * np.exp(-2.5 * t)
            whole[int(beat * RATE) : int(beat * RATE) + t.size] += 0.03 * note
    return whole[: int(seconds * RATE)]


@pytest.mark.parametrize("coding", ["mulaw", "gsm", "mp3", "opus", "amr"])
def test_music_is_found_through_codecs(tmp_path: Path, coding: str) -> None:
    sound = line(speech(6), music(8), speech(6, 2))
    events = line_events(through(tmp_path, sound, coding))
    assert [mark.kind for mark in events] == ["music"]
    assert events[0].span.start_s == pytest.approx(8, abs=1.0)
    assert events[0].span.end_s == pytest.approx(16, abs=1.0)


@pytest.mark.parametrize("kind", telephone.MUSIC)
def test_music_is_found_in_noise(tmp_path: Path, kind: str) -> None:
    played = telephone.music(kind, 10, np.random.default_rng(4), -24)
    talk = telephone.at_level(speech(6), -20)
    events = line_events(through(tmp_path, line(talk, played, talk, noise_db=-30), "opus"))
    assert [mark.kind for mark in events] == ["music"]
    assert events[0].span.start_s == pytest.approx(8, abs=1.0)
    assert events[0].span.end_s == pytest.approx(18, abs=1.0)


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
def test_other_sounds_get_no_mark(tmp_path: Path, sound: np.ndarray) -> None:
    assert line_events(through(tmp_path, line(sound), "mulaw")) == ()


def test_channels_are_marked_apart(tmp_path: Path) -> None:
    ring = line(RING_CN)
    sound = np.stack([line(speech(ring.size / RATE - 4)), ring[: line(speech(ring.size / RATE - 4)).size]], axis=1)
    (mark,) = line_events(through(tmp_path, sound, "mulaw"))
    assert (mark.kind, mark.channel, mark.count) == ("ring", 1, 3)


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
        for mark in truth["marks"]:
            if mark["kind"] == "hold_music":
                (found,) = (m.span for m in events if m.kind == "music")
                assert found.start_s == pytest.approx(mark["start_s"], abs=1)
                assert found.end_s == pytest.approx(mark["end_s"], abs=1)
        ends = line_ends(audio, events)
        side = {role: int(channel) for channel, role in truth["channels"].items()}
        assert [end.channel for end in ends] == [side[truth["hung_up_first"]]], file.name
        assert ends[0].at_s == pytest.approx(truth["hangup_s"], abs=0.1), file.name
    assert spent_s < 0.05 * heard_s


def test_real_speech_has_no_music(shared: Path) -> None:
    for file in sorted((shared / "real-calls").glob("*.wav")):
        kinds = {mark.kind for mark in line_events(decode(file, DECODE))}
        assert not kinds & {"music", "busy", "dtmf"}, file.name


# --- ends of lines


def still(seconds: float, seed: int, db: float = -58) -> np.ndarray:
    return 10 ** (db / 20) * np.random.default_rng(seed).standard_normal(int(seconds * RATE))


def dead(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE))


def padded(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two channels; the first goes on with line noise, if it is shorter, so that it lives."""
    if a.size < b.size:
        a = np.concatenate([a, still((b.size - a.size) / RATE, 9)])
    return np.stack([a[: b.size], b], axis=1)


AGENT = np.concatenate([still(1, 1), speech(8) + still(8, 2), still(1, 3)])
CUSTOMER = np.concatenate([still(2, 4), speech(6, 2) + still(6, 5), still(1, 6)])


@pytest.mark.parametrize("coding", ["mulaw", "gsm", "mp3", "opus"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_side_that_leaves_a_noisy_line_is_told(tmp_path: Path, side: int, coding: str) -> None:
    """Loud line noise on both channels; one stops with a click, the other goes on for 1.5 s."""
    rng = np.random.default_rng(3)
    stays = np.concatenate([speech(8), np.zeros(2 * RATE)]) + still(10, 1, -35)
    leaves = np.concatenate([np.zeros(2 * RATE), speech(6, 2)]) + still(8, 2, -35)
    left = np.concatenate([leaves, still(0.5, 3, -35), telephone.click(rng), dead(2)])[: stays.size]
    both = [left, stays] if side == 0 else [stays, left]
    # GSM has no stereo: recorders keep a file a leg
    legs = [through(tmp_path, leg, coding).samples[0] for leg in both]
    size = min(leg.size for leg in legs)
    audio = Audio(np.stack([leg[:size] for leg in legs]), "stereo")
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (side, "digital-silence")
    assert end.at_s == pytest.approx(8.5, abs=0.3)


@pytest.mark.parametrize("coding", ["pcm", "mulaw", "alaw", "mp3", "opus"])
def test_a_line_that_goes_dead_has_ended(tmp_path: Path, coding: str) -> None:
    audio = through(tmp_path, padded(AGENT, np.concatenate([CUSTOMER, dead(2)])), coding)
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (1, "digital-silence")
    assert end.at_s == pytest.approx(9.0, abs=0.2)


@pytest.mark.parametrize("coding", ["mulaw", "mp3", "opus"])
@pytest.mark.parametrize("last_s", [0.0, 0.12, 0.3])
def test_a_line_that_gives_busy_tone_has_ended(tmp_path: Path, coding: str, last_s: float) -> None:
    tail = np.concatenate([still(0.4, 7), BUSY_CN, dead(0.35), tone(last_s, 450)])
    audio = through(tmp_path, padded(AGENT, np.concatenate([CUSTOMER, tail])), coding)
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (1, "busy")
    assert end.at_s == pytest.approx(9.4, abs=0.2)


def suppressed(pauses: int, last_s: float) -> np.ndarray:
    """A line that sends nothing between words."""
    words = [np.concatenate([speech(2, n), dead(1.5)]) for n in range(pauses)]
    return np.concatenate([*words, speech(2), dead(last_s)])


def test_silence_suppression_is_no_hang_up(tmp_path: Path) -> None:
    audio = through(tmp_path, padded(AGENT, suppressed(4, 2)), "mulaw")
    assert line_ends(audio, line_events(audio)) == ()
    audio = through(tmp_path, padded(AGENT, suppressed(4, 9)), "mulaw")
    assert [(end.channel, end.kind) for end in line_ends(audio, ())] == [(1, "digital-silence")]


def test_a_muted_microphone_is_no_hang_up_but_the_end_is(tmp_path: Path) -> None:
    muted = np.concatenate([CUSTOMER, dead(6), CUSTOMER])
    assert line_ends(through(tmp_path, padded(AGENT, muted), "mulaw"), ()) == ()
    audio = through(tmp_path, padded(AGENT, np.concatenate([muted, dead(1)])), "mulaw")
    (end,) = line_ends(audio, ())
    assert end.at_s == pytest.approx(24.0, abs=0.1)


def test_lines_that_live_or_never_lived_have_not_ended(tmp_path: Path) -> None:
    assert line_ends(through(tmp_path, padded(AGENT, AGENT[::-1]), "mulaw"), ()) == ()
    assert line_ends(through(tmp_path, padded(AGENT, dead(10)), "mulaw"), ()) == ()
    # one channel only, silent: both sides share it
    assert line_ends(through(tmp_path, np.concatenate([CUSTOMER, dead(2)]), "mulaw"), ()) == ()


def test_on_one_channel_busy_tone_up_to_the_end_says_that_somebody_left(tmp_path: Path) -> None:
    audio = through(tmp_path, np.concatenate([CUSTOMER, still(0.4, 7), BUSY_CN]), "mulaw")
    (end,) = line_ends(audio, line_events(audio))
    assert (end.channel, end.kind) == (0, "busy")
    assert end.at_s == pytest.approx(9.4, abs=0.1)
    # busy tone of a number that was tried and given up during the call
    audio = through(tmp_path, np.concatenate([CUSTOMER, BUSY_CN, CUSTOMER]), "mulaw")
    assert line_ends(audio, line_events(audio)) == ()


# --- levels and spans


@pytest.mark.parametrize("size", [0, 1, 100, 2000, 16000, 24000])
@pytest.mark.parametrize("channels", [1, 2])
def test_short_recordings(size: int, channels: int) -> None:
    noise = np.random.default_rng(8).normal(0, 0.1, (channels, size)).astype(np.float32)
    audio = Audio(noise, "mono" if channels == 1 else "stereo")
    assert line_events(audio) == ()
    assert line_ends(audio, ()) == ()


def test_long_recordings_are_looked_at_in_parts_without_seams() -> None:
    """A call longer than one part, with music across the seam between the first two."""
    seam = sounds._CHUNK_FRAMES * sounds._MUSIC_HOP
    still = 0.001 * np.random.default_rng(9).standard_normal(seam - 5 * RATE)
    narrow = np.concatenate([still, music(10), still[: 10 * RATE]])
    (mark,) = line_events(Audio(np.repeat(narrow, 2)[np.newaxis].astype(np.float32), "mono"))
    assert mark.kind == "music"
    assert mark.span.duration_s == pytest.approx(10, abs=2)


def test_levels() -> None:
    assert levels_dbfs(np.zeros(0, np.float32)) == ()
    assert levels_dbfs(np.zeros(RATE_HZ, np.float32)) == (-100.0,) * 4
    t = np.arange(RATE_HZ) / RATE_HZ
    sine = (0.5 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    assert levels_dbfs(sine) == (-9.0,) * 4
    step = int(LEVEL_STEP_S * RATE_HZ)
    assert levels_dbfs(sine[: step + 160]) == (-9.0, -9.0)


def test_without() -> None:
    voiced = ((Span(0, 2), Span(4, 9)), (Span(1, 3),))
    ring, hold = LineEvent(Span(1, 5), "ring", 0, 1), LineEvent(Span(6, 7), "music", 0)
    events = (ring, hold, LineEvent(Span(8.95, 20), "busy", 0, 9))
    assert without(voiced, events) == ((Span(0, 1), Span(5, 6), Span(7, 8.95)), (Span(1, 3),))
    assert without(voiced, (LineEvent(Span(0, 20), "music"),)) == ((), ())
    assert without(voiced, ()) == voiced


spans = st.tuples(st.integers(0, 80), st.integers(2, 20)).map(lambda p: Span(float(p[0]), float(p[0] + p[1])))


@settings(max_examples=200, deadline=None)
@given(st.lists(spans, max_size=5), st.lists(spans, max_size=5))
def test_without_keeps_exactly_what_is_outside(voiced: list[Span], holes: list[Span]) -> None:
    apart = [span for k, span in enumerate(sorted(voiced)) if all(span.overlap_s(o) == 0 for o in sorted(voiced)[:k])]
    (left,) = without((tuple(apart),), tuple(LineEvent(hole, "music") for hole in holes))
    second = {x for x in range(101) for s in apart if s.start_s <= x < s.end_s}
    hidden = {x for x in range(101) for s in holes if s.start_s <= x < s.end_s}
    assert {x for x in range(101) for s in left if s.start_s <= x < s.end_s} == second - hidden
