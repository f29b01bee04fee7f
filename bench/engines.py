"""Whether both Whisper engines give the same words on the same weights.

    python bench/engines.py CALL [CALL …]               # recordings
    python bench/engines.py --beam 1 CALL

Both hear the same voiced spans in the same language. The error rate is that of openai-whisper's words against
faster-whisper's: characters in Chinese (CER), words in English (WER); gated words count on neither side.
openai-whisper takes many times as long on a processor, so a handful of short calls is enough.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]

from kept import hear_kept

from flows.engines import load_engines
from pipeline.datatypes import Transcript
from pipeline.evaluation.metrics import ErrorCount, characters, error_count
from pipeline.language.normalise import normalise, tokenise
from pipeline.settings import load_settings

ENGINES = ("faster-whisper", "openai-whisper")


def tokens(heard: Transcript) -> list[str]:
    """What is compared: channel by channel, so that overlaps cannot change the order."""
    ordered = sorted((s for s in heard.segments if not s.gate), key=lambda s: (s.channel, s.span))
    text = " ".join(segment.text for segment in ordered)
    if heard.language == "zh":
        return characters(normalise(text, "zh"))
    return tokenise(text, heard.language).words


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="+", type=Path)
    parser.add_argument("--beam", type=int)
    parser.add_argument("--compute-type", help="of faster-whisper; float32 compares like with like")
    parser.add_argument("--keep", type=Path, help="where hearings are kept, to be read the next time")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    changes = {"threads": given.threads, "beam_size": given.beam, "compute_type": given.compute_type}
    settings = load_settings()
    hear = settings.hear.model_copy(update={key: value for key, value in changes.items() if value is not None})
    total, spent_s = ErrorCount(), dict.fromkeys(ENGINES, 0.0)
    engines = {}
    for engine in ENGINES:
        chosen = settings.model_copy(update={"hear": hear.model_copy(update={"engine": engine})})
        # who speaks makes no difference to the words
        engines[engine] = (replace(load_engines(chosen), diarizer=None), chosen)
    for recording in given.recordings:
        said = []
        for engine in ENGINES:
            started = time.process_time()
            said.append(tokens(hear_kept(recording, *engines[engine], given.keep)))
            spent_s[engine] += time.process_time() - started
        errors = error_count(*said)
        total += errors
        share = f"{errors.rate or 0:.1%}"
        print(f"  {recording.stem}: {errors.errors:.0f} of {errors.length:.0f} differ ({share})", flush=True)
    print(f"openai-whisper against faster-whisper: {total.rate or 0:.2%} of {total.length:.0f} differ")
    print(", ".join(f"{engine} {seconds:.0f} s of processor time" for engine, seconds in spent_s.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
