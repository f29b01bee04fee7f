"""A recording on its way through ffmpeg: its links one after the other, its tracks beside each other.

Most recordings are one run of ffmpeg over one track. A chained Ogg whose links differ is a run for each stretch; two
tracks with a party each become two channels. What is decoded is compared with what the file says it holds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.datatypes import RATE_HZ, SoundFault
from pipeline.hearing.ffmpeg import FfmpegSound, ffmpeg_executable, ffmpeg_sound, input_of, not_runnable, not_started
from pipeline.hearing.formats import SoundFormat, check_channels, check_rate, recognise, too_long, wav_from
from pipeline.hearing.recording import OpenRecording, not_now, refused
from pipeline.messages import Message
from pipeline.settings import Decode, Ingest
from pipeline.timeline import Span

_STREAM = re.compile(rb"^\s*Stream #0:\d+.*?: Audio: (\w+).*?, (\d+) Hz(?:, (\w+))?", re.MULTILINE)
_TALLY = re.compile(rb"Input stream #0:\d+ \(audio\): (\d+) packets read .*?; (\d+) frames decoded")
_LENGTH = re.compile(rb"^  Duration: (\d+):(\d+):(\d+\.\d+)", re.MULTILINE)
_GUESSED = b"Estimating duration from bitrate"

_MAY_HAVE_TRACKS = ("mov", "ogg", "matroska", "asf")
_SLACK_S, _SLACK_SHARE = 1.0, 0.02
"""What may be missing at a recording's end without a word: containers round, codecs cut their own delay off."""

_LOST_SHARE = 0.02

_ONE_TRACK = "aresample=16000:async=1:first_pts=0,aformat=channel_layouts=mono,pan=stereo"
_BOTH_TRACKS = (
    f"[0:a:0]{_ONE_TRACK}|c0=c0[left];[0:a:1]{_ONE_TRACK}|c1=c0[right];"
    "[left][right]amix=inputs=2:duration=longest:normalize=0"
)
"""Each track on its side, at its own time: one may begin later, end sooner, or pause."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of ffmpeg: which bytes, which tracks, and what it is told of them. `channels` is 0 where not known."""

    source: str
    tracks: tuple[str, ...] = ("-map", "0:a:0")
    channels: int = 0
    unheard_tracks: int = 0


