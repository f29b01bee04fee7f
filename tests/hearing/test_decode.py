"""Every way a recording is known to fool ffmpeg, with the real ffmpeg."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.datatypes import RATE_HZ
from pipeline.errors import BadRecording, BadSetting, TransientFault, shown
from pipeline.hearing.decode import LayoutMeter, decode, decode_part, decode_pieces, decode_spans, fold_channels
from pipeline.hearing.ffmpeg import ffmpeg_executable, mp3_bytes
from pipeline.hearing.formats import DECODE_REASONS
from pipeline.hearing.recording import TRANSIENT_REASONS
from pipeline.hearing.wav import riff_chunks
from pipeline.intake.inbox import INBOX_REASONS
from pipeline.settings import Decode, Ingest
from pipeline.timeline import Span
from tests.support.malformed import AMR, FLAC, MP3, OPUS, encoded, m4a, make_damaged, make_malformed, voice, wav

DECODE = Decode()  # type: ignore[call-arg]
SECONDS = 4.0


def refused(path: Path, settings: Decode = DECODE) -> str:
    with pytest.raises(BadRecording) as caught:
        decode(path, settings)
    assert caught.value.reason in DECODE_REASONS
    return told(path, caught.value)


def not_now(path: Path, settings: Decode = DECODE) -> str:
    with pytest.raises(TransientFault) as caught:
        decode(path, settings)
    assert caught.value.reason in TRANSIENT_REASONS
    return told(path, caught.value)


def told(path: Path, error: BadRecording | TransientFault) -> str:
    message = str(error)
    assert message.startswith(shown(path) + ": "), "the message names the file"
    assert message.isprintable(), "one line"
    return error.reason


def program(tmp_path: Path, script: str) -> Decode:
    """Settings under which this script is ffmpeg; two seconds are its time."""
    file = tmp_path / "ffmpeg"
    file.write_text("#!/bin/sh\n" + script)
    file.chmod(0o755)
    return Decode(ffmpeg=str(file), timeout_s=2)  # type: ignore[call-arg]


def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(voice(1).tobytes()))
    return path


def sounds_like(samples: np.ndarray, original: np.ndarray) -> float:
    """Correlation of the two loudness curves, 20 ms apart, at the best delay, -0.1 to 0.25 s (the codec's own)."""
    step = RATE_HZ // 50
    wide = np.repeat(original.astype(np.float32) / 32768, RATE_HZ // 8000)
    curves = [np.log10([np.std(x[at : at + step]) + 0.003 for at in range(0, x.size, step)]) for x in (samples, wide)]
    n = min(map(len, curves)) - 18
    return max(float(np.corrcoef(curves[0][lag : lag + n], curves[1][5 : 5 + n])[0, 1]) for lag in range(18))


def _g711(samples: np.ndarray, law: str) -> bytes:
    return encoded(["-c:a", f"pcm_{law}", "-f", law], samples)


def _gsm(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 8000, format="WAV", subtype="GSM610")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "codec", "make"),
    [
        ("a.wav", "pcm_s16le", lambda s, _: wav(s.tobytes())),
        ("a.wav", "pcm_u8", lambda s, _: wav((s // 256 + 128).astype(np.uint8).tobytes(), bits=8)),
        ("a.wav", "pcm_f32le", lambda s, _: wav((s / 32768).astype("<f4").tobytes(), bits=32, tag=3)),
        ("a.wav", "pcm_mulaw", lambda s, _: wav(_g711(s, "mulaw"), bits=8, tag=7)),
        ("a.wav", "pcm_alaw", lambda s, _: wav(_g711(s, "alaw"), bits=8, tag=6)),
        ("a.wav", "gsm_ms", lambda s, _: _gsm(s)),
        ("a.MP3", "mp3", lambda s, _: encoded(MP3, s)),
        ("a.flac", "flac", lambda s, _: encoded(FLAC, s)),
        ("a.opus", "opus", lambda s, _: encoded(OPUS, s)),
        ("a.m4a", "aac", lambda s, d: m4a(s, d / "x.m4a")),
        ("a.aac", "aac", lambda s, _: encoded(["-c:a", "aac", "-f", "adts"], s)),
        ("a.amr", "amrnb", lambda s, _: encoded(AMR, s)),
        ("a.wma", "wmav2", lambda s, _: encoded(["-c:a", "wmav2", "-f", "asf"], s)),
        ("a.ul", "pcm_mulaw", lambda s, _: _g711(s, "mulaw")),
        ("a.ALAW", "pcm_alaw", lambda s, _: _g711(s, "alaw")),
    ],
)
def test_formats(tmp_path: Path, name: str, codec: str, make: object) -> None:
    original = voice(SECONDS)
    path = tmp_path / name
    path.write_bytes(make(original, tmp_path))  # type: ignore[operator]
    audio = decode(path, DECODE)
    assert audio.layout == "mono"
    assert audio.samples.shape[0] == 1
    assert audio.samples.dtype == np.float32
    assert audio.rate_hz == RATE_HZ
    assert audio.codec in (codec, "amr_nb" if codec == "amrnb" else codec)
    assert audio.source_rate_hz in (8000, 48000 if codec == "opus" else 8000)
    # a frame or two of the codec's own at the ends
    assert -0.05 < audio.duration_s - SECONDS < 0.3
    assert 0.02 < np.abs(audio.samples).max() <= 1.0
    assert sounds_like(audio.samples[0], original) > 0.9


def test_codecs_without_an_encoder_here(tmp_path: Path) -> None:
    """AMR-WB and G.729 frames of any bits are sound; their number gives the time."""
    noise = np.random.default_rng(1)
    frames = [b"\x04" + noise.bytes(17) for _ in range(100)]
    (tmp_path / "a.awb").write_bytes(b"#!AMR-WB\n" + b"".join(frames))
    audio = decode(tmp_path / "a.awb", DECODE)
    assert audio.codec in ("amr_wb", "amrwb")
    assert audio.duration_s == pytest.approx(2.0, abs=0.05)
    (tmp_path / "a.g729").write_bytes(noise.bytes(10 * 300))
    audio = decode(tmp_path / "a.g729", DECODE)
    assert (audio.codec, audio.source_rate_hz) == ("g729", 8000)
    assert audio.duration_s == pytest.approx(3.0, abs=0.05)


def test_headerless_files_have_the_stated_rate_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.ulaw"
    path.write_bytes(_g711(voice(4), "mulaw"))
    wide = decode(path, DECODE, Ingest(raw_rate_hz=16000))  # type: ignore[call-arg]
    assert wide.duration_s == pytest.approx(2.0, abs=0.01)
    stereo = decode(path, DECODE, Ingest(raw_channels=2))  # type: ignore[call-arg]
    assert stereo.duration_s == pytest.approx(2.0, abs=0.01)


def test_resampling_keeps_the_tone(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    tone = 8000 * np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    path.write_bytes(wav(tone.astype("<i2").tobytes(), rate_hz=44100))
    samples = decode(path, DECODE).samples[0]
    assert samples.size == pytest.approx(RATE_HZ, abs=2)
    spectrum = np.abs(np.fft.rfft(samples[1000:15000] * np.hanning(14000)))
    assert np.argmax(spectrum) * RATE_HZ / 14000 == pytest.approx(1000, abs=2)
    assert np.std(samples[1000:15000]) == pytest.approx(8000 / 32768 / np.sqrt(2), rel=0.01)


# --- hostile files


def test_malformed_files_fail_with_their_reason(tmp_path: Path) -> None:
    expected = make_malformed(tmp_path)
    assert len(expected) >= 25
    # what the scan already refuses never gets here
    for_decode = {name: reason for name, reason in expected.items() if reason not in ("outside-inbox", "missing")}
    start = time.monotonic()
    got = {name: refused(tmp_path / name) for name in for_decode}
    assert got == for_decode
    assert time.monotonic() - start < 30, "nothing hangs"
    assert set(expected.values()) <= DECODE_REASONS.keys() | INBOX_REASONS.keys()


def test_damaged_files_are_decoded_as_far_as_they_go(tmp_path: Path) -> None:
    expected = make_damaged(tmp_path)
    got = {name: decode(tmp_path / name, DECODE).duration_s for name in expected}
    assert got == {name: pytest.approx(seconds, rel=0.05) for name, seconds in expected.items()}


def test_a_list_cannot_open_another_file(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(wav(voice(1).tobytes()))
    trap = tmp_path / "trap.wav"
    trap.write_bytes(b"ffconcat version 1.0\nfile secret.wav\n")
    command = [ffmpeg_executable("auto"), "-v", "error", "-i", str(trap), "-f", "s16le", "pipe:1"]
    naive = subprocess.run(command, capture_output=True, check=False)
    assert len(naive.stdout) == 16000, "unguarded ffmpeg does open it"
    assert refused(trap) == "not-audio"


def test_format_is_forced_even_when_the_bytes_say_two_things(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(wav(voice(1).tobytes()))
    trap = tmp_path / "trap.ul"
    # begins like headerless sound, so it is decoded as that and as nothing else
    trap.write_bytes(b"\xff\xfe\x7f" * 100 + b"\nffconcat version 1.0\nfile secret.wav\n")
    assert decode(trap, DECODE).duration_s == pytest.approx(trap.stat().st_size / 8000, abs=0.002)


def test_a_title_cannot_pose_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    title = "x\n  Stream #0:0: Audio: evil, 1 Hz, stereo"
    path.write_bytes(encoded(["-metadata", f"title={title}", "-write_id3v2", "1", *MP3], voice(2)))
    assert title.encode() in path.read_bytes()
    audio = decode(path, DECODE)
    assert (audio.codec, audio.source_rate_hz) == ("mp3", 8000)


def test_limits(tmp_path: Path) -> None:
    long = tmp_path / "a.mp3"
    long.write_bytes(encoded(MP3, voice(10)))
    assert refused(long, Decode(longest_s=5)) == "too-long"  # type: ignore[call-arg]
    assert decode(long, Decode(longest_s=11)).duration_s > 9.5  # type: ignore[call-arg]
    assert refused(long, Decode(largest_mb=0.001)) == "too-large"  # type: ignore[call-arg]
    six = tmp_path / "six.flac"
    six.write_bytes(encoded(FLAC, np.stack([voice(1, n) for n in range(6)], axis=1)))
    assert refused(six) == "too-many-channels"


@pytest.mark.slow
def test_a_stuck_decoder_is_killed_with_its_children(tmp_path: Path) -> None:
    # a decoder may not write files, but may write to a pipe
    os.mkfifo(tmp_path / "child")
    reader = os.open(tmp_path / "child", os.O_RDONLY | os.O_NONBLOCK)
    settings = program(tmp_path, f"sleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    start = time.monotonic()
    assert not_now(spoken(tmp_path), settings) == "machine", "it waited, it did not work"
    assert time.monotonic() - start < 10
    child = int(os.read(reader, 100))
    os.close(reader)
    for _ in range(50):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("the child outlived the decoder")


@pytest.mark.slow
def test_work_without_end_is_the_recordings_fault(tmp_path: Path) -> None:
    assert refused(spoken(tmp_path), program(tmp_path, "while :; do :; done\n")) == "timeout"


@pytest.mark.slow
def test_work_on_all_cores_without_end_is_the_recordings_fault(tmp_path: Path) -> None:
    # where two cores are free, its processor time is over before the clock's
    busy = "from hashlib import pbkdf2_hmac as work; from threading import Thread; "
    busy += "[Thread(target=work, args=('sha256', b'', b'', 10**9)).start() for _ in range(2)]"
    assert refused(spoken(tmp_path), program(tmp_path, f'exec {sys.executable} -c "{busy}"\n')) == "timeout"


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_a_decoder_ended_from_outside_says_nothing_of_the_recording(tmp_path: Path, number: str) -> None:
    assert not_now(spoken(tmp_path), program(tmp_path, f"kill -{number} $$\n")) == "machine"


def test_a_decoder_that_cannot_be_run_is_a_setting(tmp_path: Path) -> None:
    path, settings = spoken(tmp_path), program(tmp_path, "")
    (tmp_path / "ffmpeg").write_bytes(b"\x7fELF no program\n")
    with pytest.raises(BadSetting, match=r"decode\.ffmpeg: .*: cannot be run \("):
        decode(path, settings)


def test_exit_0_is_not_success(tmp_path: Path) -> None:
    assert refused(spoken(tmp_path), program(tmp_path, "exit 0\n")) == "unreadable"


def test_a_decoder_may_not_write_files(tmp_path: Path) -> None:
    settings = program(tmp_path, f"sleep 0.5\necho leak > {tmp_path}/leak\n")
    assert refused(spoken(tmp_path), settings) == "unreadable"
    leak = tmp_path / "leak"
    assert not leak.exists() or leak.stat().st_size == 0


def test_missing_and_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_now(tmp_path / "nowhere.wav") == "missing"
    assert not_now(tmp_path / "nowhere.wav" / "a.wav") == "missing"
    (tmp_path / "-a b.wav").write_bytes(wav(voice(1).tobytes()))
    monkeypatch.chdir(tmp_path)
    assert decode(Path("-a b.wav"), DECODE).duration_s == pytest.approx(1.0, abs=0.01)


def test_shown_is_one_printable_line() -> None:
    assert shown(Path("通话 1.wav")) == "通话 1.wav"
    assert shown(Path(os.fsdecode(b"a\n\x1b\xff.wav"))) == "a\\n\\x1b\\udcff.wav"


# --- layouts


def stereo(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.stack([left, right], axis=1).astype(np.int16)


def conversation(seconds: float = 12) -> tuple[np.ndarray, np.ndarray]:
    """Two voices that take turns every two seconds, each line with its own noise."""
    rng = np.random.default_rng(5)
    a, b = voice(seconds, 1), voice(seconds, 2)
    turn = (np.arange(a.size) // (2 * 8000)) % 2 == 0
    hiss = rng.normal(0, 30, (2, a.size))
    return np.where(turn, a, 0) + hiss[0], np.where(turn, 0, b) + hiss[1]


A, B = conversation()
HISS = np.random.default_rng(6).normal(0, 30, A.size)
RING = 6000 * np.sin(2 * np.pi * 450 * np.arange(A.size) / 8000)


@pytest.mark.parametrize(
    ("channels", "layout"),
    [
        (stereo(A, B), "stereo"),
        (stereo(A, HISS), "stereo"),
        (stereo(A, A * 0), "stereo"),
        (stereo(A + 0.06 * B, B + 0.06 * A), "stereo"),
        # a silent customer's line holds a faint copy of the agent
        (stereo(A + B, 0.1 * (A + B)), "stereo"),
        # the same loud tone on both channels, then a conversation
        (np.concatenate([stereo(RING, RING), stereo(A, B)]), "stereo"),
        (stereo(A + B, A + B), "fake-stereo"),
        (stereo(A + B, 0.8 * (A + B) + 0.3 * HISS), "fake-stereo"),
        (stereo(A * 0, A * 0), "fake-stereo"),
        (stereo(A + B, -(A + B)), "anti-phase"),
        (stereo(A + B, -0.8 * (A + B) + 0.3 * HISS), "anti-phase"),
    ],
)
@pytest.mark.parametrize("coding", ["wav", "mp3", "opus"])
def test_layouts(tmp_path: Path, channels: np.ndarray, layout: str, coding: str) -> None:
    path = tmp_path / f"a.{coding}"
    # at a lower rate Opus itself makes mono of two channels
    opus = ["-c:a", "libopus", "-b:a", "64k", "-f", "ogg"]
    codings = {"mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"], "opus": opus}
    path.write_bytes(encoded(codings[coding], channels) if coding in codings else wav(channels.tobytes(), channels=2))
    audio = decode(path, DECODE)
    assert audio.layout == layout
    assert audio.channels == (2 if layout == "stereo" else 1)
    mono = channels[:, 0]
    if mono.any():
        assert np.std(audio.samples[0]) == pytest.approx(np.std(mono / 32768), rel=0.25), "folding keeps the level"


def test_naive_downmix_of_anti_phase_is_silent(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(stereo(A, -A).tobytes(), channels=2))
    command = [ffmpeg_executable("auto"), "-v", "error", "-i", str(path), "-ac", "1", "-f", "s16le", "pipe:1"]
    naive = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, "<i2")
    assert np.abs(naive).max() <= 1
    assert np.abs(decode(path, DECODE).samples).max() > 0.1


def test_the_layout_is_the_same_in_one_piece_and_in_many() -> None:
    rng = np.random.default_rng(7)
    minutes = rng.normal(0, 0.1, (2, 3 * 60 * RATE_HZ + 7)).astype(np.float32)
    minutes[1] = 0.8 * minutes[0]
    whole, parts = LayoutMeter(), LayoutMeter()
    whole.add(minutes)
    for at in range(0, minutes.shape[1], 10 * RATE_HZ):
        parts.add(minutes[:, at : at + 10 * RATE_HZ])
    assert whole.layout() == parts.layout() == "fake-stereo"
    folded = minutes.copy()
    fold_channels(folded, "fake-stereo")
    assert np.array_equal(folded[0], (minutes[0] + minutes[1]) / 2)
    fold_channels(folded, "stereo")
    assert np.array_equal(folded[1], minutes[1]), "two voices stay as they are"


@pytest.mark.parametrize(
    "channels", [A[:, np.newaxis], stereo(A, B), stereo(A + B, 0.8 * (A + B) + 0.3 * HISS), stereo(A + B, -(A + B))]
)
@pytest.mark.parametrize("floats", [False, True])
def test_spans_hold_what_the_whole_does(tmp_path: Path, channels: np.ndarray, floats: bool) -> None:
    path = tmp_path / "a.wav"
    long = np.tile(channels, (8, 1)).astype("<i2")
    body, form = (long / 32768).astype("<f4") if floats else long, {"bits": 32, "tag": 3} if floats else {}
    path.write_bytes(wav(body.tobytes(), channels=channels.shape[1], **form))
    whole = decode(path, DECODE)
    spans = [Span(0, 1), Span(59.2, 61.7), Span(59.9, 60.0), Span(90, 200), Span(500, 600)]
    got = decode_spans(path, spans, DECODE)
    for span, samples in zip(spans, got, strict=True):
        first, end = (round(second * RATE_HZ) for second in (span.start_s, span.end_s))
        assert np.array_equal(samples, whole.samples[:, first:end])
    assert got[-1].shape == (whole.channels, 0), "behind the end there is nothing"


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a.wav", lambda s: wav(s.tobytes(), channels=2)),
        ("a.wav", lambda s: wav(_g711(s, "mulaw"), channels=2, bits=8, tag=7)),
        ("a.wav", lambda s: wav(_g711(s, "alaw"), channels=2, bits=8, tag=6, data_size=0xFFFFFFFF)),
        ("a.wav", lambda s: wav(s.tobytes(), channels=2, rate_hz=11025)),
        ("a.wav", _gsm),
        ("a.mp3", lambda s: encoded(MP3, s)),
    ],
)
def test_a_part_is_that_of_the_whole_wherever_decoding_begins(tmp_path: Path, name: str, make: object) -> None:
    path = tmp_path / name
    minutes = np.tile(stereo(A, B), (6, 1)).astype("<i2")
    path.write_bytes(make(minutes[:, 0] if make is _gsm else minutes))  # type: ignore[operator]
    whole = np.concatenate(list(decode_pieces(path, DECODE)), axis=1)
    end_s = whole.shape[1] / RATE_HZ
    for span in (Span(0, 1), Span(20.123, 23.5), Span(end_s - 1.5, end_s), Span(end_s - 1, end_s + 5)):
        first, last = (round(second * RATE_HZ) for second in (span.start_s, span.end_s))
        part = decode_part(path, span, DECODE)
        assert part.shape == whole[:, first:last].shape
        assert np.abs(part - whole[:, first:last]).max() < 2e-4


# --- ffmpeg itself, and clips


def test_ffmpeg_executable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ffmpeg_executable(ffmpeg_executable("auto"))
    with pytest.raises(BadSetting, match=r"decode\.ffmpeg"):
        ffmpeg_executable(str(tmp_path / "no-such"))
    settings = program(tmp_path, "")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg_executable("auto") == settings.ffmpeg
    Path(settings.ffmpeg).unlink()
    assert "imageio_ffmpeg" in ffmpeg_executable("auto")


@pytest.mark.parametrize("channels", [1, 2])
def test_clips_keep_their_channels_and_length(tmp_path: Path, channels: int) -> None:
    samples = (np.stack([A, B])[:channels] / 32768).astype(np.float32)
    wide = np.repeat(samples, 2, axis=1)
    path = tmp_path / "clip.mp3"
    path.write_bytes(mp3_bytes(wide, RATE_HZ, 32))
    back = decode(path, DECODE)
    assert back.channels == channels
    assert back.duration_s == pytest.approx(wide.shape[1] / RATE_HZ, abs=0.2)
    assert path.stat().st_size == pytest.approx(wide.shape[1] / RATE_HZ * 4000, rel=0.1), "constant 32 kbit/s"
    first = path.read_bytes()
    path.write_bytes(mp3_bytes(wide, RATE_HZ, 32))
    assert path.read_bytes() == first, "same samples, same bytes"
    assert os.listdir(tmp_path) == ["clip.mp3"]


def test_a_clip_is_whole_or_not_there(tmp_path: Path) -> None:
    settings = program(tmp_path, "printf half\nexit 1\n")
    with pytest.raises(BadSetting):
        mp3_bytes(np.zeros(1600, np.float32), RATE_HZ, 32, settings.ffmpeg)
    assert os.listdir(tmp_path) == ["ffmpeg"]


def test_wav_chunks_are_not_trusted() -> None:
    head = b"RIFF\0\0\0\0WAVE" + b"junk" + struct.pack("<I", 0xFFFFFFF0)
    assert list(riff_chunks(head, "<")) == [(b"junk", 20, 0xFFFFFFF0)]
