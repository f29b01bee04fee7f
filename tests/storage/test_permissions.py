"""One rule of who may read: homes of earlier versions are closed, a group is let in, the salt stays the owner's."""

from __future__ import annotations

import grp
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import BadSetting
from pipeline.storage.audit import audit_entries
from pipeline.storage.files import write_whole
from pipeline.storage.home import Home
from pipeline.storage.lock import run_lock
from pipeline.storage.permissions import only_ours, open_to_all, tighten


@pytest.fixture(autouse=True)
def mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def old_home(home: Home, outside: Path) -> None:
    """A home as an earlier version left it under umask 0, with a link to a file of somebody else's."""
    (home.root / "reports" / "a").mkdir(parents=True)
    for name in ("callqa.duckdb", "reports/a/callqa.xlsx", "caller.salt"):
        (home.root / name).write_bytes(b"x" * 32)
    outside.touch()
    (home.root / "link").symlink_to(outside)


def test_an_old_home_is_closed_by_the_first_run_and_links_are_not_followed(tmp_home: Home, tmp_path: Path) -> None:
    old_home(tmp_home, tmp_path / "outside")
    assert open_to_all(tmp_home.root)
    with run_lock(tmp_home):
        pass
    assert mode(tmp_home.root) == mode(tmp_home.root / "reports" / "a") == 0o700
    assert mode(tmp_home.database) == mode(tmp_home.root / "reports" / "a" / "callqa.xlsx") == 0o600
    assert mode(tmp_path / "outside") == 0o666
    assert not open_to_all(tmp_home.root)
    with run_lock(tmp_home):
        pass
    assert [entry.action for entry in audit_entries(tmp_home)] == ["closed"], "told once, where it was open"


def test_a_group_reads_all_but_the_salt_and_what_comes_later_is_its_too(tmp_home: Home, tmp_path: Path) -> None:
    group = next((g for g in os.getgroups() if g != os.getegid()), os.getegid())
    old_home(tmp_home, tmp_path / "outside")
    only_ours(grp.getgrgid(group).gr_name)
    tighten(tmp_home, grp.getgrgid(group).gr_name)
    write_whole(tmp_home.judged("a" * 64), b"x")
    (tmp_home.root / "logs").mkdir()
    (tmp_home.root / "logs" / "made by a library").touch()
    for path in tmp_home.root.rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_gid == group
            assert mode(path) == (0o2750 if path.is_dir() else 0o600 if path == tmp_home.salt else 0o640), path
    tighten(tmp_home, None)
    assert not [path for path in tmp_home.root.rglob("*") if not path.is_symlink() and mode(path) & 0o077]


def test_a_group_that_there_is_not_is_named(tmp_home: Home) -> None:
    with pytest.raises(BadSetting, match=r"paths\.group = no-such-group: there is no such group"):
        tighten(tmp_home, "no-such-group")


def test_a_file_written_whole_is_its_owners_whatever_the_mask(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", b"x")
    assert mode(tmp_path / "file") == 0o600