class Decoding:
    """A recording on its way through ffmpeg; `check` says what was wrong with it once it is through.

    `faults` are complete once `check` was called. What is decoded begins at `starts_at_s` of the recording.
    """

    def __init__(
        self, path: Path, form: SoundFormat, runs: list[_Run], starter: _Starter, starts_at_s: int = 0
    ) -> None:
        self._path, self._form, self._runs, self._starter = path, form, runs, starter
        self.starts_at_s = starts_at_s
        self._sample = np.dtype("<f4" if form.floats else "<i2")
        self._sounds = [starter.sound(runs[0])]
        self.channels = self._sounds[0].channels
        self.codec: str | None = None
        self.source_rate_hz: int | None = None
        self.faults: tuple[SoundFault, ...] = ()

    def blocks(self, frames: int) -> Iterator[npt.NDArray[np.generic]]:
        """Samples in blocks of shape (n, channels), all but the last of `frames`; none of more channels than two."""
        if self.channels > 2:
            return
        if len(self._runs) == 1:
            yield from self._sounds[0].blocks(self._sample, frames)
            return
        rest: npt.NDArray[np.generic] = np.empty((0, self.channels), self._sample)
        for run in self._runs:
            if run is not self._runs[0]:
                self._sounds[-1].end()
                self._sounds.append(self._starter.sound(run))
            for block in self._sounds[-1].blocks(self._sample, frames):
                rest = np.concatenate([rest, block])
                while len(rest) >= frames:
                    yield rest[:frames].copy()
                    rest = rest[frames:]
        if len(rest):
            yield rest

    def check(self, settings: Decode, frames: int) -> None:
        """Raises BadRecording or TransientFault for whatever kept the recording from being decoded whole."""
        path = self._path
        notes = [sound.notes for sound in self._sounds]
        if found := _STREAM.search(notes[0]):
            self.codec, self.source_rate_hz = found[1].decode(), int(found[2])
        self._check_end(settings)
        if self.source_rate_hz is not None:
            check_rate(path, self.source_rate_hz)
        if not self.channels:
            if b"matches no streams" in notes[0]:
                raise refused("no-audio", path, Message("has no audio stream; export the sound"))
            raise refused("unreadable", path, Message("cannot be decoded; export it again"))
        check_channels(path, self.channels)
        if not frames:
            raise refused("no-samples", path, Message("has a header but no sound; record or copy it again"))
        if frames > settings.longest_s * RATE_HZ:
            raise too_long(path, settings.longest_s)
        tallies = [(int(packets), int(decoded)) for note in notes for packets, decoded in _TALLY.findall(note)]
        packets, decoded = (sum(numbers) for numbers in zip(*tallies, strict=True)) if tallies else (0, 0)
        if decoded < packets / 2:
            raise refused(
                "damaged",
                path,
                Message(
                    "only {decoded} of {packets} packets decode; export it again", decoded=decoded, packets=packets
                ),
            )
        self.faults = tuple(self._faults(notes, frames / RATE_HZ, packets, decoded))

    def _check_end(self, settings: Decode) -> None:
        """Raises the fault of a run that was ended, by its limits or by somebody."""
        path = self._path
        last = next((sound for sound in self._sounds if sound.timed_out or sound.killed), self._sounds[-1])
        if last.timed_out:
            limit_s = f"{settings.timeout_s:g}"
            if last.waited:
                problem = Message(
                    "not read within {limit_s} s; the disk, the share or the machine is slow", limit_s=limit_s
                )
                raise not_now("machine", path, problem)
            problem = Message("not decoded after {limit_s} s; raise decode.timeout_s", limit_s=limit_s)
            raise refused("timeout", path, problem)
        if last.killed:
            problem = Message("ffmpeg was ended from outside; memory may be short (callqa doctor)")
            raise not_now("machine", path, problem)

    def _faults(self, notes: list[bytes], heard_s: float, packets: int, decoded: int) -> Iterator[SoundFault]:
        stated_s = self._form.stated_s
        if stated_s is None:
            lengths_s = [_length_s(note) for note in notes]
            stated_s = sum(lengths_s) if None not in lengths_s and len(notes) == len(self._runs) else None  # type: ignore[arg-type]
        missing_s = (stated_s or 0.0) - heard_s
        if stated_s is not None and missing_s > max(_SLACK_S, _SLACK_SHARE * stated_s):
            yield SoundFault("cut-short", {"heard_s": round(heard_s, 1), "stated_s": round(stated_s, 1)})
        elif packets - decoded > max(2, _LOST_SHARE * packets):
            yield SoundFault("undecoded", {"share": round(1 - decoded / packets, 3)})
        channels = {run.channels for run in self._runs}
        if len(channels) > 1:
            yield SoundFault("mixed-links", {"links": len(self._runs)})
        if unheard := max(run.unheard_tracks for run in self._runs):
            yield SoundFault("unheard-track", {"tracks": unheard})


def _length_s(notes: bytes) -> float | None:
    """What the container says of its length, where ffmpeg does not guess it."""
    found = _LENGTH.search(notes)
    if found is None or _GUESSED in notes:
        return None
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3])


