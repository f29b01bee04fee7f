"""A recording made into what browsers play, and into peaks that they draw: piece by piece, so that an hour needs no
more memory than a minute. A span of it is cut in the same way.

Whatever the recording is, what is played is MP3 of constant bit rate: every browser plays it, and places in it are
exact. Peaks are `PEAKS_A_SECOND` numbers a channel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from pipeline.datatypes import RATE_HZ, Layout, Samples
from pipeline.errors import BadRecording, CallQAError, TransientFault
from pipeline.hearing.decode import decode, decode_part, decode_pieces, fold_channels, side_by_side
from pipeline.hearing.ffmpeg import mp3_bytes, mp3_stream
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.home import RecordingRecord
from pipeline.timeline import Span

BITRATE_KBPS = 48
PEAKS_A_SECOND = 20
_PEAK = RATE_HZ // PEAKS_A_SECOND


class NoSound(CallQAError):
    """A recording that cannot be played, and why."""


@dataclass(frozen=True, slots=True)
class MadeSound:
    """`mp3`, and `peaks`: a byte that says how many channels, then each channel's peaks, a byte each.

    A peak is the square root of the largest sample, 0–127: quiet speech is seen too.
    """

    mp3: bytes
    peaks: bytes


@dataclass(frozen=True, slots=True)
class SoundSource:
    """A recording and what of it may be heard: nothing in `quiet`. `layout` is None where nobody kept it."""

    sha256: str
    record: RecordingRecord | None
    layout: Layout | None
    duration_s: float
    quiet: tuple[Span, ...]


def make_sound(source: SoundSource, settings: Settings, on_progress: Callable[[float], None]) -> MadeSound:
    """Make a call's sound, with nothing to be heard or seen where it is to be quiet; `on_progress` gets the share done.

    Raises NoSound, and BadSetting where ffmpeg is missing or cannot write MP3.
    """
    record = source.record
    if record is None:
        raise NoSound(Message("nothing tells any more where this call's recording lay"))
    duration_s = max(1.0, source.duration_s)
    fault: CallQAError | None = None
    for pieces in _ways(record, settings):
        try:
            layout = source.layout or _layout(record, settings)
            return _made(pieces, layout, source.quiet, settings, lambda done_s: on_progress(done_s / duration_s))
        except (BadRecording, TransientFault) as error:
            # what is not there tells less than what is there and cannot be played
            if fault is None or getattr(fault, "reason", "") == "missing":
                fault = error
    raise NoSound(_why(fault, record, settings))


def cut_sound(source: SoundSource, span: Span, bitrate_kbps: int, settings: Settings) -> bytes:
    """A span of a call as MP3, nothing to be heard where it is to be quiet. Little beside the span is decoded.

    Raises NoSound, and BadSetting where ffmpeg is missing or cannot write MP3.
    """
    record = source.record
    if record is None:
        raise NoSound(Message("nothing tells any more where this call's recording lay"))
    fault: CallQAError | None = None
    for pieces in _ways(record, settings, span):
        try:
            layout = source.layout or _layout(record, settings)
            sound = np.concatenate([_as_heard(piece, layout) for piece in pieces], axis=1)
            if not sound.shape[1]:
                raise NoSound(Message("the recording ends before this place"))
            _silence(sound, round(span.start_s * RATE_HZ), source.quiet)
            return mp3_bytes(sound, RATE_HZ, bitrate_kbps, settings.decode.ffmpeg)
        except (BadRecording, TransientFault) as error:
            if fault is None or getattr(fault, "reason", "") == "missing":
                fault = error
    raise NoSound(_why(fault, record, settings))


def _ways(record: RecordingRecord, settings: Settings, span: Span | None = None) -> Iterator[Iterator[Samples]]:
    """The recording's sound, as each of the places gives it where it may lie: all of it, or a span."""
    if record.halves:
        sides = [_first_there(half.files) for half in record.halves]
        if all(sides):
            yield _side_by_side(
                [
                    _pieces(side, half.sha256, settings, span)
                    for side, half in zip(sides, record.halves, strict=True)
                    if side
                ]
            )
        return
    for file in record.files:
        yield _pieces(file, record.sha256, settings, span)


