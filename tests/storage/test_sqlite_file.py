"""Files of what people write: brought up to date subject by subject, never begun anew in the place of a damaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import CallQAError
from pipeline.storage.sqlite_file import SqliteFile

FIRST = "CREATE TABLE one (word TEXT NOT NULL) STRICT"
KEPT = "CREATE TRIGGER kept BEFORE UPDATE ON one BEGIN SELECT raise(ABORT, 'it stays; as it was'); END;"


def words(file: SqliteFile) -> list[str]:
    with file.reading() as rows:
        return [row["word"] for row in rows.execute("SELECT word FROM one")]


def test_subjects_are_brought_up_to_date_each_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    old = SqliteFile(path, {"one": (FIRST,)})
    with old.writing() as rows:
        rows.execute("INSERT INTO one VALUES ('a')")
    # somebody put a subject in before ours, and somebody else a second step to ours
    new = SqliteFile(path, {"other": ("CREATE TABLE other (x) ; CREATE INDEX i ON other (x);",), "one": (FIRST, KEPT)})
    assert words(new) == ["a"]
    with pytest.raises(Exception, match="as it was"), new.writing() as rows:
        rows.execute("UPDATE one SET word = 'b'")
    assert words(SqliteFile(path, {"other": ("CREATE TABLE no",), "one": (FIRST, KEPT)})) == ["a"]
    with pytest.raises(CallQAError, match="later version"):
        words(SqliteFile(path, {"one": (FIRST, KEPT)}))


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite"
    assert words(SqliteFile(path, {"one": (FIRST,)})) == []
    broken = SqliteFile(path, {"one": (FIRST, "CREATE TABLE two (x); CREATE TABLE one (x)")})
    with pytest.raises(CallQAError, match="already exists"):
        words(broken)
    assert words(SqliteFile(path, {"one": (FIRST, "CREATE TABLE two (x)")})) == []


@pytest.mark.parametrize("damage", ["emptied", "overwritten", "only its log is left"])
def test_a_damaged_file_is_told_of_and_not_replaced(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "people.sqlite"
    file = SqliteFile(path, {"one": (FIRST,)})
    with file.writing() as rows:
        rows.execute("INSERT INTO one VALUES ('a')")
    match damage:
        case "emptied":
            path.write_bytes(b"")
        case "overwritten":
            path.write_bytes(b"no database" * 1000)
        case _:
            assert path.with_name("people.sqlite-wal").exists()
            path.unlink()
    with pytest.raises(CallQAError, match=r"people.sqlite: cannot be used .* restore it from a backup"):
        words(SqliteFile(path, {"one": (FIRST,)}))
    assert not path.exists() or path.read_bytes()[:6] in (b"", b"no dat")


def test_what_was_not_finished_is_not_kept(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "people.sqlite", {"one": (FIRST,)})
    assert not file.is_there
    with pytest.raises(CallQAError), file.writing() as rows:
        assert [rows.execute(f"INSERT INTO {table} VALUES ('a')") for table in ("one", "nowhere")] == []
    assert words(file) == []
