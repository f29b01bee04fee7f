"""The desk, killed at random moments while three reviewers answer over HTTP.

    python bench/desk_kill.py --kills 100

Every answer that was acknowledged must be there once; answers are sent again when the connection breaks, as browsers
do. The last answer of each reviewer may be kept without having been acknowledged.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from tests.support.killed_desks import kill_desk


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="desk-kill-") as folder:
        found = kill_desk(Path(folder), given.kills, given.seed)
    for name, value in asdict(found).items():
        print(f"{name:16} {value}")
    return int(bool(found.lost or found.doubled or found.faults or found.unacknowledged > 3 or not found.sound))


if __name__ == "__main__":
    raise SystemExit(main())
