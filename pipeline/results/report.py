"""The report of a night: one HTML page that a coach opens and plays from, anywhere, without a network.

The page carries its style, its script and, up to a limit, its clips; beyond the limit the clips lie in a folder
beside it. It is made from the database and the clips alone. Everything that strangers wrote (words, file names,
CDR fields) is escaped, and a content security policy forbids whatever the page does not bring along itself.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from markupsafe import Markup

from pipeline.results.excerpts import clip_sound
from pipeline.results.page import content_policy, render_page, template_text
from pipeline.results.report_numbers import read_night
from pipeline.results.report_page import Clip, ReportPage
from pipeline.results.report_record import ReportRecord, report_record_file, with_those_of
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home, Run
from pipeline.storage.sealing import is_sealed, unsealed

EMBEDDED_BYTES = 20_000_000
"""Clips of up to this size in all are carried inside the page; more go to a folder beside it."""


def report_folder(home: Home, settings: Settings, run: Run | None = None) -> Path:
    """Where the report of a run lies, or that of all calls, and its workbook."""
    return home.reports / _folder_name(run, settings.ingest.timezone)


def write_report(
    home: Home,
    settings: Settings,
    run: Run | None = None,
    calls: Collection[str] | None = None,
    embed_bytes: int = EMBEDDED_BYTES,
) -> Path:
    """Write the report over some calls (SHA-256s; None: all) and return its index.html.

    Reads the database and the clips of the home; `run` gives the report its name and date. It links to the workbook
    that belongs beside it (`write_workbook`). Raises BadQuery when there is no database, OSError when the page cannot
    be written.
    """
    folder = report_folder(home, settings, run)
    page = read_night(home, settings, run, calls)
    sizes = sum((home.root / clip.source).stat().st_size for clip in page.all_clips if clip.source)
    embedded = sizes <= embed_bytes
    sources = _embedded(home, page.all_clips) if embedded else _copied(home, page.all_clips, folder / "clips")
    if embedded:
        shutil.rmtree(folder / "clips", ignore_errors=True)
    record = ReportRecord(run.run_id if run else None, None if calls is None else tuple(sorted(calls)))
    path = folder / "index.html"
    # until the page is there, its record tells of the old one as well: whoever is killed leaves no page that shows more
    artefacts.write(report_record_file(folder), with_those_of(record, folder))
    write_whole(path, _html(page, sources, embedded).encode("utf-8", "replace"))
    artefacts.write(report_record_file(folder), record)
    return path


def _html(page: ReportPage, sources: Mapping[str, str], embedded: bool) -> str:
    """The page; `sources` maps a clip's anchor to where its sound is."""
    script = template_text("report.js")
    policy = content_policy(script, "data:" if embedded else "'self' file:")
    return render_page("report.html", page.language, policy, page=page, sources=sources, script=Markup(script))


def _copy(home: Home, file: Path, target: Path) -> None:
    """A clip beside the page; whoever may read the page may hear it, so it is not encrypted there."""
    sound = file.read_bytes()
    if is_sealed(sound):
        write_whole(target, unsealed(sound, file))
        return
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


def _folder_name(run: Run | None, zone: str) -> str:
    if run is None:
        return "all-calls"
    started = run.started_at.astimezone(ZoneInfo(zone))
    return f"{started:%Y-%m-%d_%H%M}-{re.sub(r'[^A-Za-z0-9_-]+', '-', run.run_id)[:40]}"


def _embedded(home: Home, clips: Sequence[Clip]) -> dict[str, str]:
    return {
        clip.anchor: "data:audio/mpeg;base64," + base64.b64encode(clip_sound(home, clip.source)).decode()
        for clip in clips
        if clip.source
    }


def _copied(home: Home, clips: Sequence[Clip], folder: Path) -> dict[str, str]:
    """Clips beside the page, as hard links where the file system can, so that the folder can be given away."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = {}
    for clip in clips:
        if clip.source:
            file, target = home.root / clip.source, folder / Path(clip.source).name
            if not target.exists():
                _copy(home, file, target)
            sources[clip.anchor] = f"clips/{target.name}"
    for path in folder.iterdir():
        if f"clips/{path.name}" not in sources.values():
            path.unlink()
    return sources
