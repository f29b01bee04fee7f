"""Which recordings with two channels are two parties: right and wrong over a grid of made ones.

    python bench/channel_layout.py                        # every practice call, every variant: some minutes
    python bench/channel_layout.py --calls d03 e01        # some calls
    python bench/channel_layout.py --kinds copy crosstalk # some kinds
    python bench/channel_layout.py --write                # and keep the table in bench/results

Practice calls in stereo are made into what recorders make of them: one path on both channels (at another gain, later,
inverted, noisy, through another codec), a dead channel (zeros, a constant, hum, line noise), each side leaking into the
other, the echo of one side; and into stereo that must stay stereo: the same music or ring on both channels, both
speaking at once, faint leaks, a silent customer. Everything of `pipeline.run.hear_audio` runs but the recogniser.

A recording counts as right when its layout is, and, where it has two parties, when voice is found where it is found in
the call that it was made of: at most a tenth of the voice may be lost or added on either channel.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import load_engines
from models.scripted import ScriptedRecognizer
from pipeline.datatypes import RATE_HZ, Audio, Samples, Transcript
from pipeline.evaluation.degrade import recoded
from pipeline.hearing.decode import decode
from pipeline.run import Engines, hear_audio
from pipeline.settings import Settings, load_settings
from pipeline.timeline import Timeline
from tests.support import telephone as line

SHARED = Path(os.environ.get("CALLQA_SHARED", CHECKOUT.parent / "shared"))
RESULTS = CHECKOUT / "bench" / "results" / "channel-layout.md"
MISPLACED = 0.1
"""Share of a channel's voice that may be lost or added."""

Make = Callable[[Audio], Audio]


@dataclass(frozen=True)
class Variant:
    """A way to spoil a call, and what it then is: "mono" is anything but stereo."""

    kind: str
    name: str
    make: Make
    right: str
    silent_too: bool = False
    """Whether it is made of calls with a silent customer as well: where one party alone speaks, a copy and an echo
    are the same."""


def pair(left: Samples, right: Samples) -> Audio:
    return Audio(np.clip(np.stack([left, right]), -1, 1).astype(np.float32), "stereo")


def mix(audio: Audio) -> Samples:
    return 1.4 * audio.samples.mean(axis=0)


def later(samples: Samples, delay_ms: float) -> Samples:
    """Samples moved by milliseconds, parts of a sample too."""
    spectrum = np.fft.rfft(samples, 2 * samples.size)
    shift = np.exp(-2j * np.pi * np.fft.rfftfreq(2 * samples.size) * delay_ms * RATE_HZ / 1000)
    return np.fft.irfft(spectrum * shift)[: samples.size].astype(np.float32)


def noise(size: int, dbfs: float, seed: int = 3) -> Samples:
    narrow = line.noise(size / RATE_HZ + 1, np.random.default_rng(seed), dbfs)
    return np.repeat(narrow, 2)[:size].astype(np.float32)


def hum(size: int, dbfs: float, mains_hz: float) -> Samples:
    t = np.arange(size) / RATE_HZ
    wave = np.sin(2 * np.pi * mains_hz * t) + 0.5 * np.sin(6 * np.pi * mains_hz * t + 1)
    return (10 ** (dbfs / 20) * wave + noise(size, dbfs - 25)).astype(np.float32)


def copied(gain: float, delay_ms: float, noise_dbfs: float | None) -> Make:
    def make(audio: Audio) -> Audio:
        one = mix(audio)
        other = gain * later(one, delay_ms)
        return pair(one, other if noise_dbfs is None else other + noise(one.size, noise_dbfs))

    return make


def swapped(make: Make) -> Make:
    return lambda audio: replace(made := make(audio), samples=made.samples[::-1].copy())


def through(make: Make, codec: str, settings: Settings) -> Make:
    return lambda audio: replace(recoded(make(audio), codec, settings), layout="stereo")


def each_through(left: str, right: str, settings: Settings) -> Make:
    """The mix of both parties, once through each of two codecs."""

    def make(audio: Audio) -> Audio:
        one = Audio(mix(audio)[np.newaxis], "mono")
        a, b = (recoded(one, codec, settings).samples[0] for codec in (left, right))
        size = min(a.size, b.size)
        return pair(a[:size], 0.5 * b[:size])

    return make


