"""Real servers on loopback that hold recordings: moto's S3, OpenSSH, and web servers that list folders."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import pytest

S3_SECRET = "a-secret-of-tests"


class Shelf(Protocol):
    """A place on a server that recordings are put into, with its `paths.inbox`.

    One that `resumes` can begin amid a file.
    """

    address: str
    resumes: bool

    def put(self, name: str, data: bytes) -> None: ...
    def remove(self, name: str) -> None: ...


@dataclass
class FolderShelf:
    """A folder that a server shows."""

    address: str
    folder: Path
    resumes: bool = True

    def put(self, name: str, data: bytes) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink()


@dataclass
class S3Shelf:
    """A bucket's folder."""

    client: Any
    address: str = "s3://recordings/2026"
    resumes: bool = True

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket="recordings", Key=f"2026/{name}", Body=data)

    def remove(self, name: str) -> None:
        self.client.delete_object(Bucket="recordings", Key=f"2026/{name}")


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Shelf]:
    """Moto's S3 server with one bucket; its keys are in the environment, as people have them."""
    import boto3
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="recordings")
    try:
        yield S3Shelf(client)
    finally:
        for entry in client.list_objects_v2(Bucket="recordings").get("Contents", ()):
            client.delete_object(Bucket="recordings", Key=entry["Key"])
        client.delete_bucket(Bucket="recordings")
        running.stop()


@dataclass
class SshServer:
    """OpenSSH's sshd, of this account, with one key that may log in; `trust` makes its host key known."""

    shelf: FolderShelf
    known_hosts: Path
    host_line: str
    process: subprocess.Popen[bytes]

    def trust(self) -> None:
        self.known_hosts.write_text(self.host_line)


@contextmanager
def ssh_server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """A server of `folder/shelf`; the account's ~/.ssh is one below `folder`."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if sshd is None:
        pytest.skip("no sshd on this machine (Debian: openssh-server)")
    secrets = folder / "account" / ".ssh"
    secrets.mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(secrets.parent))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    for key in (folder / "host_key", secrets / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "sshd_config"
    settings.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {secrets}/id_ed25519.pub\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    shelf = folder / "shelf"
    shelf.mkdir()
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    process = subprocess.Popen([sshd, "-D", "-e", "-f", settings], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield SshServer(
            FolderShelf(f"sftp://{user}@127.0.0.1:{port}{shelf}", shelf),
            secrets / "known_hosts",
            f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}",
            process,
        )
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("sshd does not listen")


@dataclass
class WebFaults:
    """What a web server does wrong, and what it was asked for."""

    break_off_after: int | None = None
    """Bytes of the next file, after which the connection ends; once."""
    password: str | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path, and range of each request."""


class PlainPages(SimpleHTTPRequestHandler):
    """Python's own http.server: names only, no ranges."""

    faults: WebFaults

    def log_message(self, format: str, *args: Any) -> None:
        self.faults.asked.append((self.command, self.path, self.headers.get("Range", "")))


class NginxPages(PlainPages):
    """Lists as nginx's autoindex does, gives ranges, and fails as it is told."""

    def do_GET(self) -> None:
        wanted = self.faults.password
        if wanted is not None and self.headers.get("Authorization", "") != wanted:
            self.send_error(401)
            return
        path = Path(self.translate_path(self.path))
        if path.is_dir():
            self._page(path)
        elif path.is_file():
            self._file(path)
        else:
            self.send_error(404)

    def _page(self, folder: Path) -> None:
        rows = [
            f'<a href="{entry.name}{"/" * entry.is_dir()}">{entry.name[:50]}</a>  {_day(entry)}  '
            f"{'-' if entry.is_dir() else entry.stat().st_size}\r\n"
            for entry in sorted(folder.iterdir())
        ]
        page = f'<html>\r\n<body><h1>Index of /</h1><hr><pre><a href="../">../</a>\r\n{"".join(rows)}</pre></html>'
        self._head(200, {"Content-Type": "text/html"}, len(page.encode()))
        self.wfile.write(page.encode())

    def _file(self, path: Path) -> None:
        data, info = path.read_bytes(), path.stat()
        tag = f'"{info.st_mtime_ns:x}-{info.st_size:x}"'
        headers = {"ETag": tag, "Last-Modified": self.date_time_string(int(info.st_mtime))}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.headers.get("If-Range") == tag else 0
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        self._head(206 if start else 200, headers, len(data) - start)
        if self.command == "GET":
            end, self.faults.break_off_after = self.faults.break_off_after, None
            self.wfile.write(data[start:end])
            self.close_connection = end is not None

    do_HEAD = do_GET  # noqa: N815

    def _head(self, status: int, headers: dict[str, str], length: int) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()


def _day(entry: Path) -> str:
    return time.strftime("%d-%b-%Y %H:%M", time.gmtime(entry.stat().st_mtime))


@contextmanager
def web_server(folder: Path, pages: type[PlainPages] = NginxPages) -> Iterator[tuple[FolderShelf, WebFaults]]:
    """A web server of a folder, with what it is to do wrong."""
    faults = WebFaults()
    handler = type("Pages", (pages,), {"faults": faults})
    folder.mkdir(exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        yield FolderShelf(address, folder, resumes=pages is NginxPages), faults
    finally:
        server.shutdown()
        server.server_close()
