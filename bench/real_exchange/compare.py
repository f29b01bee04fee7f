"""What callqa makes of the files of a real exchange, against what happened; exit status 1 when something is wrong.

    python bench/real_exchange/compare.py FOLDER

FOLDER is the one that run.py made. Each of the log files alone, then all of them, lie in an inbox with the recordings.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipeline.datatypes import CDR
from pipeline.intake.callers import CallerHash
from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.settings import load_settings
from pipeline.storage.home import Home

LOGS = ("cdr-csv/Master.csv", "cdr-custom/Master.csv", "cdr-custom/cdr.json", "cel-custom/Master.csv",
        "cel-custom/advanced.csv", "cel-custom/cel.json", "queue_log")  # fmt: skip
INBOXES = {**{name: (name,) for name in LOGS}, "all": ("cdr-csv/Master.csv", "cel-custom/Master.csv", "queue_log")}
NAMES = {"1001": "Li Na", "1004": "陈洁"}
"""The members that queues.conf gives a name, by their lines."""


def scan(folder: Path, logs: tuple[str, ...], place: Path) -> tuple[Scan, CallerHash]:
    inbox = place / "inbox"
    shutil.copytree(folder / "spool/monitor", inbox)
    for name in logs:
        (inbox / "log" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "log" / name, inbox / "log" / name)
    settings = load_settings()
    paths = settings.paths.model_copy(update={"inbox": inbox, "home": place / "home"})
    ingest = settings.ingest.model_copy(update={"settle_s": 0.0})
    home = Home(place / "home")
    home.root.mkdir()
    return scan_inbox(settings.model_copy(update={"paths": paths, "ingest": ingest}), home), CallerHash(home)


def judged(call: dict[str, Any], cdr: CDR) -> dict[str, str]:
    """Of each field: right, wrong or unknown."""
    agent = cdr.agent_id or cdr.agent_name
    expected = {
        "side": (cdr.release_party, (call["hung_up"],)),
        "direction": (cdr.direction, (call["direction"],)),
        "agent": (agent, (call["agent"], NAMES.get(call["agent"]))),
        "queue": (cdr.queue, (call["queue"],)),
    }
    return {
        name: "right" if found in wanted else "unknown" if found is None else "wrong"
        for name, (found, wanted) in expected.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    truth = json.loads((folder / "truth.json").read_text())
    wrong = 0
    for title, logs in INBOXES.items():
        if not all((folder / "log" / name).exists() for name in logs):
            # older releases write no JSON
            continue
        with tempfile.TemporaryDirectory() as place:
            found, hashes = scan(folder, logs, Path(place))
            by_hash = {hashes.hashed(call["customer"]): call for call in truth}
        counts: Counter[str] = Counter()
        for recording in found.recordings:
            call = by_hash.get(recording.cdr.caller_hash)
            if call is None:
                counts["no customer"] += 1
                continue
            for name, verdict in judged(call, recording.cdr).items():
                counts[f"{name} {verdict}"] += 1
                if verdict == "wrong":
                    print(f"  {call['name']}: {name}: {getattr(recording.cdr, name, recording.cdr.release_party)}")
        wrong += sum(count for name, count in counts.items() if name.endswith("wrong"))
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        print(f"{title}: {len(found.recordings)} recordings, {len(found.warnings)} warnings; {told}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    main()
