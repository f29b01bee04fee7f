"""Calls' sound, made once, kept in the home and made again when it is gone.

However many ask, a call's sound is made by one thread; two are made at a time. What is kept is named by what is
silenced in it, is encrypted where the home is, and makes room for other sound when nobody asked for it longest.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from desk.calls.sound_making import BITRATE_KBPS, NoSound, SoundSource, cut_sound, make_sound
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage.files import is_temporary, write_whole
from pipeline.storage.home import Home
from pipeline.storage.sealing import is_sealed, sealed, unsealed
from pipeline.timeline import Span, Timeline

AT_A_TIME = 2
TRIED_AGAIN_S = 15.0
"""After so long what could not be made is tried again."""

_HELD_BYTES = 200 << 20
"""Of sound that lies encrypted, so much is held decrypted, for who moves about in it."""

_STALE_S = 3600.0
_MAKING_VERSION = 1
SoundKind = Literal["mp3", "peaks"]
SOUND_KINDS: tuple[SoundKind, ...] = ("mp3", "peaks")


@dataclass(frozen=True, slots=True)
class SoundState:
    """How far a call's sound is: there, being made (`share` 0–1), or why it cannot be."""

    is_there: bool
    share: float = 0.0
    problem: CallQAError | None = None


@dataclass
class _Making:
    share: float = 0.0
    problem: CallQAError | None = None
    ended_at: float | None = None
    ended: threading.Event = field(default_factory=threading.Event)


class Sounds:
    """The sound of all calls of a home."""

    def __init__(self, home: Home, settings: Settings) -> None:
        self._home, self._settings = home, settings
        self._lock, self._room = threading.Lock(), threading.Semaphore(AT_A_TIME)
        self._cutting = threading.Semaphore(AT_A_TIME)
        self._makings: dict[str, _Making] = {}
        self._held: OrderedDict[Path, bytes] = OrderedDict()

    def state(self, source: SoundSource) -> SoundState:
        """How far the sound is that who asks may hear; its making begins where it has not."""
        if self._is_there(source):
            return SoundState(True)
        making = self._begun(source)
        if making.ended.is_set() and making.problem is None:
            return SoundState(True)
        return SoundState(False, min(making.share, 1.0), making.problem)

    def file(self, source: SoundSource, kind: SoundKind) -> Path:
        """The file of a call's sound or peaks, once it is made. Raises NoSound, BadSetting."""
        path = self._path(source, kind)
        for _ in range(2):
            if self._is_there(source):
                # asked for just now: others make room first
                with suppress(OSError):
                    os.utime(path)
                return path
            making = self._begun(source)
            making.ended.wait()
            if making.problem is not None:
                raise making.problem
        raise NoSound(Message("there is no room for this call's sound; raise desk.sound_cache_gb"))

    def bytes_of(self, path: Path) -> bytes | None:
        """What an encrypted file holds; None of one that lies plain. Raises MissingKey, OSError."""
        with self._lock:
            if path in self._held:
                self._held.move_to_end(path)
                return self._held[path]
        with path.open("rb") as stream:
            head = stream.read(64)
        if not is_sealed(head):
            return None
        plain = unsealed(path.read_bytes(), path)
        with self._lock:
            self._held[path] = plain
            while len(self._held) > 1 and sum(map(len, self._held.values())) > _HELD_BYTES:
                self._held.popitem(last=False)
        return plain

    def cut(self, source: SoundSource, span: Span, bitrate_kbps: int) -> bytes:
        """The MP3 of a span of a call, cut once and kept beside the call's own.

        Raises NoSound, BadSetting, MissingKey.
        """
        quiet = (Timeline(source.quiet) & (span,)).spans
        told = f"{span.start_s:.3f}-{span.end_s:.3f}-{bitrate_kbps}-{_key(quiet)}"
        path = self._home.sound / source.sha256[:2] / f"{source.sha256}.{told}.cut"
        with self._cutting:
            with suppress(FileNotFoundError, ValueError):  # a damaged one is cut again
                kept = path.read_bytes()
                os.utime(path)  # asked for just now: others make room first
                return unsealed(kept, path)
            made = cut_sound(source, span, bitrate_kbps, self._settings)
            try:
                self._make_room()
                write_whole(path, sealed(made))
            except OSError:
                return made  # it can be heard all the same
            if not self._home.judged(source.sha256).exists():  # forgotten meanwhile
                path.unlink(missing_ok=True)
            return made

    def _is_there(self, source: SoundSource) -> bool:
        return all(self._path(source, kind).exists() for kind in SOUND_KINDS)

    def _path(self, source: SoundSource, kind: SoundKind) -> Path:
        return self._home.sound / source.sha256[:2] / f"{source.sha256}.{_key(source.quiet)}.{kind}"

    def _begun(self, source: SoundSource) -> _Making:
        key = f"{source.sha256}.{_key(source.quiet)}"
        with self._lock:
            known = self._makings.get(key)
            if known is not None and not _is_over(known):
                return known
            making = self._makings[key] = _Making()
        threading.Thread(target=self._make, args=(key, making, source), daemon=True).start()
        return making

    def _make(self, key: str, making: _Making, source: SoundSource) -> None:
        def on_progress(share: float) -> None:
            making.share = share

        try:
            with self._room:
                made = make_sound(source, self._settings, on_progress)
                self._make_room()
                # the sound last: where it is, all is
                write_whole(self._path(source, "peaks"), sealed(made.peaks))
                write_whole(self._path(source, "mp3"), sealed(made.mp3))
                if not self._home.judged(source.sha256).exists():  # forgotten meanwhile
                    for kind in SOUND_KINDS:
                        self._path(source, kind).unlink(missing_ok=True)
        except CallQAError as error:
            making.problem = error
        except OSError as error:
            making.problem = NoSound(
                Message("the sound cannot be kept ({reason}); see to the home's disk", reason=error.strerror or "")
            )
        except Exception:
            making.problem = NoSound(Message("the sound could not be made; the desk's log says why"))
            raise
        finally:
            making.ended_at = time.monotonic()
            making.ended.set()
            if making.problem is None:
                with self._lock:
                    self._makings.pop(key, None)

    def _make_room(self) -> None:
        """Remove what was asked for longest ago, until what is kept is within its bounds; and what a kill left."""
        files: list[tuple[float, int, Path]] = []
        for path in self._home.sound.glob("*/*"):
            with suppress(FileNotFoundError):
                info = path.stat()
                if not is_temporary(path.name):
                    files.append((info.st_mtime, info.st_size, path))
                elif info.st_mtime < time.time() - _STALE_S:
                    path.unlink()
        held = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if held <= self._settings.desk.sound_cache_gb * 1e9:
                return
            path.unlink(missing_ok=True)
            held -= size


def _is_over(making: _Making) -> bool:
    """Whether it is time to try again."""
    return making.ended_at is not None and making.ended_at < time.monotonic() - TRIED_AGAIN_S


def _key(quiet: Sequence[Span]) -> str:
    told = repr((_MAKING_VERSION, BITRATE_KBPS, [(span.start_s, span.end_s) for span in quiet]))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
