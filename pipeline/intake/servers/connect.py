"""Which server speaks for an address."""

from __future__ import annotations

import importlib
from urllib.parse import urlsplit

from pipeline.errors import BadSetting
from pipeline.intake.servers.server import Server
from pipeline.messages import Message

_SERVERS = {
    "s3": ("s3", "S3Server"),
    "sftp": ("sftp", "SftpServer"),
    "http": ("http", "HttpServer"),
    "https": ("http", "HttpServer"),
}


def server_at(address: str) -> Server:
    """The server of a checked `paths.inbox`, not asked yet. Raises BadSetting when its library is missing."""
    scheme = urlsplit(address).scheme
    module, name = _SERVERS[scheme]
    try:
        server: Server = getattr(importlib.import_module(f"pipeline.intake.servers.{module}"), name)(address)
    except ModuleNotFoundError as error:
        message = Message(
            "paths.inbox: {scheme}:// needs {library}, which is not installed; pip install 'callqa[remote]'",
            scheme=scheme,
            library=error.name or "",
        )
        raise BadSetting(message) from error
    return server
