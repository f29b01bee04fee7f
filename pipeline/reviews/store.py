"""The file of what people say of calls and verdicts: home/reviews.sqlite.

A subject's tables are in its own module, which has the migrations that make them and all that is asked of them. Tables
are lists of what happened: a row never changes, and goes only when its call is forgotten; views say how things stand.
"""

from __future__ import annotations

from pipeline.storage.home import Home
from pipeline.storage.sqlite_file import Migrations, SqliteFile

REVIEWS_MIGRATIONS: Migrations = {}
"""By subject; a later one may have foreign keys into an earlier one and views over it."""


class Reviews:
    """What people have said in a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.file = SqliteFile(home.root / "reviews.sqlite", REVIEWS_MIGRATIONS)
