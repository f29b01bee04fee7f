"""Cuts the clips of a night's calls, from recordings that are still theirs, here or on the inbox's server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flows.retention import is_over
from pipeline.datatypes import Judged
from pipeline.errors import BadArtefact
from pipeline.intake.servers.fetching import ServerFault
from pipeline.masks import Mask
from pipeline.privacy.masking import masks_of
from pipeline.storage import artefacts
from pipeline.storage.home import JudgedFile, RecordingRecord

if TYPE_CHECKING:
    from flows.night import Night


def cut_clips_of(night: Night, calls: Sequence[str], share_best: bool, count: bool) -> tuple[str, ...]:
    """Cut the clips of these calls, and return which of them are the best of a rule; `share_best`: those get one of it.

    `count` what could not be cut. Raises RunStopped.
    """
    from pipeline.results.excerpts import best_calls, complaint_rules, cut_excerpts, due_early, excerpt_failed

    home, settings = night.home, night.settings
    early, complaints = due_early(night.rulebooks.values()), complaint_rules(night.rulebooks.values())
    paths = [home.judged(sha256) for sha256 in calls]
    best = best_calls(_judged_files(paths))
    for path in paths:
        night.heed_stop()
        with suppress(BadArtefact):  # the database's builder lists damaged files
            file = artefacts.read(path, JudgedFile)
            judged = file.judged
            record = artefacts.read(home.recording(judged.call.sha256), RecordingRecord)
            if is_over(record, settings, settings.privacy.keep_audio_days):
                continue
            masks = masks_of(judged.call, file.masks, settings.privacy)

            def cut(judged: Judged = judged, record: RecordingRecord = record, masks: tuple[Mask, ...] = masks) -> None:
                own = best.get(judged.call.sha256, frozenset()) if share_best else frozenset()
                cut_excerpts(judged, record.files, home, settings, early, own, complaints, record.halves, masks)

            cut()
            if night.remote and excerpt_failed(home, judged.call.sha256):
                with suppress(ServerFault), night.bytes_of(judged.call.sha256, record.halves) as are_here:
                    if are_here:
                        cut()
            night.tally.add(without_clips=count and excerpt_failed(home, judged.call.sha256))
            if night.remote and settings.privacy.drop_copies_with_codes and any(mask.kind == "code" for mask in masks):
                for part in [half.sha256 for half in record.halves] or [judged.call.sha256]:
                    with suppress(ServerFault):
                        night.remote.drop(part)
    return tuple(best)


def _judged_files(paths: Iterable[Path]) -> Iterator[Judged]:
    for path in paths:
        with suppress(BadArtefact):
            yield artefacts.read(path, JudgedFile).judged
