"""A night of many calls, killed again and again, against one that is left alone.

    python bench/kill_night.py --calls 200 --kills 20            # hours on two cores
    python bench/kill_night.py --calls 200 --kills 20 --seconds 8   # recordings cut to 8 s

The samples are repeated with other bytes, so that each is a recording of its own. The night is killed with
SIGKILL at random moments, each a random part of what the undisturbed night took. It passes when every recording
is there exactly once, the database opened after every kill, no process was left behind, and all content
equals the undisturbed night's.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.storage.home import Home
from tests.support.nights import SAMPLES, callqa, children, content, cut, environment, gone, kill, rows, start


def repeated(source: Path, target: Path, number: int) -> None:
    """A copy with other bytes and the same sound: a chunk (WAV) or a tag (MP3) that says nothing."""
    data, note = source.read_bytes(), f"copy {number:06d}".encode()
    if source.suffix == ".wav":
        chunk = b"note" + struct.pack("<I", len(note)) + note + b"\0" * (len(note) % 2)
        data = data[:4] + struct.pack("<I", len(data) + len(chunk) - 8) + data[8:] + chunk
    else:
        data += b"TAG" + note.ljust(125, b"\0")
    target.write_bytes(data)


def make_inbox(folder: Path, calls: int, seconds: float | None) -> None:
    """Fill an inbox with so many recordings, whole samples or the first `seconds` of each."""
    folder.mkdir(parents=True)
    sources = sorted([*SAMPLES.glob("*.wav"), *SAMPLES.glob("*.mp3")])
    if seconds:
        (folder.parent / "cut").mkdir()
        cuts = folder.parent / "cut"
        sources = [cut(s, cuts / f"{s.stem}.wav", 2.0, 2.0 + seconds) for s in sources]
    for number in range(calls):
        source = sources[number % len(sources)]
        repeated(source, folder / f"{number:04d}-{source.name}", number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, help="cut every recording to this length")
    parser.add_argument("--within", type=float, help="kill within so many seconds (default: half of the undisturbed)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where to work; kept, and gone on with (default: temporary)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return compare(given.folder or Path(temporary), given)


def compare(folder: Path, given: argparse.Namespace) -> int:
    inbox, whole, broken = folder / "inbox", Home(folder / "whole"), Home(folder / "broken")
    env = environment(folder / "prefect")
    if not inbox.exists():
        make_inbox(inbox, given.calls, given.seconds)
    began = time.monotonic()
    done = callqa("--home", whole.root, "nightly", "--inbox", inbox, "--json", env=env, timeout_s=None)
    lasted = time.monotonic() - began
    print(f"undisturbed: {lasted:.0f} s, {json.loads(done.stdout)}", flush=True)
    moments = random.Random(given.seed)
    faults = []
    for number in range(given.kills):
        moment_s = moments.uniform(0, given.within or (lasted / 2 if number % 2 else min(60.0, lasted)))
        night = start("--home", broken.root, "nightly", "--inbox", inbox, env=env)
        time.sleep(moment_s)
        over = night.poll() is not None
        started = children(night.pid)
        kill(night)
        if not gone(started, 15):
            faults.append(f"kill {number + 1}: a process was left behind")
        calls = rows(broken.database, "SELECT count(*) FROM calls")[0][0] if broken.database.exists() else 0
        heard = sum(1 for _ in broken.files("heard"))
        ended = " (it was over)" if over else ""
        print(f"kill {number + 1} after {moment_s:.1f} s{ended}: {heard} heard, {calls} in the "
              "database", flush=True)  # fmt: skip
    began = time.monotonic()
    done = callqa("--home", broken.root, "nightly", "--inbox", inbox, "--json", env=env, timeout_s=None)
    print(f"left alone after that: {time.monotonic() - began:.0f} s, {json.loads(done.stdout)}")
    began = time.monotonic()
    callqa("--home", broken.root, "nightly", "--inbox", inbox, "--json", env=env, timeout_s=None)
    print(f"once more, with nothing to do: {time.monotonic() - began:.1f} s")
    one, other = content(whole.database), content(broken.database)
    faults += [f"{table}: content differs" for table in one if one[table] != other[table]]
    counted = rows(broken.database, "SELECT count(*), count(DISTINCT sha256) FROM calls")[0]
    if counted != (given.calls, given.calls):
        faults.append(f"{given.calls} recordings, but {counted} calls")
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak_mb:.0f} MB")
    print("\n".join(faults) if faults else f"every one of {given.calls} recordings exactly once, content equal")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
