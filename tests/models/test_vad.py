"""Voice activity, with the real network: edges, short replies, tones, loudness."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.vad import SileroVoiceActivity
from pipeline.datatypes import RATE_HZ, Audio, Samples
from pipeline.hearing.decode import decode
from pipeline.hearing.line_events import line_events, without_events
from pipeline.settings import CHECKOUT, Settings, load_settings
from pipeline.timeline import Span
from tests.support import no_speech

# one process loads the models
pytestmark = [pytest.mark.models, pytest.mark.xdist_group("vad")]


@pytest.fixture(scope="module")
def vad() -> SileroVoiceActivity:
    return SileroVoiceActivity()


def tone(pattern: list[tuple[float, tuple[float, ...]]], times: int) -> Samples:
    """Bursts of (seconds, frequencies in Hz), repeated, in a line's faint noise."""
    parts = []
    for seconds, frequencies in pattern * times:
        t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
        parts.append(sum((0.2 * np.sin(2 * np.pi * f * t) for f in frequencies), np.zeros_like(t)))
    sound = np.concatenate(parts)
    return (sound + 0.002 * np.random.default_rng(0).standard_normal(sound.size)).astype(np.float32)


@pytest.mark.parametrize(
    ("pattern", "times"),
    [
        ([(1.0, (450,)), (4.0, ())], 3),
        ([(2.0, (440, 480)), (4.0, ())], 2),
        ([(0.35, (450,)), (0.35, ())], 8),
        ([(0.1, (770, 1336)), (0.1, ()), (0.1, (941, 1477)), (0.1, ())], 5),
        ([(5.0, ())], 1),
    ],
    ids=["ring-back zh", "ring-back us", "busy", "dtmf", "noise"],
)
def test_tones_are_no_speech(
    vad: SileroVoiceActivity, pattern: list[tuple[float, tuple[float, ...]]], times: int
) -> None:
    assert vad.voiced(tone(pattern, times)) == ()


def test_nothing_is_voiced_in_nothing(vad: SileroVoiceActivity) -> None:
    assert vad.voiced(np.zeros(0, np.float32)) == ()
    assert vad.voiced(np.zeros(100, np.float32)) == ()
    assert vad.voiced(np.zeros(5 * RATE_HZ, np.float32)) == ()


def turns(truth: dict, channel: int) -> list[Span]:  # type: ignore[type-arg]
    role = truth["channels"][str(channel)]
    return [Span(turn["start_s"], turn["end_s"]) for turn in truth["turns"] if turn["role"] == role]


@pytest.mark.parametrize("gain", [1.0, 0.03])
def test_edges_and_short_replies(vad: SileroVoiceActivity, samples: Path, settings: Settings, gain: float) -> None:
    """Every turn is found, and its edges are good to 0.15 s, at the loudness of the file and 30 dB below."""
    starts, ends = [], []
    for file in sorted(samples.glob("*.json")):
        truth = json.loads(file.read_text(encoding="utf-8"))
        recording = next(path for path in samples.glob(f"{file.stem}.*") if path.suffix != ".json")
        if not truth.get("channels"):
            continue
        audio = decode(recording, settings.decode, settings.ingest)
        for index, channel in enumerate(audio.samples):
            voiced = vad.voiced(channel * np.float32(gain))
            assert all(one.end_s < two.start_s for one, two in itertools.pairwise(voiced))
            assert all(0 <= span.start_s < span.end_s <= audio.duration_s for span in voiced)
            for turn in turns(truth, index):
                own = [span for span in voiced if span.overlap_s(turn) > 0.05]
                assert own, f"{file.stem}: the turn at {turn.start_s} s is not heard"
                starts.append(own[0].start_s - turn.start_s)
                ends.append(own[-1].end_s - turn.end_s)
    assert len(starts) >= 20
    assert np.percentile(np.abs(starts), 95) < 0.15
    assert np.percentile(np.abs(ends), 95) < 0.15


def share(spans: list[Span], voiced: tuple[Span, ...]) -> float:
    """How much of some spans is voiced, 0–1."""
    return sum(a.overlap_s(b) for a in spans for b in voiced) / sum(span.duration_s for span in spans)


@pytest.fixture(scope="module")
def booking(samples: Path) -> tuple[Samples, dict]:  # type: ignore[type-arg]
    """A stereo call and its truth."""
    file = samples / "20261118-130214-E301-booking.wav"
    settings = load_settings()
    truth = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return decode(file, settings.decode, settings.ingest).samples, truth


def test_a_quiet_side_is_heard_behind_a_loud_one_on_the_same_channel(
    vad: SileroVoiceActivity,
    booking: tuple[Samples, dict],  # type: ignore[type-arg]
) -> None:
    channels, truth = booking
    mixed = channels[0] + np.float32(10 ** (-22 / 20)) * channels[1]
    quiet = turns(truth, 1)
    one, both = vad.voiced(mixed), vad.voiced(mixed, shared=True)
    assert share(quiet, one) < 0.5, "else this call tells nothing"
    assert share(quiet, both) > 0.8
    assert all(a.end_s < b.start_s for a, b in itertools.pairwise(both))
    said = [*turns(truth, 0), *quiet]
    more_s = sum(span.duration_s for span in both) - sum(span.duration_s for span in one)
    right_s = sum(a.overlap_s(b) for a in said for b in both) - sum(a.overlap_s(b) for a in said for b in one)
    assert right_s > 0.75 * more_s, "what the second look adds is speech, but for edges"


@pytest.mark.parametrize("name", ["comfort_noise", "hum", "keys", "clicks", "chords", "percussion", "band"])
def test_the_second_look_finds_no_voice_between_speech(
    vad: SileroVoiceActivity,
    booking: tuple[Samples, dict],  # type: ignore[type-arg]
    name: str,
) -> None:
    speech = booking[0].mean(axis=0, dtype=np.float32)[6 * RATE_HZ : 16 * RATE_HZ]
    draw = np.random.default_rng(3)
    sound = np.repeat(no_speech.on_a_line(no_speech.MAKERS[name](draw), draw), RATE_HZ // no_speech.RATE_HZ)
    whole = np.concatenate([speech, sound, speech])
    inside = [Span(speech.size / RATE_HZ + 0.3, (speech.size + sound.size) / RATE_HZ - 0.3)]
    found = []
    for shared in (False, True):
        voiced = (vad.voiced(whole, shared),)
        # tones and music are taken out of what is voiced, as in a call
        (left,) = without_events(voiced, line_events(Audio(whole[None], "mono"), voiced))
        found.append(share(inside, left))
    assert found[1] <= found[0] + 0.002


def test_settings_change_the_fingerprint() -> None:
    assert SileroVoiceActivity(0.5).fingerprint != SileroVoiceActivity(0.4).fingerprint


def test_nothing_is_reported_to_the_maker_of_the_runtime(tmp_path: Path) -> None:
    """onnxruntime queues events for its maker in the home folder as soon as a session starts, unless told not to."""
    program = "from models.vad import SileroVoiceActivity; SileroVoiceActivity()._load(); print('loaded')"
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT, env=environment | {"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.strip() == "loaded", done.stderr
    assert not list(tmp_path.rglob("*"))
