"""The one place that runs ffmpeg, with limits on time, memory and output.

Neither its exit status nor what a container says of itself is believed: only the samples that arrive count.
"""

from __future__ import annotations

import errno
import math
import os
import shutil
import signal
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import Samples
from pipeline.errors import BadSetting, TransientFault
from pipeline.hearing.wav import riff_chunks
from pipeline.messages import Message

_MEMORY_BYTES = 4 << 30
_NOTES_BYTES = 1 << 16
_OUTPUT_HEADER_BYTES = 4096
_SPARE_BYTES = 1 << 16
"""What an MP3 may have beyond its bit rate."""
_MP3_DELAY = 1105
"""Samples that encoder and decoder of MP3 put before the sound: 576 and 529."""
_WORKING_SHARE = 0.125
"""Share of its time that a decoder which works has of the processor even on a busy machine."""
_ENDED_FROM_OUTSIDE = tuple(-number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT))


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


def mp3_bytes(samples: Samples, rate_hz: int, bitrate_kbps: int = 32, ffmpeg: str = "auto") -> bytes:
    """(channels, n) or (n,) float samples as MP3 of constant bit rate without tags: the same samples, the same bytes.

    Raises BadSetting when ffmpeg is missing or cannot write MP3, TransientFault when it was kept waiting.
    """
    samples = np.atleast_2d(samples)
    command = [
        ffmpeg_executable(ffmpeg), "-hide_banner", "-nostats", "-loglevel", "error",
        "-protocol_whitelist", "pipe", "-f", "f32le", "-ar", str(rate_hz), "-ac", str(samples.shape[0]), "-i", "pipe:0",
        "-c:a", "libmp3lame", "-b:a", f"{bitrate_kbps}k", "-write_xing", "0", "-id3v2_version", "0",
        "-map_metadata", "-1", "-fflags", "+bitexact", "-f", "mp3", "pipe:1",
    ]  # fmt: skip
    data = np.ascontiguousarray(samples.T, dtype="<f4").tobytes()
    length_s = samples.shape[1] / rate_hz
    most = _SPARE_BYTES + round(length_s * bitrate_kbps * 1000 / 8)
    made, status = _output(command, data, 60 + length_s, most)
    if status or not made:
        raise _no_mp3()
    return made


