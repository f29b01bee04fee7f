"""What exports need: memory and processor time of `callqa export` by the number of calls.

    python bench/exports.py --calls 1000 10000 100000    # tables of figures, as in bench/results/exports.md

The calls are one of nine turns and two verdicts under other names. Each export is a process of its own; its memory is
its highest, as the kernel tells it. The clock depends on the disk, and on who else is at work.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.datatypes import CDR, Judged
from pipeline.privacy.sensitive import find_masks
from pipeline.storage import artefacts
from pipeline.storage.home import Hearing, Home, JudgedFile, RecordingRecord
from tests.support.factories import NIGHT, make_judged, sha_of

EXPORTS = {
    "turns, Parquet": ("turns", "turns.parquet"),
    "turns, CSV": ("turns", "turns.csv"),
    "turns, JSON lines": ("turns", "turns.jsonl"),
    "verdicts, Parquet": ("verdicts", "verdicts.parquet"),
    "webvtt": ("webvtt", "captions"),
    "rttm": ("rttm", "rttm"),
    "vcon": ("vcon", "vcons"),
}


def make_home(folder: Path, count: int) -> Home:
    """So many calls, stored as a night does, but without waiting for the disk."""
    home, template = Home(folder), make_judged("template")
    masks = find_masks(template.call)
    assert template.scorecard
    for number in range(count):
        sha256 = sha_of(f"call {number}")
        cdr = CDR(
            call_id=f"C{number:07}", started_at=NIGHT + timedelta(seconds=30 * number), direction="inbound",
            agent_id=f"{1000 + number % 300}", agent_name="李梅", team=f"{number % 12} 组",
        )  # fmt: skip
        judged = Judged(replace(template.call, sha256=sha256, cdr=cdr), replace(template.scorecard, sha256=sha256))
        hearing = Hearing("f" * 64, "stereo", 0.98, {"recognizer": "none"})
        artefacts.write(home.judged(sha256), JudgedFile("bench", judged, hearing, masks=masks))
        record = RecordingRecord(sha256, 10_000, (f"/inbox/{cdr.call_id}.wav",), NIGHT, cdr)
        artefacts.write(home.recording(sha256), record)
    return home


def measured(home: Home, what: str, target: Path, *more: str) -> tuple[float, float, float]:
    """Highest memory in MB, seconds of the processor, seconds of the clock."""
    command = [sys.executable, "-m", "flows.cli", "--home", str(home.root), "export", what, "-o", str(target), *more]
    began = time.monotonic()
    with Path(os.devnull).open("wb") as nowhere:
        child = subprocess.Popen(command, cwd=CHECKOUT, stdout=nowhere, stderr=nowhere)
        _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{what}: exit status {os.waitstatus_to_exitcode(status)}")
    return used.ru_maxrss / 1024, used.ru_utime + used.ru_stime, time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--only", nargs="*", default=list(EXPORTS), choices=list(EXPORTS))
    given = parser.parse_args()
    fsync, os.fsync = os.fsync, lambda handle: None
    print("| calls | export | memory, MB | processor, s | ms a call | clock, s |\n|---|---|---|---|---|---|")
    for count in given.calls:
        folder = Path(tempfile.mkdtemp(prefix="callqa-exports-"))
        try:
            home = make_home(folder / "home", count)
            for name in given.only:
                what, target = EXPORTS[name]
                more = ("--recording", "name") if what == "vcon" else ()
                memory, processor_s, clock_s = measured(home, what, folder / target, "--all", *more)
                cells = (f"{count:,}", name, f"{memory:.0f}", f"{processor_s:.1f}", f"{1000 * processor_s / count:.2f}")
                print(f"| {' | '.join(cells)} | {clock_s:.1f} |", flush=True)
        finally:
            shutil.rmtree(folder)
    os.fsync = fsync


if __name__ == "__main__":
    main()
