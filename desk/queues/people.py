"""Names for pages: rules in the language of the page, and the accounts that may review."""

from __future__ import annotations

from desk.rights import User
from desk.routing import Visit


def reviewers(visit: Visit) -> list[User]:
    """All accounts that may review, but disabled ones."""
    everybody = visit.desk.accounts.everybody()
    return [account.user for account in everybody if account.disabled_at is None and account.user.may("review")]


def shown_names(visit: Visit) -> dict[str, str]:
    """What every account is called, by its name."""
    return {account.name: account.user.shown_name or account.name for account in visit.desk.accounts.everybody()}


def rule_titles(visit: Visit) -> dict[str, str]:
    """The titles of the published rules, by their ids, in the language of the page."""
    title = "title_zh" if visit.language == "zh" else "title_en"
    with visit.desk.snapshot.reading() as reader:
        return {row["rule_id"]: row[title] for row in reader.rows(f"SELECT rule_id, {title} FROM rules ORDER BY ALL")}
