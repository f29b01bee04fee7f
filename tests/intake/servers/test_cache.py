"""Copies of a server's files: what goes and what stays known."""

from __future__ import annotations

from pathlib import Path

from pipeline.intake.servers.cache import FetchCache
from pipeline.intake.servers.server import ServerFile


def test_a_copy_that_is_dropped_stays_known_and_one_in_use_stays(tmp_path: Path) -> None:
    cache = FetchCache(tmp_path / "place", 1e6)
    path = cache.path(ServerFile("a.wav", ("a.wav",), 3, stamp="stamp"))
    part = cache.part(path, "stamp")
    part.write_bytes(b"abc")
    cache.note(path, cache.keep(part, path, "stamp", None))
    cache.use(path)
    cache.drop(path)
    assert cache.has(path)
    cache.release(path)
    cache.drop(path)
    assert not cache.has(path)
    assert cache.known(path) is not None
    cache.drop(path)
