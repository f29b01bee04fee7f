"""What rules are called, out of the published database: loading rulebooks takes seconds."""

from __future__ import annotations

from pipeline.errors import BadQuery
from pipeline.results.rows import RulebookInfo, RuleInfo
from pipeline.results.store import open_database, records
from pipeline.storage.home import Home

_RULES = "SELECT * FROM rules ORDER BY rulebook, rule_id"


def published_books(home: Home, timezone: str) -> dict[str, RulebookInfo] | None:
    """The rulebooks of a home's database by name, without pass marks; None where it has none that can be read."""
    found: dict[str, list[RuleInfo]] = {}
    languages: dict[str, str] = {}
    try:
        with open_database(home.database, timezone) as connection:
            for row in records(connection, _RULES):
                languages[row["rulebook"]] = row["language"]
                found.setdefault(row["rulebook"], []).append(
                    RuleInfo(
                        rule_id=row["rule_id"], title={"zh": row["title_zh"], "en": row["title_en"]},
                        dimension=row["dimension"], severity=row["severity"], weight=row["weight"],
                        status=row["status"], why=row["why"], tags=tuple(row["tags"]), kind=row["kind"],
                    )
                )  # fmt: skip
    except BadQuery:
        return None
    return {name: RulebookInfo(name, languages[name], "", 0.0, tuple(rules)) for name, rules in found.items()}
