"""Containers: tracks beside each other, links one behind the other, and what is there against what was said."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import RATE_HZ, Audio, SoundFault
from pipeline.errors import BadRecording
from pipeline.hearing.decode import decode, decode_spans
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.hearing.sound_faults import sound_fault_message
from pipeline.settings import Decode
from pipeline.timeline import Span
from tests.hearing.test_decode import sounds_like
from tests.support.malformed import FLAC, MP3, OPUS, encoded, m4a, voice, wav

DECODE = Decode()  # type: ignore[call-arg]
AGENT, CUSTOMER = voice(6, 1), voice(6, 2)
TRACKS = {
    "a.m4a": ["-c:a", "aac"],
    "a.mp4": ["-c:a", "aac"],
    "a.ogg": ["-c:a", "libopus"],
    "a.oga": ["-c:a", "libvorbis"],
    "a.mkv": ["-c:a", "pcm_s16le"],
    "a.mka": ["-c:a", "libopus"],
    "a.webm": ["-c:a", "libopus"],
    "a.wma": ["-c:a", "wmav2", "-f", "asf"],
}


def tracks(path: Path, sounds: list[np.ndarray], coding: list[str], offsets_s: tuple[float, ...] = ()) -> Audio:
    """Write each sound as a track of its own, and decode the file."""
    command = [ffmpeg_executable("auto"), "-v", "error", "-y"]
    for number, sound in enumerate(sounds):
        source = path.parent / f"{number}.wav"
        source.write_bytes(wav(sound.tobytes(), channels=1 if sound.ndim == 1 else 2))
        command += ["-itsoffset", str(offsets_s[number] if offsets_s else 0), "-i", str(source)]
    for number in range(len(sounds)):
        command += ["-map", f"{number}:a"]
    subprocess.run([*command, *coding, str(path)], check=True)
    return decode(path, DECODE)


@pytest.mark.parametrize("name", TRACKS)
def test_a_party_a_track_is_a_party_a_channel(tmp_path: Path, name: str) -> None:
    audio = tracks(tmp_path / name, [AGENT, CUSTOMER], TRACKS[name])
    assert (audio.layout, audio.faults) == ("stereo", ())
    assert audio.duration_s == pytest.approx(6, abs=0.15)
    for channel, party in zip(audio.samples, (AGENT, CUSTOMER), strict=True):
        assert sounds_like(channel, party) > 0.9
        assert np.std(channel) == pytest.approx(np.std(party / 32768), rel=0.25)


def test_a_track_that_is_shorter_or_begins_later_keeps_its_place(tmp_path: Path) -> None:
    audio = tracks(tmp_path / "a.mkv", [AGENT, CUSTOMER[:16000]], TRACKS["a.mkv"], (0, 3))
    assert audio.duration_s == pytest.approx(6, abs=0.05)
    customer = audio.samples[1]
    assert np.abs(customer[: int(2.9 * RATE_HZ)]).max() < 1e-3
    assert np.abs(customer[int(5.1 * RATE_HZ) :]).max() < 1e-3
    assert sounds_like(customer[3 * RATE_HZ : 5 * RATE_HZ], CUSTOMER[:16000]) > 0.95


def test_two_stereo_tracks_are_two_parties_each_made_mono(tmp_path: Path) -> None:
    pairs = [np.stack([sound, sound], axis=1) for sound in (AGENT, CUSTOMER)]
    audio = tracks(tmp_path / "a.m4a", pairs, TRACKS["a.m4a"])
    assert audio.layout == "stereo"
    assert sounds_like(audio.samples[0], AGENT) > 0.9
    assert sounds_like(audio.samples[1], CUSTOMER) > 0.9


def test_the_same_track_twice_is_one_channel(tmp_path: Path) -> None:
    assert tracks(tmp_path / "a.mkv", [AGENT, AGENT], TRACKS["a.mkv"]).layout == "fake-stereo"


def test_a_mixed_track_beside_the_parties_own_is_told(tmp_path: Path) -> None:
    both = np.stack([AGENT, CUSTOMER], axis=1)
    audio = tracks(tmp_path / "a.mkv", [AGENT // 2 + CUSTOMER // 2, both], TRACKS["a.mkv"])
    assert (audio.layout, audio.faults) == ("stereo", (SoundFault("unheard-track", {"tracks": 1}),))
    assert sounds_like(audio.samples[1], CUSTOMER) > 0.95


def test_three_tracks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="3 tracks") as caught:
        tracks(tmp_path / "a.mkv", [AGENT, CUSTOMER, AGENT], TRACKS["a.mkv"])
    assert caught.value.reason == "too-many-channels"


# --- chains


def ogg(sound: np.ndarray, codec: str, rate_hz: int = 8000) -> bytes:
    coding = {"opus": ["-c:a", "libopus", "-b:a", "48k"], "vorbis": ["-c:a", "libvorbis"], "flac": ["-c:a", "flac"]}
    rate = str(48000 if codec == "opus" else rate_hz)
    return encoded([*coding[codec], "-ar", rate, "-f", "ogg"], sound)


BOTH = np.stack([AGENT, CUSTOMER], axis=1)
MIX = (AGENT // 2 + CUSTOMER // 2).astype(np.int16)


@pytest.mark.parametrize(
    ("links", "layout"),
    [
        ([(MIX, "opus", 8000), (BOTH, "opus", 8000)], "mono"),
        ([(BOTH, "opus", 8000), (MIX, "opus", 8000), (BOTH, "opus", 8000)], "mono"),
        ([(MIX, "vorbis", 8000), (MIX, "vorbis", 16000)], "mono"),
        ([(BOTH, "vorbis", 16000), (BOTH, "vorbis", 8000)], "stereo"),
        ([(MIX, "opus", 8000), (MIX, "vorbis", 16000)], "mono"),
        ([(MIX, "flac", 8000), (MIX, "flac", 16000)], "mono"),
        ([(BOTH, "flac", 8000), (MIX, "flac", 8000)], "mono"),
        ([(MIX, "opus", 8000), (MIX, "opus", 8000)], "mono"),
        ([(BOTH, "opus", 8000), (BOTH, "opus", 8000)], "stereo"),
    ],
)
def test_a_chain_is_heard_whole(tmp_path: Path, links: list[tuple[np.ndarray, str, int]], layout: str) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(b"".join(ogg(*link) for link in links))
    audio = decode(path, DECODE)
    assert audio.layout == layout
    assert audio.duration_s == pytest.approx(6 * len(links), abs=0.1 * len(links))
    mixed = len({sound.ndim for sound, _, _ in links}) > 1
    assert [fault.kind for fault in audio.faults] == (["mixed-links"] if mixed else [])
    last = audio.samples[0, 6 * (len(links) - 1) * RATE_HZ :]
    expected = MIX if layout == "mono" else AGENT
    assert sounds_like(last, expected) > 0.8


def test_spans_of_a_chain_are_those_of_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.ogg"
    path.write_bytes(ogg(MIX, "opus") + ogg(BOTH, "opus") + ogg(MIX, "vorbis", 16000))
    whole = decode(path, DECODE).samples
    spans = [Span(1, 2), Span(5.5, 7.25), Span(11, 99)]
    for span, samples in zip(spans, decode_spans(path, spans, DECODE), strict=True):
        first, last = (round(second * RATE_HZ) for second in (span.start_s, span.end_s))
        assert np.array_equal(samples, whole[:, first:last])


def ogg_page(serial: int, number: int, packets: list[bytes], granule: int, flags: int) -> bytes:
    """An Ogg page of short packets. Source: RFC 3533."""
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, number, 0, len(packets))
    page = head + bytes(map(len, packets)) + b"".join(packets)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ 0x04C11DB7 if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]


def speex(seconds: int, serial: int, rate_hz: int = 8000) -> bytes:
    """Speex of any bits, for nothing here writes it; their number gives the time. Source: the Speex manual."""
    head = struct.pack("<8s20s13i", b"Speex   ", b"1.2", 1, 80, rate_hz, 0, 4, 1, -1, 160, 0, 1, 0, 0, 0)
    pages = [ogg_page(serial, 0, [head], 0, 2), ogg_page(serial, 1, [struct.pack("<II", 0, 0)], 0, 0)]
    noise = np.random.default_rng(serial)
    for second in range(seconds):
        # narrow band, mode 3: 160 bits for 20 ms
        packets = [bytes([0x18 | noise.integers(8)]) + noise.bytes(19) for _ in range(50)]
        pages.append(ogg_page(serial, second + 2, packets, (second + 1) * 8000, 4 * (second == seconds - 1)))
    return b"".join(pages)


def test_speex_and_a_chain_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.spx"
    path.write_bytes(speex(4, 1))
    audio = decode(path, DECODE)
    assert (audio.codec, audio.source_rate_hz, audio.layout) == ("speex", 8000, "mono")
    assert audio.duration_s == pytest.approx(4, abs=0.1)
    path.write_bytes(speex(4, 1) + speex(3, 2) + ogg(MIX, "opus"))
    audio = decode(path, DECODE)
    assert audio.duration_s == pytest.approx(13, abs=0.2)
    assert audio.faults == ()


# --- what is there, and what was said


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.au", "a.m4a", "a.mka", "a.w64"])
def test_a_length_that_is_not_there_is_told(tmp_path: Path, name: str) -> None:
    options = {
        "a.au": ["-c:a", "pcm_mulaw"],
        "a.m4a": ["-movflags", "+faststart"],
        "a.mka": ["-c:a", "libopus"],
    }
    assert tracks(tmp_path / name, [voice(20)], options.get(name, [])).faults == ()
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 6 // 10])
    (fault,) = decode(tmp_path / name, DECODE).faults
    assert (fault.kind, fault.values["stated_s"]) == ("cut-short", pytest.approx(20, abs=0.5))
    assert fault.values["heard_s"] == pytest.approx(12, abs=1.5)


def test_a_whole_file_has_no_fault(tmp_path: Path) -> None:
    for name, how in {"a.mp3": MP3, "a.flac": FLAC, "a.opus": OPUS}.items():
        (tmp_path / name).write_bytes(encoded(how, voice(20)))
        assert decode(tmp_path / name, DECODE).faults == ()


def test_damage_in_the_middle_is_told(tmp_path: Path) -> None:
    data = m4a(voice(60), tmp_path / "x.m4a")
    start, end = data.index(b"mdat") + 4, data.index(b"moov") - 4
    first, last = start + (end - start) // 2, start + (end - start) * 7 // 10
    noise = np.random.default_rng(5).bytes(last - first)
    (tmp_path / "a.m4a").write_bytes(data[:first] + noise + data[last:])
    (fault,) = decode(tmp_path / "a.m4a", DECODE).faults
    assert fault.kind in ("undecoded", "cut-short")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_fault_has_its_sentence(language: str) -> None:
    faults = [
        SoundFault("cut-short", {"heard_s": 16.1, "stated_s": 35.1}),
        SoundFault("undecoded", {"share": 0.1}),
        SoundFault("mixed-links", {"links": 2}),
        SoundFault("unheard-track", {"tracks": 1}),
    ]
    told = [sound_fault_message(fault).in_language(language) for fault in faults]
    assert len(set(told)) == 4
    assert "16.1" in told[0]
    assert "10" in told[1]
