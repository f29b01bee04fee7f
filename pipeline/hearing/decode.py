"""The one place that runs ffmpeg: recordings in, samples out; samples in, MP3 clips out.

A recording is hostile until shown otherwise. Its format is decided here, from its first bytes, and forced
upon ffmpeg, so that a playlist in disguise cannot make it open another file; the process may read that file
and nothing else, and has limits on time, memory and output. Neither ffmpeg's exit status nor what a container
says of itself is believed: only the samples that arrive count.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import struct
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, Audio, Layout, Samples
from pipeline.errors import BadRecording, BadSetting, shown
from pipeline.settings import Decode, Ingest
from pipeline.storage.files import write_whole

REASONS = {
    "missing": "there is no such file",
    "not-a-file": "a folder, pipe, socket or device, not a file",
    "unreadable": "the file, or what it holds, cannot be read",
    "empty": "the file has no bytes",
    "too-large": "the file is larger than decode.largest_mb",
    "not-audio": "the bytes are in no known audio format",
    "no-audio": "a media file without an audio stream",
    "no-samples": "a header without sound behind it",
    "damaged": "most of the sound cannot be decoded",
    "bad-rate": "the sampling rate is not one of speech",
    "too-many-channels": "more than two channels",
    "too-long": "longer than decode.longest_s",
    "not-finite": "samples that are no numbers (NaN or infinite)",
    "timeout": "decoding took longer than decode.timeout_s",
}
"""Every reason a BadRecording from here can have."""

_HEAD_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_MEMORY_BYTES = 4 << 30
_NOTES_BYTES = 1 << 16
_OUTPUT_HEADER_BYTES = 4096
_RAW = {
    ".ul": "mulaw", ".ulaw": "mulaw", ".al": "alaw", ".alaw": "alaw", ".gsm": "gsm", ".g729": "g729", ".729": "g729",
}  # fmt: skip
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FOREIGN = (b"PK\3\4", b"%PDF", b"\x1f\x8b", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"\x7fELF", b"BZh", b"7z\xbc")
_WAV_FLOAT = 3
_WAV_EXTENSIBLE = 0xFFFE
_WAV_PLAIN = (1, _WAV_FLOAT, 6, 7)
# telephony starts at 8 kHz; some dictation recorders go down to 5.5; studio gear ends at 384
_RATES_HZ = range(4_000, 384_001)
_STREAM = re.compile(rb"^\s*Stream #0:\d+.*?: Audio: (\w+).*?, (\d+) Hz", re.MULTILINE)
_TALLY = re.compile(rb"Input stream #0:\d+ \(audio\): (\d+) packets read .*?; (\d+) frames decoded")


@dataclass(frozen=True, slots=True)
class _Format:
    """ffmpeg's name of the container, the options that reading it needs, and whether samples are floats."""

    name: str
    options: tuple[str, ...] = ()
    floats: bool = False


@dataclass(frozen=True, slots=True)
class _Output:
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
        raise BadSetting(f'decode.ffmpeg: {setting}: no such program; give a path, or "auto"')
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        raise BadSetting("decode.ffmpeg: no ffmpeg; install it or imageio-ffmpeg, or set its path") from error


