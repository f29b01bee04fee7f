"""Processes that end with the one that started them, however that one ended."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable


def leave_when_stdin_closes(after_s: float = 0.0, status: int = 0) -> None:
    """End this process when the other end of stdin closes: our parent, who holds it, is gone."""

    def gone() -> bool:
        poll = select.poll()
        poll.register(0, select.POLLHUP)
        return any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll(1000))

    _leave_once(gone, after_s, status)


def leave_with_starter(status: int = 1) -> None:
    """End this process when the process that started it is gone; for one whose stdin is not ours to hold."""
    starter = os.getppid()

    def gone() -> bool:
        time.sleep(1)
        return os.getppid() != starter

    _leave_once(gone, 0.0, status)


def _leave_once(gone: Callable[[], bool], after_s: float, status: int) -> None:
    """Watch in a thread; `gone` is asked again and again and waits a while itself."""

    def watch() -> None:
        while not gone():
            pass
        time.sleep(after_s)
        os._exit(status)

    threading.Thread(target=watch, name="watch parent", daemon=True).start()
