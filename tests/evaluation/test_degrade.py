"""Rendering makes a call poorer in the way that is asked for, and in no other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import RATE_HZ, Audio
from pipeline.errors import BadSetting
from pipeline.evaluation.degrade import CODECS, Codec, Rendering, clipped, degrade, faint, mixed, noisy, recoded
from pipeline.hearing.decode import decode
from pipeline.settings import Settings


def _call(seconds: float = 4.0) -> Audio:
    """Two tones that take turns; the second leg is dead for the last second."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    samples = np.stack([0.3 * np.sin(2 * np.pi * 440 * time_s), 0.2 * np.sin(2 * np.pi * 700 * time_s)])
    samples[0, RATE_HZ : 2 * RATE_HZ] = 1e-4
    samples[1, -RATE_HZ:] = 0.0
    return Audio(samples.astype(np.float32), "stereo")


def test_mixed_holds_both_voices_without_clipping() -> None:
    call = _call()
    mono = mixed(call)
    assert (mono.channels, mono.layout, mono.duration_s) == (1, "mono", call.duration_s)
    np.testing.assert_allclose(mono.samples[0], (call.samples[0] + call.samples[1]) / 2, atol=1e-6)
    assert mixed(mono) is mono


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
def test_noise_has_the_ratio_asked_for(snr_db: float) -> None:
    call = _call()
    added = noisy(call, snr_db).samples[0].astype(np.float64) - call.samples[0]
    speech_power = 0.3**2 / 2
    assert 10 * np.log10(speech_power / (added**2).mean()) == pytest.approx(snr_db, abs=0.3)


def test_noise_leaves_a_dead_leg_dead_and_is_the_same_again() -> None:
    call = _call()
    once = noisy(call, 10.0)
    assert not once.samples[1, -RATE_HZ:].any()
    np.testing.assert_array_equal(once.samples, noisy(call, 10.0).samples)


def test_noise_on_digital_silence_adds_nothing() -> None:
    silence = Audio(np.zeros((1, RATE_HZ), np.float32), "mono")
    assert not noisy(silence, 10.0).samples.any()


def test_clipping_cuts_peaks_and_lifts_the_rest() -> None:
    call = _call()
    driven = clipped(call, 6.0).samples
    assert np.abs(driven).max() == 1.0
    for leg, (peak, quiet) in enumerate(((0.3, 0.05), (0.2, 0.05))):
        untouched = np.abs(call.samples[leg]) < quiet
        gain = 10 ** (6 / 20) / peak
        np.testing.assert_allclose(driven[leg][untouched], call.samples[leg][untouched] * gain, rtol=1e-3, atol=1e-6)
        # a sine driven to twice full scale is cut for two thirds of the time
        voiced = slice(2 * RATE_HZ, 3 * RATE_HZ)
        assert (np.abs(driven[leg, voiced]) == 1.0).mean() == pytest.approx(2 / 3, abs=0.02)
    silence = Audio(np.zeros((2, RATE_HZ), np.float32), "stereo")
    assert not clipped(silence, 12.0).samples.any()


def test_one_side_faint_leaves_the_other_alone() -> None:
    call = _call()
    lowered = faint(call, 12.0)
    np.testing.assert_array_equal(lowered.samples[0], call.samples[0])
    np.testing.assert_allclose(lowered.samples[1], call.samples[1] * 10 ** (-12 / 20), rtol=1e-6)
    mono = mixed(call)
    assert faint(mono, 12.0) is mono


@pytest.mark.parametrize("codec", sorted(CODECS))
def test_codecs_keep_length_channels_and_voices(codec: str, settings: Settings) -> None:
    call = _call()
    coded = recoded(call, codec, settings)
    assert (coded.channels, coded.layout) == (2, "stereo")
    assert coded.duration_s == pytest.approx(call.duration_s, abs=0.2)
    for leg, tone_hz in enumerate((440, 700)):
        spectrum = np.abs(np.fft.rfft(coded.samples[leg, 2 * RATE_HZ : 3 * RATE_HZ]))
        assert abs(int(spectrum.argmax()) - tone_hz) <= 10


def test_an_unknown_codec_is_one_line(settings: Settings) -> None:
    with pytest.raises(BadSetting, match="mulaw, alaw") as caught:
        recoded(_call(), "morse", settings)
    assert "\n" not in str(caught.value)


def test_what_ffmpeg_cannot_write_is_one_line(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # an encoder that no ffmpeg has stands for one that this ffmpeg was built without
    monkeypatch.setitem(CODECS, "tin-cans", Codec(("-c:a", "tin_cans"), ".wav"))
    with pytest.raises(BadSetting, match="tin-cans") as caught:
        recoded(_call(1.0), "tin-cans", settings)
    assert "\n" not in str(caught.value)


def test_a_call_is_mixed_before_it_is_coded(settings: Settings, samples: Path) -> None:
    call = decode(samples / "20261117-163719-2336-baggage.wav", settings.decode, settings.ingest)
    rendered = degrade(call, Rendering(mono=True, codec="amr", noise_db=20.0), settings)
    assert (rendered.channels, rendered.codec) == (1, "amr_nb")
    assert degrade(call, Rendering(), settings) is call


def test_a_faint_side_stays_faint_in_the_mix(settings: Settings) -> None:
    mono = degrade(_call(), Rendering(mono=True, faint_db=12.0), settings).samples[0]
    spectrum = np.abs(np.fft.rfft(mono[2 * RATE_HZ : 3 * RATE_HZ]))
    assert 20 * np.log10(spectrum[440] / spectrum[700]) == pytest.approx(12 + 20 * np.log10(1.5), abs=0.2)
