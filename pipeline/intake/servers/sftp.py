"""Servers that speak SFTP. Users, keys and known hosts come from ~/.ssh and the agent, as for `sftp` itself."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncssh
import sshfs

from pipeline.intake.servers.server import (
    CHUNK_BYTES,
    DeniedByServer,
    GoneFromServer,
    ServedBytes,
    ServerFile,
    UnreachableServer,
    broken_off,
    opened,
)
from pipeline.messages import Message

_CONNECT_S = 30
_KEEPALIVE_S = 15

# it tells every file's name
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


class SftpServer:
    """A folder of an SFTP server; a server whose key is not known is not spoken to."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.hostname or ""
        self._options: dict[str, Any] = {"port": parts.port} if parts.port else {}
        if parts.username:
            self._options["username"] = unquote(parts.username)
        # as git and curl have it, /~/ starts at the user's home
        folder = unquote(parts.path).rstrip("/")
        self._root = folder.removeprefix("/~/") if folder.startswith("/~/") else folder or "/"
        self._shared: Any = None
        self._lock = threading.Lock()

    def files(self, denied: list[tuple[str, ...]]) -> Iterator[ServerFile]:
        folders: list[tuple[str, ...]] = [()]
        while folders:
            folder = folders.pop()
            entries = opened(partial(self._entries, folder), folder, denied, Message("there is no such folder")) or []
            for entry in entries:
                parts = (*folder, entry["name"].rsplit("/", 1)[-1])
                if entry["type"] == "directory":
                    folders.append(parts)
                elif entry["type"] == "file":
                    yield _file(entry, "/".join((self._root, *parts)), parts)

    def _entries(self, folder: tuple[str, ...]) -> list[dict[str, Any]]:
        with self._translated() as files:
            entries: list[dict[str, Any]] = files.ls("/".join((self._root, *folder)), detail=True)
            return entries

    def look(self, file: ServerFile) -> ServerFile:
        with self._translated() as files:
            now = _file(files.info(file.key), file.key, file.parts)
        return replace(now, key=file.key)

    @contextmanager
    def read(self, file: ServerFile, start: int) -> Iterator[ServedBytes]:
        with self._translated() as files:
            stream = files.open(file.key, "rb")
        try:
            with self._translated():
                stream.seek(start)
            yield ServedBytes(start, self._chunks(stream))
        finally:
            # a connection that broke cannot be told so
            with _quietly():
                stream.close()

    def _chunks(self, stream: Any) -> Iterator[bytes]:
        while True:
            with self._translated():
                chunk = stream.read(CHUNK_BYTES)
            if not chunk:
                return
            yield chunk

    @contextmanager
    def _translated(self) -> Iterator[Any]:
        """The connection, made anew after one that broke."""
        try:
            with self._lock:
                if self._shared is None:
                    self._shared = self._connected()
                files = self._shared
            yield files
        except (FileNotFoundError, asyncssh.SFTPNoSuchFile):
            raise GoneFromServer from None
        except (PermissionError, asyncssh.SFTPPermissionDenied):
            raise DeniedByServer from None
        except UnreachableServer:
            raise
        except Exception as error:
            with self._lock:
                self._shared = None
            raise broken_off(_why(error)) from None

    def _connected(self) -> Any:
        try:
            return sshfs.SSHFileSystem(
                self._host,
                # () reads ~/.ssh/known_hosts; sshfs by itself would trust anybody
                known_hosts=(),
                connect_timeout=_CONNECT_S,
                keepalive_interval=_KEEPALIVE_S,
                # names are bytes to the server
                sftp_client_kwargs={"path_errors": "surrogateescape"},
                skip_instance_cache=True,
                **self._options,
            )
        except asyncssh.HostKeyNotVerifiable:
            fault = Message("its host key is not the one in ~/.ssh/known_hosts; when it is right, add it with ssh")
            raise UnreachableServer(fault, is_lasting=True) from None
        except (PermissionError, asyncssh.PermissionDenied):
            fault = Message("it takes no key of this user; name the user in the address, the key in ~/.ssh/config")
            raise UnreachableServer(fault, is_lasting=True) from None


@contextmanager
def _quietly() -> Iterator[None]:
    try:
        yield
    except Exception:
        return


def _file(entry: dict[str, Any], key: str, parts: tuple[str, ...]) -> ServerFile:
    changed: datetime | None = entry["mtime"]
    changed_at_s = changed.timestamp() if changed else 0.0
    return ServerFile(key, parts, entry["size"], f"{changed_at_s:.0f}", changed_at_s)


def _why(error: Exception) -> str:
    """The system's word for a fault, or the kind of it: a library's own sentence may name the user."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return type(error).__name__
