"""CDR files made to harm: each is told, the row or cell left out, and every recording is heard."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from pipeline.errors import BadMetadata
from pipeline.intake.reader import LegReader
from pipeline.intake.rows import read_metadata_file
from pipeline.intake.sources import leg_readers
from pipeline.settings import Ingest, Settings
from pipeline.storage.home import Home
from tests.support.cdrs import CDRS, DATES, HEADERLESS, SHAPES, SYSTEMS, mutated, scan_with
from tests.support.inboxes import with_ingest

UNREAD = {
    "empty", "blank lines", "NUL in the header", "UTF-16 without a mark", "binary", "a quotation mark in the header",
    "two columns of one name", "nesting of 100,000", "a number of 10,000 digits", "no objects", "no Parquet",
    "no header",
}  # fmt: skip
"""Files that cannot be read at all."""

QUIET = {
    "header alone", "UTF-16 cut short", "5,000 columns", "fewer cells than columns", "columns without names",
    "directions of writing", "formulas", "markup", "paths that lead out", "began 0000000000",
}  # fmt: skip
"""Files of which nothing is left out, or nothing that anybody would miss."""


def test_there_are_as_many_as_the_attack_tried() -> None:
    assert (len(SHAPES), len(DATES), len(CDRS)) == (34, 7, 42)


@pytest.mark.parametrize("what", CDRS)
def test_a_hostile_cdr_is_told_and_stops_nothing(here: Settings, inbox: object, tmp_home: Home, what: str) -> None:
    scan = scan_with(here, tmp_home, *CDRS[what])
    assert [failure.reason for failure in scan.failures] == ["metadata"] * (what in UNREAD)
    assert bool(scan.warnings) == (what not in UNREAD | QUIET)
    first = scan.recordings[0].cdr
    assert first.agent_id == (None if what in UNREAD or what == "header alone" else "1001")


def test_a_headerless_cdr_is_told_by_its_columns_count(here: Settings, inbox: object, tmp_home: Home) -> None:
    mapped = with_ingest(here, columns={"file": "userfield", "caller_number": "src"})
    (failure,) = scan_with(mapped, tmp_home, "cdr.csv", HEADERLESS.encode()).failures
    assert "none of its 5 columns is called src, userfield" in failure.message


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_mutated_is_read_as_it_is(here: Settings, inbox: object, tmp_home: Home, system: str) -> None:
    scan = scan_with(here, tmp_home, *SYSTEMS[system])
    assert len(scan.metadata) == 1
    assert scan.calls == 1
    assert scan.failures == ()


def test_mutated_cdrs_stop_nothing(here: Settings, inbox: object, tmp_home: Home) -> None:
    """A few of what bench/hostile_cdr.py tries."""
    random_ = random.Random(11)
    for _ in range(60):
        scan_with(here, tmp_home, *mutated(random_))


@pytest.mark.parametrize("reader", leg_readers(Ingest()), ids=lambda reader: reader.source)  # type: ignore[call-arg]
def test_a_reader_that_the_settings_name_says_what_it_cannot_read(reader: LegReader, tmp_path: Path) -> None:
    for name, data in (*CDRS.values(), *SYSTEMS.values()):
        (tmp_path / name).write_bytes(data)
        with suppress(BadMetadata):
            list(reader.read(read_metadata_file(tmp_path / name), []))
