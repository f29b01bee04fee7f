"""Two channels: a party each, one path twice, a dead line, or each other's leak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.scripted import ScriptedRecognizer
from models.vad import SileroVoiceActivity
from pipeline.datatypes import RATE_HZ, Audio, Samples, SpeakerSpan
from pipeline.hearing.crosstalk import BLOCK, lasting_s, provenance
from pipeline.hearing.decode import decode
from pipeline.hearing.layout import several_voices, silent_channel, two_parties
from pipeline.run import Engines, hear_audio, hearing_fingerprint
from pipeline.settings import load_settings
from pipeline.timeline import Span, Timeline
from tests.support.telephone import music

SETTINGS = load_settings()
RANDOM = np.random.default_rng(11)


@pytest.fixture(scope="module")
def call(shared: Path) -> Audio:
    return decode(shared / "synthetic-calls" / "d03-agent-hangs-up-first.wav", SETTINGS.decode)


@pytest.fixture(scope="module")
def silent_call(shared: Path) -> Audio:
    return decode(shared / "synthetic-calls" / "d08-silent-call.wav", SETTINGS.decode)


def pair(left: Samples, right: Samples) -> Audio:
    return Audio(np.stack([left, right]).astype(np.float32), "stereo")


def later(samples: Samples, delay_ms: float) -> Samples:
    delay = round(delay_ms * RATE_HZ / 1000)
    return np.concatenate([np.zeros(delay, np.float32), samples])[: samples.size]


def hiss(size: int, dbfs: float) -> Samples:
    return (10 ** (dbfs / 20) * RANDOM.standard_normal(size)).astype(np.float32)


def leaking(audio: Audio, leak_db: float, delay_ms: float) -> Audio:
    (left, right), gain = audio.samples, 10 ** (leak_db / 20)
    return pair(left + gain * later(right, delay_ms), right + gain * later(left, delay_ms))


@pytest.mark.parametrize("name", ["d03-agent-hangs-up-first", "d07-hold-good", "d08-silent-call", "e04-silent-call"])
def test_two_parties_stay_as_they_are(shared: Path, name: str) -> None:
    audio = decode(shared / "synthetic-calls" / f"{name}.wav", SETTINGS.decode)
    assert two_parties(audio) is audio, "not one sample is touched"


@pytest.mark.parametrize("delay_ms", [0, 2.5, 20, 120])
@pytest.mark.parametrize(("gain", "dbfs"), [(1.0, -90), (0.4, -90), (-0.4, -70), (0.25, -55)])
def test_a_copy_is_left_out(call: Audio, gain: float, dbfs: float, delay_ms: float) -> None:
    one = call.samples.sum(axis=0)
    copy = gain * later(one, delay_ms) + hiss(one.size, dbfs)
    found = two_parties(pair(one, copy))
    assert (found.layout, found.channels) == ("fake-stereo", 1)
    assert two_parties(pair(copy, one)).layout == "fake-stereo"
    if dbfs > -60:
        assert np.array_equal(two_parties(pair(copy, one)).samples[0], one), "the clean one is kept"


def test_a_copy_may_change_its_delay_during_the_call(call: Audio) -> None:
    one = np.tile(call.samples.sum(axis=0), 4)[: 2 * BLOCK]
    found = two_parties(pair(one, 0.4 * np.concatenate([later(one[:BLOCK], 5), later(one[BLOCK:], 60)])))
    assert found.layout == "fake-stereo"


@pytest.mark.parametrize("kind", ["zeros", "constant", "hum"])
def test_a_dead_channel_is_left_out(call: Audio, kind: str) -> None:
    one = call.samples.sum(axis=0)
    time_s = np.arange(one.size) / RATE_HZ
    dead = {
        "zeros": np.zeros(one.size),
        "constant": np.full(one.size, 0.001),
        "hum": 0.003 * np.sin(2 * np.pi * 50 * time_s) + hiss(one.size, -80),
    }[kind]
    for audio in (pair(one, dead), pair(dead, one)):
        found = two_parties(audio)
        assert (found.layout, found.channels) == ("dead-channel", 1)
        assert np.array_equal(found.samples[0], one)
    both = pair(dead, dead)
    assert two_parties(both) is both, "with two dead lines there is nothing to choose"


@pytest.mark.parametrize("delay_ms", [0, 20, 80])
@pytest.mark.parametrize("leak_db", [-15, -26, -35])
def test_crosstalk_is_taken_off(call: Audio, leak_db: float, delay_ms: float) -> None:
    found = two_parties(leaking(call, leak_db, delay_ms))
    assert found.layout == "stereo"
    vad = SileroVoiceActivity()
    for clean, plain in zip(found.samples, call.samples, strict=True):
        voice, wanted = Timeline(vad.voiced(clean, False)), Timeline(vad.voiced(plain, False))
        assert (voice - wanted).total_s + (wanted - voice).total_s < 0.5


def test_a_silent_customer_does_not_speak_with_the_agents_echo(silent_call: Audio) -> None:
    found = two_parties(leaking(silent_call, -26, 20))
    assert found.layout == "stereo"
    assert not SileroVoiceActivity().voiced(found.samples[1], False)


def test_the_same_music_on_both_channels_makes_no_copies(call: Audio) -> None:
    hold = np.repeat(music("pop", 120, np.random.default_rng(2)), 2).astype(np.float32)
    both = np.stack([hold, 0.5 * hold])
    found = two_parties(replace(call, samples=np.concatenate([call.samples, both], axis=1)))
    assert found.layout == "stereo"
    assert np.array_equal(found.samples[:, : call.samples.shape[1]], call.samples), "nothing is taken off"


def test_provenance_tells_own_sound_from_the_others(call: Audio) -> None:
    one, other = provenance(leaking(call, -26, 20).samples)
    assert one.linked
    assert other.linked
    assert one.level_db == pytest.approx(-26, abs=1)
    assert lasting_s(one.own) == pytest.approx(21, abs=2)
    assert lasting_s(other.copied) > 5
    plain = provenance(call.samples)
    assert not plain[0].linked
    assert not plain[1].linked


def test_a_channel_without_a_word_is_silent_where_the_other_speaks() -> None:
    talk = (Span(0, 5), Span(6, 9))
    assert silent_channel((talk, ())) == 1
    assert silent_channel(((), talk)) == 0
    assert silent_channel((talk, (Span(5, 6),))) is None
    assert silent_channel(((), ())) is None
    assert silent_channel((talk,)) is None


def test_two_voices_need_a_part_each() -> None:
    assert several_voices([SpeakerSpan(Span(0, 5), "S1"), SpeakerSpan(Span(5, 8), "S2")])
    assert not several_voices([SpeakerSpan(Span(0, 5), "S1"), SpeakerSpan(Span(5, 6), "S2")])
    assert not several_voices([SpeakerSpan(Span(0, 60), "S1"), SpeakerSpan(Span(60, 63), "S2")])


class TwoVoices:
    """A diarizer that hears as many voices as it is told."""

    fingerprint = "told"
    overlap_aware = True

    def __init__(self, count: int) -> None:
        self._count = count

    def diarize(self, samples: Samples, voiced: tuple[Span, ...]) -> list[SpeakerSpan]:
        return [SpeakerSpan(span, f"S{1 + number % self._count}") for number, span in enumerate(voiced)]


@pytest.mark.parametrize(("voices", "layout"), [(2, "dead-channel"), (1, "stereo")])
def test_a_line_of_noise_is_dead_when_the_other_holds_both_parties(call: Audio, voices: int, layout: str) -> None:
    one = call.samples.sum(axis=0)
    engines = Engines(SileroVoiceActivity(), ScriptedRecognizer({}, "zh"), TwoVoices(voices))
    heard = hear_audio(pair(one, hiss(one.size, -58)), "0" * 64, engines, SETTINGS)
    assert heard.layout == layout
    assert len(heard.voiced) == (1 if layout == "dead-channel" else 2)


def test_settings_force_mono_and_stereo(shared: Path) -> None:
    file = shared / "synthetic-calls" / "d03-agent-hangs-up-first.wav"
    stereo = decode(file, SETTINGS.decode)
    mono = decode(file, SETTINGS.decode.model_copy(update={"layout": "mono"}))
    assert (mono.layout, mono.channels) == ("fake-stereo", 1)
    assert np.allclose(mono.samples[0], stereo.samples.mean(axis=0))
    engines = Engines(SileroVoiceActivity(), ScriptedRecognizer({}, "zh"), None)
    forced = SETTINGS.model_copy(update={"decode": SETTINGS.decode.model_copy(update={"layout": "stereo"})})
    twice = pair(stereo.samples[0], 0.4 * stereo.samples[0])
    assert hear_audio(twice, "0" * 64, engines, forced).layout == "stereo"
    assert hear_audio(twice, "0" * 64, engines, SETTINGS).layout == "fake-stereo"
    assert hearing_fingerprint(engines, forced) != hearing_fingerprint(engines, SETTINGS)
