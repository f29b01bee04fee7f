"""Kills at random moments of hearing, judging, publishing, forgetting, backing up and restoring.

    python bench/kill_all.py --kills 1000              # an hour and a half on two cores
    python bench/kill_all.py --kills 180 --seed 2

Each kill is `kill -9` of a process at its work, at a random moment within what the stage takes when it is left alone.
After each, the database must open and hold every call once, every artefact be readable, and the backup be whole. Then
the work is ended by the same command (or, where calls are forgotten, by the next night), and every call must be there
exactly once, none heard again, and of forgotten ones no byte. At the end the home must equal one that was never
disturbed, and so must a home restored from the backup. What is heard is scripted; Prefect, which stores nothing of a
call, is left out (`bench/kill_night.py` kills whole nights with it).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.support.killing import STAGES, Field, Killer, same_content, undisturbed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=6, help="calls at first; more come with each kill")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so long, however many kills that were")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return run(Path(temporary), given)


def run(folder: Path, given: argparse.Namespace) -> int:
    began = time.monotonic()
    ground = Field.at(folder / "field")
    ground.add_calls(given.calls)
    killer = Killer(ground, given.seed)
    for stage in ("hearing", "judging", "publishing", "backing up", "restoring"):
        killer.end(stage)
    kills, early, faults = Counter[str](), Counter[str](), []
    for number in range(given.kills):
        if time.monotonic() - began > given.minutes * 60:
            break
        stage = STAGES[number % len(STAGES)]
        before = killer.early
        found = killer.strike(stage)
        kills[stage] += 1
        early[stage] += killer.early > before
        faults += [f"kill {number + 1}, {line}" for line in found]
        for line in found:
            print(f"kill {number + 1}, {line}", flush=True)
        if (number + 1) % 30 == 0:
            passed_s = time.monotonic() - began
            print(f"{number + 1} kills, {len(ground.alive)} calls, {passed_s:.0f} s, faults {len(faults)}", flush=True)
    killer.end("hearing")
    killer.end("backing up")
    other = undisturbed(ground, folder / "whole", ground.alive)
    faults += [f"{table} differs from an undisturbed home" for table in same_content(ground.home, other)]
    killer.restore_anew()
    faults += [f"{table} differs in the restored home" for table in same_content(ground.home, ground.restored)]
    print("| stage | kills | while at work |\n|---|---:|---:|")
    for stage in STAGES:
        print(f"| {stage} | {kills[stage]} | {early[stage]} |")
    alive, forgotten = len(ground.alive), len(ground.forgotten)
    print(f"{sum(kills.values())} kills, {alive} calls at the end, {forgotten} forgotten, faults: {len(faults)}")
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
