"""What the audit log keeps of a query: which tables it names, its length, and a hash that tells it from others."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

from pipeline.errors import CallQAError
from pipeline.results.tables import TABLES
from pipeline.results.views import VIEWS
from pipeline.storage import audit
from pipeline.storage.home import Home
from pipeline.storage.keys import read_chain

_WORD = re.compile(r"[a-z_][a-z0-9_]*")


def record_query(home: Home, sql: str) -> None:
    """Record that somebody asks the database; nothing of the query's text is kept. Raises CallQAError."""
    if not home.database.exists():
        return  # there is nothing to ask
    details: dict[str, Any] = {"characters": len(sql)}
    words = set(_WORD.findall(sql.lower()))
    if tables := [name for name in (*TABLES, *VIEWS) if name in words]:
        details["tables"] = " ".join(tables)
    with suppress(OSError, CallQAError):  # there is no key yet, or a member of the home's group may not read it
        details["query"] = read_chain(home.salt).hashed(sql)
    audit.record(home, "query", **details)
