"""Recordings in, samples out: float32 at 16 kHz, one channel a side of the call where the recording has them.

What a file is, `formats` says; the process that may read it and nothing else, `ffmpeg` runs.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, Audio, Layout, Samples
from pipeline.hearing.ffmpeg import ffmpeg_executable, run_limited, wav_header
from pipeline.hearing.formats import check_channels, check_rate, recognise, refused, too_long
from pipeline.messages import Message
from pipeline.settings import Decode, Ingest

_STREAM = re.compile(rb"^\s*Stream #0:\d+.*?: Audio: (\w+).*?, (\d+) Hz", re.MULTILINE)
_TALLY = re.compile(rb"Input stream #0:\d+ \(audio\): (\d+) packets read .*?; (\d+) frames decoded")


def decode(path: Path, settings: Decode, ingest: Ingest | None = None) -> Audio:
    """Decode a recording to float32, 16 kHz, shape (channels, n) with one or two channels.

    Only true stereo keeps two channels: a mono call saved twice, and one saved with its own negative, are
    folded into one. More than two channels are refused, as nobody could say who is on which. A truncated
    recording is decoded as far as it goes. `ingest` tells the rate and channels of headerless files.

    Raises BadRecording, its `reason` one of `formats.DECODE_REASONS`; BadSetting when there is no ffmpeg.
    """
    ingest = ingest or Ingest()  # type: ignore[call-arg]
    form = recognise(path, settings, ingest)
    sample = "f32le" if form.floats else "s16le"
    command = [
        ffmpeg_executable(settings.ffmpeg), "-nostdin", "-hide_banner", "-nostats", "-loglevel", "verbose",
        "-threads", "1", "-protocol_whitelist", "file,pipe", "-format_whitelist", form.name, "-f", form.name,
        *form.options, "-i", f"file:{path.absolute()}",
        "-map", "0:a:0", "-ar", str(RATE_HZ), "-c:a", f"pcm_{sample}", "-fflags", "+bitexact", "-f", "wav", "pipe:1",
    ]  # fmt: skip
    width = 4 if form.floats else 2
    output = run_limited(command, settings.timeout_s, int(settings.longest_s * RATE_HZ) * width)
    found = _STREAM.search(output.notes)
    codec, source_rate_hz = (found[1].decode(), int(found[2])) if found else (None, None)
    if output.timed_out:
        raise refused(
            "timeout",
            path,
            Message("not decoded after {limit_s} s; raise decode.timeout_s", limit_s=f"{settings.timeout_s:g}"),
        )
    if source_rate_hz is not None:
        check_rate(path, source_rate_hz)
    interleaved, channels = _samples(output.data, width, path, output.notes)
    check_channels(path, channels)
    if output.overflowed or interleaved.size // channels > settings.longest_s * RATE_HZ:
        raise too_long(path, settings.longest_s)
    if (tally := _TALLY.search(output.notes)) and int(tally[2]) < int(tally[1]) / 2:
        raise refused(
            "damaged",
            path,
            Message(
                "only {decoded} of {packets} packets decode; export it again",
                decoded=int(tally[2]),
                packets=int(tally[1]),
            ),
        )
    samples = np.empty((channels, interleaved.size // channels), np.float32)
    for channel in range(channels):
        samples[channel] = interleaved[channel::channels][: samples.shape[1]]
    if form.floats:
        if not np.isfinite(samples).all():
            raise refused("not-finite", path, Message("has samples that are not numbers; export it again"))
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


def _samples(data: bytearray, width: int, path: Path, notes: bytes) -> tuple[npt.NDArray[np.generic], int]:
    """The interleaved samples and the number of channels in the WAV that ffmpeg wrote to its pipe."""
    channels, start = wav_header(data)
    if start is None or not channels:
        if b"matches no streams" in notes:
            raise refused("no-audio", path, Message("has no audio stream; export the sound"))
        raise refused("unreadable", path, Message("cannot be decoded; export it again"))
    frames = (len(data) - start) // (width * channels)
    if not frames:
        raise refused("no-samples", path, Message("has a header but no sound; record or copy it again"))
    view = np.frombuffer(memoryview(data)[start : start + frames * width * channels], "<f4" if width == 4 else "<i2")
    return view, channels
