"""A night whose recordings are on a server: fetched, heard and judged, in rounds where the cache is small."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.datatypes import RATE_HZ
from pipeline.evaluation.degrade import write_wav
from pipeline.hearing.decode import decode
from pipeline.settings import load_settings
from pipeline.storage.home import Home
from tests.support.nights import SAMPLES, callqa, environment, one_rule, rows, summary
from tests.support.servers import S3_SECRET, s3_server

# one process has the Prefect server that nights share
pytestmark = [pytest.mark.models, pytest.mark.slow, pytest.mark.xdist_group("nightly")]

CALLS = (
    "20261117-163719-2336-baggage.wav",
    "20261119-104156-412-lost-parcel.wav",
    "20261116-142011-2115-repair.wav",
)


def test_a_night_over_a_bucket_that_is_larger_than_the_cache(
    tmp_path: Path, weights: Path, prefect: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: beginning(SAMPLES / name, tmp_path) for name in CALLS}
    limit = max(map(len, files.values())) * 1.6
    settings, home = one_rule(tmp_path), Home(tmp_path / "home")
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("settle_s = 0", f"settle_s = 0\ncache_gb = {limit / 1e9}"), encoding="utf-8")
    with s3_server(monkeypatch) as shelf:
        for name, data in files.items():
            shelf.put(f"11/{name}", data)
        shelf.put("cdr.csv", (SAMPLES / "cdr.csv").read_bytes())
        env = environment(tmp_path / "prefect", **prefect)
        night = ("--settings", settings, "--home", home.root, "nightly", "--inbox", shelf.address, "--json")
        first = callqa(*night, env=env)
        assert first.returncode == 0, first.stderr
        told = summary(first)
        assert (told["found"], told["heard"], told["failed"], told["left"]) == (3, 3, 0, 0)
        shas = {hashlib.sha256(data).hexdigest() for data in files.values()}
        assert {sha for (sha,) in rows(home.database, "SELECT sha256 FROM calls WHERE agent_id IS NOT NULL")} == shas
        assert rows(home.database, "SELECT count(*) FROM clips")[0][0] > 0
        assert rows(home.database, "SELECT * FROM failures") == []
        kept = [path for path in (home.root / "fetched").rglob("*") if path.is_file() and path.suffix == ".wav"]
        assert sum(path.stat().st_size for path in kept) <= limit
        second = callqa(*night, env=env)
        assert second.returncode == 0, second.stderr
        assert summary(second)["heard"] == 0
        assert [path for path in (home.root / "fetched").rglob("*.wav") if path not in kept] == []
        # all clips are cut anew, from recordings that are fetched again
        clips = sorted(path.name for path in home.excerpts.rglob("*.mp3"))
        for path in home.excerpts.rglob("*.mp3"):
            path.unlink()
        again = callqa("--settings", with_inbox(settings, shelf.address), "--home", home.root, "rebuild", env=env)
        assert again.returncode == 0, again.stderr
        assert sorted(path.name for path in home.excerpts.rglob("*.mp3")) == clips
    for text in (first.stdout, first.stderr, second.stderr, again.stdout, again.stderr):
        assert S3_SECRET not in text
        assert "AKIAOFTESTS" not in text


def beginning(path: Path, folder: Path) -> bytes:
    """The first seconds of a recording."""
    settings = load_settings()
    audio = decode(path, settings.decode, settings.ingest)
    write_wav(folder / path.name, audio.samples[:, : 12 * RATE_HZ], RATE_HZ)
    return (folder / path.name).read_bytes()


def with_inbox(settings: Path, address: str) -> Path:
    """The same settings with the inbox named in them."""
    other = settings.with_name("remote.toml")
    text = settings.read_text(encoding="utf-8").replace("[paths]\n", f"[paths]\ninbox = {json.dumps(address)}\n")
    other.write_text(text, encoding="utf-8")
    return other
