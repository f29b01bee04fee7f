"""The rows of bench/gpu.sh: the sample calls heard by every combination that only a GPU can show.

    python bench/gpu_rows.py --check                 # whether torch and ctranslate2 can use the GPU
    python bench/gpu_rows.py --device cuda           # the table
    python bench/gpu_rows.py --device cpu            # the same on the processor, as far as it can

Each row starts workers of its own, which hear one call before the clock runs (loading, the GPU's own compiling).
`differ` compares the words with those of the first row of the same engine, character by character in Chinese, word by
word in English. Rows that the time does not suffice for are told as left out; a row that fails says why.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "bench")]
os.environ["PYTHONPATH"] = str(CHECKOUT)

from engines import tokens

from flows.worker_pool import WorkerPool
from pipeline.datatypes import Transcript
from pipeline.evaluation.metrics import ErrorCount, error_count
from pipeline.settings import load_settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home

ENOUGH_S = 240.0
"""Seconds in which rows are begun, so that all is over within 8 minutes, an installation of four included."""


@dataclass(frozen=True)
class Row:
    """What a row hears with; `mono` has who speaks told by the voices."""

    engine: str
    compute: str
    batch: int = 0
    workers: int = 1
    mono: bool = False

    @property
    def cells(self) -> tuple[str, ...]:
        batch = str(self.batch) if self.batch else "default"
        return self.engine, self.compute, batch, str(self.workers), "mono, diarized" if self.mono else "stereo"


CT2, OPENAI = "faster-whisper", "openai-whisper"
ON_GPU = (
    Row(CT2, "float32"), Row(CT2, "float16"), Row(CT2, "int8_float16"), Row(CT2, "float16", 1), Row(CT2, "float16", 32),
    Row(CT2, "float16", 64), Row(CT2, "float16", 0, 2), Row(CT2, "float16", 0, 4), Row(CT2, "float16", mono=True),
    Row(CT2, "float16", 0, 2, True), Row(OPENAI, "float16"), Row(OPENAI, "float16", mono=True),
)  # fmt: skip
ON_PROCESSOR = (Row(CT2, "int8"), Row(CT2, "int8", 1, 2), Row(CT2, "int8", mono=True), Row(CT2, "float16"))
"""What shows that the script works, a row that fails included: a processor has no float16."""


def check() -> int:
    """Whether both engines can use the GPU, in a line each."""
    import ctranslate2
    import torch

    seen = torch.cuda.is_available()
    print(f"torch {torch.__version__}: {torch.cuda.get_device_name(0) if seen else 'no GPU'}", file=sys.stderr)
    count = ctranslate2.get_cuda_device_count()
    print(f"ctranslate2 {ctranslate2.__version__}: GPUs {count}", file=sys.stderr)
    if count:
        print(f"  computes in {', '.join(sorted(ctranslate2.get_supported_compute_types('cuda')))}", file=sys.stderr)
    return 0 if seen and count else 1


@contextmanager
def gpu_memory(device: str) -> Iterator[list[int]]:
    """The most memory that the GPU had taken while the block ran, in MB, as the one item; nothing on a processor."""
    most: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.3):
            asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"]
            told = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
            if told.isdigit():
                most[:] = [max([int(told), *most])]

    thread = threading.Thread(target=watch, daemon=True)
    if device != "cpu":
        thread.start()
    try:
        yield most
    finally:
        over.set()


def hear(row: Row, device: str, calls: list[Path]) -> tuple[float, float, int | None, dict[str, list[str]]]:
    """Seconds taken, seconds of audio, MB of the GPU, and the words of each call. Raises what a worker was told."""
    settings = load_settings()
    changes = {"engine": row.engine, "compute_type": row.compute, "batch": row.batch, "workers": row.workers}
    hearing = settings.hear.model_copy(update={**changes, "device": device, "diarization": "embedded"})
    decode = settings.decode.model_copy(update={"layout": "mono" if row.mono else "stereo"})
    with tempfile.TemporaryDirectory(prefix="callqa-gpu-") as folder, gpu_memory(device) as most:
        paths = settings.paths.model_copy(update={"home": Path(folder)})
        settings = settings.model_copy(update={"paths": paths, "hear": hearing, "decode": decode})
        with WorkerPool(settings) as pool, ThreadPoolExecutor(row.workers) as threads:

            def one(call: Path) -> float:
                outcome = pool.hear(file_sha256(call), call)
                if outcome.reason is not None:
                    raise RuntimeError(f"{call.name}: {outcome.reason}: {outcome.message}")
                return outcome.audio_s

            list(threads.map(one, calls[: row.workers]))
            start = time.perf_counter()
            audio_s = sum(threads.map(one, calls))
            took_s = time.perf_counter() - start
            said = {
                call.stem: tokens(artefacts.read(path, Transcript))
                for call in calls
                if pool.fingerprint and (path := Home(Path(folder)).transcript(file_sha256(call), pool.fingerprint))
            }
    return took_s, audio_s, most[0] if most else None, said


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--minutes", type=float, default=4, help="of audio a row")
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    given = parser.parse_args()
    if given.check:
        return check()
    calls, size_bytes = [], 0
    for call in sorted((CHECKOUT / "data" / "samples").glob("*.wav")):
        if size_bytes < given.minutes * 60 * 32_000 or not calls:  # two channels of 8 kHz, 16 bits
            calls.append(call)
            size_bytes += call.stat().st_size
    print("| engine | computes in | batch | workers | calls | s | real-time factor | × real time | GPU MB | differ |")
    print("|---|---|---:|---:|---|---:|---:|---:|---:|---:|", flush=True)
    begun, failed, first, told = time.perf_counter(), False, {}, []
    for row in ON_GPU if given.device == "cuda" else ON_PROCESSOR:
        if time.perf_counter() - begun > ENOUGH_S:
            print(f"| {' | '.join(row.cells)} | left out: no time left ||||| ", flush=True)
            continue
        try:
            took_s, audio_s, memory_mb, said = hear(row, given.device, calls)
        except Exception as error:
            failed = True
            print(f"| {' | '.join(row.cells)} | failed: {error} |||||", flush=True)
            continue
        reference = first.setdefault((row.engine, row.mono), said)
        differing = sum((error_count(reference[name], said[name]) for name in said), ErrorCount())
        figures = (f"{took_s:.1f}", f"{took_s / audio_s:.4f}", f"{audio_s / took_s:.0f}", str(memory_mb or "–"))
        print(f"| {' | '.join((*row.cells, *figures))} | {differing.rate or 0:.1%} |", flush=True)
        told.append({**vars(row), "seconds": took_s, "audio_s": audio_s, "gpu_mb": memory_mb, "differ": differing.rate})
    packages = ("ctranslate2", "faster-whisper", "openai-whisper", "pyannote.audio", "torch")
    print("\n" + ", ".join(f"{name} {version(name)}" for name in packages))
    if given.json:
        given.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
