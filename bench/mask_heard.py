"""What is left of spoken numbers in recordings: in the masked transcript, and in the masked sound heard once more.

    python bench/mask_heard.py FOLDER [--first N]

FOLDER holds NAME.wav (two channels, agent first) and NAME.json: language, kind, and digits: the parts of the number as
they were spoken. A number counts as found when no three of its digits in a row are left in what is shown.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flows.engines import load_engines
from pipeline.call.build import build_call
from pipeline.datatypes import CDR, RATE_HZ, Audio, Call
from pipeline.hearing.decode import decode
from pipeline.privacy.digits import digit_groups
from pipeline.privacy.masking import call_as_shown, masks_of, silenced
from pipeline.run import hear_audio
from pipeline.settings import load_settings

LEFT = 3
"""Digits in a row that tell something of a number."""


def digits_of(text: str) -> str:
    return "".join(group.digits for group in digit_groups(text))


def left(call: Call, spoken: str) -> list[str]:
    """Runs of digits in what is shown that stand in the number."""
    found = []
    for turn in call.turns:
        for group in digit_groups(turn.text):
            runs = {group.digits[at : at + LEFT] for at in range(len(group.digits) - LEFT + 1)}
            if any(run in spoken for run in runs):
                found.append(turn.text[group.start : group.end])
    return found


def silent(audio: Audio, spans: tuple) -> Audio:
    samples = audio.samples.copy()
    for span in spans:
        samples[:, math.floor(span.start_s * RATE_HZ) : math.ceil(span.end_s * RATE_HZ)] = 0.0
    return replace(audio, samples=samples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--skip", type=int, default=0)
    given = parser.parse_args()
    settings = load_settings()
    engines = load_engines(settings)
    counts: Counter[str] = Counter()
    for file in sorted(given.folder.glob("*.json"))[given.skip : given.skip + given.first]:
        truth = json.loads(file.read_text(encoding="utf-8"))
        language, spoken = truth["language"], digits_of("，".join(truth["digits"]))
        audio = decode(file.with_suffix(".wav"), settings.decode, settings.ingest)
        roles = CDR(channel_map={0: "agent", 1: "customer"})
        own = settings.model_copy(update={"hear": settings.hear.model_copy(update={"language": language})})
        call = build_call(hear_audio(audio, "0" * 64, engines, own), roles)
        masks = masks_of(call, None, settings.privacy)
        text = left(call_as_shown(call, masks), spoken)
        again = build_call(hear_audio(silent(audio, silenced(masks)), "0" * 64, engines, own), roles)
        sound = left(again, spoken)
        counts.update({f"{language} calls": 1, f"{language} text": not text, f"{language} sound": not sound})
        if text or sound:
            print(f"{file.stem} {truth['kind']} {spoken}: text {text}, sound {sound}")
            for turn in call_as_shown(call, masks).turns:
                print("   ", turn.speaker, turn.text)
            for turn in again.turns:
                print("      again", turn.speaker, turn.text)
    for language in ("zh", "en"):
        calls = counts[f"{language} calls"]
        if calls:
            text, sound = counts[f"{language} text"], counts[f"{language} sound"]
            print(f"{language}: {calls} calls; numbers gone from the text {text}, from the sound {sound}")


if __name__ == "__main__":
    main()
