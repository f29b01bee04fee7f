"""Does ffmpeg work? A known sound, there and back, before anything is held against a recording."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np

from pipeline.datatypes import RATE_HZ, Samples
from pipeline.errors import BadRecording, BadSetting
from pipeline.hearing.decode import decode
from pipeline.hearing.ffmpeg import ffmpeg_executable, mp3_bytes
from pipeline.messages import Message
from pipeline.settings import Decode

_TONE_HZ = 1000
_LENGTH_S = 0.5


def check_ffmpeg(settings: Decode) -> None:
    """Raises BadSetting when the ffmpeg of the settings does not decode, or cannot write the MP3 of clips.

    TransientFault when it could not be run to its end.
    """
    tone = 0.5 * np.sin(2 * np.pi * _TONE_HZ * np.arange(_LENGTH_S * RATE_HZ) / RATE_HZ).astype(np.float32)
    for data in (_wav(tone), mp3_bytes(tone, RATE_HZ, ffmpeg=settings.ffmpeg)):
        try:
            good = _is_tone(_decoded(data, settings))
        except BadRecording:
            good = False
        if not good:
            program = ffmpeg_executable(settings.ffmpeg)
            message = Message(
                "decode.ffmpeg: {program}: does not decode a known sound; install a complete one (callqa doctor)",
                program=program,
            )
            raise BadSetting(message)


def _wav(samples: Samples) -> bytes:
    data = (samples * 32767).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _decoded(data: bytes, settings: Decode) -> Samples:
    """What becomes of a file that is in memory alone: a full disk is not ffmpeg's fault."""
    handle = os.memfd_create("known sound")
    try:
        os.write(handle, data)
        generous = settings.model_copy(update={"longest_s": 60.0, "largest_mb": 1.0})
        return decode(Path(f"/dev/fd/{handle}"), generous).samples
    finally:
        os.close(handle)


def _is_tone(samples: Samples) -> bool:
    """Whether one channel of about the length holds the tone and hardly anything else."""
    if len(samples) != 1 or abs(samples.shape[1] / RATE_HZ - _LENGTH_S) > 0.2:
        return False
    power = np.abs(np.fft.rfft(samples[0])) ** 2
    at = round(_TONE_HZ * samples.shape[1] / RATE_HZ)
    return bool(power[at - 20 : at + 21].sum() > 0.9 * power.sum() > 0)
