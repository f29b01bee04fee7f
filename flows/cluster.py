"""The Dask cluster that the settings name: its address and how its connections are secured.

Whoever can speak to a Dask scheduler runs code on every machine behind it. So machines know each other by certificates
of one authority (TLS on both ends), or all of it stays on this machine.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows.prefect_server import LOOPBACK
from pipeline.errors import BadSetting, CallQAError, shown
from pipeline.messages import Message
from pipeline.settings import Machines

if TYPE_CHECKING:
    from distributed import Security


def check_installed() -> None:
    """Raises CallQAError where Dask is not installed."""
    if importlib.util.find_spec("prefect_dask") is None:
        raise CallQAError(Message("several machines need Dask: pip install 'callqa[cluster]'"))


def scheduler_address(machines: Machines) -> str:
    """The scheduler's address. Raises BadSetting when there is none, or one that lets anybody in."""
    address = machines.scheduler
    if address is None:
        raise BadSetting(Message("machines.scheduler: not set; name the Dask scheduler, as tls://10.0.0.5:8786"))
    if address.startswith("tcp:") and not (is_loopback(address) or machines.plain):
        raise BadSetting(
            Message(
                "machines.scheduler: {address} is not encrypted, and whoever reaches it runs code on all machines; use "
                "tls:// (docs/machines.md), or set machines.plain = true in a network that nobody else enters",
                address=address,
            )
        )
    return address


def is_loopback(address: str) -> bool:
    return urlsplit(address).hostname in LOOPBACK


def cluster_security(machines: Machines) -> Security | None:
    """What Dask needs for a tls:// address; None for another. Raises BadSetting when a certificate is missing."""
    if not scheduler_address(machines).startswith("tls:"):
        return None
    from distributed import Security

    files = {"ca": machines.ca, "certificate": machines.certificate, "key": machines.key}
    for name, file in files.items():
        if file is None:
            raise BadSetting(Message("machines.{name}: not set; tls:// needs ca, certificate and key", name=name))
        if not file.is_file():
            raise BadSetting(Message("machines.{name}: {file}: no such file", name=name, file=shown(file)))
    own = {"cert": str(files["certificate"]), "key": str(files["key"])}
    return Security(  # type: ignore[no-untyped-call]
        tls_ca_file=str(files["ca"]),
        require_encryption=True,
        **{f"tls_{role}_{part}": file for role in ("client", "worker", "scheduler") for part, file in own.items()},
    )
