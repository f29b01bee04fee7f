"""What a scan costs: a first and a second night over many small recordings, and a large table of calls.

    bench/scan.py [--files 20000] [--rows 100000]

Prints processor seconds (children included) and peak memory; each part runs in a process of its own, all in one run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Settings
from pipeline.storage.home import Home

FILES_A_FOLDER = 1000


def make_files(inbox: Path, files: int) -> None:
    """Distinct files named like recordings, and a table with a row for each."""
    for number in range(files):
        folder = inbox / f"{number // FILES_A_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"call-{number:06}.wav").write_bytes(b"RIFF" + number.to_bytes(8, "big") * 5)
    write_table(inbox, files)


def write_table(inbox: Path, rows: int) -> None:
    inbox.mkdir(parents=True, exist_ok=True)
    with (inbox / "cdr.csv").open("w", encoding="utf-8") as table:
        table.write(
            "file,call_id,started_at,agent_id,agent_name,team,queue,direction,caller,callee,wait_s,release_party\n"
        )
        for number in range(rows):
            at = f"2026-11-{1 + number % 28:02} {number % 24:02}:{number % 60:02}:00"
            table.write(
                f"call-{number:06}.wav,id-{number:06},{at},{1000 + number % 200},王{number % 200},一组,售后,inbound,"
                f"{13800000000 + number},{1000 + number % 200},{number % 60},agent\n"
            )


def scan(folder: Path) -> dict[str, float]:
    """One scan in this process: what it found, and its cost."""
    base = Settings().anchored(folder)
    settings = base.model_copy(
        update={
            "paths": base.paths.model_copy(update={"inbox": folder / "inbox", "home": folder / "home"}),
            "ingest": base.ingest.model_copy(update={"settle_s": 0.0}),
        }
    )
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    found = scan_inbox(settings, Home(settings.paths.home))
    return {
        "recordings": len(found.recordings),
        "calls": found.calls,
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
        "before_mb": round(before_kb / 1e3),
    }


def in_a_process(folder: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, "--scan", folder], capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--scan", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.scan:
        print(json.dumps(scan(given.scan)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder / "inbox", given.files)
        print("first scan ", in_a_process(folder), flush=True)
        # the clock's grain: files of the last two seconds are read again
        time.sleep(2)
        print("second scan", in_a_process(folder), flush=True)
        print("third scan ", in_a_process(folder), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_table(folder / "inbox", given.rows)
        print("table alone", in_a_process(folder), flush=True)


if __name__ == "__main__":
    main()
