"""A Prefect server as a night starts it, in a process of its own, which several nights may use one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, sys
from pathlib import Path
from flows.prefect_server import quiet_server

with quiet_server(Path(sys.argv[1])) as url:
    print(url, os.environ.get("PREFECT_API_AUTH_STRING", "-"), os.environ["no_proxy"], flush=True)
    from prefect.client.orchestration import get_client
    with get_client(sync_client=True) as client:
        print(len(client.read_flows()), flush=True)
    sys.stdin.read()
"""
"""Starts a server as a night does, asks it something as a night does, and keeps it until stdin closes."""


def serve(home: Path, env: dict[str, str], cwd: Path | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, str(home)],
        env=env,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
