"""The one place that runs ffmpeg, with limits on time, memory and output.

Neither its exit status nor what a container says of itself is believed: only the samples that arrive count.
"""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.datatypes import Samples
from pipeline.errors import BadSetting
from pipeline.hearing.formats import riff_chunks
from pipeline.messages import Message
from pipeline.storage.files import write_whole

_BLOCK_BYTES = 1 << 20
_MEMORY_BYTES = 4 << 30
_NOTES_BYTES = 1 << 16
_OUTPUT_HEADER_BYTES = 4096
_SPARE_BYTES = 1 << 16
"""Output that is taken besides the samples: the header, and a little more than allowed, to know that it is more."""


@dataclass(frozen=True, slots=True)
class FfmpegOutput:
    """What one run of ffmpeg gave."""

    data: bytearray
    notes: bytes
    timed_out: bool
    overflowed: bool


def ffmpeg_executable(setting: str) -> str:
    """The ffmpeg to run. "auto": the system's, else the one of imageio-ffmpeg; anything else: a path or a name.

    Raises BadSetting when there is none.
    """
    if setting != "auto":
        if found := shutil.which(setting):
            return found
        raise BadSetting(Message('decode.ffmpeg: {program}: no such program; give a path, or "auto"', program=setting))
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise BadSetting(Message("decode.ffmpeg: no ffmpeg; install it or imageio-ffmpeg, or set its path")) from error


def encode_mp3(samples: Samples, rate_hz: int, path: Path, bitrate_kbps: int = 32, ffmpeg: str = "auto") -> None:
    """Write (channels, n) or (n,) float samples as an MP3 that any browser plays, atomically; stereo stays stereo.

    Constant bit rate, no tags: the same samples give the same bytes. Raises BadSetting when ffmpeg is missing
    or cannot write MP3, OSError when the file cannot be written.
    """
    samples = np.atleast_2d(samples)
    command = [
        ffmpeg_executable(ffmpeg), "-hide_banner", "-nostats", "-loglevel", "error",
        "-protocol_whitelist", "pipe", "-f", "f32le", "-ar", str(rate_hz), "-ac", str(samples.shape[0]), "-i", "pipe:0",
        "-c:a", "libmp3lame", "-b:a", f"{bitrate_kbps}k", "-write_xing", "0", "-id3v2_version", "0",
        "-map_metadata", "-1", "-fflags", "+bitexact", "-f", "mp3", "pipe:1",
    ]  # fmt: skip
    data = np.ascontiguousarray(samples.T, dtype="<f4").tobytes()
    limit_s = 60 + samples.shape[1] / rate_hz
    made = subprocess.run(command, input=data, capture_output=True, check=False, timeout=limit_s)
    if made.returncode or not made.stdout:
        raise BadSetting(Message("decode.ffmpeg: this ffmpeg cannot write MP3 (libmp3lame); install a complete one"))
    write_whole(path, made.stdout)


def run_limited(command: list[str], timeout_s: float, limit_bytes: int) -> FfmpegOutput:
    """Run ffmpeg with limits on time, memory and output (`limit_bytes` a channel, two channels at most).

    It and its children are gone when this returns.
    """
    process = subprocess.Popen(
        [os.fsencode(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    _limit(process.pid, timeout_s)
    late = threading.Event()

    def kill() -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def stop() -> None:
        late.set()
        kill()

    notes = [b"", b""]

    def drain() -> None:
        assert process.stderr
        while block := os.read(process.stderr.fileno(), 4096):
            if len(notes[0]) < _NOTES_BYTES:
                notes[0] += block
            else:
                notes[1] = (notes[1] + block)[-_NOTES_BYTES:]

    timer = threading.Timer(timeout_s, stop)
    drainer = threading.Thread(target=drain, daemon=True)
    timer.start()
    drainer.start()
    data = bytearray()
    try:
        most = _SPARE_BYTES
        while len(data) <= most and (block := os.read(process.stdout.fileno(), _BLOCK_BYTES)):
            data += block
            if most == _SPARE_BYTES and len(data) >= _OUTPUT_HEADER_BYTES:
                channels = wav_header(data)[0]
                most += limit_bytes * channels if channels <= 2 else 0
        overflowed = len(data) > most
        if overflowed:
            kill()
        process.wait()
    finally:
        timer.cancel()
        kill()
        process.wait()
        drainer.join(1)
        process.stdout.close()
        process.stderr.close()
    return FfmpegOutput(data, notes[0] + b"\n" + notes[1], late.is_set(), overflowed)


def _limit(pid: int, timeout_s: float) -> None:
    try:
        import resource

        for kind, most in (
            (resource.RLIMIT_AS, _MEMORY_BYTES),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_CPU, int(timeout_s) + 1),
        ):
            resource.prlimit(pid, kind, (most, most))
    except (ImportError, AttributeError, OSError, ValueError):
        # no such limits on this system; time and output are limited all the same
        return


def wav_header(data: bytearray) -> tuple[int, int | None]:
    """Channels, and where the samples start, of a WAV that ffmpeg writes; 0 and None when it is not complete."""
    channels = 0
    for name, at, _ in riff_chunks(bytes(data[:_OUTPUT_HEADER_BYTES]), "<"):
        if name == b"fmt ":
            (channels,) = struct.unpack_from("<H", data, at + 2)
        if name == b"data":
            return channels, at
    return channels, None