class Mp3Stream:
    """MP3 of constant bit rate out of samples that come in blocks; made by `mp3_stream`.

    Without a tag a decoder gives out `_MP3_DELAY` samples more than went in, all before the sound: as many are left out
    at its beginning, so that each place of the MP3 is that place of the sound.
    """

    def __init__(self, process: subprocess.Popen[bytes], channels: int) -> None:
        assert process.stdin
        assert process.stdout
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._made, self._skip, self._channels = bytearray(), _MP3_DELAY, channels
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def add(self, samples: Samples) -> None:
        """Take in the next samples, shape (channels, n). Raises TransientFault when ffmpeg is gone."""
        skipped = min(self._skip, samples.shape[1])
        self._skip -= skipped
        self._give((np.clip(samples[:, skipped:].T, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())

    def finished(self) -> bytes:
        """All of the MP3. Raises BadSetting when this ffmpeg cannot write any, TransientFault when it was ended."""
        self._give(bytes(2 * self._channels * _MP3_DELAY))
        self._stdin.close()
        self._reader.join()
        status = self._process.wait()
        if status or not self._made:
            raise self._fault(status)
        return bytes(self._made)

    def ended(self) -> None:
        """Wait until nothing more can come."""
        self._reader.join()

    def _give(self, data: bytes) -> None:
        try:
            self._stdin.write(data)
        except (BrokenPipeError, ValueError) as error:
            raise self._fault(self._process.wait()) from error

    @staticmethod
    def _fault(status: int) -> BadSetting | TransientFault:
        if status not in _ENDED_FROM_OUTSIDE:
            return _no_mp3()
        ended = Message("ffmpeg was ended from outside; memory may be short (callqa doctor)")
        return TransientFault("machine", ended)

    def _read(self) -> None:
        while block := os.read(self._stdout.fileno(), 1 << 16):
            self._made += block


@contextmanager
def mp3_stream(channels: int, rate_hz: int, bitrate_kbps: int, ffmpeg: str = "auto") -> Iterator[Mp3Stream]:
    """Begin an MP3; ffmpeg is gone when this is left. Channels are kept apart. Raises BadSetting, TransientFault."""
    command = [
        ffmpeg_executable(ffmpeg), "-hide_banner", "-nostats", "-loglevel", "error", "-protocol_whitelist", "pipe",
        "-f", "s16le", "-ar", str(rate_hz), "-ac", str(channels), "-i", "pipe:0",
        "-c:a", "libmp3lame", "-b:a", f"{bitrate_kbps}k", "-compression_level", "7", "-joint_stereo", "0",
        "-threads", "1", "-write_xing", "0", "-id3v2_version", "0", "-map_metadata", "-1", "-fflags", "+bitexact",
        "-f", "mp3", "pipe:1",
    ]  # fmt: skip
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
    except OSError as error:
        raise not_runnable(command[0], error) or TransientFault("machine", not_started(error)) from error
    assert process.stdin
    assert process.stdout
    stream = Mp3Stream(process, channels)
    try:
        yield stream
    finally:
        _kill_group(process)
        process.wait()
        with suppress(OSError):
            process.stdin.close()
        stream.ended()
        process.stdout.close()


def _no_mp3() -> BadSetting:
    return BadSetting(Message("decode.ffmpeg: this ffmpeg cannot write MP3 (libmp3lame); install a complete one"))


def _output(command: list[str], data: bytes, limit_s: float, most: int) -> tuple[bytes, int]:
    """What ffmpeg makes of `data`, and its exit status; it is ended once it has written more than `most` bytes.

    Raises what `mp3_bytes` raises.
    """
    # a file in memory and no pipe: nobody has to write to it while we read
    with os.fdopen(os.memfd_create("sound"), "w+b") as given:
        given.write(data)
        given.seek(0)
        try:
            process = subprocess.Popen(
                command, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            raise not_runnable(command[0], error) or TransientFault("machine", not_started(error)) from error
    late = threading.Event()

    def expire() -> None:
        late.set()
        _kill_group(process)

    timer = threading.Timer(limit_s, expire)
    timer.start()
    assert process.stdout
    try:
        with process.stdout as stream:
            made = stream.read(most + 1)
        if len(made) > most:
            _kill_group(process)
        status = process.wait()
    finally:
        timer.cancel()
        _kill_group(process)
        process.wait()
    if late.is_set():
        problem = Message("ffmpeg wrote no MP3 within {limit_s} s; the machine is slow", limit_s=f"{limit_s:.0f}")
        raise TransientFault("machine", problem)
    return made, status


def not_runnable(program: str, error: OSError) -> BadSetting | None:
    """The error of a program that cannot be run at all; None when another time it may."""
    if error.errno not in (errno.ENOENT, errno.EACCES, errno.ENOEXEC):
        return None
    reason = error.strerror or type(error).__name__
    return BadSetting(Message("decode.ffmpeg: {program}: cannot be run ({reason})", program=program, reason=reason))


def not_started(error: OSError) -> Message:
    """Why ffmpeg was not run this time."""
    return Message("ffmpeg could not be run ({reason})", reason=error.strerror or type(error).__name__)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


class FfmpegSound:
    """16-bit or float WAV that ffmpeg writes to us, read in blocks; made by `ffmpeg_sound`.

    `channels` are the header's, 0 where none came. What `notes`, `timed_out` and `killed` say is complete once
    `end` was called.
    """

    def __init__(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        assert process.stdout
        assert process.stderr
        self._process, self._stdout, self._stderr = process, process.stdout, process.stderr
        self._timeout_s, self._cpu_s = timeout_s, _children_cpu_s()
        self._late, self._stopped = threading.Event(), False
        self._notes = [b"", b""]
        self._timer = threading.Timer(timeout_s, self._expire)
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._timer.start()
        self._drainer.start()
        self.channels, self._behind_header = self._read_header()

    @property
    def notes(self) -> bytes:
        """What ffmpeg said, without the middle of it where it said too much."""
        return self._notes[0] + b"\n" + self._notes[1]

    @property
    def timed_out(self) -> bool:
        """Whether its time, by the clock or the processor's, was over.

        A process over its processor time is killed like one that somebody else ends: only what it used tells them
        apart.
        """
        return self._late.is_set() or (self._was_ended and self._cpu_s >= self._timeout_s)

    @property
    def killed(self) -> bool:
        """Whether somebody else ended it: the machine short of memory, an administrator."""
        return self._was_ended and not self.timed_out

    @property
    def _was_ended(self) -> bool:
        """Whether a signal that is none of ours ended it."""
        return not (self._late.is_set() or self._stopped) and self._process.returncode in _ENDED_FROM_OUTSIDE

    @property
    def waited(self) -> bool:
        """Whether most of its time went by without work: a disk, a share or a busy machine kept it waiting."""
        return self._cpu_s < _WORKING_SHARE * self._timeout_s

    def blocks(self, sample: np.dtype[np.generic], frames: int) -> Iterator[npt.NDArray[np.generic]]:
        """The samples, shape (n, channels), in blocks of `frames` but the last; each is the caller's to keep."""
        frame_bytes = sample.itemsize * self.channels
        while frame_bytes:
            # not filled with zeros: memory that is not written to costs nothing
            block = np.empty(frames * frame_bytes, np.uint8)
            view, filled = block.data, len(self._behind_header)
            view[:filled] = self._behind_header
            self._behind_header = b""
            while filled < block.size and (got := os.readv(self._stdout.fileno(), [view[filled:]])):
                filled += got
            whole = filled // frame_bytes
            if whole:
                yield block[: whole * frame_bytes].view(sample).reshape(whole, self.channels)
            if filled < block.size:
                return

    def end(self) -> None:
        """Wait for ffmpeg's own end, if all it wrote was read; else end it. It and its children are gone afterwards."""
        if self._stdout.closed:
            return
        try:
            if os.read(self._stdout.fileno(), 1):
                self._stopped = True
                self._kill()
            self._process.wait()
        finally:
            self._timer.cancel()
            self._stopped = self._stopped or self._process.poll() is None
            self._kill()
            self._process.wait()
            self._drainer.join(1)
            self._stdout.close()
            self._stderr.close()
            self._cpu_s = _children_cpu_s() - self._cpu_s

    def _read_header(self) -> tuple[int, bytes]:
        data = bytearray()
        while len(data) < _OUTPUT_HEADER_BYTES and (block := os.read(self._stdout.fileno(), 4096)):
            data += block
            channels, start = wav_header(data)
            if channels and start is not None and start <= len(data):
                return channels, bytes(data[start:])
        return 0, b""

    def _drain(self) -> None:
        notes = self._notes
        while block := os.read(self._stderr.fileno(), 4096):
            if len(notes[0]) < _NOTES_BYTES:
                notes[0] += block
            else:
                notes[1] = (notes[1] + block)[-_NOTES_BYTES:]

    def _expire(self) -> None:
        self._late.set()
        self._kill()

    def _kill(self) -> None:
        _kill_group(self._process)


@contextmanager
def ffmpeg_sound(command: list[str], descriptor: int, timeout_s: float) -> Iterator[FfmpegSound]:
    """Run ffmpeg, which may read the open file `descriptor` (as `input_of`), with limits on time and memory.

    Whoever reads its blocks sees to how much of them is kept. It and its children are gone when this is left. Raises
    OSError when it cannot be started.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)
    process = subprocess.Popen(
        [os.fsencode(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, pass_fds=(descriptor,),
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
    )  # fmt: skip
    _limit(process.pid, timeout_s)
    sound = FfmpegSound(process, timeout_s)
    try:
        yield sound
    finally:
        sound.end()


def input_of(descriptor: int, start: int = 0, end: int | None = None) -> str:
    """An open file, or bytes `start` to `end` of it, as ffmpeg's input.

    There is no name in it, so nothing put in the file's place is read, and `ps` shows none.
    """
    whole = f"file:/dev/fd/{descriptor}"
    return whole if end is None else f"subfile,,start,{start},end,{end},,:{whole}"


def _children_cpu_s() -> float:
    """Processor seconds of all ended children of this process so far."""
    times = os.times()
    return times.children_user + times.children_system


def _limit(pid: int, timeout_s: float) -> None:
    try:
        import resource

        for kind, most in (
            (resource.RLIMIT_AS, _MEMORY_BYTES),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_CPU, math.ceil(timeout_s) + 1),
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
