"""A disk that is full, read-only, failing, or takes no larger files: at six stages each.

    python bench/failing_disk.py --rounds 3        # as root on Linux: it mounts a file system of its own

Whatever works over the home must say so in one line and leave what can be read: the database opens, no call is there
twice, the backup is whole. When the disk is well again the same command ends the work, and every call is there exactly
once, and of forgotten ones no byte. Full and read-only are real (tmpfs), so is the limit of a file's size (ulimit -f);
errors of the disk (EIO) are put in where files are flushed, renamed and removed.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from flows.faults import explained
from pipeline.errors import CallQAError
from tests.support.killing import NIGHT, STAGES, Field, Killer, act, sound, sound_count, whole

FAULTS = ("full", "read-only", "EIO", "file size")


def hampered(stage: str, ground: Field, call: str, fault: str, seed: int, told: Connection) -> None:
    """Do a stage while the disk fails, and tell what became of it."""
    draw = random.Random(seed)
    if fault == "EIO":
        _fail_now_and_then(draw)
    elif fault == "file size":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        most = int(10 ** draw.uniform(2, 5.5))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    try:
        act(stage, ground, call, _Silent())  # type: ignore[arg-type]
    except (OSError, CallQAError) as error:
        told.send(explained(error).message)
    except BaseException as error:
        told.send(f"UNFORESEEN {type(error).__name__}: {error}")
    else:
        told.send("done")


class _Silent:
    def send(self, name: str) -> None: ...


def _fail_now_and_then(draw: random.Random) -> None:
    """One call in so many fails: flushing, renaming, removing."""
    share = draw.choice((0.02, 0.1, 0.5))

    def failing(function: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            if draw.random() < share:
                raise OSError(errno.EIO, os.strerror(errno.EIO), str(given[0]) if given else None)
            return function(*given, **named)

        return call

    for name in ("fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, failing(getattr(os, name)))


@contextmanager
def trouble(fault: str, folder: Path, draw: random.Random) -> Iterator[None]:
    """The disk below a folder, full or read-only while the block runs."""
    filler = folder / "filler"
    if fault == "full":
        free = shutil.disk_usage(folder).free - int(10 ** draw.uniform(3, 5.5))
        filler.write_bytes(b"\0" * max(0, free))
    elif fault == "read-only":
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    try:
        yield
    finally:
        if fault == "read-only":
            subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        filler.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if os.environ.get("CALLQA_OWN_MOUNTS") is None:
        os.environ["CALLQA_OWN_MOUNTS"] = "1"
        return subprocess.run(["unshare", "-m", sys.executable, *sys.argv]).returncode
    with tempfile.TemporaryDirectory() as temporary:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", temporary], check=True)
        try:
            return run(Path(temporary), given)
        finally:
            subprocess.run(["umount", "-l", temporary])


def run(folder: Path, given: argparse.Namespace) -> int:
    ground = Field.at(folder / "field")
    ground.quick = True
    ground.add_calls(5)
    killer, draw = Killer(ground, given.seed), random.Random(given.seed)
    for stage in ("hearing", "backing up"):
        killer.end(stage)
    faults = []
    print("| stage | disk | ended with | told |\n|---|---|---|---|")
    for _ in range(given.rounds):
        for stage in STAGES:
            for fault in FAULTS:
                found, message = strike(killer, draw, stage, fault)
                faults += [f"{stage}, {fault}: {line}" for line in found]
                verdict = "sound, and ended afterwards" if not found else "; ".join(found)
                print(f"| {stage} | {fault} | {verdict} | {message.replace(str(folder), '…')[:150]} |", flush=True)
    print(f"{given.rounds * len(STAGES) * len(FAULTS)} times, faults: {len(faults)}")
    return 1 if faults else 0


def strike(killer: Killer, draw: random.Random, stage: str, fault: str) -> tuple[list[str], str]:
    ground = killer.ground
    call, gone = "", None
    if stage == "hearing" or (stage == "forgetting" and len(ground.alive) < 4):
        ground.add_calls(2)
        if stage == "forgetting":
            killer.end("hearing")
    elif stage in NIGHT:
        ground.change_rules(f"不存在{draw.getrandbits(40)}")
    if stage == "forgetting":
        gone = draw.choice(ground.alive)
        call = gone.call_id
    if stage == "restoring":
        shutil.rmtree(ground.restored.root, ignore_errors=True)
    ours, theirs = killer.context.Pipe()
    with trouble(fault, ground.folder.parent, draw):
        process = killer.context.Process(
            target=hampered, args=(stage, ground, call, fault, draw.getrandbits(32), theirs)
        )
        process.start()
        theirs.close()
        message = "ended without a word"
        with suppress(EOFError):
            message = ours.recv()
        process.join()
    found = [message] if message.startswith(("UNFORESEEN", "ended")) else []
    found += [f"afterwards: {line}" for line in sound(ground)]
    if gone is not None:
        ground.alive.remove(gone)
        ground.forgotten.append(gone)
    if not (stage == "restoring" and message == "done"):
        killer.end(stage, call)
    if gone is not None and sound_count(ground) != len(ground.alive):
        killer.end(stage, call)
    return [*found, *sound(ground), *whole(ground, stage, gone)], message


if __name__ == "__main__":
    sys.exit(main())
