"""Inboxes for tests: short recordings, and what a table of calls makes of them."""

from __future__ import annotations

import hashlib
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

from pipeline.datatypes import CDR
from pipeline.intake.inbox import scan_inbox
from pipeline.settings import Ingest, Settings
from pipeline.storage.home import Home
from tests.support.malformed import voice, wav

CHINA = timezone(timedelta(hours=8))
MOBILE = "13812345678"


def with_ingest(settings: Settings, **changes: Any) -> Settings:
    return settings.model_copy(update={"ingest": Ingest(**{"settle_s": 0.0, **changes})})


def put(path: Path, seed: int = 1) -> str:
    """Write a short recording; its SHA-256."""
    data = wav(voice(0.05, seed).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def cdr_of(here: Settings, home: Home, text: str | bytes, name: str = "cdr.csv") -> CDR:
    """The CDR of a.wav with this metadata; no warnings."""
    put(here.paths.inbox / "a.wav")
    (here.paths.inbox / name).write_bytes(text.encode() if isinstance(text, str) else text)
    found = scan_inbox(here, home)
    assert found.warnings == ()
    return found.recordings[0].cdr
