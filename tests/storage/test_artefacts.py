"""What was written comes back equal, or is told to be damaged; nothing in between."""

from __future__ import annotations

import gzip
import random
import resource
import zlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from backports import zstd
from pydantic import TypeAdapter

from pipeline.datatypes import CDR, Evidence, LineEvent, Verdict
from pipeline.errors import BadArtefact
from pipeline.messages import Message
from pipeline.storage import artefacts
from pipeline.storage.home import Failure, Home, RecordingRecord
from pipeline.timeline import Span

VALUE = Failure("a" * 64, "inbox/通话.wav", "hear", "stuck", "took far longer than its length", datetime.now(UTC))
PACKERS = (gzip.compress, zstd.compress)


def test_a_flipped_bit_is_told_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.json.zst"
    artefacts.write(path, VALUE)
    assert artefacts.read(path, Failure) == VALUE
    whole, told = path.read_bytes(), 0
    for at in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                assert artefacts.read(path, Failure) == VALUE
            except BadArtefact:
                told += 1
    assert told > 0.9 * 8 * len(whole)


@pytest.mark.parametrize("name", ["a.json.zst", "a.json.gz"])
def test_what_is_cut_or_garbage_is_told(tmp_path: Path, name: str) -> None:
    path, noise = tmp_path / name, random.Random(1)
    artefacts.write(tmp_path / "a.json.zst", VALUE)
    whole = (tmp_path / "a.json.zst").read_bytes()
    if name == "a.json.gz":
        (tmp_path / "a.json.zst").unlink()
        whole = gzip.compress(TypeAdapter(Failure).dump_json(VALUE, by_alias=True))
    path.write_bytes(whole)
    assert artefacts.read(path, Failure) == VALUE
    for content in (b"", whole[:1], whole[: len(whole) // 2], whole + b"x", bytes(len(whole)), noise.randbytes(500)):
        path.write_bytes(content)
        with pytest.raises(BadArtefact, match="damaged"):
            artefacts.read(path, Failure)
    path.unlink()
    with pytest.raises(BadArtefact, match="no such artefact"):
        artefacts.read(path, Failure)


@pytest.mark.parametrize("packing", [zlib.compressobj(wbits=31), zstd.ZstdCompressor()])
def test_what_swells_beyond_measure_is_refused_before_it_is_unpacked(tmp_path: Path, packing: Any) -> None:
    path = tmp_path / "a.json.zst"
    path.write_bytes(b"".join(packing.compress(bytes(1 << 20)) for _ in range(200)) + packing.flush())
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadArtefact, match="damaged"):
        artefacts.read(path, Failure)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 100 << 10


SHAPES = [
    '{"key":1,"path":"p","stage":"hear","reason":"r","message":"secret","at":"2026-11-01T00:00:00Z"}',
    '{"key":"k","path":"p","stage":"secret","reason":"r","message":"m","at":"2026-11-01T00:00:00Z"}',
    '{"key":"k","path":"p","stage":"hear","reason":"r","message":"m","at":"secret"}',
    '{"key":"k","path":"p","stage":"hear","reason":"r","at":"2026-11-01T00:00:00Z"}',
    '{"key":"k","path":"p","stage":"hear","reason":null,"message":"secret","at":"2026-11-01T00:00:00Z"}',
    '["secret"]',
]


@pytest.mark.parametrize("text", SHAPES)
@pytest.mark.parametrize("packed", PACKERS)
def test_another_shape_is_told_and_not_quoted(tmp_path: Path, text: str, packed: object) -> None:
    assert callable(packed)
    path = tmp_path / "a.json.zst"
    path.write_bytes(packed(text.encode()))
    with pytest.raises(BadArtefact, match="damaged") as told:
        artefacts.read(path, Failure)
    assert "secret" not in str(told.value)


def test_every_kind_of_value_comes_back_equal(tmp_path: Path) -> None:
    at = datetime(2026, 11, 1, 9, 30, 0, 123456, UTC)
    cdr = CDR("1", at, wait_s=0.1 + 0.2, channel_map={0: "agent", 1: "unknown"}, extra={"列": "x"})
    verdict = Verdict("greeting", "f" * 64, "fail", (Evidence(None, Span(1e-9, 7.0), "您好", Message("x")),), "因为")
    event = LineEvent(Span(0.0, 1.0), "ring", count=3)
    for number, value in enumerate((RecordingRecord("a" * 64, 1 << 40, ("é", "😀"), at, cdr), verdict, event)):
        artefacts.write(path := tmp_path / f"{number}.json.zst", value)
        found = artefacts.read(path, type(value))
        assert found == value
        assert repr(found) == repr(value)


def test_what_an_earlier_version_wrote_is_found_and_gives_way(tmp_home: Home) -> None:
    key = "a" * 64
    earlier = tmp_home.root / "failures" / f"{key}.json.gz"
    earlier.parent.mkdir(parents=True)
    earlier.write_bytes(gzip.compress(TypeAdapter(Failure).dump_json(VALUE, by_alias=True)))
    assert tmp_home.failure(key) == earlier
    assert list(tmp_home.files("failures")) == [earlier]
    assert artefacts.read(tmp_home.failure(key), Failure) == VALUE
    artefacts.write(earlier, replace(VALUE, tries=2))
    assert [path.name for path in earlier.parent.iterdir()] == [f"{key}.json.zst"]
    # a process that was killed in between left both
    earlier.write_bytes(b"old")
    assert [path.name for path in tmp_home.files("failures")] == [f"{key}.json.zst"]
    assert artefacts.read(tmp_home.failure(key), Failure).tries == 2
    assert artefacts.read(earlier, Failure).tries == 2
