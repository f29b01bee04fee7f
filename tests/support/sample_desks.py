"""A desk on the sample calls: their recordings, what the embedded models heard in them, judged by the rulebooks now."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

from desk.context import Desk, make_desk
from flows.rulebooks import draft_rulebooks
from pipeline.datatypes import CDR, Transcript
from pipeline.judging.rulebook import Rulebook
from pipeline.privacy.sensitive import find_masks
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.run import judge
from pipeline.settings import CHECKOUT
from pipeline.storage import artefacts
from pipeline.storage.home import Hearing, Home, JudgedFile, RecordingRecord
from tests.support.desks import settings_of

SAMPLES = CHECKOUT / "data" / "samples"
HEARD = CHECKOUT / "tests" / "data" / "samples"


def make_sample_desk(folder: Path) -> Desk:
    """A desk on all sample calls, published."""
    home, settings = Home(folder / "home"), settings_of(folder / "home")
    books = draft_rulebooks(settings)
    with (SAMPLES / "cdr.csv").open(encoding="utf-8-sig") as table:
        for row in csv.DictReader(table):
            _store(home, SAMPLES / row["file"], _cdr(row), books)
    build_database(home, settings, [rulebook_info(book) for book in books.values()])
    return make_desk(settings, lambda: books)


def _cdr(row: dict[str, str]) -> CDR:
    plain = {
        name: row[name] or None
        for name in ("call_id", "agent_id", "agent_name", "team", "company", "queue", "release_party")
    }
    return CDR(**plain, started_at=datetime.fromisoformat(row["started_at"]), direction="inbound")  # type: ignore[arg-type]


def _store(home: Home, recording: Path, cdr: CDR, books: dict[str, Rulebook]) -> None:
    heard = artefacts.read(HEARD / f"{recording.stem}.heard.json.zst", Transcript)
    judged = judge(heard, cdr, books)
    hearing = Hearing(heard.fingerprint, heard.layout, heard.language_probability, heard.provenance, heard.faults)
    stored = JudgedFile(heard.sha256, judged, hearing, masks=find_masks(judged.call))
    record = RecordingRecord(heard.sha256, recording.stat().st_size, (str(recording),), cdr.started_at or _NEVER, cdr)
    artefacts.write(home.recording(heard.sha256), record)
    artefacts.write(home.transcript(heard.sha256, heard.fingerprint), heard)
    artefacts.write(home.judged(heard.sha256), stored)


_NEVER = datetime.fromisoformat("2026-11-16T00:00:00+08:00")
