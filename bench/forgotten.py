"""Erasure: calls with canaries, everything used once, then forgotten; every byte is looked through.

    python bench/forgotten.py --calls 60 --forget 50

A canary is a text that stands nowhere else: what was said, file name, call id, caller's number, agent, a note of the
call metadata, and the sound of the clips. Nights with Prefect, report, workbook, queries, a replay (columns), a stored
call shown, clips and a backup: then calls are forgotten by id and by caller. Looked through are the home, the
folder for temporary files, the logs, Prefect's database, and the backup after its next run; what is packed is unpacked
(zstd, gzip, zip, Parquet, DuckDB, columns). What is heard is scripted.
"""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from pipeline.judging.loader import load_rulebook
from pipeline.judging.replay import replay
from pipeline.settings import load_settings
from pipeline.storage.audit import audit_file
from pipeline.storage.backup import read_manifest
from pipeline.storage.home import Home
from tests.support.canaries import Canary, canary_settings, hits, make_canaries, sha_of_canary
from tests.support.nights import environment

QUERIES = ("FROM failed_checks", "FROM turns", "FROM calls", "SELECT * FROM clips")


class Desk:
    """A home, and the command that works over it in processes of its own, with a folder for temporary files."""

    def __init__(self, folder: Path, calls: int) -> None:
        self.folder, self.home = folder, Home(folder / "home")
        self.inbox, self.target, self.scratch = folder / "inbox", folder / "target", folder / "tmp"
        self.scratch.mkdir()
        self.canaries = make_canaries(self.inbox, calls)
        self.settings = canary_settings(load_settings(), self.home, self.inbox, folder)
        self.file = folder / "callqa.toml"
        book, weights = self.settings.paths.rulebooks["zh"], self.settings.paths.weights
        self.file.write_text(
            f"[paths]\nhome = {json.dumps(str(self.home.root))}\ninbox = {json.dumps(str(self.inbox))}\n"
            f"weights = {json.dumps(str(weights))}\nrulebooks = {{ zh = {json.dumps(str(book))} }}\n"
            "[ingest]\nsettle_s = 0\n",
            encoding="utf-8",
        )
        self.env = environment(self.home.root / "prefect", TMPDIR=str(self.scratch))

    def callqa(self, *arguments: str | Path, home: Path | None = None) -> str:
        command = [sys.executable, "-P", "-m", "tests.support.canary_callqa", "--settings", str(self.file)]
        command += ["--home", str(home)] if home else []
        command += map(str, arguments)
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=1800, cwd=self.folder)
        if done.returncode:
            raise SystemExit(f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def use_everything(self) -> None:
        self.callqa("nightly", "--json")
        for query in QUERIES:
            self.callqa("sql", query, "--format", "csv")
        self.callqa("report")
        self.callqa("judge", self.canaries[0].call_id)
        replay(self.home, load_rulebook(self.settings.paths.rulebooks["zh"]), processes=1, few=0)
        self.callqa("backup", self.target)

    def forget(self, count: int) -> None:
        """Most by id, some by caller; some with their recordings."""
        by_id, by_caller = self.canaries[: count // 2], self.canaries[count // 2 : count * 4 // 5]
        print("dry run:", self.callqa("forget", *(canary.call_id for canary in by_id), "--dry-run", "--json").strip())
        self.callqa("forget", *(canary.call_id for canary in by_id), "--json", "--recording")
        for canary in by_caller:
            self.callqa("forget", "--caller", canary.caller, "--json", "--recording")
        rest = [canary.call_id for canary in self.canaries[count * 4 // 5 : count]]
        print("forgotten:", self.callqa("forget", *rest, "--json").strip())

    def places(self) -> dict[str, Path]:
        return {"home": self.home.root, "temporary files": self.scratch, "backup": self.target}


def texts_of(canaries: list[Canary], clips: list[bytes]) -> list[str]:
    """All that stands nowhere else, the clips as pages carry them."""
    sound = [base64.b64encode(clip[300:600]).decode() for clip in clips]
    return [*(text for canary in canaries for text in canary.texts), *sound]


def told(found: list[str], home: Home) -> Counter[str]:
    """Hits by the place they are in, below the home's folders."""
    counts: Counter[str] = Counter()
    for hit in found:
        path = hit.partition(" in ")[2] or hit.partition(" names ")[2]
        below = path.removeprefix(f"{home.root}/").split("/")[0]
        counts[below if path.startswith(str(home.root)) else "files"] += 1
    return counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--forget", type=int, default=50)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return run(Desk(Path(temporary), given.calls), given.forget)


def run(desk: Desk, count: int) -> int:
    desk.use_everything()
    gone, stay = desk.canaries[:count], desk.canaries[count:]
    folders = {path.parent.name for path in desk.home.excerpts.rglob("*.mp3")}
    shas = [sha_of_canary(desk.inbox, canary) for canary in gone]
    clips = [path.read_bytes() for path in desk.home.excerpts.rglob("*.mp3") if path.parent.name in shas]
    texts = texts_of(gone, clips)
    print(f"{len(texts)} texts of {len(gone)} calls, {len(clips)} clips, clips of {len(folders)} calls in all")
    before = {name: told(hits(place, texts), desk.home) for name, place in desk.places().items()}
    for name, counts in before.items():
        print(f"before, {name}: {sum(counts.values())} hits, {dict(counts.most_common(8))}")
    desk.forget(count)
    desk.callqa("backup", desk.target)
    after = {name: hits(place, texts) for name, place in desk.places().items()}
    night = json.loads(desk.callqa("nightly", "--json"))
    after["home, after one more night"] = hits(desk.home.root, texts)
    desk.callqa("restore", desk.target, home=desk.folder / "restored")
    after["restored home"] = hits(desk.folder / "restored", texts)
    ids = {canary.call_id for canary in gone}
    name = audit_file(desk.home).name
    audit = (name, *(file.sha256 for file in read_manifest(desk.target).files if file.path == name))
    faults = 0
    for name, found in after.items():
        named = [hit for hit in found if hit.endswith(audit) and hit.split(" in ")[0] in ids]
        left = sorted(set(found) - set(named))
        faults += len(left)
        print(f"after, {name}: {len(left)} hits; ids of calls in the audit log, which keeps them: {len(named)}")
        print("\n".join(left[:10]))
    others = hits(desk.home.root, [canary.word for canary in stay])
    print(f"the other {len(stay)} calls: {len(others)} hits; next night: heard {night['heard']}, "
          f"forgotten {night['forgotten']}")  # fmt: skip
    return 1 if faults or night["heard"] or not others else 0


if __name__ == "__main__":
    sys.exit(main())
