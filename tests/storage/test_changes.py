"""What tells that files of the home changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.results.excerpts import ExcerptSet, excerpt_record
from pipeline.storage import artefacts
from pipeline.storage.changes import call_marks, file_mark
from pipeline.storage.home import Home
from tests.support.factories import make_judged, save, sha_of


def test_a_call_is_marked_anew_when_one_of_its_files_changes(tmp_home: Home) -> None:
    assert dict(call_marks(tmp_home)) == {}
    save(tmp_home, [make_judged("one"), make_judged("two")])
    sha256, other = sha_of("one"), sha_of("two")
    seen = [dict(call_marks(tmp_home))]
    assert list(seen[0]) == sorted((sha256, other))
    for path in (tmp_home.judged(sha256), tmp_home.recording(sha256)):
        path.write_bytes(path.read_bytes() + b" ")
        seen.append(dict(call_marks(tmp_home)))
    artefacts.write(excerpt_record(tmp_home, sha256), ExcerptSet(sha256, "zh", ()))
    seen.append(dict(call_marks(tmp_home)))
    assert len({marks[sha256] for marks in seen}) == len(seen)
    assert len({marks[other] for marks in seen}) == 1
    tmp_home.judged(sha256).unlink()
    assert list(dict(call_marks(tmp_home))) == [other]


def test_a_file_that_is_replaced_removed_or_restored_is_seen(tmp_home: Home) -> None:
    save(tmp_home, [make_judged("one")])
    sha256 = sha_of("one")

    def mark() -> str:
        return dict(call_marks(tmp_home))[sha256]

    for path in (tmp_home.recording(sha256), tmp_home.judged(sha256), excerpt_record(tmp_home, sha256)):
        if path.name.startswith("excerpts"):
            without = mark()
            artefacts.write(path, ExcerptSet(sha256, "zh", ()))
            assert mark() != without
        first, was = mark(), path.stat()
        aside = path.rename(path.with_name("aside"))
        path.write_bytes(aside.read_bytes())
        os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns + 1))
        assert mark() != first, "as long, and another"
        aside.replace(path)
        assert mark() == first, "the same again"
    shutil.rmtree(path.parent)
    assert mark() == without
    tmp_home.recording(sha256).unlink()
    assert mark() not in (first, without)


@pytest.mark.parametrize("suffix", [artefacts.ARTEFACT_SUFFIX, artefacts.EARLIER_SUFFIX])
def test_artefacts_of_earlier_versions_count_and_half_written_ones_do_not(tmp_home: Home, suffix: str) -> None:
    folder = tmp_home.root / "judged" / "ab"
    folder.mkdir(parents=True)
    (folder / f"ab01{suffix}").write_bytes(b"1")
    (folder / f".ab02{suffix}.x.part").write_bytes(b"2")
    (folder / "ab03.txt").write_bytes(b"3")
    (tmp_home.root / "judged" / "stray").write_bytes(b"4")
    assert list(dict(call_marks(tmp_home))) == ["ab01"]
    alone = dict(call_marks(tmp_home))
    (folder / f"ab01{artefacts.EARLIER_SUFFIX}").write_bytes(b"older")
    assert (dict(call_marks(tmp_home)) == alone) == (suffix == artefacts.ARTEFACT_SUFFIX)


def test_no_file_has_no_mark(tmp_path: Path) -> None:
    assert file_mark(str(tmp_path / "none")) == ""
