"""Makes a practice call harder on purpose: one side faint, mixed to mono, noisy, clipped, through a telephone codec.

One set of recordings with truth so tests every path; only `evaluate` and the makers of samples use it.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.datatypes import Audio, Samples
from pipeline.errors import BadSetting
from pipeline.hearing.decode import decode
from pipeline.hearing.ffmpeg import ffmpeg_executable
from pipeline.messages import Message
from pipeline.settings import Settings

FRAME_S = 0.02
"""Frame over which a level is measured for the noise, in seconds."""


@dataclass(frozen=True, slots=True)
class Codec:
    """How ffmpeg encodes: its arguments and the file's suffix. `one_leg`: the codec has no stereo.

    `sndfile` is what libsndfile calls the same, for an ffmpeg that was built without the encoder.
    """

    arguments: tuple[str, ...]
    suffix: str
    one_leg: bool = False
    sndfile: str | None = None


CODECS = {
    "mulaw": Codec(("-ar", "8000", "-c:a", "pcm_mulaw"), ".wav"),
    "alaw": Codec(("-ar", "8000", "-c:a", "pcm_alaw"), ".wav"),
    "gsm": Codec(("-ar", "8000", "-c:a", "libgsm_ms"), ".wav", one_leg=True, sndfile="GSM610"),
    "amr": Codec(("-ar", "8000", "-c:a", "libopencore_amrnb", "-b:a", "7.4k"), ".amr", one_leg=True),
    "mp3": Codec(("-ar", "8000", "-c:a", "libmp3lame", "-b:a", "32k"), ".mp3"),
    "opus": Codec(("-ar", "8000", "-c:a", "libopus", "-b:a", "32k"), ".opus"),
}
"""Codecs of call recorders, at rates that they use. Few ffmpegs write "gsm"; the package soundfile does, where it is
installed."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """How a call is made poorer, in the order in which a telephone line spoils it; as it stands it leaves it as it is.

    `noise_db` is the signal-to-noise ratio, `clip_db` how far the peaks are driven over full scale, `faint_db` how far
    the second channel lies below its level, all in dB.
    """

    mono: bool = False
    codec: str | None = None
    noise_db: float | None = None
    clip_db: float | None = None
    faint_db: float | None = None

    @property
    def name(self) -> str:
        """The rendering in a few words, as in "mono amr noise 10 dB"."""
        parts = ["mono" if self.mono else "as recorded", self.codec or ""]
        levels = (("noise", self.noise_db), ("clipped", self.clip_db), ("faint", self.faint_db))
        parts += [f"{what} {level:g} dB" for what, level in levels if level is not None]
        return " ".join(part for part in parts if part)


AS_RECORDED = Rendering()


def degrade(audio: Audio, rendering: Rendering, settings: Settings) -> Audio:
    """The call as a poorer recorder would have kept it: faint on one side, mixed, noisy, clipped, recoded.

    Raises BadSetting for an unknown codec, or for one that this ffmpeg cannot write.
    """
    if rendering.faint_db is not None:
        audio = faint(audio, rendering.faint_db)
    if rendering.mono:
        audio = mixed(audio)
    if rendering.noise_db is not None:
        audio = noisy(audio, rendering.noise_db)
    if rendering.clip_db is not None:
        audio = clipped(audio, rendering.clip_db)
    return audio if rendering.codec is None else recoded(audio, rendering.codec, settings)


def known_codec(codec: str) -> Codec:
    """The codec of that name. Raises BadSetting."""
    if codec not in CODECS:
        raise BadSetting(
            Message("codec {codec}: not known; choose one of {names}", codec=codec, names=", ".join(CODECS))
        )
    return CODECS[codec]


def mixed(audio: Audio) -> Audio:
    """Both channels on one, each at half its amplitude so that nothing clips. Mono stays as it is."""
    if audio.channels == 1:
        return audio
    return replace(audio, samples=audio.samples.mean(axis=0, keepdims=True, dtype=np.float32), layout="mono")


def noisy(audio: Audio, snr_db: float, seed: int = 0) -> Audio:
    """Add white noise `snr_db` below each channel's speech level; the same noise for the same seed.

    Where a leg is digitally silent, the recorder gets nothing from the line, hence no noise either.
    """
    generator = np.random.default_rng(seed)
    frame = int(FRAME_S * audio.rate_hz)
    channels = []
    for channel in audio.samples:
        frames = np.pad(channel, (0, -len(channel) % frame)).reshape(-1, frame)
        power = (frames.astype(np.float64) ** 2).mean(axis=1)
        alive = power > 0
        # speech is what lies within 20 dB of the loud frames: pauses must not count, or more pauses meant less noise
        speech = power[power > 0.01 * np.quantile(power[alive], 0.95)] if alive.any() else np.zeros(1)
        scale = np.sqrt(speech.mean() / 10 ** (snr_db / 10))
        noise = generator.normal(0.0, 1.0, frames.shape) * scale * alive[:, None]
        channels.append(np.clip(channel + noise.reshape(-1)[: len(channel)], -1.0, 1.0).astype(np.float32))
    return replace(audio, samples=np.stack(channels))


def clipped(audio: Audio, over_db: float) -> Audio:
    """Drive each channel until its peak lies `over_db` above full scale, and cut off what does not fit."""
    peaks = np.abs(audio.samples).max(axis=1, keepdims=True, initial=0.0)
    gain = np.divide(10 ** (over_db / 20), peaks, out=np.ones_like(peaks), where=peaks > 0)
    return replace(audio, samples=np.clip(audio.samples * gain, -1.0, 1.0).astype(np.float32))


def faint(audio: Audio, down_db: float, channel: int = 1) -> Audio:
    """Lower one channel by `down_db`. A call that is already mixed stays as it is: its sides cannot be separated."""
    if audio.channels == 1:
        return audio
    gain = np.ones((audio.channels, 1), np.float32)
    gain[channel] = 10 ** (-down_db / 20)
    return replace(audio, samples=audio.samples * gain)


def recoded(audio: Audio, codec: str, settings: Settings) -> Audio:
    """Encode and decode again. A codec without stereo gets each leg by itself, as recorders do it."""
    chosen = known_codec(codec)
    if not chosen.one_leg or audio.channels == 1:
        return _through(audio.samples, codec, audio.rate_hz, settings)
    legs = [_through(leg[None, :], codec, audio.rate_hz, settings) for leg in audio.samples]
    length = max(leg.samples.shape[1] for leg in legs)
    samples = [np.pad(leg.samples[0], (0, length - leg.samples.shape[1])) for leg in legs]
    return replace(legs[0], samples=np.stack(samples), layout="stereo")


def _through(samples: Samples, codec: str, rate_hz: int, settings: Settings) -> Audio:
    with tempfile.TemporaryDirectory(prefix="callqa-render-") as folder:
        plain, encoded = Path(folder, "plain.wav"), Path(folder, "encoded" + CODECS[codec].suffix)
        write_wav(plain, samples, rate_hz)
        encode(plain, encoded, codec, settings)
        return decode(encoded, settings.decode, settings.ingest)


def encode(source: Path, target: Path, codec: str, settings: Settings) -> None:
    """Encode a file of our own making with one of `CODECS`. Raises BadSetting when it cannot be written."""
    chosen = CODECS[codec]
    if _ffmpeg(source, target, codec, chosen.arguments, settings):
        return
    if chosen.sndfile is None:
        raise BadSetting(
            Message(
                "codec {codec}: ffmpeg cannot write it; name another ffmpeg in decode.ffmpeg, or take another codec",
                codec=codec,
            )
        )
    try:
        import soundfile
    except ImportError as error:
        raise BadSetting(
            Message(
                "codec {codec}: ffmpeg cannot write it; pip install soundfile, or name another ffmpeg in decode.ffmpeg",
                codec=codec,
            )
        ) from error
    with tempfile.TemporaryDirectory(prefix="callqa-render-") as folder:
        narrow = Path(folder, "narrow.wav")
        if not _ffmpeg(source, narrow, codec, ("-ar", "8000", "-c:a", "pcm_s16le"), settings):
            raise BadSetting(
                Message("codec {codec}: ffmpeg cannot resample; name another ffmpeg in decode.ffmpeg", codec=codec)
            )
        samples, rate_hz = soundfile.read(narrow, dtype="int16")
        soundfile.write(target, samples, rate_hz, format="WAV", subtype=chosen.sndfile)


def _ffmpeg(source: Path, target: Path, codec: str, arguments: tuple[str, ...], settings: Settings) -> bool:
    """Whether ffmpeg wrote the target."""
    command = [ffmpeg_executable(settings.decode.ffmpeg), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    command += ["-i", str(source), "-map_metadata", "-1", "-fflags", "+bitexact", *arguments, str(target)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=settings.decode.timeout_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadSetting(
            Message("codec {codec}: ffmpeg did not run to its end ({kind})", codec=codec, kind=type(error).__name__)
        ) from error
    return done.returncode == 0 and target.is_file()


def write_wav(path: Path, samples: Samples, rate_hz: int) -> None:
    """Write float samples of shape (channels, n) as 16-bit PCM."""
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(samples.shape[0])
        stream.setsampwidth(2)
        stream.setframerate(rate_hz)
        stream.writeframes((np.clip(samples, -1.0, 1.0) * 32767).round().astype("<i2").T.tobytes())
