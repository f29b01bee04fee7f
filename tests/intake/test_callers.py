"""Callers' numbers are kept nowhere, and one caller has one hash."""

from __future__ import annotations

import stat
from pathlib import Path

from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from pipeline.intake.callers import CallerHash
from pipeline.numbers import subscriber_digits
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.inboxes import MOBILE, cdr_of


def everything_in(home: Home) -> bytes:
    files = [p for p in home.root.rglob("*") if p.is_file()]
    return b"\n".join(zstd.decompress(p.read_bytes()) if p.suffix == ".zst" else p.read_bytes() for p in files)


def test_the_caller_s_number_is_kept_nowhere(here: Settings, inbox: Path, tmp_home: Home) -> None:
    cdr = cdr_of(here, tmp_home, "file,call_id,caller_number,agent_name,remark,callback,when,order\n"
                 f"a.wav,20261120-{MOBILE},{MOBILE},李娜,请回电 138-1234-5678 谢谢,010-8888 7777,"
                 "2026-11-20 09:31:00,第 12 单\n")  # fmt: skip
    kept = everything_in(tmp_home)
    for number in (MOBILE, "138-1234-5678", "8888 7777", "88887777"):
        assert number.encode() not in kept
    assert cdr.caller_hash in (cdr.call_id or "")
    assert cdr.caller_hash in cdr.extra["remark"]
    assert cdr.extra["remark"].startswith("请回电 ")
    assert cdr.extra["when"] == "2026-11-20 09:31:00", "a date is no number to call"
    assert cdr.extra["order"] == "第 12 单"


def test_one_caller_has_one_hash_however_written(here: Settings, tmp_home: Home) -> None:
    reader = CallerHash(tmp_home)
    ways = [
        MOBILE,
        f"+86{MOBILE}",
        f"0086 {MOBILE}",
        f"86-{MOBILE}",
        "138 1234 5678",
        f"0{MOBILE}",
        f"sip:{MOBILE}@10.0.0.1",
    ]
    assert len({reader.hashed(way) for way in ways}) == 1
    assert reader.hashed("010-8888 7777") == reader.hashed("+86 10 88887777")
    assert reader.hashed(MOBILE) != reader.hashed("13812345679")
    assert reader.hashed("anonymous") is None
    assert reader.hashed("") is None


def test_the_salt_is_made_once_private_and_decides_the_hash(here: Settings, tmp_home: Home, tmp_path: Path) -> None:
    first = CallerHash(tmp_home).hashed(MOBILE)
    salt = tmp_home.salt.read_bytes()
    assert len(salt) == 32
    assert stat.S_IMODE(tmp_home.salt.stat().st_mode) == 0o600
    assert CallerHash(tmp_home).hashed(MOBILE) == first
    assert tmp_home.salt.read_bytes() == salt
    assert CallerHash(Home(tmp_path / "other")).hashed(MOBILE) != first


@given(
    st.from_regex(r"\A1[3-9][0-9]{9}\Z"),
    st.sampled_from(["", "+86", "0086", "86", "0"]),
    st.sampled_from(["", " ", "-"]),
)
def test_hashing_ignores_writing(number: str, prefix: str, gap: str) -> None:
    written = prefix + gap + number[:3] + gap + number[3:7] + gap + number[7:]
    assert subscriber_digits(written) == number