def decode(path: Path, settings: Decode, ingest: Ingest | None = None) -> Audio:
    """Decode a recording to float32, 16 kHz, shape (channels, n) with one or two channels.

    Only true stereo keeps two channels: a mono call saved twice, and one saved with its own negative, are
    folded into one. More than two channels are refused, as nobody could say who is on which. A truncated
    recording is decoded as far as it goes. `ingest` tells the rate and channels of headerless files.

    Raises BadRecording, its `reason` one of `REASONS`; BadSetting when there is no ffmpeg.
    """
    ingest = ingest or Ingest()  # type: ignore[call-arg]
    form = _recognise(path, settings, ingest)
    sample = "f32le" if form.floats else "s16le"
    command = [
        ffmpeg_executable(settings.ffmpeg), "-nostdin", "-hide_banner", "-nostats", "-loglevel", "verbose",
        "-threads", "1", "-protocol_whitelist", "file,pipe", "-format_whitelist", form.name, "-f", form.name,
        *form.options, "-i", f"file:{path.absolute()}",
        "-map", "0:a:0", "-ar", str(RATE_HZ), "-c:a", f"pcm_{sample}", "-fflags", "+bitexact", "-f", "wav", "pipe:1",
    ]  # fmt: skip
    width = 4 if form.floats else 2
    output = _run(command, settings.timeout_s, int(settings.longest_s * RATE_HZ) * width)
    found = _STREAM.search(output.notes)
    codec, source_rate_hz = (found[1].decode(), int(found[2])) if found else (None, None)
    if output.timed_out:
        raise _refused("timeout", path, f"not decoded after {settings.timeout_s:g} s; raise decode.timeout_s")
    if source_rate_hz is not None:
        _check_rate(path, source_rate_hz)
    interleaved, channels = _samples(output.data, width, path, output.notes)
    _check_channels(path, channels)
    if output.overflowed or interleaved.size // channels > settings.longest_s * RATE_HZ:
        raise _too_long(path, settings.longest_s)
    if (tally := _TALLY.search(output.notes)) and int(tally[2]) < int(tally[1]) / 2:
        raise _refused("damaged", path, f"only {int(tally[2])} of {int(tally[1])} packets decode; export it again")
    samples = np.empty((channels, interleaved.size // channels), np.float32)
    for channel in range(channels):
        samples[channel] = interleaved[channel::channels][: samples.shape[1]]
    if form.floats:
        if not np.isfinite(samples).all():
            raise _refused("not-finite", path, "has samples that are not numbers; export it again")
        np.clip(samples, -1.0, 1.0, out=samples)
    else:
        samples /= 32768.0
    samples, layout = fold_channels(samples)
    return Audio(samples, layout, RATE_HZ, source_rate_hz, codec)


def fold_channels(samples: Samples) -> tuple[Samples, Layout]:
    """Tell the layout of (1 or 2, n) samples, and fold fake stereo and anti-phase stereo into one channel.

    Two channels are one voice path saved twice when they agree in nearly every half second in which anything
    is heard. Agreement asks for the same level as well: where one party is silent, its channel may hold a
    faint copy of the other party (crosstalk), and that is true stereo. It is not asked of the whole at once,
    because a loud ring-back tone on both channels would drown all that differs.
    """
    if samples.shape[0] == 1:
        return samples, "mono"
    left, right = samples
    if np.array_equal(left, right):
        return left[np.newaxis].copy(), "fake-stereo"
    step = RATE_HZ // 2
    starts = np.arange(0, left.size, step)

    def energy(x: Samples) -> npt.NDArray[np.float64]:
        return np.add.reduceat(np.square(x, dtype=np.float64), starts)

    total = energy(left) + energy(right)
    # heard: within 40 dB of the loudest and above -70 dBFS, below which codecs' own noise begins
    heard = total > max(1e-4 * total.max(), 2 * step * 1e-7)
    if not heard.any():
        heard = total > 0
    weak = 0.1 * total[heard]
    if np.mean(energy(left - right)[heard] < weak) >= 0.95:
        return ((left + right) / 2)[np.newaxis], "fake-stereo"
    if np.mean(energy(left + right)[heard] < weak) >= 0.95:
        return ((left - right) / 2)[np.newaxis], "anti-phase"
    return samples, "stereo"


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
        raise BadSetting("decode.ffmpeg: this ffmpeg cannot write MP3 (libmp3lame); install a complete one")
    write_whole(path, made.stdout)


def _refused(reason: str, path: Path, message: str) -> BadRecording:
    return BadRecording(reason, f"{shown(path)}: {message}")


def _recognise(path: Path, settings: Decode, ingest: Ingest) -> _Format:
    """Which format the file is in, by its first bytes (by its name where the format has no header)."""
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise _refused("not-a-file", path, "is no regular file; put recordings themselves into the inbox")
        if info.st_size == 0:
            raise _refused("empty", path, "is empty; copy it again")
        if info.st_size > settings.largest_mb * 1e6:
            raise _refused("too-large", path, f"is larger than {settings.largest_mb:g} MB; raise decode.largest_mb")
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            if head[:3] == b"ID3" and len(head) >= 10:
                # a tag may hold a picture larger than the head
                stream.seek(10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]))
                head = stream.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise _refused("missing", path, "no such file") from error
    except (OSError, ValueError) as error:
        raise _refused("unreadable", path, f"cannot be read ({type(error).__name__}); check its permissions") from error
    if head[:4] in (b"RIFF", b"RF64", b"BW64", b"RIFX") and head[8:12] == b"WAVE":
        return _wav(path, head, info.st_size, settings.longest_s)
    name = _magic(head)
    if name is None and not _is_foreign(head):
        name = _RAW.get(path.suffix.lower()) or ("mp3" if _is_mpeg_audio(head) else None)
    if name is None:
        raise _refused("not-audio", path, "is in no known audio format; export it as WAV, MP3, FLAC, Opus, M4A or AMR")
    if name in ("mulaw", "alaw"):
        return _Format(name, ("-ar", str(ingest.raw_rate_hz), "-ac", str(ingest.raw_channels)))
    return _Format(name)


