"""Mutated CDR files through a scan of the inbox: none may stop it, each fault is told in one line without a cell.

    python bench/hostile_cdr.py [--count 500] [--seed 1]

Exit status 1 when something got through; the seed of each file that did is printed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.settings import load_settings
from tests.support.cdrs import mutated, own_settings, scan_with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    through, unread, warned, slowest_s = [], 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        settings, home = own_settings(load_settings(), Path(folder))
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            name, data = mutated(random.Random(seed))
            began = time.monotonic()
            try:
                scan = scan_with(settings, home, name, data)
            except Exception:
                traceback.print_exc()
                through.append(seed)
                continue
            slowest_s = max(slowest_s, time.monotonic() - began)
            unread += bool(scan.failures)
            warned += bool(scan.warnings)
    print(
        f"{arguments.count} CDRs: {unread} not read, {warned} with warnings, slowest {slowest_s:.2f} s, "
        f"got through: {len(through)} {through or ''}"
    )
    raise SystemExit(bool(through))


if __name__ == "__main__":
    main()
