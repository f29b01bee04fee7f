"""What a recording is, by its first bytes, before anything opens it: its format, or why it is refused.

A recording is hostile until shown otherwise. Its format is decided here and forced upon ffmpeg, so that a playlist in
disguise cannot make it open another file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import BadRecording
from pipeline.hearing.headerless import HEADERLESS, LOOKED_AT_BYTES, headerless_options
from pipeline.hearing.ogg import ogg_stretches
from pipeline.hearing.recording import OpenRecording, refused, unreadable
from pipeline.hearing.wav import is_w64, is_wav, wav_sound
from pipeline.messages import Message
from pipeline.settings import Decode, Ingest
from pipeline.storage.files import read_at

DECODE_REASONS = {
    "not-a-file": "a folder, pipe, socket or device, not a file",
    "unreadable": "what the file holds cannot be read",
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
"""Every reason that a BadRecording from here and from `decode` can have."""

_HEAD_BYTES = LOOKED_AT_BYTES
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_FOREIGN = (b"PK\3\4", b"%PDF", b"\x1f\x8b", b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"\x7fELF", b"BZh", b"7z\xbc")
# telephony starts at 8 kHz; some dictation recorders go down to 5.5; studio gear ends at 384
_RATES_HZ = range(4_000, 384_001)


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """ffmpeg's name of the container, the options that reading it needs, and whether samples are floats.

    `stretches` are bytes of the file, (start, end), to be decoded each by itself; the whole file where there are none.
    `stated_s` is the length that the file claims, where ffmpeg is not told.
    """

    name: str
    options: tuple[str, ...] = ()
    floats: bool = False
    stretches: tuple[tuple[int, int], ...] = ()
    stated_s: float | None = None


def recognise(recording: OpenRecording, settings: Decode, ingest: Ingest) -> SoundFormat:
    """Which format the file is in, by its first bytes (by its name where the format has no header)."""
    path, size_bytes = recording.path, recording.size_bytes
    if size_bytes == 0:
        raise refused("empty", path, Message("is empty; copy it again"))
    if size_bytes > settings.largest_mb * 1e6:
        raise refused(
            "too-large",
            path,
            Message("is larger than {limit_mb} MB; raise decode.largest_mb", limit_mb=f"{settings.largest_mb:g}"),
        )
    try:
        return _recognised(recording, settings, ingest)
    except OSError as error:
        raise unreadable(path, error) from error


def _recognised(recording: OpenRecording, settings: Decode, ingest: Ingest) -> SoundFormat:
    path, head = recording.path, _head(recording)
    if is_wav(head) or is_w64(head):
        return _wav(recording, head, settings.longest_s)
    name = _magic(head)
    if name == "ogg":
        stretches = ogg_stretches(recording.descriptor, recording.size_bytes)
        return SoundFormat(name, stretches=tuple((s.start, s.end) for s in stretches) if len(stretches) > 1 else ())
    if name is None and not _is_foreign(head):
        if sound := HEADERLESS.get(path.suffix.lower()):
            options = headerless_options(sound, head, ingest.raw_rate_hz, ingest.raw_channels)
            return SoundFormat(*options)
        name = "mp3" if _is_mpeg_audio(head) else None
    if name is None:
        raise refused(
            "not-audio", path, Message("is in no known audio format; export it as WAV, MP3, FLAC, Opus, M4A or AMR")
        )
    return SoundFormat(name)


def _head(recording: OpenRecording) -> bytes:
    """The first bytes behind a tag."""
    head = read_at(recording.descriptor, 0, _HEAD_BYTES)
    if head[:3] == b"ID3" and len(head) >= 10:
        # a tag may hold a picture larger than the head
        behind = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        head = read_at(recording.descriptor, behind, _HEAD_BYTES)
    return head


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
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] == b".snd":
        return "au"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:8] == b"caff\0\1\0\0":
        return "caf"
    if head[:20] == b"Creative Voice File\x1a":
        return "voc"
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


def _wav(recording: OpenRecording, head: bytes, longest_s: float) -> SoundFormat:
    """How to read a WAV. Recorders that die, or stream, leave a data size that is wrong: then it is not heeded.

    What the header alone shows to be hopeless is refused at once, by the bytes there are, not those it claims.
    """
    name = "w64" if is_w64(head) else "wav"
    sound = wav_sound(recording.descriptor, recording.size_bytes)
    if sound is None:
        return SoundFormat(name)
    check_rate(recording.path, sound.rate_hz)
    check_channels(recording.path, sound.channels)
    if sound.length_s is not None and sound.length_s > longest_s + 1:
        raise too_long(recording.path, longest_s)
    if sound.is_as_stated:
        return SoundFormat(name, (), sound.floats, stated_s=sound.stated_s)
    if sound.coding and head[:4] not in (b"RIFF", b"RIFX"):
        # ffmpeg heeds their sizes whatever it is told
        options = ("-ar", str(sound.rate_hz), "-ac", str(sound.channels))
        return SoundFormat(sound.coding, options, sound.floats, ((sound.start, sound.end),))
    return SoundFormat(name, ("-ignore_length", "1"), sound.floats, ((0, sound.end),))


def wav_from(recording: OpenRecording, at_s: float) -> tuple[SoundFormat, int] | None:
    """How to read a WAV from shortly before a place on, and at which whole second that is; None where it begins soon,
    and of a WAV whose bytes do not tell where a second lies."""
    head = read_at(recording.descriptor, 0, 28)
    start_s = int(at_s) - 1
    if start_s < 1 or not (is_wav(head) or is_w64(head)) or head[:4] == b"RIFX":
        return None
    sound = wav_sound(recording.descriptor, recording.size_bytes)
    if sound is None or sound.coding is None or sound.length_s is None or start_s >= sound.length_s:
        return None
    options = ("-ar", str(sound.rate_hz), "-ac", str(sound.channels))
    stretch = (sound.start + start_s * sound.bytes_a_second, sound.end)
    return SoundFormat(sound.coding, options, sound.floats, (stretch,)), start_s


def check_rate(path: Path, rate_hz: int) -> None:
    """Raises BadRecording when nobody records speech at this rate."""
    if rate_hz not in _RATES_HZ:
        raise refused(
            "bad-rate", path, Message("claims {rate_hz} Hz; export it again at 8000 Hz or more", rate_hz=rate_hz)
        )


def check_channels(path: Path, channels: int) -> None:
    """Raises BadRecording for more than two channels: nobody could say who is on which."""
    if channels > 2:
        raise refused(
            "too-many-channels", path, Message("has {channels} channels; export it with one or two", channels=channels)
        )


def too_long(path: Path, longest_s: float) -> BadRecording:
    """The refusal of a recording longer than the settings allow."""
    return refused(
        "too-long",
        path,
        Message("is longer than {limit_s} s; split it or raise decode.longest_s", limit_s=f"{longest_s:g}"),
    )