class _Starter:
    """Starts ffmpeg over one recording, all within its one time limit; what was started is gone when `stack` ends."""

    def __init__(self, recording: OpenRecording, form: SoundFormat, settings: Decode, stack: ExitStack) -> None:
        self._recording, self._form, self._stack = recording, form, stack
        self._program, self._until = ffmpeg_executable(settings.ffmpeg), time.monotonic() + settings.timeout_s

    def sound(self, run: _Run) -> FfmpegSound:
        """What the tracks of a run sound like."""
        coding = f"pcm_{'f32le' if self._form.floats else 's16le'}"
        to_us = ["-ar", str(RATE_HZ), "-c:a", coding, "-fflags", "+bitexact", "-f", "wav", "pipe:1"]
        return self._started(run.source, [*run.tracks, *to_us])

    def track_channels(self, source: str) -> list[int]:
        """Channels of each sound track; nothing is decoded."""
        probe = self._started(source, [])
        probe.end()
        return [_channels(found[3]) for found in _STREAM.finditer(probe.notes)]

    def _started(self, source: str, output: list[str]) -> FfmpegSound:
        form = self._form
        command = [
            self._program, "-nostdin", "-hide_banner", "-nostats", "-loglevel", "verbose", "-threads", "1",
            "-protocol_whitelist", "file,pipe,subfile", "-format_whitelist", form.name, "-f", form.name,
            *form.options, "-i", source, *output,
        ]  # fmt: skip
        rest_s = max(1.0, self._until - time.monotonic())
        return self._stack.enter_context(ffmpeg_sound(command, self._recording.descriptor, rest_s))


def _channels(word: bytes) -> int:
    """Channels by ffmpeg's name of a layout: "mono", "stereo", "6 channels", "quad"…; 3 for any but the first two."""
    return {b"mono": 1, b"1": 1, b"stereo": 2, b"2": 2}.get(word, 3)


@contextmanager
def decoding(
    recording: OpenRecording, settings: Decode, ingest: Ingest | None, wanted: Span | None = None
) -> Iterator[Decoding]:
    """Decode an open recording; ffmpeg is gone when this is left.

    With `wanted` it may begin shortly before that span, where the format tells where that lies.

    Raises BadRecording for what is no recording, BadSetting when there is no ffmpeg, TransientFault.
    """
    form = recognise(recording, settings, ingest or Ingest())  # type: ignore[call-arg]
    starts_at_s = 0
    if wanted is not None and (later := wav_from(recording, wanted.start_s)):
        form, starts_at_s = later
    program = ffmpeg_executable(settings.ffmpeg)
    try:
        with ExitStack() as stack:
            starter = _Starter(recording, form, settings, stack)
            yield Decoding(recording.path, form, _runs(recording, form, starter), starter, starts_at_s)
    except OSError as error:
        unfit = not_runnable(program, error)
        raise unfit or not_now("machine", recording.path, not_started(error)) from error


def _runs(recording: OpenRecording, form: SoundFormat, starter: _Starter) -> list[_Run]:
    """What ffmpeg is run over. Links that differ in channels all get the fewest: more would tell of nobody."""
    sources = [input_of(recording.descriptor, start, end) for start, end in form.stretches]
    sources = sources or [input_of(recording.descriptor)]
    if form.name not in _MAY_HAVE_TRACKS:
        return [_Run(source) for source in sources]
    runs = [_with_tracks(recording.path, source, starter.track_channels(source)) for source in sources]
    if len(runs) == 1:
        return runs
    heard = [run for run in runs if run.channels] or runs[:1]
    fewest = min(run.channels for run in heard) or 1
    return [replace(run, tracks=(*run.tracks, "-ac", str(fewest))) for run in heard]


def _with_tracks(path: Path, source: str, channels: list[int]) -> _Run:
    """Which tracks are heard, and as what.

    Two tracks alike are a party each: they become two channels, even if each is stereo. Of two that differ the one with
    more channels is heard, and the other told. Who is who on more of them nobody could say.
    """
    if len(channels) > 2:
        message = Message("has {tracks} tracks of sound; export it with one or two", tracks=len(channels))
        raise refused("too-many-channels", path, message)
    if len(channels) == 2 and channels[0] == channels[1] <= 2:
        return _Run(source, ("-filter_complex", _BOTH_TRACKS), 2)
    most = max(range(len(channels)), key=channels.__getitem__, default=0)
    return _Run(source, ("-map", f"0:a:{most}"), channels[most] if channels else 0, max(0, len(channels) - 1))
