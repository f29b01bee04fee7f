"""Accounts of people whom a trusted proxy has signed in: its session is theirs, so the desk has none of its own."""

from __future__ import annotations

from desk.context import Desk
from desk.rights import User


def proxied_user(desk: Desk, named: str, address: str) -> User | None:
    """The account that a proxy names, made where the settings say so; None where there is none, or it is disabled.

    The log tells that somebody signed in when they have not been here for as long as a session lasts unused. Raises
    CallQAError where that cannot be written.
    """
    settings = desk.settings.desk
    account = desk.accounts.get(named)
    if account is None and settings.new_account_role is not None:
        desk.trail.note("account.made", named, account=named, role=settings.new_account_role, way="proxy")
        desk.accounts.make(named, settings.new_account_role)
        account = desk.accounts.get(named)
    if account is None or account.disabled_at is not None:
        return None
    desk.trail.note_once("login", account.name, again_s=settings.idle_minutes * 60, way="proxy", address=address)
    return account.user
