"""Recordings on a server are handled like those of a folder: against real servers on loopback."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.intake.inbox import Scan, scan_inbox
from pipeline.intake.servers.connect import server_at
from pipeline.intake.servers.fetching import RemoteInbox, ServerFault
from pipeline.intake.servers.server import GoneFromServer, ServedBytes, Server, ServerFile
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.intake.servers.conftest import at
from tests.support.inboxes import with_ingest
from tests.support.malformed import voice, wav
from tests.support.servers import S3_SECRET, Shelf, s3_server, ssh_server, web_server


def recording(seed: int, seconds: float = 0.05) -> bytes:
    return wav(voice(seconds, seed).tobytes())


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Watched:
    """A server that counts what is read from it, and says that files are gone when told so."""

    def __init__(self, settings: Settings) -> None:
        self._server: Server = server_at(str(settings.paths.inbox))
        self.reads: list[tuple[str, int]] = []
        self.gone: set[str] = set()

    def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
        return self._server.files(denied)

    def look(self, file: ServerFile) -> ServerFile:
        return self._server.look(file)

    @contextmanager
    def read(self, file: ServerFile, start: int) -> Iterator[ServedBytes]:
        if file.parts[-1] in self.gone:
            raise GoneFromServer
        with self._server.read(file, start) as served:
            self.reads.append((file.parts[-1], served.start))
            yield served


def night(
    settings: Settings, home: Home, server: Server | None = None, is_needed: Callable[[str], bool] = lambda sha: True
) -> Scan:
    contents = RemoteInbox(settings, server=server, pauses_s=(0.1,)).fetch(is_needed)
    return scan_inbox(settings, home, contents)


def fetched(settings: Settings) -> dict[str, bytes]:
    """The files in the cache by their names there."""
    folder = settings.inbox_folder
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_server_is_scanned_like_a_folder(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    sounds = {"a.wav": recording(1), "11/b.wav": recording(2), "11/30/c c.wav": recording(3)}
    for name, data in sounds.items():
        shelf.put(name, data)
    shelf.put("cdr.csv", b"file,call_id,agent_id\nb.wav,77,1001\n")
    shelf.put("notes.pdf", b"not ours")
    found = night(there, tmp_home)
    assert {r.sha256: str(r.path.relative_to(there.inbox_folder)) for r in found.recordings} == {
        sha(data): name for name, data in sounds.items()
    }
    assert (found.failures, found.warnings, found.files) == ((), (), 3)
    assert [r.cdr.agent_id for r in found.recordings if r.cdr.call_id == "77"] == ["1001"]
    assert fetched(there) == {**sounds, "cdr.csv": b"file,call_id,agent_id\nb.wav,77,1001\n"}


def test_the_second_night_fetches_nothing_though_the_bytes_are_gone(
    there: Settings, tmp_home: Home, shelf: Shelf
) -> None:
    shelf.put("a.wav", recording(1))
    shelf.put("cdr.csv", b"file,agent_id\na.wav,1001\n")
    first = night(there, tmp_home)
    (there.inbox_folder / "a.wav").unlink()
    server = Watched(there)
    second = night(there, tmp_home, server)
    assert server.reads == []
    assert [r.sha256 for r in second.recordings] == [r.sha256 for r in first.recordings] == [sha(recording(1))]
    assert second.recordings[0].cdr.agent_id == "1001"


def test_a_replaced_file_is_another_recording(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    shelf.put("a.wav", recording(1))
    shelf.put("b.wav", recording(2))
    night(there, tmp_home)
    shelf.put("a.wav", recording(3, seconds=0.1))
    server = Watched(there)
    found = night(there, tmp_home, server)
    assert [name for name, _ in server.reads] == ["a.wav"]
    assert [r.sha256 for r in found.recordings] == [sha(recording(3, 0.1)), sha(recording(2))]


def test_a_file_that_leaves_costs_itself_only(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    shelf.put("a.wav", recording(1))
    shelf.put("b.wav", recording(2))
    server = Watched(there)
    server.gone = {"a.wav"}
    found = night(there, tmp_home, server)
    assert [(f.reason, Path(f.path).name) for f in found.failures] == [("missing", "a.wav")]
    assert [r.path.name for r in found.recordings] == ["b.wav"]
    shelf.remove("a.wav")
    assert night(there, tmp_home).failures == ()


def test_a_fetch_that_was_stopped_goes_on_where_it_was(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    data = recording(1, seconds=300)
    shelf.put("long.wav", data)
    chunks = iter(range(2))

    def stop() -> None:
        if next(chunks, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        RemoteInbox(there, heed_stop=stop).fetch(lambda sha: True)
    assert fetched(there) == {}
    server = Watched(there)
    found = night(there, tmp_home, server)
    assert [r.sha256 for r in found.recordings] == [sha(data)]
    ((_, start),) = server.reads
    assert (start > 0) == shelf.resumes


def test_the_cache_is_bounded_and_holds_what_is_to_be_heard(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    sounds = [recording(seed) for seed in range(6)]
    for index, data in enumerate(sounds):
        shelf.put(f"{index}.wav", data)
    limit = 2.5 * len(sounds[0])
    there = with_ingest(there, cache_gb=limit / 1e9)
    heard: list[str] = []
    server = Watched(there)
    remote = RemoteInbox(there, server=server)

    def is_needed(sha256: str) -> bool:
        return sha256 not in heard

    while True:
        found = scan_inbox(there, tmp_home, remote.fetch(is_needed))
        here = fetched(there)
        assert sum(map(len, here.values())) <= limit
        to_hear = [r for r in found.recordings if r.sha256 not in heard]
        # heard ones left for these, none of these did
        assert {r.path.name for r in to_hear} <= set(here)
        heard += [r.sha256 for r in to_hear]
        if not remote.has_more:
            break
    assert heard == list(map(sha, sounds))
    assert sorted(server.reads) == [(f"{index}.wav", 0) for index in range(6)]
    # for a clip, the bytes come back, and others leave
    assert "0.wav" not in fetched(there)
    path = remote.hold(heard[0], lambda sha256: False)
    assert path is not None
    assert path.read_bytes() == sounds[0]
    assert sum(map(len, fetched(there).values())) <= limit


def test_what_cannot_be_a_recording_is_not_fetched(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    there = there.model_copy(update={"decode": there.decode.model_copy(update={"largest_mb": 0.05})})
    shelf.put("large.wav", recording(1, seconds=10))
    shelf.put("empty.wav", b"")
    shelf.put("half.wav.part", recording(2))
    server = Watched(there)
    found = night(there, tmp_home, server)
    refused = {(Path(f.path).name, f.reason) for f in found.failures}
    assert refused == {("large.wav", "too-large"), ("empty.wav", "empty")}
    assert {name for name, _ in server.reads} <= {"empty.wav"}
    assert found.recordings == ()


def test_a_table_that_left_the_server_is_read_no_more(there: Settings, tmp_home: Home, shelf: Shelf) -> None:
    shelf.put("a.wav", recording(1))
    shelf.put("cdr.csv", b"file,agent_id\na.wav,1001\n")
    night(there, tmp_home)
    shelf.remove("cdr.csv")
    assert night(there, tmp_home).recordings[0].cdr.agent_id == "1001"
    assert sorted(fetched(there)) == ["a.wav"]


def test_a_file_that_is_being_written_is_left_for_the_next_night(
    here: Settings, tmp_home: Home, tmp_path: Path
) -> None:
    with web_server(tmp_path / "shelf") as (shelf, _):
        shelf.put("a.wav", recording(1))
        there = with_ingest(at(here, shelf.address), settle_s=300)
        found = night(there, tmp_home)
        assert (found.recordings, found.unsettled) == ((), 1)
        an_hour_ago = os.stat(tmp_path / "shelf" / "a.wav").st_mtime - 3600
        os.utime(tmp_path / "shelf" / "a.wav", (an_hour_ago, an_hour_ago))
        assert len(night(there, tmp_home).recordings) == 1


def test_a_connection_that_breaks_is_taken_up_again(here: Settings, tmp_home: Home, tmp_path: Path) -> None:
    data = recording(1, seconds=5)
    with web_server(tmp_path / "shelf") as (shelf, faults):
        shelf.put("a.wav", data)
        faults.break_off_after = 30_000
        found = night(at(here, shelf.address), tmp_home)
    assert [r.sha256 for r in found.recordings] == [sha(data)]
    ranges = [asked for method, path, asked in faults.asked if (method, path) == ("GET", "/a.wav")]
    assert ranges == ["", "bytes=30000-"]


def test_two_files_with_a_side_each_are_one_recording(here: Settings, tmp_home: Home, tmp_path: Path) -> None:
    with web_server(tmp_path / "shelf") as (shelf, _):
        shelf.put("20261130-101112-in.wav", recording(1))
        shelf.put("20261130-101112-out.wav", recording(2))
        there = at(here, shelf.address)
        for _ in range(2):
            (pair,) = night(there, tmp_home).recordings
            assert [half.sha256 for half in pair.halves] == [sha(recording(1)), sha(recording(2))]
            (there.inbox_folder / "20261130-101112-in.wav").unlink(missing_ok=True)


def test_a_server_that_is_not_there_ends_the_night_with_one_line(here: Settings) -> None:
    for address in ("http://127.0.0.1:9/", "sftp://somebody@127.0.0.1:9/recordings"):
        with pytest.raises(ServerFault) as error:
            RemoteInbox(at(here, address), pauses_s=(0.1, 0.1)).fetch(lambda sha: True)
        assert address in str(error.value)
        assert "\n" not in str(error.value)


def test_a_host_whose_key_is_not_known_is_not_spoken_to(
    here: Settings, tmp_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path, monkeypatch) as server:
        server.shelf.put("a.wav", recording(1))
        there = at(here, server.shelf.address)
        with pytest.raises(ServerFault, match="known_hosts"):
            night(there, tmp_home)
        other = tmp_path / "other_host_key.pub"
        other.write_text((tmp_path / "account" / ".ssh" / "id_ed25519.pub").read_text())
        server.known_hosts.write_text(server.host_line.split(" ")[0] + " " + other.read_text())
        with pytest.raises(ServerFault, match="known_hosts"):
            night(there, tmp_home)
        server.trust()
        assert len(night(there, tmp_home).recordings) == 1


def test_links_on_a_server_are_not_followed(
    here: Settings, tmp_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path, monkeypatch) as server:
        server.trust()
        (tmp_path / "outside.wav").write_bytes(recording(1))
        (server.shelf.folder / "link.wav").symlink_to(tmp_path / "outside.wav")
        (server.shelf.folder / "loop").symlink_to(server.shelf.folder)
        found = night(at(here, server.shelf.address), tmp_home)
        assert found.recordings == ()


def test_names_of_bytes_are_kept(
    here: Settings, tmp_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ssh_server(tmp_path, monkeypatch) as server:
        server.trust()
        name = os.fsdecode("录音.wav".encode("gbk"))
        server.shelf.put(name, recording(1))
        found = night(at(here, server.shelf.address), tmp_home)
        assert [r.path.name for r in found.recordings] == [name]
        assert night(at(here, server.shelf.address), tmp_home, Watched(at(here, server.shelf.address))).failures == ()


def test_no_name_leads_out_of_the_cache(here: Settings, tmp_home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["../../up.wav", "a/../../b.wav", "/abs.wav", "//two.wav", "%%a.wav", "back\\slash.wav", "é" * 300 + ".wav"]
    with s3_server(monkeypatch) as shelf:
        for seed, name in enumerate(names):
            shelf.put(name, recording(seed))
        there = at(here, shelf.address)
        found = night(there, tmp_home)
        assert {r.sha256 for r in found.recordings} == {sha(recording(seed)) for seed in range(len(names))}
    folder = there.inbox_folder
    for path in here.paths.home.rglob("*.wav"):
        assert path.resolve().is_relative_to(folder)
    assert len(fetched(there)) == len(names)


def test_no_secret_is_told(
    here: Settings, tmp_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    told = ""
    with web_server(tmp_path / "shelf") as (shelf, faults):
        faults.password = "Basic cWE6c2VjcmV0LW9mLW5ldHJj"
        with pytest.raises(ServerFault) as error:
            night(at(here, shelf.address), tmp_home)
        told += str(error.value)
        secrets = tmp_path / "netrc"
        secrets.write_text("machine 127.0.0.1 login qa password secret-of-netrc\n")
        monkeypatch.setenv("NETRC", str(secrets))
        shelf.put("a.wav", recording(1))
        assert len(night(at(here, shelf.address), tmp_home).recordings) == 1
    with s3_server(monkeypatch) as bucket:
        with pytest.raises(ServerFault) as error:
            night(at(here, "s3://no-such-bucket"), tmp_home)
        told += str(error.value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        with pytest.raises(ServerFault) as error:
            night(at(here, bucket.address), tmp_home)
        told += str(error.value)
    told += "".join(capfd.readouterr())
    for path in (file for file in here.paths.home.rglob("*") if file.is_file()):
        told += path.read_bytes().decode("latin-1")
    for secret in ("secret-of-netrc", "c2VjcmV0", S3_SECRET, "AKIAOFTESTS"):
        assert secret not in told


def test_a_store_whose_tags_are_no_checksums_is_believed(
    here: Settings, tmp_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that encrypts by a key of its own has tags that look like an MD5 and are none."""

    class Encrypting(Watched):
        def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
            yield from (replace(file, md5="0" * 32) for file in super().files(denied))

    with s3_server(monkeypatch) as shelf:
        for seed in range(3):
            shelf.put(f"{seed}.wav", recording(seed))
        server = Encrypting(at(here, shelf.address))
        found = night(at(here, shelf.address), tmp_home, server)
    assert {r.sha256 for r in found.recordings} == {sha(recording(seed)) for seed in range(3)}


def test_a_missing_library_is_told_with_its_remedy(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from pipeline.errors import BadSetting

    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(sys.modules, "pipeline.intake.servers.s3", raising=False)
    with pytest.raises(BadSetting, match=r"callqa\[remote\]"):
        RemoteInbox(at(here, "s3://recordings"))
    with suppress(KeyError):
        del sys.modules["pipeline.intake.servers.s3"]
