"""Where callqa keeps what it makes, and the small records beside the artefacts.

    home/
      recordings/ab/<sha256>.json.zst             RecordingRecord: where a recording was seen, its CDR
      heard/ab/<sha256>.<fingerprint>.json.zst    Transcript: the artefact; the fingerprint names engines and settings
      judged/ab/<sha256>.json.zst                 JudgedFile: verdicts, and the key of what they were made from
      scores/ab/<sha256>.json.zst                 JudgedFile without a word: what stays when a transcript's time is over
      answers/ab/<sha256>.<key>.json.zst          ModelAnswer: what a local model said to one question about a call
      unanswered/<sha256>                         a mark: a question about that call got no answer and is asked again
      failures/<key>.json.zst                     Failure: a recording that could not be heard
      runs/<run id>.json.zst                      Run: one night
      nights/<run id>/                            a night that several machines share, while it lasts (`flows.manifest`)
      rulebooks/<name>/<version>/                 what was published (`pipeline.judging.versions`)
      hashes.json.zst                             Hashes: what the files of the inbox held, so as to read none twice
      fetched/<place>/                            what an inbox on a server held (`pipeline.intake.servers.cache`)
      caller.salt                                 the key under which callers' numbers are hashed (`keys`)
      forgotten.json.zst, forgotten.key           calls that are not heard again (`pipeline.storage.tombstones`)
      erasing.json.zst                            what is being erased, until it is done (`pipeline.storage.erasure`)
      backups.json.zst, restoring                 where it was backed up, and that a backup is being put into it
      caller.salt.former-<id>, rotation           keys that an import replaced; that hashes are brought under a new one
      encrypted                                   that all is encrypted, and by which key (`pipeline.storage.resealing`)
      audit.log                                   who did what (`pipeline.storage.audit`)
      run.lock, publish.lock, rulebooks.lock      one run, one build of the database, one publishing at a time
      accounts.sqlite, reviews.sqlite             who may use the desk, and what people said there
      columns/                                    stored calls as columns (`pipeline.judging.call_cache`)
      callqa.duckdb, callqa.parts/                the database and its weeks, can be made again from the above
      excerpts/, reports/                         so can these
      call-index/2/<part>.calls.sqlite …          what the desk lists and searches (`desk.calls.index_files`); so can it
      sound/ab/<sha256>.<mask>.mp3                a recording as browsers play it (`desk.calls.sound_files`); so can it
      sound/ab/<sha256>.<span>-<mask>.cut         an excerpt of it as MP3; so can it

These files decide what is done. Nothing else does: not Prefect, not the database.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pipeline.corrections import Corrections, LeftOut
from pipeline.datatypes import CDR, Judged, Layout, Outcome, SoundFault
from pipeline.errors import BadArtefact
from pipeline.masks import Masks
from pipeline.numbers import KnownNumbers, mask_numbers
from pipeline.storage import artefacts
from pipeline.storage.masked_paths import find_masked


@dataclass(frozen=True, slots=True)
class HalfRecord:
    """One side's file of a recording in two files: the SHA-256 of its bytes, and where it was found."""

    sha256: str
    path: str

    @property
    def named(self) -> Path:
        """The path, its telephone numbers masked."""
        return _path_stored_as(self.path)

    @property
    def files(self) -> tuple[Path, ...]:
        """The path as the disk has it, as `RecordingRecord.files`."""
        return tuple(find_masked(_path_stored_as(self.path)))


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording as the inbox showed it: every path its bytes were found under (see `stored_path`), and its CDR.

    Telephone numbers in the paths are masked. `has_row` is whether call metadata ever told of it, and not its name
    alone. `halves` are the files of a recording in two. `superseded_by` is the recording that took its place: the whole
    one of a file that was half copied, the pair of a half; it counts no more then. `key_id` is the key by which callers
    are hashed in the CDR (`pipeline.storage.keys`); "" where there was no other yet.
    """

    sha256: str
    size_bytes: int
    paths: tuple[str, ...]
    first_seen: datetime
    cdr: CDR
    has_row: bool = False
    halves: tuple[HalfRecord, ...] = ()
    superseded_by: str = ""
    key_id: str = ""

    @property
    def named(self) -> tuple[Path, ...]:
        """The paths, masked, those of the last scan first."""
        return tuple(map(_path_stored_as, self.paths))

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths as the disk has them. Where a number is masked, or by now, another recording may lie there."""
        return tuple(file for path in self.named for file in find_masked(path))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a file has no artefact. `key` is its SHA-256, or a hash of its path when the bytes cannot be read.

    `message` is one line without anything people said. `fingerprint` is of the engines and settings by which it will
    not be tried again; "" where the next run tries again. `tries` are the runs that failed so, one after the other.
    """

    key: str
    path: str
    stage: Literal["ingest", "decode", "hear", "judge", "excerpt"]
    reason: str
    message: str
    at: datetime
    fingerprint: str = ""
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Hearing:
    """What the store tells of the artefact a call was judged from; copied, so that it need not be read again."""

    fingerprint: str
    layout: Layout
    language_probability: float
    provenance: dict[str, str] = field(default_factory=dict)
    faults: tuple[SoundFault, ...] = ()


@dataclass(frozen=True, slots=True)
class PastCard:
    """What an earlier version of a rulebook said of a call: `outcomes` by rule id."""

    rulebook: str
    version: str
    score: float | None
    outcomes: dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class CorrectedBy:
    """What people corrected of a call before it was judged, what of that was not found in what was heard, and what the
    rulebook says without it; `uncorrected` is None where there is no rulebook.
    """

    corrections: Corrections
    left_out: tuple[LeftOut, ...] = ()
    uncorrected: PastCard | None = None


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """`judged` and `key`, the hash of what it was made from: artefact, CDR, rulebook, judging code's version, what
    people corrected.

    `past` is what earlier versions of the rulebook said, oldest first; `masks` what may have to be hidden of the call,
    None in files of versions that did not look for it; `corrected` is None where nobody corrected anything.
    """

    key: str
    judged: Judged
    hearing: Hearing | None = None
    past: tuple[PastCard, ...] = ()
    masks: Masks | None = None
    corrected: CorrectedBy | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One night, for the runs table."""

    run_id: str
    started_at: datetime
    ended_at: datetime | None
    status: Literal["running", "completed", "failed"]
    found: int = 0
    heard: int = 0
    judged: int = 0
    failed: int = 0
    skipped: int = 0
    audio_s: float = 0.0
    settings: dict[str, str] = field(default_factory=dict)
    waiting: int = 0