def _magic(head: bytes) -> str | None:
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head[:5] == b"#!AMR":
        return "amr"
    if head[:16] == _ASF:
        return "asf"
    if head[:1] == b"\xff" and len(head) > 6 and head[1] & 0xF6 == 0xF0:
        return "aac"
    return None


def _is_foreign(head: bytes) -> bool:
    """Whether the bytes are plainly something else than headerless sound: text, archives, pictures, documents."""
    if head.startswith(_FOREIGN):
        return True
    start = head[:512]
    with suppress(UnicodeDecodeError):
        text = start[: max(1, len(start) - 3)].decode("utf-8")
        return all(c.isprintable() or c.isspace() for c in text)
    return False


def _is_mpeg_audio(head: bytes) -> bool:
    """Whether two MPEG audio frames follow each other somewhere in the head; one is not enough, chance makes it.

    Source: ISO/IEC 11172-3 and 13818-3, frame header.
    """
    rates_kbps = {
        3: {1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
            2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384)},
        2: {1: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
            2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)},
    }  # fmt: skip

    def frame(at: int) -> int:
        """Length in bytes of the frame that starts at `at`, or 0."""
        if at + 4 > len(head) or head[at] != 0xFF or head[at + 1] & 0xE0 != 0xE0:
            return 0
        version, layer = head[at + 1] >> 3 & 3, head[at + 1] >> 1 & 3
        index, rate, padding = head[at + 2] >> 4, head[at + 2] >> 2 & 3, head[at + 2] >> 1 & 1
        if version == 1 or layer not in (1, 2) or index in (0, 15) or rate == 3:
            return 0
        kbps = rates_kbps[3 if version == 3 else 2][layer][index - 1]
        hz = (44100, 48000, 32000)[rate] // {3: 1, 2: 2, 0: 4}[version]
        slots = 144 if version == 3 or layer == 2 else 72
        return slots * kbps * 1000 // hz + padding

    at = head.find(b"\xff")
    while 0 <= at < 8192:
        length = frame(at)
        if length and (frame(at + length) or at + length == len(head)):
            return True
        at = head.find(b"\xff", at + 1)
    return False


def _chunks(head: bytes, order: str, start: int = 12) -> Iterable[tuple[bytes, int, int]]:
    """(name, offset of its content, size) of the RIFF chunks in `head`."""
    at = start
    while at + 8 <= len(head):
        name, size = struct.unpack_from(f"{order}4sI", head, at)
        yield name, at + 8, size
        at += 8 + size + (size & 1)


