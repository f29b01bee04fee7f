"""Reports and workbooks that show what is erased are made anew without it, from what is stored now.

A report of an earlier version, of which nobody knows whose calls it shows, is removed. A workbook shows the whole
database; one is made, and put in the place of all that were written since the calls came.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from pipeline.errors import BadArtefact
from pipeline.messages import Message
from pipeline.results.report import report_folder, write_report
from pipeline.results.report_record import ReportRecord, read_report_record
from pipeline.results.workbook import WORKBOOK, write_workbook
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.erasure import Erasure
from pipeline.storage.home import Home, Run


def renew_reports(home: Home, settings: Settings, erasure: Erasure) -> None:
    """Make anew, or remove, what shows calls of an erasure. Raises OSError, BadQuery."""
    workbook: Path | None = None
    for folder in report_folders(home):
        for left in folder.glob(".*"):  # of who was killed while he wrote
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        shows = shows_erased(folder, erasure)
        record = read_report_record(folder)
        if shows and not (record is not None and _renewed(home, settings, folder, record, erasure)):
            shutil.rmtree(folder)
        elif _written_since(folder / WORKBOOK, erasure):
            workbook = _with_workbook(home, settings, folder, workbook)


def renew_all_reports(home: Home, settings: Settings) -> list[Message]:
    """Make all reports anew, as they are shown now, and tell of those that cannot be. Raises OSError, BadQuery."""
    workbook: Path | None = None
    left = 0
    for folder in report_folders(home):
        record = read_report_record(folder)
        if record is None or not _renewed(home, settings, folder, record, Erasure()):
            left += 1
        elif (folder / WORKBOOK).exists():
            workbook = _with_workbook(home, settings, folder, workbook)
    told = Message("{count} earlier reports are masked otherwise; delete what may not be shown", count=left)
    return [told] if left else []


def report_folders(home: Home) -> list[Path]:
    """The folders of all reports."""
    return sorted(path for path in home.reports.glob("*") if path.is_dir())


def shows_erased(folder: Path, erasure: Erasure) -> bool:
    """Whether a report may show something of an erasure."""
    if not _written_since(folder / "index.html", erasure):
        return False
    record = read_report_record(folder)
    if record is None or record.calls is None or erasure.had_failures:
        return True
    return not {*erasure.calls, *erasure.words, *erasure.clips}.isdisjoint(record.calls)


def _written_since(path: Path, erasure: Erasure) -> bool:
    with suppress(FileNotFoundError):
        written = path.stat().st_mtime
        return erasure.since is None or written >= erasure.since.timestamp()
    return False


def _renewed(home: Home, settings: Settings, folder: Path, record: ReportRecord, erasure: Erasure) -> bool:
    """Make a report anew where something is left of it and it can be."""
    calls = None if record.calls is None else set(record.calls) - set(erasure.calls)
    run: Run | None = None
    if record.run_id is not None:
        with suppress(BadArtefact):
            run = artefacts.read(home.run(record.run_id), Run)
        if run is None:
            return False
    if not home.database.exists() or calls == set() or report_folder(home, settings, run) != folder:
        return False
    write_report(home, settings, run, calls)
    return True


def _with_workbook(home: Home, settings: Settings, folder: Path, made: Path | None) -> Path | None:
    """Put a workbook of what is stored now into a report's folder: `made`, which is the same for all, or a new one."""
    if not home.database.exists():
        (folder / WORKBOOK).unlink()
        return None
    if made is None:
        return write_workbook(home, settings, folder)
    temporary = folder / f".{WORKBOOK}"
    os.link(made, temporary)
    os.replace(temporary, folder / WORKBOOK)
    return made