def parts_folder(database: Path) -> Path:
    """Where the parts of a database lie: beside it."""
    return database.with_suffix(".parts")


class Home:
    """Paths of one callqa home; makes no folder until something is written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "callqa.duckdb"
        self.parts = parts_folder(self.database)
        self.call_index = root / "call-index"
        self.excerpts = root / "excerpts"
        self.reports = root / "reports"
        self.sound = root / "sound"
        self.nights = root / "nights"
        self.lock = root / "run.lock"
        self.database_lock = root / "publish.lock"
        self.columns = root / "columns"
        self.salt = root / "caller.salt"
        self.rulebooks = root / "rulebooks"
        self.rulebooks_lock = root / "rulebooks.lock"
        self.forgotten_key = root / "forgotten.key"
        self.restoring = root / "restoring"

    @property
    def hashes(self) -> Path:
        return self._artefact("hashes")

    @property
    def forgotten(self) -> Path:
        return self._artefact("forgotten")

    @property
    def erasing(self) -> Path:
        return self._artefact("erasing")

    @property
    def secrets(self) -> tuple[Path, ...]:
        """Files for their owner alone, whoever else may read the home."""
        return self.salt, self.forgotten_key, *self.root.glob(f"{self.salt.name}.former-*")

    def recording(self, sha256: str) -> Path:
        return self._artefact(f"recordings/{sha256[:2]}/{sha256}")

    def transcript(self, sha256: str, fingerprint: str) -> Path:
        return self._artefact(f"heard/{sha256[:2]}/{sha256}.{fingerprint[:16]}")

    def newest_transcript(self, sha256: str) -> Path | None:
        """A recording's last artefact, whatever engines heard it."""
        files = filter(artefacts.is_artefact, self.transcript(sha256, "").parent.glob(f"{sha256}.*"))
        return max(files, key=lambda file: (file.stat().st_mtime, file.name), default=None)

    def judged(self, sha256: str) -> Path:
        return self._artefact(f"judged/{sha256[:2]}/{sha256}")

    def scores(self, sha256: str) -> Path:
        """What is left of a call whose words' time is over."""
        return self._artefact(f"scores/{sha256[:2]}/{sha256}")

    def verdicts(self, sha256: str) -> Path:
        """What the database shows of a call: its scores alone once there are such, else its judged file."""
        scores = self.scores(sha256)
        return scores if scores.exists() else self.judged(sha256)

    def answer(self, sha256: str, key: str) -> Path:
        return self._artefact(f"answers/{sha256[:2]}/{sha256}.{key[:16]}")

    def unanswered(self, sha256: str) -> Path:
        return self.root / "unanswered" / sha256

    def failure(self, key: str) -> Path:
        return self._artefact(f"failures/{key}")

    def run(self, run_id: str) -> Path:
        return self._artefact(f"runs/{run_id}")

    def _artefact(self, name: str) -> Path:
        return artefacts.lying(self.root / f"{name}{artefacts.ARTEFACT_SUFFIX}")

    def files(self, kind: Literal["recordings", "heard", "judged", "failures", "runs"]) -> Iterator[Path]:
        """All files of a kind, sorted, without half-written ones."""
        found = set(filter(artefacts.is_artefact, (self.root / kind).rglob("*.json.*")))
        # a process that was killed may have left what an earlier version wrote beside what is in its place
        yield from sorted(path for path in found if path.suffix == ".zst" or path.with_suffix(".zst") not in found)

    def recording_records(self) -> Iterator[RecordingRecord]:
        """All recordings seen, without damaged records; a scan writes anew those of the inbox."""
        for path in self.files("recordings"):
            with suppress(BadArtefact):
                yield artefacts.read(path, RecordingRecord)


def files_stored_as(text: str) -> tuple[Path, ...]:
    """The files that a path of a record (`stored_path`) may stand for: several where a number is masked."""
    return tuple(find_masked(_path_stored_as(text)))


_AS_BYTES = "bytes:"


def stored_path(path: Path, numbers: KnownNumbers | None = None) -> str:
    """An absolute path as a record keeps it: telephone numbers masked, and what `numbers` finds; its bytes
    percent-encoded where they are not UTF-8."""
    raw = os.fsencode(mask_numbers(str(path), numbers))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _AS_BYTES + quote_from_bytes(raw)


def _path_stored_as(text: str) -> Path:
    if text.startswith(_AS_BYTES):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix(_AS_BYTES))))
    return Path(text)


def path_key(path: Path) -> str:
    """The key of a failure whose bytes could not be read."""
    return "path-" + hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()
