"""An inbox that is on a server: what is new there is fetched into the home, and then handled like any local file.

A recording is fetched once. Its hash is kept with the server's mark of that version, so that it is known again when its
bytes have left the cache; for a clip, or to be heard by other engines, it is fetched anew. What the cache has no room
for waits: when what is there was heard, it makes room for more (see `RemoteInbox.left`).

Faults of the network are nothing of a recording's. They are tried again, with pauses, and then end the night; what was
fetched so far stays, half a file too. A file that the server does not give is that file's failure.
"""

from __future__ import annotations

import errno
import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.errors import CallQAError, shown_text
from pipeline.intake.contents import NO_TIME, Contents, HashedFile
from pipeline.intake.listing import LONGEST_WAIT_S, ingest_failure, is_passed_over, why
from pipeline.intake.rows import LARGEST_BYTES
from pipeline.intake.servers.cache import FetchCache, FetchedFile
from pipeline.intake.servers.connect import server_at
from pipeline.intake.servers.server import (
    ChangedOnServer,
    DeniedByServer,
    GoneFromServer,
    Server,
    ServerFile,
    UnreachableServer,
)
from pipeline.intake.sources import may_be_metadata
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.home import Failure, path_key

FETCHED_AT_ONCE = 4

TRY_AGAIN_AFTER_S = (1.0, 4.0, 10.0)
"""Pauses before a server that failed is asked again."""

DENIED_IN_A_ROW = 5
"""Files that a server does not give, before it is held to be of no use to go on."""

INDEX_EVERY_S = 30.0
"""How often the index is written while files are fetched."""

_NAME_FAULTS = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EILSEQ, errno.EINVAL)

Served = TypeVar("Served")


class ServerFault(CallQAError):
    """A server that cannot be reached, or gives nothing; through no fault of a recording's."""