def _pieces(file: Path, sha256: str, settings: Settings, span: Span | None) -> Iterator[Samples]:
    if span is None:
        yield from decode_pieces(file, settings.decode, settings.ingest, sha256)
    else:
        yield decode_part(file, span, settings.decode, settings.ingest, sha256)


def _first_there(files: Sequence[Path]) -> Path | None:
    return next((file for file in files if file.exists()), None)


def _side_by_side(sides: Sequence[Iterator[Samples]]) -> Iterator[Samples]:
    nothing: Samples = np.zeros((1, 0), np.float32)
    for both in zip_longest(*sides, fillvalue=nothing):
        yield side_by_side(both)


def _layout(record: RecordingRecord, settings: Settings) -> Layout:
    """What the two channels are, of a call whose verdicts an earlier version made, which did not keep it."""
    file = _first_there(record.files)
    if file is None or record.halves:
        return "stereo"
    return decode(file, settings.decode, settings.ingest, record.sha256).layout


def _made(
    pieces: Iterator[Samples], layout: Layout, quiet: Sequence[Span], settings: Settings,
    on_progress: Callable[[float], None],
) -> MadeSound:  # fmt: skip
    peaks: list[Samples] = []
    at = 0
    with ExitStack() as stack:
        stream = None
        for piece in pieces:
            sound = _as_heard(piece, layout)
            _silence(sound, at, quiet)
            if stream is None:
                stream = stack.enter_context(mp3_stream(sound.shape[0], RATE_HZ, BITRATE_KBPS, settings.decode.ffmpeg))
            stream.add(sound)
            peaks.append(_peaks(sound))
            at += sound.shape[1]
            on_progress(at / RATE_HZ)
        if stream is None:
            raise TransientFault("missing", Message("no such file"))
        mp3 = stream.finished()
    drawn = np.round(127 * np.sqrt(np.concatenate(peaks, axis=1))).astype(np.uint8)
    return MadeSound(mp3, bytes([drawn.shape[0]]) + drawn.tobytes())


def _as_heard(piece: Samples, layout: Layout) -> Samples:
    """Channels as the call's speakers are told by: two of true stereo, else one."""
    if layout == "stereo" or piece.shape[0] == 1:
        return piece
    if layout == "dead-channel":
        both: Samples = np.clip(piece.sum(axis=0, keepdims=True), -1.0, 1.0)
        return both
    fold_channels(piece, layout)
    return piece[:1]


def _silence(sound: Samples, at: int, quiet: Sequence[Span]) -> None:
    for stretch in quiet:
        first, last = math.floor(stretch.start_s * RATE_HZ) - at, math.ceil(stretch.end_s * RATE_HZ) - at
        if last > 0 and first < sound.shape[1]:
            sound[:, max(0, first) : last] = 0.0


def _peaks(sound: Samples) -> Samples:
    missing = -sound.shape[1] % _PEAK
    if missing:
        sound = np.pad(sound, ((0, 0), (0, missing)))
    largest: Samples = np.minimum(np.abs(sound).reshape(sound.shape[0], -1, _PEAK).max(axis=2), 1.0)
    return largest


def _why(fault: CallQAError | None, record: RecordingRecord, settings: Settings) -> Message:
    """Why there is nothing to be heard, for who wants to hear it; where the file lay is not theirs to know."""
    if not record.paths and not record.halves:
        return Message("there is no recording of this call")
    reason = getattr(fault, "reason", "missing")
    if reason == "missing":
        if settings.is_remote:
            return Message("the recording is on the server, and its copy here was removed; fetch it to hear it")
        return Message("the recording is no longer where the night found it")
    if reason == "replaced":
        return Message("the recording has other bytes than when it was heard; nothing is played in its place")
    if isinstance(fault, BadRecording):
        return Message("the recording can no longer be decoded")
    return Message("the recording cannot be read now; the disk, the share or the machine may be at fault")
