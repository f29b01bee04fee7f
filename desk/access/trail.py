"""What people do at the desk, into the home's audit log before it is done: what cannot be recorded is not done.

A page asks for a call many times (its parts, ranges of its sound); the log has it once in ten minutes.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from pipeline.storage import audit
from pipeline.storage.audit import AuditAction
from pipeline.storage.home import Home

AGAIN_S = 600.0
_MOST_REMEMBERED = 50_000


class Trail:
    """The audit log of a home as the desk writes it; `clock` gives seconds."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._lock = threading.Lock()
        self._recorded: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def note(self, action: AuditAction, user: str, sha256: str = "", **details: str | int | float | bool) -> None:
        """Record what somebody is about to do, with a call or without. Raises CallQAError; then it must not be done."""
        audit.record(self._home, action, calls=[sha256] if sha256 else (), user=user, **details)

    def note_once(
        self, action: AuditAction, user: str, sha256: str = "", again_s: float = AGAIN_S,
        **details: str | int | float | bool,
    ) -> None:  # fmt: skip
        """The same, unless it was recorded a short while ago. Raises CallQAError."""
        key, now = (action, user, sha256), self._clock()
        with self._lock:  # who asks for the same meanwhile waits until it is written
            if now - self._recorded.get(key, -again_s) < again_s:
                return
            self.note(action, user, sha256, **details)
            self._recorded[key] = now
            self._recorded.move_to_end(key)
            while len(self._recorded) > _MOST_REMEMBERED:
                self._recorded.popitem(last=False)
