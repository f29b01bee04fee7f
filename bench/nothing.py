"""Half an hour in which nobody speaks, heard whole: any word that no gate caught was invented.

    python bench/nothing.py                          # 30 minutes, made from seed 1
    python bench/nothing.py --minutes 5 --seed 7     # other sounds

The sounds are made (tests/support/no_speech.py): silence, noise, hum, ring-back, busy tone, dialling, beeps, fax,
clicks and hold music of several kinds. Each recording is 20 s of one kind, or a call of three kinds one after
another; mono, or stereo with another kind on the other channel; as PCM or through µ-law, AMR and GSM. Exit status 1
when a word is left.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.engines import load_engines
from pipeline.datatypes import Audio, Transcript
from pipeline.evaluation.degrade import recoded, write_wav
from pipeline.hearing.decode import decode
from pipeline.run import hear_audio
from pipeline.settings import Settings, load_settings
from tests.support.no_speech import MAKERS, RATE_HZ, on_a_line

CODECS: tuple[str | None, ...] = (None, "mulaw", "amr", "gsm")


def recordings(seed: int) -> Iterator[tuple[str, str | None, Any]]:
    """Name, codec and samples (channels, n) at 8 kHz, without end."""
    number = 0
    while True:
        for name, make in MAKERS.items():
            rng = np.random.default_rng((seed, number))
            codec = CODECS[(number // len(MAKERS) + number) % len(CODECS)]
            sounds = [on_a_line(make(rng), rng, floor=name != "digital_silence")]
            if number % 3 == 1:
                others = rng.choice(list(MAKERS), 2)
                name = "+".join((name, *others))
                sounds = [np.concatenate([*sounds, *(on_a_line(MAKERS[o](rng), rng) for o in others)])]
            elif number % 3 == 2:
                other = str(rng.choice(list(MAKERS)))
                name = f"{name}|{other}"
                sounds.append(on_a_line(MAKERS[other](rng), rng))
            size = min(sound.size for sound in sounds)
            yield name, codec, np.stack([sound[:size] for sound in sounds])
            number += 1


def as_recorded(samples: Any, codec: str | None, settings: Settings) -> Audio:
    """What the pipeline decodes when a recorder kept the sound with this codec."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "call.wav")
        write_wav(path, samples, RATE_HZ)
        audio = decode(path, settings.decode, settings.ingest)
    return audio if codec is None else recoded(audio, codec, settings)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    settings = load_settings()
    settings = settings.model_copy(update={"hear": settings.hear.model_copy(update={"threads": given.threads})})
    engines = load_engines(settings)
    started, heard_s, voiced_s, count = time.process_time(), 0.0, 0.0, 0
    left, gates = 0, Counter[str]()
    for name, codec, samples in recordings(given.seed):
        audio = as_recorded(samples, codec, settings)
        heard = hear_audio(audio, "", engines, settings)
        count += 1
        heard_s += audio.duration_s * audio.channels
        voiced_s += sum(span.duration_s for spans in heard.voiced for span in spans)
        left += tell(name, codec, heard, gates)
        if heard_s >= 60 * given.minutes:
            break
    print(f"{count} recordings, {heard_s / 60:.1f} minutes of channels without speech, seed {given.seed}")
    print(f"taken for voice {voiced_s:.1f} s; words without a gate {left}; words gated {gates.total()} {dict(gates)}")
    print(f"{time.process_time() - started:.0f} s of processor time")
    return 1 if left else 0


def tell(name: str, codec: str | None, heard: Transcript, gates: Counter[str]) -> int:
    """Print what was heard in one recording, add its gated words up, and count those without a gate."""
    free = 0
    for segment in heard.segments:
        if segment.gate:
            gates[segment.gate] += len(segment.words)
        else:
            free += len(segment.words)
    if any(heard.voiced):
        voiced = sum(span.duration_s for spans in heard.voiced for span in spans)
        texts = "; ".join(
            f"{s.text!r} {s.gate or 'NO GATE'} p {s.mean_log_probability:.2f} ns {s.no_speech_probability:.2f}"
            for s in heard.segments
        )
        line = f"  {name} {codec or 'pcm'} {heard.channels} ch: voiced {voiced:.2f} s: {texts or 'no words'}"
        print(line, flush=True)
    return free


if __name__ == "__main__":
    sys.exit(main())