def _wav(path: Path, head: bytes, file_size: int, longest_s: float) -> _Format:
    """How to read a WAV. Recorders that die, or stream, leave a data size that is wrong: then it is not heeded.

    What the header alone shows to be hopeless is refused at once, by the bytes there are, not those it claims.
    """
    order = ">" if head[:4] == b"RIFX" else "<"
    floats, ignore, bytes_a_second = False, False, 0.0
    for name, at, size in _chunks(head, order):
        if name == b"fmt " and at + 16 <= len(head):
            tag, channels, rate_hz, _, _, bits = struct.unpack_from(f"{order}HHIIHH", head, at)
            if tag == _WAV_EXTENSIBLE and at + 26 <= len(head):
                (tag,) = struct.unpack_from(f"{order}H", head, at + 24)
            _check_rate(path, rate_hz)
            _check_channels(path, channels)
            floats = tag == _WAV_FLOAT
            if tag in _WAV_PLAIN:
                bytes_a_second = channels * bits / 8 * rate_hz
        if name == b"data":
            there = file_size - at
            if bytes_a_second and there / bytes_a_second > longest_s + 1 and size / bytes_a_second > longest_s + 1:
                raise _too_long(path, longest_s)
            # what follows honest data is at most other chunks: notes, markers; never as much as the sound
            ignore = head[:4] in (b"RIFF", b"RIFX") and (size in (0, 0xFFFFFFFF) or there - size > max(4096, size // 4))
            break
    return _Format("wav", ("-ignore_length", "1") if ignore else (), floats)


def _check_rate(path: Path, rate_hz: int) -> None:
    if rate_hz not in _RATES_HZ:
        raise _refused("bad-rate", path, f"claims {rate_hz} Hz; export it again at 8000 Hz or more")


def _check_channels(path: Path, channels: int) -> None:
    if channels > 2:
        raise _refused("too-many-channels", path, f"has {channels} channels; export it with one or two")


def _too_long(path: Path, longest_s: float) -> BadRecording:
    return _refused("too-long", path, f"is longer than {longest_s:g} s; split it or raise decode.longest_s")


def _run(command: list[str], timeout_s: float, limit_bytes: int) -> _Output:
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
        most = _HEAD_BYTES
        while len(data) <= most and (block := os.read(process.stdout.fileno(), _BLOCK_BYTES)):
            data += block
            if most == _HEAD_BYTES and len(data) >= _OUTPUT_HEADER_BYTES:
                channels = _header(data)[0]
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
    return _Output(data, notes[0] + b"\n" + notes[1], late.is_set(), overflowed)


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


def _samples(data: bytearray, width: int, path: Path, notes: bytes) -> tuple[npt.NDArray[np.generic], int]:
    """The interleaved samples and the number of channels in the WAV that ffmpeg wrote to its pipe."""
    channels, start = _header(data)
    if start is None or not channels:
        if b"matches no streams" in notes:
            raise _refused("no-audio", path, "has no audio stream; export the sound")
        raise _refused("unreadable", path, "cannot be decoded; export it again")
    frames = (len(data) - start) // (width * channels)
    if not frames:
        raise _refused("no-samples", path, "has a header but no sound; record or copy it again")
    view = np.frombuffer(memoryview(data)[start : start + frames * width * channels], "<f4" if width == 4 else "<i2")
    return view, channels


def _header(data: bytearray) -> tuple[int, int | None]:
    """Channels, and where the samples start, of a WAV that ffmpeg writes; 0 and None when it is not complete."""
    channels = 0
    for name, at, _ in _chunks(bytes(data[:_OUTPUT_HEADER_BYTES]), "<"):
        if name == b"fmt ":
            (channels,) = struct.unpack_from("<H", data, at + 2)
        if name == b"data":
            return channels, at
    return channels, None
