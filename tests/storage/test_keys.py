"""The key of the callers' hashes: rotated without losing who is who, the same on two machines, never half done."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.datatypes import CDR
from pipeline.errors import CallQAError
from pipeline.intake.callers import CallerHash
from pipeline.storage import artefacts, keys
from pipeline.storage.home import Home, RecordingRecord
from pipeline.storage.keys import KeyChain, Rekeyed, finish_rotation, home_chain, import_key, read_chain, rotate_key

NUMBER, OTHER = "13800138000", "13912345678"


def keep(home: Home, name: str, number: str, key_id: str | None = None) -> None:
    """A stored call of a number, as a scan writes it; `key_id` "" as an earlier version did."""
    hashes = CallerHash(home)
    caller = hashes.hashed(number)
    cdr = CDR(call_id=f"20261120-{caller}", caller_hash=caller, extra={"remark": f"call {caller} back"})
    key_id = hashes.key_id if key_id is None else key_id
    record = RecordingRecord(name * 64, 1, (f"/in/{name}.wav",), datetime.now(UTC), cdr, key_id=key_id)
    artefacts.write(home.recording(record.sha256), record)


def record(home: Home, name: str) -> RecordingRecord:
    return artefacts.read(home.recording(name * 64), RecordingRecord)


def test_after_a_rotation_a_stored_caller_is_still_the_same(tmp_home: Home) -> None:
    keep(tmp_home, "a", NUMBER, "")
    keep(tmp_home, "b", OTHER)
    before = record(tmp_home, "a").cdr.caller_hash
    for _ in range(2):
        assert rotate_key(tmp_home).changed == 2
    now = CallerHash(tmp_home).hashed(NUMBER)
    assert before != now
    stored = record(tmp_home, "a")
    assert stored.cdr == CDR(call_id=f"20261120-{now}", caller_hash=now, extra={"remark": f"call {now} back"})
    assert record(tmp_home, "b").cdr.caller_hash == CallerHash(tmp_home).hashed(OTHER)
    assert stat.S_IMODE(tmp_home.salt.stat().st_mode) == 0o600


def test_a_rotation_that_was_cut_short_is_finished_once(tmp_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        keep(tmp_home, name, NUMBER)
    written = artefacts.write

    def killed(path: Path, value: object) -> None:
        written(path, value)
        raise KeyboardInterrupt

    monkeypatch.setattr(keys.artefacts, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        rotate_key(tmp_home)
    monkeypatch.undo()
    assert len({record(tmp_home, name).cdr.caller_hash for name in "abc"}) == 2
    assert finish_rotation(tmp_home).changed == 2
    assert {record(tmp_home, name).cdr.caller_hash for name in "abc"} == {CallerHash(tmp_home).hashed(NUMBER)}
    assert finish_rotation(tmp_home).changed == 0


def test_two_machines_with_one_key_hash_alike(tmp_path: Path) -> None:
    here, there = Home(tmp_path / "here"), Home(tmp_path / "there")
    keep(here, "a", NUMBER)
    import_key(there, home_chain(here))
    keep(there, "b", NUMBER)
    assert record(there, "b").cdr.caller_hash == record(here, "a").cdr.caller_hash
    rotate_key(here)
    assert import_key(there, home_chain(here)).changed == 1
    assert record(there, "b").cdr.caller_hash == record(here, "a").cdr.caller_hash == CallerHash(there).hashed(NUMBER)


def test_calls_of_a_key_that_is_not_in_the_new_one_are_told_and_still_found(tmp_path: Path) -> None:
    here, there = Home(tmp_path / "here"), Home(tmp_path / "there")
    keep(there, "b", NUMBER, "")
    old = record(there, "b").cdr.caller_hash
    done = import_key(there, home_chain(here))
    assert (done.changed, done.kept) == (0, 1)
    assert record(there, "b").cdr.caller_hash == old != CallerHash(there).hashed(NUMBER)
    assert {old, CallerHash(here).hashed(NUMBER)} == CallerHash(there).every_hash(NUMBER)
    rotate_key(there)
    assert record(there, "b").cdr.caller_hash == old


def test_a_restored_home_gets_its_key_back_and_one_that_was_rotated_since(tmp_path: Path) -> None:
    lost, restored = Home(tmp_path / "lost"), Home(tmp_path / "restored")
    for name, key_id in (("a", ""), ("b", None)):
        keep(lost, name, NUMBER, key_id)
    for path in lost.files("recordings"):
        (target := restored.root / path.relative_to(lost.root)).parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())
    rotate_key(lost)
    assert import_key(restored, home_chain(lost)) == Rekeyed(changed=2, kept=0)
    hashes = {record(home, name).cdr.caller_hash for home in (lost, restored) for name in "ab"}
    assert hashes == {CallerHash(restored).hashed(NUMBER)}
    assert not list(restored.root.glob("*former*"))


def test_a_key_of_before_is_read_as_it_is(tmp_home: Home) -> None:
    tmp_home.root.mkdir()
    old = os.urandom(32)
    tmp_home.salt.write_bytes(old)
    assert home_chain(tmp_home) == KeyChain((old,))


@pytest.mark.parametrize("text", [b"", b"short", b"callqa caller key 1\n", b"callqa caller key 1\nxyz\n"])
def test_what_is_no_key_is_refused_and_not_replaced(tmp_home: Home, text: bytes) -> None:
    tmp_home.root.mkdir()
    tmp_home.salt.write_bytes(text)
    with pytest.raises(CallQAError, match="no key"):
        CallerHash(tmp_home).hashed(NUMBER)
    assert tmp_home.salt.read_bytes() == text


def test_a_key_reads_back_as_it_was_written(tmp_path: Path) -> None:
    chain = KeyChain((os.urandom(32), os.urandom(16)))
    (tmp_path / "key").write_bytes(chain.written())
    assert read_chain(tmp_path / "key") == chain