@dataclass(frozen=True, slots=True)
class FetchedSoFar:
    """How far the fetching is: files, and bytes as far as the server tells sizes."""

    files: int
    of_files: int
    size_bytes: int
    of_bytes: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file to fetch: as listed, and where to."""

    listed: ServerFile
    path: Path


class RemoteInbox:
    """The inbox of settings whose `paths.inbox` is an address. Made anew for each night.

    `left` counts the recordings for which there was no room. `heed_stop` is called while files are fetched, and raises
    what should end that; `on_progress` is told of every step.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        heed_stop: Callable[[], None] = lambda: None,
        on_progress: Callable[[FetchedSoFar], None] = lambda progress: None,
        server: Server | None = None,
        pauses_s: Sequence[float] = TRY_AGAIN_AFTER_S,
    ) -> None:
        self._settings = settings
        self._address = str(settings.paths.inbox)
        self._server = server or server_at(self._address)
        self._cache = FetchCache(settings.inbox_folder, settings.ingest.cache_gb * 1e9)
        self._heed_stop, self._on_progress, self._pauses_s = heed_stop, on_progress, pauses_s
        self._listed: dict[Path, ServerFile] | None = None
        self._by_sha256: dict[str, list[tuple[Path, FetchedFile]]] | None = None
        self._lock = threading.Lock()
        self._sums_hold = True
        self._odd_sums: dict[str, str] = {}
        self._fetched_now: set[Path] = set()
        self._rounds = 0
        self.left = 0

    @property
    def has_more(self) -> bool:
        """Whether another `fetch` can bring recordings that there was no room for, when those that are here were heard.

        Each after the first has to bring something, or there would be no end.
        """
        return self.left > 0 and (self._rounds == 1 or bool(self._fetched_now))

    def fetch(self, is_needed: Callable[[str], bool]) -> Contents:
        """List the server's files and fetch what is new, as much as there is room for; what the inbox holds now.

        `is_needed` tells by SHA-256 whether a recording is still to be heard, so that its bytes must stay. Raises
        ServerFault, and what `heed_stop` raises.
        """
        contents = Contents()
        self._cache.folder.mkdir(parents=True, exist_ok=True)
        recordings, metadata = self._list(contents)
        contents.files, self.left = len(recordings), 0
        self._rounds += 1
        self._fetched_now.clear()
        self._by_sha256 = None
        for item in metadata:
            self._cache.use(item.path)
        new = [item for item in recordings if not self._is_known(item)]
        contents.before = {
            path_key(item.path): HashedFile(known.size_bytes, NO_TIME, 0, known.sha256)
            for item in recordings
            if (known := self._cache.known(item.path))
        }
        self._forget([*recordings, *metadata])
        tables = [item for item in metadata if not (self._is_known(item) and self._cache.has(item.path))]
        try:
            self._fetch_all(self._settled(tables + self._that_fit(new, is_needed, contents), contents), contents)
            self._cache.drop_parts()
        finally:
            self._cache.write()
        for item in recordings:
            entry = self._cache.known(item.path)
            if entry is None or not (self._is_known(item) or item.path in self._fetched_now):
                continue
            if not entry.size_bytes:
                contents.failures.append(ingest_failure(item.path, "empty", Message("is empty; copy it again")))
            else:
                contents.paths[entry.sha256].append(item.path)
                contents.sizes[entry.sha256] = entry.size_bytes
        return contents

    def hold(self, sha256: str, is_needed: Callable[[str], bool]) -> Path | None:
        """Have a recording's bytes here until `release`, fetched anew if they were let go; None when the server has
        them no more. Raises ServerFault.
        """
        for path, known in self._places(sha256):
            self._cache.use(path)
            with suppress(GoneFromServer, DeniedByServer, ChangedOnServer):
                if self._cache.has(path) or self._fetched_anew(path, known, is_needed):
                    return path
            self._cache.release(path)
        return None

    def _places(self, sha256: str) -> list[tuple[Path, FetchedFile]]:
        """Where a recording lies on the server, by what it listed last."""
        with self._lock:
            if self._listed is None:
                self._list(Contents())
            if self._by_sha256 is None:
                self._by_sha256 = defaultdict(list)
                for path in self._listed or {}:
                    if known := self._cache.known(path):
                        self._by_sha256[known.sha256].append((path, known))
            return self._by_sha256.get(sha256, [])

    def drop(self, sha256: str) -> None:
        """Let the copy of a recording go; it is fetched again when it is needed. Raises ServerFault, OSError."""
        for path, _ in self._places(sha256):
            self._cache.drop(path)

    def check(self) -> None:
        """See that the server answers. Raises ServerFault."""
        self._asked_for_files(lambda: next(iter(self._server.files([])), None))

    def release(self, path: Path) -> None:
        self._cache.release(path)

    # --- what is there

    def _list(self, contents: Contents) -> tuple[list[_Wanted], list[_Wanted]]:
        """The recordings and the metadata files of the server, in order of their paths here."""
        denied: list[tuple[str, ...]] = []
        listed = self._asked_for_files(lambda: list(self._server.files(denied)))
        recordings, metadata = [], []
        self._listed = {}
        for path, file in sorted({self._cache.path(file): file for file in listed}.items()):
            if any(is_passed_over(part) for part in file.parts if part not in (".", "..")):
                continue
            self._listed[path] = file
            if path.suffix.lower() in self._settings.ingest.extensions:
                recordings.append(_Wanted(file, path))
                continue
            contents.others.append(path)
            if not self._may_be_metadata(path):
                continue
            if (file.size_bytes or 0) > LARGEST_BYTES:
                fault = Message("is larger than {size:g} MB; that is no table of calls", size=LARGEST_BYTES / 1e6)
                contents.failures.append(ingest_failure(path, "too-large", fault))
            else:
                metadata.append(_Wanted(file, path))
        for parts in denied:
            path = self._cache.path(ServerFile("", parts, None, ""))
            contents.failures.append(_denied(path))
        recordings, metadata = self._looked_at(recordings), self._looked_at(metadata)
        self._listed |= {item.path: item.listed for item in recordings}
        return recordings, metadata

    def _asked_for_files(self, ask: Callable[[], Served]) -> Served:
        try:
            return self._again(ask)
        except DeniedByServer:
            raise self._fault(Message("it does not let this user or key list the folder")) from None

    def _looked_at(self, items: list[_Wanted]) -> list[_Wanted]:
        """The same, with stamps for those whose listing has none; one that cannot be looked at is left as it is."""

        def looked(item: _Wanted) -> _Wanted:
            if item.listed.stamp:
                return item
            with suppress(GoneFromServer, DeniedByServer):
                return replace(item, listed=self._again(lambda: self._server.look(item.listed)))
            return item

        if all(item.listed.stamp for item in items):
            return items
        with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
            return list(pool.map(looked, items))

    def _is_known(self, item: _Wanted) -> bool:
        known = self._cache.known(item.path)
        return known is not None and bool(item.listed.stamp) and known.stamp == _stamp(item.listed)

    def _forget(self, items: list[_Wanted]) -> None:
        """Forget files that the server has no more; a table of calls that is gone there is gone here."""
        for path in self._cache.keep_only(item.path for item in items):
            if self._may_be_metadata(path):
                path.unlink(missing_ok=True)

    def _may_be_metadata(self, path: Path) -> bool:
        ingest = self._settings.ingest
        named = path in {self._cache.folder / name for name in ingest.metadata_names}
        return named or may_be_metadata(path, ingest.extensions)

    def _that_fit(self, items: list[_Wanted], is_needed: Callable[[str], bool], contents: Contents) -> list[_Wanted]:
        """The new recordings for which there is room, in order; `left` counts the others."""
        fit: list[_Wanted] = []
        largest, limit = self._settings.decode.largest_mb * 1e6, self._settings.ingest.cache_gb * 1e9
        for item in items:
            size = item.listed.size_bytes
            if size is not None and size > largest * (1 if item.listed.is_exact else 1.1):
                fault = Message("is larger than {size:g} MB; raise decode.largest_mb", size=largest / 1e6)
                contents.failures.append(ingest_failure(item.path, "too-large", fault))
            elif size is not None and size > limit:
                fault = Message("is larger than all of ingest.cache_gb; raise it")
                contents.failures.append(ingest_failure(item.path, "too-large", fault))
            else:
                fit.append(item)
        room = self._cache.room_bytes(sum(item.listed.size_bytes or 0 for item in fit), is_needed)
        for count, item in enumerate(fit):
            room -= item.listed.size_bytes or 0
            if room < 0:
                self.left = len(fit) - count
                return fit[:count]
        return fit

    def _settled(self, items: list[_Wanted], contents: Contents) -> list[_Wanted]:
        """Those that nobody has changed for `ingest.settle_s`, as with local files; a short rest is waited for."""
        settle_s, now = self._settings.ingest.settle_s, time.time()
        rests_s = {item.path: _rest_s(item.listed, settle_s, now) for item in items}
        wait_s = max((rest_s for rest_s in rests_s.values() if rest_s <= LONGEST_WAIT_S), default=0.0)
        if wait_s > 0:
            time.sleep(wait_s)
        alone = [item for item in items if rests_s[item.path] <= LONGEST_WAIT_S]
        contents.unsettled += len(items) - len(alone)
        return alone

    # --- bytes

    def _fetch_all(self, items: list[_Wanted], contents: Contents) -> None:
        """Fetch files side by side and note them in the index. Raises ServerFault."""
        of_bytes = sum(item.listed.size_bytes or 0 for item in items)
        size_bytes = denied = 0
        written_at = time.monotonic()
        halt = threading.Event()
        with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
            futures = {pool.submit(self._fetch, item, halt): item for item in items}
            try:
                for count, future in enumerate(as_completed(futures), start=1):
                    outcome = future.result()
                    if isinstance(outcome, FetchedFile):
                        self._cache.note(futures[future].path, outcome)
                        self._fetched_now.add(futures[future].path)
                        denied, size_bytes = 0, size_bytes + outcome.size_bytes
                    elif isinstance(outcome, Failure):
                        contents.failures.append(outcome)
                        denied += outcome.reason == "unreadable"
                    else:
                        contents.unsettled += 1
                    if denied >= DENIED_IN_A_ROW:
                        raise self._fault(Message("it lists files and does not give them to this user or key"))
                    self._on_progress(FetchedSoFar(count, len(items), size_bytes, max(of_bytes, size_bytes)))
                    if time.monotonic() - written_at > INDEX_EVERY_S:
                        self._cache.write()
                        written_at = time.monotonic()
            except BaseException:
                halt.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(self, item: _Wanted, halt: threading.Event) -> FetchedFile | Failure | None:
        """Fetch one file: what it is, why it cannot be had, or None when it changes meanwhile."""
        try:
            return self._again(lambda: self._fetched(item, halt), halt)
        except GoneFromServer:
            return ingest_failure(item.path, "missing", Message("was listed by the server, and is gone there now"))
        except DeniedByServer:
            return _denied(item.path)
        except ChangedOnServer:
            return None
        except OSError as error:
            if error.errno not in _NAME_FAULTS:
                raise
            message = Message("cannot be kept here ({error}); give it another name on the server", error=why(error))
            return ingest_failure(item.path, "unreadable", message)

    def _fetched(self, item: _Wanted, halt: threading.Event) -> FetchedFile:
        """A file's bytes in its place, from where an earlier try ended."""
        file = self._server.look(item.listed)
        if item.listed.changed_at_s is None:
            self._wait_settled(file, halt)
        part = self._cache.part(item.path, _stamp(file))
        # what cannot be told from another version is fetched from its start
        have = part.stat().st_size if part.exists() and file.stamp and file.size_bytes else 0
        if not have or have != file.size_bytes:
            with self._server.read(file, have) as served, part.open("r+b" if served.start else "wb") as stream:
                stream.seek(served.start)
                stream.truncate()
                for chunk in served.chunks:
                    self._heed_stop()
                    if halt.is_set():
                        raise ChangedOnServer
                    stream.write(chunk)
        self._check(file, part)
        return self._cache.keep(part, item.path, _stamp(item.listed if item.listed.stamp else file), file.changed_at_s)

    def _wait_settled(self, file: ServerFile, halt: threading.Event) -> None:
        """Wait a short rest of `ingest.settle_s`. Raises ChangedOnServer where it is a long one."""
        rest_s = _rest_s(file, self._settings.ingest.settle_s, time.time())
        if rest_s > LONGEST_WAIT_S:
            raise ChangedOnServer
        self._pause(rest_s, halt)

    def _check(self, file: ServerFile, part: Path) -> None:
        """See that a fetched file is whole. Raises UnreachableServer where it is to be tried again, ChangedOnServer."""
        size = part.stat().st_size
        if file.size_bytes is not None and size < file.size_bytes:
            raise UnreachableServer(Message("the connection ended early"))
        now = self._server.look(file)
        if _stamp(now) != _stamp(file) or size != (size if file.size_bytes is None else file.size_bytes):
            part.unlink()
            raise ChangedOnServer
        if file.md5 and self._sums_hold and (found := _md5(part)) != file.md5:
            # a store that encrypts by its own key does not say the MD5: what comes twice the same is whole
            self._sums_hold = self._odd_sums.get(file.key) != found
            if self._sums_hold:
                self._odd_sums[file.key] = found
                part.unlink()
                raise UnreachableServer(Message("what came is not what it has; its checksum differs"))

    def _fetched_anew(self, path: Path, known: FetchedFile, is_needed: Callable[[str], bool]) -> bool:
        """Fetch again what was let go. False when the server has another version."""
        with self._lock:
            file = (self._listed or {})[path]
            if _stamp(file) != known.stamp:
                return False
            self._cache.room_bytes(known.size_bytes, is_needed, at_any_price=True)
        item, halt = _Wanted(file, path), threading.Event()
        fetched = self._again(lambda: self._fetched(item, halt), halt)
        self._cache.note(path, fetched)
        return fetched.sha256 == known.sha256

    # --- faults

    def _again(self, ask: Callable[[], Served], halt: threading.Event | None = None) -> Served:
        """What a server answers, asked again after a pause when it fails. Raises ServerFault."""
        for pause_s in (*self._pauses_s, None):
            try:
                return ask()
            except UnreachableServer as fault:
                if pause_s is None or fault.is_lasting or (halt and halt.is_set()):
                    raise self._fault(fault.why) from None
            self._pause(pause_s, halt)
        raise AssertionError

    def _pause(self, pause_s: float, halt: threading.Event | None) -> None:
        until = time.monotonic() + pause_s
        while (rest_s := until - time.monotonic()) > 0 and not (halt and halt.is_set()):
            self._heed_stop()
            time.sleep(min(rest_s, 0.2))

    def _fault(self, fault: Message) -> ServerFault:
        return ServerFault(
            Message(
                "{address}: {fault}; see to it and run again, what was fetched is kept",
                address=shown_text(self._address),
                fault=fault,
            )
        )


def _stamp(file: ServerFile) -> str:
    return f"{file.size_bytes} {file.stamp}"


def _rest_s(file: ServerFile, settle_s: float, now: float) -> float:
    """How long a file has still to be left alone; a server's clock may be ahead."""
    if file.changed_at_s is None:
        return 0.0
    return min(settle_s, LONGEST_WAIT_S) if file.changed_at_s > now else settle_s - (now - file.changed_at_s)


def _denied(path: Path) -> Failure:
    return ingest_failure(path, "unreadable", Message("the server does not give it to this user or key"))


def _md5(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
