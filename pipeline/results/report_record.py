"""Which calls a report is about, kept beside its page, so that it can be made anew without one of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import BadArtefact
from pipeline.storage import artefacts


@dataclass(frozen=True, slots=True)
class ReportRecord:
    """A report's run, and its calls by SHA-256; None: all that there were."""

    run_id: str | None
    calls: tuple[str, ...] | None


def report_record_file(folder: Path) -> Path:
    """Where the record of the report in a folder lies."""
    return artefacts.lying(folder / f"calls{artefacts.ARTEFACT_SUFFIX}")


def read_report_record(folder: Path) -> ReportRecord | None:
    """The record of a report; None for one of an earlier version, or where it is damaged."""
    try:
        return artefacts.read(report_record_file(folder), ReportRecord)
    except BadArtefact:
        return None


def with_those_of(record: ReportRecord, folder: Path) -> ReportRecord:
    """A record that tells also of the calls of the page that lies in a folder."""
    if record.calls is None or not (folder / "index.html").exists():
        return record
    before = read_report_record(folder)
    if before is None or before.calls is None:
        return replace(record, calls=None)
    return replace(record, calls=tuple(sorted({*record.calls, *before.calls})))
