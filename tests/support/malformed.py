"""Makes files that an inbox should survive: hostile, broken, or merely odd.

`make_malformed` makes those that must fail, each with the reason it must fail for; `make_damaged` those that must
be heard all the same, each with the seconds that must come out of it. All contents differ, as equal ones would
be one recording. Also run as a script: `python tests/support/malformed.py FOLDER`.
"""

from __future__ import annotations

import gzip
import io
import os
import random
import socket
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

from pipeline.hearing.ffmpeg import ffmpeg_executable

RATE_HZ = 8000


def voice(seconds: float, seed: int = 1, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Something like a voice: a gliding, syllabic buzz with breath; int16, shape (n,)."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    pitch = 140 + 30 * np.sin(2 * np.pi * 0.7 * t + seed) + 20 * np.sin(2 * np.pi * 2.3 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    buzz = sum(np.sin(k * phase) / k for k in range(1, 16))
    loud = np.clip(np.sin(2 * np.pi * 2.5 * t + seed), 0, 1) * (np.sin(2 * np.pi * 0.21 * t + seed) > -0.3)
    return (3000 * buzz * loud + 40 * rng.standard_normal(t.size)).astype(np.int16)


def wav(
    data: bytes,
    channels: int = 1,
    rate_hz: int = RATE_HZ,
    bits: int = 16,
    tag: int = 1,
    data_size: int | None = None,
    after: bytes = b"",
) -> bytes:
    """A WAV file, its header as one says, true or not."""
    block = max(1, channels * bits // 8)
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, (rate_hz * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    size = len(data) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def encoded(arguments: list[str], samples: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    """Samples, int16 (n,) or (n, channels), through ffmpeg with these output arguments."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    command = [ffmpeg_executable("auto"), "-v", "error", "-f", "s16le", "-ar", str(rate_hz), "-ac", str(channels)]
    command += ["-i", "pipe:0", *arguments, "pipe:1"]
    return subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=True).stdout


def m4a(samples: np.ndarray, seekable: Path) -> bytes:
    """An M4A; it cannot be written to a pipe, so it goes by way of a file."""
    command = [ffmpeg_executable("auto"), "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1"]
    command += ["-i", "pipe:0", "-c:a", "aac", "-b:a", "24k", str(seekable)]
    subprocess.run(command, input=samples.astype("<i2").tobytes(), capture_output=True, check=True)
    data = seekable.read_bytes()
    seekable.unlink()
    return data


MP3 = ["-c:a", "libmp3lame", "-b:a", "16k", "-f", "mp3"]
FLAC = ["-c:a", "flac", "-f", "flac"]
OPUS = ["-c:a", "libopus", "-b:a", "16k", "-f", "ogg"]
AMR = ["-c:a", "libopencore_amrnb", "-b:a", "12.2k", "-f", "amr"]


def make_malformed(folder: Path) -> dict[str, str]:
    """Write the files that must fail; name (or path in the folder) → reason."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = random.Random(4)
    sound = voice(3).tobytes()
    expected: dict[str, str] = {}

    def put(name: str, data: bytes, reason: str) -> None:
        (folder / name).write_bytes(data)
        expected[name] = reason

    # nothing there
    put("empty.wav", b"", "empty")
    put("one-byte.wav", b"R", "not-audio")
    put("header-only.wav", wav(b""), "no-samples")
    put("header-only.flac", encoded(FLAC, voice(1))[:42], "unreadable")
    put("header-only.amr", b"#!AMR\n", "no-samples")
    put("tag-only.mp3", b"ID3\x04\x00\x00\x00\x00\x00\x05" + bytes(5), "not-audio")
    # something else
    put("random.wav", noise.randbytes(50_000), "not-audio")
    put("random.mp3", noise.randbytes(50_000), "not-audio")
    put("letter.wav", "您好，这是一封信。\n".encode() * 50, "not-audio")
    put("letter.ul", b"Dear Sir or Madam,\n" * 50, "not-audio")
    put("page.mp3", b"<!doctype html><title>404</title><p>Not found" * 20, "not-audio")
    put("ffconcat.wav", b"ffconcat version 1.0\nfile '/etc/hostname'\n", "not-audio")
    put("concat.flac", f"file '{folder / 'secret.wav'}'\n".encode(), "not-audio")
    put("playlist.m4a", b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n", "not-audio")
    put("picture.wav", b"\xff\xd8\xff\xe0\x00\x10JFIF" + noise.randbytes(9000), "not-audio")
    put("document.wav", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + noise.randbytes(9000), "not-audio")
    put("gzipped.wav", gzip.compress(wav(sound), mtime=0), "not-audio")
    with io.BytesIO() as buffer:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(zipfile.ZipInfo("a.wav"), wav(sound))
        put("zipped.mp3", buffer.getvalue(), "not-audio")
    # headers that lie or make no sense
    put("cut-header.wav", wav(sound)[:20], "unreadable")
    put("zero-channels.wav", wav(sound[:9000], channels=0), "unreadable")
    put("255-channels.wav", wav(sound[:51000], channels=255), "too-many-channels")
    put("six-channels.wav", wav(sound[:48000], channels=6), "too-many-channels")
    put("one-hertz.wav", wav(sound[:8000], rate_hz=1), "bad-rate")
    put("absurd-rate.wav", wav(sound[:7000], rate_hz=0xFFFFFFF0), "bad-rate")
    put("unknown-codec.wav", wav(sound[:6000], tag=0x1234), "unreadable")
    put("not-a-number.wav", wav(np.full(8000, np.nan, "<f4").tobytes(), bits=32, tag=3), "not-finite")
    put("infinite.wav", wav(np.full(8000, np.inf, "<f4").tobytes(), bits=32, tag=3), "not-finite")
    # bodies that do not decode
    whole = m4a(voice(3, 2), folder / ".m4a.m4a")
    put("no-index.m4a", whole[: whole.index(b"moov") - 8], "unreadable")
    start = whole.index(b"mdat") + 4
    end = whole.index(b"moov") - 4
    put("scrambled.m4a", whole[:start] + noise.randbytes(end - start) + whole[end:], "no-samples")
    start += (end - start) // 4
    put("half-scrambled.m4a", whole[:start] + noise.randbytes(end - start) + whole[end:], "damaged")
    put("scrambled.flac", encoded(FLAC, voice(1, 3))[:86] + noise.randbytes(9000), "no-samples")
    put("silent-movie.mp4", _movie(folder), "no-audio")
    # sizes
    with (folder / "many-hours.wav").open("wb") as stream:
        stream.write(wav(b"", bits=8, tag=7, data_size=6 * 3600 * RATE_HZ))
        stream.truncate(6 * 3600 * RATE_HZ)
    expected["many-hours.wav"] = "too-long"
    with (folder / "huge.wav").open("wb") as stream:
        stream.truncate(3_000_000_000)
    expected["huge.wav"] = "too-large"
    # names
    put("two\nlines.wav", b"not sound, first\n", "not-audio")
    put("-i.wav", b"not sound, second\n", "not-audio")
    put(os.fsdecode(b"latin-\xe9.wav"), b"not sound, third\n", "not-audio")
    # no files at all
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    (folder / "link-to-nothing.wav").symlink_to("nowhere.wav")
    (folder / "link-outside.wav").symlink_to("/etc/hostname")
    with socket.socket(socket.AF_UNIX) as plug:
        here = os.open(folder, os.O_RDONLY)
        # a socket's whole path may have 108 bytes only
        plug.bind(f"/proc/self/fd/{here}/plug.wav")
        os.close(here)
    return expected | {
        "folder.wav": "not-a-file",
        "pipe.wav": "not-a-file",
        "plug.wav": "not-a-file",
        "link-to-nothing.wav": "missing",
        "link-outside.wav": "outside-inbox",
    }


def make_damaged(folder: Path) -> dict[str, float]:
    """Write files that are wrong somewhere but must be decoded; name → seconds of sound in them, within 5 %."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, float] = {}

    def put(name: str, data: bytes, seconds: float) -> None:
        (folder / name).write_bytes(data)
        expected[name] = seconds

    ten = [voice(10, seed) for seed in range(20)]
    put("size-of-one-second.wav", wav(ten[0].tobytes(), data_size=16_000), 10)
    put("size-zero.wav", wav(ten[1].tobytes(), data_size=0), 10)
    put("size-unknown.wav", wav(ten[2].tobytes(), data_size=0xFFFFFFFF), 10)
    put("size-too-large.wav", wav(ten[3].tobytes(), data_size=16_000_000), 10)
    notes = b"LIST" + struct.pack("<I", 1000) + b"INFO" + bytes(996)
    put("notes-behind.wav", wav(ten[4].tobytes(), after=notes), 10)
    put("cut.wav", wav(ten[5].tobytes())[: 44 + 48_001], 3)
    for name, how in {"cut.mp3": MP3, "cut.flac": FLAC, "cut.opus": OPUS, "cut.amr": AMR}.items():
        data = encoded(how, ten[6])
        # FLAC's bytes are not spread evenly
        put(name, data[: len(data) * 6 // 10], 5.568 if how is FLAC else 6)
    flipped = bytearray(encoded(MP3, ten[7]))
    for at in range(500, len(flipped), 2000):
        flipped[at] ^= 0x55
    put("flipped.mp3", bytes(flipped), 10)
    put("mp3-by-another-name.wav", encoded(MP3, ten[8]), 10)
    put("cover-picture.mp3", b"ID3\x03\x00\x00\x00\x06\x00\x00" + bytes(98_304) + encoded(MP3, ten[9]), 10)
    put("all-zero.wav", wav(bytes(160_000)), 10)
    put("-f lavfi.wav", wav(ten[10].tobytes()), 10)
    put('new\nline\'s "quotes" $(id).wav', wav(ten[11].tobytes()), 10)
    put(os.fsdecode(b"\xb2\xe2\xca\xd4.wav"), wav(ten[12].tobytes()), 10)
    put("http:%2F%2Fhost%2Fa,b|c.wav", wav(ten[13].tobytes()), 10)
    return expected


def _movie(folder: Path) -> bytes:
    """A second of moving picture without sound."""
    file = folder / ".movie.mp4"
    command = [ffmpeg_executable("auto"), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "gray", "-s", "32x32"]
    command += ["-r", "5", "-i", "pipe:0", "-c:v", "mpeg4", str(file)]
    subprocess.run(command, input=bytes(32 * 32 * 5), capture_output=True, check=True)
    data = file.read_bytes()
    file.unlink()
    return data


if __name__ == "__main__":
    for made, why in make_malformed(Path(sys.argv[1])).items():
        print(f"{why:20} {made!r}")
