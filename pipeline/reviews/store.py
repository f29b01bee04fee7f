"""The file of what people say of calls and verdicts: home/reviews.sqlite.

A subject's tables are in its own module, which has the migrations that make them and all that is asked of them. Tables
are lists of what happened: a row never changes, and goes only when its call is forgotten; views say how things stand.

What every table keeps to, so that calls can be forgotten without knowing it: a row that is of a call has its recording
in the column `sha256`, or goes with one that does (`ON DELETE CASCADE`); free text, which may quote people, stands in a
column `comment` and nowhere else. What is of several calls sees to it itself (`forget_coaching_texts`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from pipeline.reviews.appeals import APPEALS_MIGRATIONS
from pipeline.reviews.calibrations import CALIBRATIONS_MIGRATIONS
from pipeline.reviews.case_proposals import CASE_PROPOSALS_MIGRATIONS
from pipeline.reviews.coaching import COACHING_MIGRATIONS, forget_coaching_texts
from pipeline.reviews.coaching_excerpts import COACHING_EXCERPTS_MIGRATIONS
from pipeline.reviews.comment_templates import COMMENT_TEMPLATES_MIGRATIONS
from pipeline.reviews.corrections import CORRECTIONS_MIGRATIONS
from pipeline.reviews.finished_reviews import FINISHED_REVIEWS_MIGRATIONS
from pipeline.reviews.manual_points import MANUAL_POINTS_MIGRATIONS
from pipeline.reviews.plans import PLANS_MIGRATIONS
from pipeline.reviews.queues import QUEUES_MIGRATIONS
from pipeline.reviews.releases import RELEASES_MIGRATIONS
from pipeline.reviews.shared_excerpts import SHARED_EXCERPTS_MIGRATIONS
from pipeline.reviews.verdict_reviews import VERDICT_REVIEWS_MIGRATIONS
from pipeline.reviews.voice_leave import VOICE_LEAVE_MIGRATIONS
from pipeline.storage.home import Home
from pipeline.storage.sqlite_file import Migrations, SqliteFile

REVIEWS_MIGRATIONS: Migrations = {
    "verdict reviews": VERDICT_REVIEWS_MIGRATIONS,
    "releases": RELEASES_MIGRATIONS,
    "plans": PLANS_MIGRATIONS,
    "queues": QUEUES_MIGRATIONS,
    "case proposals": CASE_PROPOSALS_MIGRATIONS,
    "calibrations": CALIBRATIONS_MIGRATIONS,
    "corrections": CORRECTIONS_MIGRATIONS,
    "appeals": APPEALS_MIGRATIONS,
    "manual points": MANUAL_POINTS_MIGRATIONS,
    "finished reviews": FINISHED_REVIEWS_MIGRATIONS,
    "comment templates": COMMENT_TEMPLATES_MIGRATIONS,
    "coaching": COACHING_MIGRATIONS,
    "coaching excerpts": COACHING_EXCERPTS_MIGRATIONS,
    "voice leave": VOICE_LEAVE_MIGRATIONS,
    "shared excerpts": SHARED_EXCERPTS_MIGRATIONS,
}
"""By subject; a later one may have foreign keys into an earlier one and views over it."""


class Reviews:
    """What people have said in a home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.file = SqliteFile(home.root / "reviews.sqlite", REVIEWS_MIGRATIONS)

    def forget(self, calls: Collection[str], words: Collection[str] = ()) -> None:
        """Leave no byte of what was said of some calls, and of others (`words`) nothing that may quote them.

        Raises CallQAError where somebody reads for so long that the log cannot be emptied: do it again then.
        """
        if not self.file.is_there:
            return
        with self.file.writing() as rows:
            forget_coaching_texts(rows, (*calls, *words))  # while it is known which sessions they were in
            for table, columns in _tables(rows).items():
                if "sha256" in columns:
                    rows.executemany(f"DELETE FROM {table} WHERE sha256 = ?", [(sha256,) for sha256 in calls])
                    if "comment" in columns:
                        blank = f"UPDATE {table} SET comment = '' WHERE sha256 = ? AND comment <> ''"
                        rows.executemany(blank, [(sha256,) for sha256 in words])
        self.file.empty_log()

    def said_of(self, calls: Collection[str]) -> frozenset[str]:
        """Those of some calls of which anything was said."""
        if not self.file.is_there:
            return frozenset()
        wanted, found = frozenset(calls), set()
        with self.file.reading() as rows:
            for table, columns in _tables(rows).items():
                if "sha256" in columns:
                    found |= {row[0] for row in rows.execute(f"SELECT DISTINCT sha256 FROM {table}")} & wanted
        return frozenset(found)


def _tables(rows: sqlite3.Connection) -> dict[str, frozenset[str]]:
    """The columns of each table."""
    names = [row[0] for row in rows.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    return {name: frozenset(row["name"] for row in rows.execute(f"PRAGMA table_info({name})")) for name in names}
