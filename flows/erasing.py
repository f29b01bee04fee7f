"""Erases what calls have left in a home: their own files, and what holds them among others.

What is to be erased is put down first (`pipeline.storage.erasure`), so that a killed run is gone on with: by the same
command, or by the next night. Each step can be done twice. Only for who holds the run lock.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from flows.erased import SHORTEST_NAME, Remnant, named_in, remnants
from flows.erased_reports import renew_reports
from flows.faults import explained
from flows.manifest import forget_nights
from flows.records import PendingReport
from flows.rulebooks import rulebooks_in_force
from pipeline.corrections import Corrections
from pipeline.datatypes import Judged
from pipeline.errors import BadArtefact, CallQAError
from pipeline.intake.contents import Hashes
from pipeline.intake.servers.cache import drop_fetched
from pipeline.judging.call_cache import drop_from_columns
from pipeline.privacy.masking import masking_of
from pipeline.results.erased_rows import drop_old_parts
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database, published_masking
from pipeline.reviews.store import Reviews
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.call_files import WITH_SOUND, WITH_WORDS, call_files, stored_calls
from pipeline.storage.erasure import Erasure, InboxFile, begin, end, unfinished
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, JudgedFile, files_stored_as
from pipeline.storage.tombstones import bury


def erase(settings: Settings, erasure: Erasure) -> list[Remnant]:
    """Erase, publish what is left, and say what is still there. Raises OSError when it cannot be put down, else
    CallQAError when what is left cannot be published: then it is gone on with later."""
    home = Home(settings.paths.home)
    begin(home, erasure)  # after what is unfinished, which is seen to as well
    return finish_erasing(settings)


def finish_erasing(settings: Settings) -> list[Remnant]:
    """Go on with what was to be erased, if something was. Raises as `erase`."""
    home = Home(settings.paths.home)
    erasure = unfinished(home)
    if erasure is None:
        return []
    stuck = erase_files(home, erasure)
    if home.database.exists():
        if published_masking(home.database) != masking_of(settings.privacy):
            # what is built now hides something else than the clips do: the next night cuts them anew
            PendingReport(home).add(*sorted(stored_calls(home, ("judged",))))
        build_database(home, settings, [rulebook_info(book) for book in rulebooks_in_force(settings).values()])
    return [*stuck, *close_erasure(home, settings, erasure)]


def erase_files(home: Home, erasure: Erasure) -> list[Remnant]:
    """Remove all but what is published; what cannot be removed. Raises OSError when no file can be written."""
    bury(home, erasure.known_by)
    stuck: list[Remnant] = []
    # of what cannot be read nothing is left, and it is not heard again to be deleted again
    bury(home, [sha256 for sha256 in erasure.words if not _keep_scores(home, sha256)])
    for file in call_files(home, erasure.calls):
        _remove(file.path, stuck)
    for file in call_files(home, erasure.words, WITH_WORDS):
        _remove(file.path, stuck)
    for file in call_files(home, erasure.clips, WITH_SOUND):
        _remove(file.path, stuck)
    for key in erasure.failures:
        _remove(home.failure(key), stuck)
    contents = {*erasure.calls, *erasure.known_by}
    _forget_hashes(home, contents)
    copies = {*contents, *erasure.copies}
    stuck += [Remnant(path) for path in drop_fetched(home.root / "fetched", copies)]
    drop_from_columns(home, (*erasure.calls, *erasure.words))
    try:
        Reviews(home).forget(erasure.calls, erasure.words)
    except CallQAError as error:
        stuck.append(Remnant(home.root / "reviews.sqlite", error.message))
    forget_nights(home)
    PendingReport(home).leave_out(erasure.calls)
    for path in named_in([home.root / "logs"], [name for name in erasure.names if len(name) >= SHORTEST_NAME]):
        _remove(path, stuck)
    for recording in erasure.recordings:
        _remove_recording(recording, stuck)
    return stuck


def close_erasure(home: Home, settings: Settings, erasure: Erasure) -> list[Remnant]:
    """What is to be done once the database is built: older parts and reports; then read back what was erased."""
    drop_old_parts(home)
    renew_reports(home, settings, erasure)
    left = remnants(home, erasure)
    if not left:
        end(home)
    return left


def _keep_scores(home: Home, sha256: str) -> bool:
    """Put down what is left of a call without its words, unless it is already. False where nothing is."""
    if home.scores(sha256).exists():
        return True
    try:
        file = artefacts.read(home.judged(sha256), JudgedFile)
    except BadArtefact:
        return False
    corrected = file.corrected and replace(file.corrected, corrections=Corrections(), left_out=())
    bare = replace(file, judged=without_words(file.judged), masks=None, corrected=corrected)
    artefacts.write(home.scores(sha256), bare)
    return True


def without_words(judged: Judged) -> Judged:
    """A judged call without anything that was said, or where: what was measured, outcomes and scores stay."""
    call, card = judged.call, judged.scorecard
    bare = replace(
        call, turns=(), voiced={}, silences=(), overlaps=(), events=(), levels_dbfs={},
        roles=replace(call.roles, by_speaker={}, third_voices=()), hang_up=replace(call.hang_up, reason=""),
    )  # fmt: skip
    if card is None:
        return Judged(bare, None)
    verdicts = tuple(replace(v, evidence=(), grounds=(), suspect=None, reason="") for v in card.verdicts)
    return Judged(bare, replace(card, verdicts=verdicts))


def _forget_hashes(home: Home, contents: set[str]) -> None:
    with suppress(BadArtefact):
        files = artefacts.read(home.hashes, Hashes).files
        kept = {path: file for path, file in files.items() if file.sha256 not in contents}
        if len(kept) < len(files):
            artefacts.write(home.hashes, Hashes(kept))


def _remove_recording(recording: InboxFile, stuck: list[Remnant]) -> None:
    """Delete a recording from the inbox, if it is the one: a masked path may be another's too."""
    for path in files_stored_as(recording.path):
        with suppress(FileNotFoundError):
            try:
                if path.is_file() and not path.is_symlink() and file_sha256(path) == recording.sha256:
                    path.unlink()
            except OSError as error:
                stuck.append(Remnant(path, explained(error).message))


def _remove(path: Path, stuck: list[Remnant]) -> None:
    with suppress(FileNotFoundError):
        try:
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
        except OSError as error:
            stuck.append(Remnant(path, error.strerror or type(error).__name__))
