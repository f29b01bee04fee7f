"""What was written comes back equal, or is told to be damaged; nothing in between."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.errors import BadArtefact
from pipeline.storage import artefacts
from pipeline.storage.home import Failure

VALUE = Failure("a" * 64, "inbox/通话.wav", "hear", "stuck", "took far longer than its length", datetime.now(UTC))


def test_a_flipped_bit_is_told_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.json.gz"
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
    # a few bytes of gzip's own header say nothing
    assert told > 0.9 * 8 * len(whole)


def test_what_is_cut_or_garbage_is_told(tmp_path: Path) -> None:
    path, noise = tmp_path / "a.json.gz", random.Random(1)
    artefacts.write(path, VALUE)
    whole = path.read_bytes()
    for content in (b"", whole[:1], whole[: len(whole) // 2], bytes(len(whole)), noise.randbytes(500)):
        path.write_bytes(content)
        with pytest.raises(BadArtefact, match="damaged"):
            artefacts.read(path, Failure)
    path.unlink()
    with pytest.raises(BadArtefact, match="no such artefact"):
        artefacts.read(path, Failure)
