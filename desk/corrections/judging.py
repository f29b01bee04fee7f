"""A call judged again as people corrected it: at once, kept where no run is at work, else until a night has done it.

What is kept here has a key that no night makes, so that the next one judges the call once more: it asks the local model
too, cuts the clips anew and tells its report.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress

from desk.context import Desk
from pipeline.asking.ask import Asker
from pipeline.asking.endpoint import Endpoint
from pipeline.corrections import Corrections
from pipeline.datatypes import CDR, Transcript
from pipeline.errors import BadArtefact
from pipeline.privacy.codes import without_codes
from pipeline.reviews.carried_over import judged_by
from pipeline.reviews.corrections import CallCorrections, corrections_of
from pipeline.run import judged_file
from pipeline.storage import artefacts
from pipeline.storage.changes import file_mark
from pipeline.storage.home import JudgedFile, RecordingRecord
from pipeline.storage.lock import between_runs

DESK_KEY = "0" * 64
"""Key of what is judged here."""

_TRIES = 5
_MOST_RECENT = 8

_recent: OrderedDict[tuple[object, ...], JudgedFile] = OrderedDict()
_recent_lock = threading.Lock()


def judged_now(desk: Desk, stored: JudgedFile, said: CallCorrections) -> JudgedFile:
    """A judged call as it is by what people said of it; itself where it is so, or its transcript is gone."""
    if judged_by(stored, said):
        return stored
    key = (desk.home.root, said.sha256, said.seen, stored.key, _books(desk))
    with _recent_lock:
        if (known := _recent.get(key)) is not None:
            return known
    try:
        fresh = _judged(desk, stored, said.in_force)
    except BadArtefact:
        return stored
    with _recent_lock:
        _recent[key] = fresh
        while len(_recent) > _MOST_RECENT:
            _recent.popitem(last=False)
    return fresh


def judge_again(desk: Desk, sha256: str) -> bool:
    """Judge a call by what people said of it and keep that; false where a run is at work, which leaves it to a night.

    Nothing is kept of a call that was forgotten meanwhile.
    """
    path = desk.home.judged(sha256)
    for _ in range(_TRIES):
        try:
            mark, said = file_mark(str(path)), corrections_of(desk.reviews, sha256)
            stored = artefacts.read(path, JudgedFile)
            if judged_by(stored, said):
                return True
            fresh = _judged(desk, stored, said.in_force)
        except BadArtefact:
            return False
        with between_runs(desk.home) as held:
            if not held:
                return False
            if mark == file_mark(str(path)) and corrections_of(desk.reviews, sha256).seen == said.seen:
                artefacts.write(path, fresh)
                return True
    return False


def heard_call(desk: Desk, stored: JudgedFile) -> tuple[Transcript, CDR]:
    """What a judged call was judged from. Raises BadArtefact."""
    call, hearing = stored.judged.call, stored.hearing
    path = desk.home.transcript(call.sha256, hearing.fingerprint) if hearing else None
    if path is None or not path.exists():
        path = desk.home.newest_transcript(call.sha256) or desk.home.transcript(call.sha256, "none")
    cdr = call.cdr
    with suppress(BadArtefact):
        cdr = artefacts.read(desk.home.recording(call.sha256), RecordingRecord).cdr
    return without_codes(artefacts.read(path, Transcript)), cdr


def _judged(desk: Desk, stored: JudgedFile, in_force: Corrections) -> JudgedFile:
    transcript, cdr = heard_call(desk, stored)
    return judged_file(
        DESK_KEY, transcript, cdr, desk.rulebooks(), desk.settings, _asker(desk), in_force, before=stored
    )


def _asker(desk: Desk) -> Asker | None:
    """Knows what a local model answered before, and asks nothing: a page does not wait for a model."""
    asks = desk.settings.asks
    if asks.endpoint is None or not any(book.questions for book in desk.rulebooks().values()):
        return None
    return Asker(desk.home, Endpoint(asks.endpoint, asks.model, asks.timeout_s, asks.token_env), 0.0)


def _books(desk: Desk) -> tuple[str, ...]:
    return tuple(book.hash for _, book in sorted(desk.rulebooks().items()))
