"""Recordings of fifteen forms, each damaged in one of ten ways by a seeded generator: decoding may refuse, never fail.

`mutants` is endless in its seed: the tests take a hundred, `bench/hostile_audio.py` thousands.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from pipeline.errors import BadRecording
from pipeline.hearing.decode import decode
from pipeline.hearing.formats import DECODE_REASONS
from pipeline.settings import Decode
from tests.support.malformed import AMR, FLAC, MP3, OPUS, encoded, m4a, voice, wav

LONGEST_S = 600.0
"""The limit of length under which mutants are decoded; none of the whole ones has four seconds."""

_TIMEOUT_S = 30.0


def forms(folder: Path) -> dict[str, bytes]:
    """File name → a whole recording of that form; `folder` is for what cannot be made in memory."""
    mono = voice(3)
    two = np.stack([mono, voice(3, 2)], axis=1)
    gsm = io.BytesIO()
    soundfile.write(gsm, mono, 8000, format="WAV", subtype="GSM610")
    mulaw, alaw = (encoded(["-c:a", f"pcm_{law}", "-f", law], mono) for law in ("mulaw", "alaw"))
    return {
        "pcm.wav": wav(mono.tobytes()),
        "stereo.wav": wav(two.tobytes(), channels=2),
        "byte.wav": wav((mono // 256 + 128).astype(np.uint8).tobytes(), bits=8),
        "float.wav": wav((mono / 32768).astype("<f4").tobytes(), bits=32, tag=3),
        "mulaw.wav": wav(mulaw, bits=8, tag=7),
        "gsm.wav": gsm.getvalue(),
        "a.mp3": encoded(MP3, mono),
        "stereo.mp3": encoded(["-c:a", "libmp3lame", "-b:a", "32k", "-f", "mp3"], two),
        "a.flac": encoded(FLAC, two),
        "a.opus": encoded(OPUS, mono),
        "a.m4a": m4a(mono, folder / ".mutant.m4a"),
        "a.aac": encoded(["-c:a", "aac", "-f", "adts"], mono),
        "a.amr": encoded(AMR, mono),
        "a.wma": encoded(["-c:a", "wmav2", "-f", "asf"], mono),
        "a.al": alaw,
    }


def _stretch(data: bytearray, dice: random.Random) -> tuple[int, int]:
    start = dice.randrange(len(data))
    return start, min(len(data), start + dice.choice((1, 16, 256, 4096, 65_536)))


def _flip(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 10, 200))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _flip_head(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 4, 16))):
        data[dice.randrange(min(128, len(data)))] = dice.randrange(256)


def _cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(1, len(data)) :]


def _lose_start(data: bytearray, dice: random.Random) -> None:
    del data[: dice.randrange(1, len(data))]


def _lose(data: bytearray, dice: random.Random) -> None:
    start, end = _stretch(data, dice)
    del data[start:end]


def _repeat(data: bytearray, dice: random.Random) -> None:
    start, end = _stretch(data, dice)
    data[start:start] = data[start:end] * dice.randrange(1, 5)


def _noise(data: bytearray, dice: random.Random) -> None:
    start, end = _stretch(data, dice)
    data[start:end] = dice.randbytes(end - start)


def _zero(data: bytearray, dice: random.Random) -> None:
    start, end = _stretch(data, dice)
    data[start:end] = bytes(end - start)


def _lie(data: bytearray, dice: random.Random) -> None:
    """Numbers of the header that promise too much or nothing."""
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(max(1, min(512, len(data)) - 4))
        number = dice.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, dice.getrandbits(32)))
        data[at : at + 4] = number.to_bytes(4, dice.choice(("little", "big")))


def _append(data: bytearray, dice: random.Random) -> None:
    data += dice.choice((dice.randbytes(9000), bytes(9000), bytes(data), b"ffconcat version 1.0\nfile /etc/hostname\n"))


MUTATIONS: Mapping[str, Callable[[bytearray, random.Random], None]] = {
    "flip": _flip, "flip head": _flip_head, "cut": _cut, "lose start": _lose_start, "lose": _lose,
    "repeat": _repeat, "noise": _noise, "zero": _zero, "lie": _lie, "append": _append,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged recording: the file name it should have, how it was damaged, and its bytes."""

    name: str
    mutation: str
    data: bytes


def mutants(folder: Path, seed: int, count: int) -> Iterator[Mutant]:
    """`count` mutants, every form by every mutation in turn; the same for the same seed and ffmpeg."""
    whole = forms(folder)
    kinds = [(name, mutation) for mutation in MUTATIONS for name in whole]
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        name, mutation = kinds[number % len(kinds)]
        data = bytearray(whole[name])
        for _ in range(dice.choice((1, 1, 2))):
            if len(data) > 1:
                MUTATIONS[mutation](data, dice)
        yield Mutant(name, mutation, bytes(data))


def outcome(mutant: Mutant, folder: Path) -> str:
    """What decoding does with a mutant: "heard", or the reason it is refused for. Raises whatever should not happen."""
    path = folder / mutant.name
    path.write_bytes(mutant.data)
    settings = Decode(longest_s=LONGEST_S, timeout_s=_TIMEOUT_S)  # type: ignore[call-arg]
    refusal: BadRecording | None = None
    try:
        audio = decode(path, settings)
    except BadRecording as error:
        refusal = error
    if refusal is not None:
        assert refusal.reason in DECODE_REASONS, refusal.reason
        assert str(refusal).isprintable(), "one line"
        return refusal.reason
    assert audio.samples.ndim == 2
    assert audio.channels in (1, 2)
    assert 0 < audio.duration_s <= LONGEST_S
    assert np.isfinite(audio.samples).all()
    assert np.abs(audio.samples).max() <= 1
    return "heard"
