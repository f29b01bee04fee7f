"""What follows a WAV's stated size is looked at: sound is heard, notes and zeros are not."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pipeline.datatypes import SoundFault
from pipeline.errors import BadRecording
from pipeline.hearing.decode import decode
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.settings import Decode
from tests.support.malformed import encoded, voice, wav

DECODE = Decode()  # type: ignore[call-arg]
SECONDS = 6.0
SOUND = voice(SECONDS).tobytes()
MULAW = encoded(["-c:a", "pcm_mulaw", "-f", "mulaw"], voice(SECONDS))
CODINGS = {"pcm": (SOUND, {}), "mulaw": (MULAW, {"bits": 8, "tag": 7}), "alaw": (MULAW, {"bits": 8, "tag": 6})}


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


XMP = b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>" + b" " * 20_000
TRAILERS = {
    "nothing": b"",
    "XMP": chunk(b"_PMX", XMP),
    "LIST": chunk(b"LIST", b"INFO" + bytes(5000)),
    "an odd LIST": chunk(b"LIST", b"INFOICMT" + bytes(4999)),
    "noise in a chunk": chunk(b"vdor", np.random.default_rng(1).bytes(9000)),
    "two chunks": chunk(b"id3 ", b"ID3\3" + bytes(6000)) + chunk(b"bext", b"recorder" * 600),
    "a chunk that is cut": chunk(b"LIST", b"INFO" + b"\1" * 9000)[:6000],
    "zeros": bytes(30_000),
    "zeros behind a chunk": chunk(b"LIST", b"INFOICMT" + b"x" * 8000) + bytes(12_000),
    "a tag": b"TAG" + b"title".ljust(125, b"\0"),
    "a text": b"<call><agent/></call>\n" * 300,
}


def length_s(path: Path, data: bytes) -> float:
    path.write_bytes(data)
    return decode(path, DECODE).duration_s


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("trailer", TRAILERS)
def test_what_is_no_sound_is_not_heard_behind_an_honest_size(tmp_path: Path, coding: str, trailer: str) -> None:
    sound, form = CODINGS[coding]
    made = wav(sound, after=TRAILERS[trailer], **form)
    assert length_s(tmp_path / "a.wav", made) == pytest.approx(SECONDS, abs=0.002)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("share", [0.0, 0.5, 0.85, 0.97])
@pytest.mark.parametrize("trailer", ["nothing", "XMP", "an odd LIST", "noise in a chunk", "two chunks", "zeros"])
def test_sound_behind_a_short_size_is_heard_and_nothing_else(
    tmp_path: Path, coding: str, share: float, trailer: str
) -> None:
    sound, form = CODINGS[coding]
    made = wav(sound, data_size=int(len(sound) * share) & ~1, after=TRAILERS[trailer], **form)
    expected = SECONDS
    if (coding, share, trailer) == ("pcm", 0.0, "zeros"):
        expected += 30_000 / 16_000  # zeros are silence in this coding, and nothing says that they are not
    assert length_s(tmp_path / "a.wav", made) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("size", [0x7FFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF, 0xFFFFFFFF - 44])
def test_a_size_that_means_unknown_is_no_fault(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SOUND, data_size=size, after=TRAILERS["XMP"]))
    audio = decode(path, DECODE)
    assert (audio.duration_s, audio.faults) == (pytest.approx(SECONDS, abs=0.002), ())


def test_an_odd_number_of_bytes_and_its_pad_are_no_sound_to_lose_the_rest_over(tmp_path: Path) -> None:
    made = wav(MULAW[:-1], bits=8, tag=7, after=b"\0" + TRAILERS["LIST"])
    assert length_s(tmp_path / "a.wav", made) == pytest.approx(SECONDS, abs=0.002)


def test_an_empty_recording_with_notes_has_no_sound(tmp_path: Path) -> None:
    with pytest.raises(BadRecording) as caught:
        length_s(tmp_path / "a.wav", wav(b"", after=TRAILERS["LIST"]))
    assert caught.value.reason == "no-samples"


def test_silence_at_the_end_stays(tmp_path: Path) -> None:
    made = wav(SOUND + bytes(32_000), data_size=0)
    assert length_s(tmp_path / "a.wav", made) == pytest.approx(SECONDS + 2, abs=0.002)


def test_notes_before_the_sound_may_be_long(tmp_path: Path) -> None:
    made = wav(SOUND, data_size=1000)
    made = made[:12] + chunk(b"bext", bytes(200_000)) + made[12:]
    assert length_s(tmp_path / "a.wav", made) == pytest.approx(SECONDS, abs=0.002)


def test_half_a_copy_is_heard_as_far_as_it_goes_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(SOUND)[: 44 + len(SOUND) // 2])
    audio = decode(path, DECODE)
    assert audio.duration_s == pytest.approx(SECONDS / 2, abs=0.002)
    assert audio.faults == (SoundFault("cut-short", {"heard_s": 3.0, "stated_s": 6.0}),)


def made_by_ffmpeg(path: Path, options: list[str]) -> bytearray:
    command = [ffmpeg_executable("auto"), "-v", "error", "-y", "-f", "s16le", "-ar", "8000", "-ac", "1", "-i", "pipe:0"]
    subprocess.run([*command, *options, str(path)], input=SOUND, check=True)
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("size", [len(SOUND), len(SOUND) * 85 // 100 & ~1, 0, 0xFFFFFFFFFFFFFFFF])
def test_rf64(tmp_path: Path, size: int) -> None:
    made = made_by_ffmpeg(tmp_path / "a.wav", ["-rf64", "always"])
    at = made.index(b"ds64") + 16
    assert struct.unpack_from("<Q", made, at) == (len(SOUND),)
    struct.pack_into("<Q", made, at, size)
    assert length_s(tmp_path / "a.wav", bytes(made)) == pytest.approx(SECONDS, abs=0.002)


@pytest.mark.parametrize("coding", ["pcm_s16le", "pcm_mulaw", "pcm_f32le"])
@pytest.mark.parametrize("share", [1.0, 0.85, 0.0])
def test_w64(tmp_path: Path, coding: str, share: float) -> None:
    made = made_by_ffmpeg(tmp_path / "a.w64", ["-c:a", coding, "-f", "w64"])
    at = made.index(b"data\xf3\xac\xd3\x11") + 16
    (size,) = struct.unpack_from("<Q", made, at)
    struct.pack_into("<Q", made, at, 24 + int((size - 24) * share) if share else 0)
    assert length_s(tmp_path / "a.w64", bytes(made)) == pytest.approx(SECONDS, abs=0.002)


@pytest.mark.parametrize("coding", ["gsm_ms", "adpcm_ima_wav"])
@pytest.mark.parametrize("trailer", ["nothing", "XMP"])
def test_coded_sound_behind_a_short_size(tmp_path: Path, coding: str, trailer: str) -> None:
    if coding == "gsm_ms":
        import soundfile

        soundfile.write(tmp_path / "a.wav", np.frombuffer(SOUND, "<i2"), 8000, format="WAV", subtype="GSM610")
        made = bytearray((tmp_path / "a.wav").read_bytes())
    else:
        made = made_by_ffmpeg(tmp_path / "a.wav", ["-c:a", coding])
    at = made.index(b"data") + 4
    (size,) = struct.unpack_from("<I", made, at)
    end = at + 4 + size
    struct.pack_into("<I", made, at, size * 7 // 10 & ~1)
    path = tmp_path / "b.wav"
    assert length_s(path, bytes(made[:end]) + TRAILERS[trailer]) == pytest.approx(SECONDS, abs=0.2)
