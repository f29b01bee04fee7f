"""Artefacts that earlier versions wrote lose the security codes and PINs in them when they are next judged."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.datatypes import Transcript
from pipeline.privacy.codes import without_codes
from pipeline.storage import artefacts
from pipeline.storage.home import Home


def read_without_codes(home: Home, path: Path) -> Transcript:
    """A stored transcript without its codes, which go from the disk and from what was derived. Raises BadArtefact."""
    stored = artefacts.read(path, Transcript)
    clean = without_codes(stored)
    if clean.segments != stored.segments:
        artefacts.write(path, clean)
        # what a model answered may quote them, and columns hold the words: both are made again
        for answer in home.answer(clean.sha256, "").parent.glob(f"{clean.sha256}.*"):
            answer.unlink(missing_ok=True)
        shutil.rmtree(home.columns, ignore_errors=True)
    return clean