def beside(dead: Callable[[int], Samples]) -> Make:
    return lambda audio: pair(mix(audio), dead(audio.samples.shape[1]))


def leaking(leak_db: float, delay_ms: float, ways: tuple[float, float] = (1, 1)) -> Make:
    gain = 10 ** (leak_db / 20)

    def make(audio: Audio) -> Audio:
        left, right = audio.samples
        return pair(left + ways[0] * gain * later(right, delay_ms), right + ways[1] * gain * later(left, delay_ms))

    return make


def with_sound(sound: Callable[[], line.Sound], gain: float, delay_ms: float) -> Make:
    """The call, and then the same sound on both channels."""

    def make(audio: Audio) -> Audio:
        extra = np.repeat(sound(), 2).astype(np.float32)
        after = np.stack([extra, gain * later(extra, delay_ms)]) + np.stack([noise(extra.size, -60, s) for s in (1, 2)])
        return replace(audio, samples=np.concatenate([audio.samples, after], axis=1).astype(np.float32))

    return make


def at_once(audio: Audio) -> Audio:
    """Both parties without the pauses in which the other speaks: they talk over each other all the time."""
    kept = [channel[np.repeat(_loud(channel), RATE_HZ // 4)[: channel.size]] for channel in audio.samples]
    size = min(map(len, kept))
    return pair(*(channel[:size] + noise(size, -58, seed) for seed, channel in enumerate(kept)))


def _loud(channel: Samples) -> np.ndarray:
    step = RATE_HZ // 4
    steps = np.pad(channel, (0, -channel.size % step)).reshape(-1, step)
    return np.asarray((steps**2).mean(axis=1) > 1e-5)


def variants(settings: Settings) -> Iterator[Variant]:
    for gain in (1.0, 0.7, 0.4, 0.25, -0.4):
        for delay_ms in (0.0, 0.3, 2.5, 20.0, 90.0):
            yield Variant("copy", f"{gain:g}x {delay_ms:g} ms", copied(gain, delay_ms, None), "mono")
    for gain, delay_ms, dbfs in ((0.4, 2.5, -60), (0.25, 0, -60), (0.25, 2.5, -55), (0.25, 20, -55), (0.25, 20, -48)):
        yield Variant("copy, noisy", f"{gain:g}x {delay_ms:g} ms {dbfs} dBFS", copied(gain, delay_ms, dbfs), "mono")
    yield Variant("copy, noisy", "left, 0.25x 20 ms -55 dBFS", swapped(copied(0.25, 20, -55)), "mono")
    for codec in ("mulaw", "alaw", "mp3", "opus", "gsm", "amr"):
        for gain, delay_ms in ((0.4, 2.5), (0.25, 20)):
            make = through(copied(gain, delay_ms, -60), codec, settings)
            yield Variant("copy, coded", f"{codec} {gain:g}x {delay_ms:g} ms", make, "mono")
    for left, right in (("mulaw", "gsm"), ("mulaw", "amr"), ("gsm", "amr"), ("opus", "mp3")):
        yield Variant("copy, coded", f"{left} beside {right}", each_through(left, right, settings), "mono")
    for gain, delay_ms in ((0.15, 2.5), (0.1, 20), (0.05, 0)):
        make = copied(gain, delay_ms, -62)
        yield Variant("copy, faint", f"{gain:g}x {delay_ms:g} ms -62 dBFS", make, "mono")
    yield from _dead()
    for leak_db in (-15, -20, -23, -26, -29):
        for delay_ms in (0, 2.5, 20, 80):
            yield Variant("crosstalk", f"{leak_db} dB {delay_ms:g} ms", leaking(leak_db, delay_ms), "stereo", True)
    for codec in ("mulaw", "mp3", "opus", "gsm", "amr"):
        make = through(leaking(-26, 20), codec, settings)
        yield Variant("crosstalk, coded", f"{codec} -26 dB 20 ms", make, "stereo", True)
    yield from _stereo(settings)


def _dead() -> Iterator[Variant]:
    lines: dict[str, Callable[[int], Samples]] = {
        "zeros": lambda size: np.zeros(size, np.float32),
        "constant": lambda size: np.full(size, 0.0003, np.float32),
        "50 Hz hum -50 dBFS": lambda size: hum(size, -50, 50),
        "60 Hz hum -40 dBFS": lambda size: hum(size, -40, 60),
        "noise -75 dBFS": lambda size: noise(size, -75),
        "noise -60 dBFS": lambda size: noise(size, -60),
        "noise -48 dBFS": lambda size: noise(size, -48),
    }
    for name, dead in lines.items():
        yield Variant("dead channel", f"right: {name}", beside(dead), "mono")
        yield Variant("dead channel", f"left: {name}", swapped(beside(dead)), "mono")


def _stereo(settings: Settings) -> Iterator[Variant]:
    yield Variant("true stereo", "as recorded", lambda audio: audio, "stereo", True)
    for codec in ("mulaw", "mp3", "opus", "gsm", "amr"):
        yield Variant("true stereo", codec, through(lambda audio: audio, codec, settings), "stereo", True)
    yield Variant("true stereo", "both speak at once", at_once, "stereo")
    for leak_db, delay_ms in ((-35, 20), (-35, 0), (-40, 80)):
        yield Variant("faint leak", f"{leak_db} dB {delay_ms:g} ms", leaking(leak_db, delay_ms), "stereo", True)
    for leak_db, delay_ms in ((-20, 150), (-26, 60), (-30, 200)):
        name = f"{leak_db} dB {delay_ms:g} ms"
        yield Variant("echo of one side", name, leaking(leak_db, delay_ms, (0, 1)), "stereo", True)
        yield Variant("echo of one side", f"left {name}", leaking(leak_db, delay_ms, (1, 0)), "stereo")
    for gain, delay_ms in ((1.0, 0), (0.5, 0), (0.3, 20)):
        for kind in ("piano", "pop", "strings"):
            make = with_sound(lambda kind=kind: line.music(kind, 90, np.random.default_rng(4)), gain, delay_ms)
            yield Variant("music on both", f"{kind} {gain:g}x {delay_ms:g} ms", make, "stereo", True)
        ring = with_sound(lambda: line.cadence(8, line.RINGS["cn"]), gain, delay_ms)
        yield Variant("ring on both", f"{gain:g}x {delay_ms:g} ms", ring, "stereo", True)


def heard(audio: Audio, engines: Engines, settings: Settings) -> Transcript:
    return hear_audio(audio, "0" * 64, engines, settings)


def misplaced(made: Transcript, plain: Transcript) -> float:
    """The share of a channel's voice that is lost or added, of the worse channel."""
    shares = []
    for there, here in zip(plain.voiced, made.voiced, strict=True):
        wanted, found = Timeline(there), Timeline(here)
        shares.append(((found - wanted).total_s + (wanted - found).total_s) / max(2.0, wanted.total_s))
    return max(shares)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", nargs="*", default=[""], help="beginnings of the practice calls' names")
    parser.add_argument("--kinds", nargs="*", default=[""], help="beginnings of the kinds' names")
    parser.add_argument("--write", action="store_true", help=f"keep the table in {RESULTS.relative_to(CHECKOUT)}")
    options = parser.parse_args()
    settings = load_settings()
    engines = replace(load_engines(settings), recognizer=ScriptedRecognizer({}, "zh"))
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for path in sorted((SHARED / "synthetic-calls").glob("*.wav")):
        if not path.name.startswith(tuple(options.calls)):
            continue
        audio = decode(path, settings.decode)
        plain = heard(audio, engines, settings)
        for variant in variants(settings):
            if not variant.kind.startswith(tuple(options.kinds)) or ("silent" in path.name and not variant.silent_too):
                continue
            made = heard(variant.make(audio), engines, settings)
            layout = "stereo" if made.channels == 2 else "mono"
            wrong = layout != variant.right
            if not wrong and layout == "stereo" and "both" not in f"{variant.kind} {variant.name}":
                share = misplaced(made, plain)
                wrong = share > MISPLACED
            counts[variant.kind, variant.right][wrong] += 1
            if wrong:
                why = layout if layout != variant.right else f"voice {share:.0%} misplaced"
                print(f"{path.stem}  {variant.kind}: {variant.name}: {why}", flush=True)
    table = "\n".join(
        ["| kind | is | right | wrong |", "|---|---|---|---|"]
        + [f"| {kind} | {right} | {good} | {bad} |" for (kind, right), (good, bad) in counts.items()]
    )
    print(table)
    if options.write:
        RESULTS.write_text(f"# Two channels: two parties or not\n\n`python bench/channel_layout.py`\n\n{table}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
