"""Accounts of people whom an OpenID issuer signs in: by the issuer's own id of them, never by a name alone."""

from __future__ import annotations

from dataclasses import replace

from desk.accounts import Account, Accounts, BadAccount, account_of_row, insert_account, listed_teams
from desk.rights import User
from pipeline.messages import Message


def account_of_identity(accounts: Accounts, issuer: str, subject: str) -> Account | None:
    """The account of somebody whom an issuer knows by `subject`."""
    with accounts.file.reading() as rows:
        found = rows.execute(
            "SELECT a.* FROM accounts AS a JOIN identities AS i ON i.account = a.name "
            "WHERE i.issuer = ? AND i.subject = ?",
            (issuer, subject),
        ).fetchone()
    return account_of_row(found) if found else None


def make_identity(accounts: Accounts, issuer: str, subject: str, user: User) -> Account:
    """A new account for somebody. Raises BadAccount where one of that name is there: it belongs to somebody else, as
    names at an issuer may be chosen by whoever has an account with it."""
    with accounts.file.writing() as rows:
        try:
            insert_account(rows, user, "")
        except BadAccount as error:
            raise BadAccount(
                Message("the issuer calls you by a name that an account here has already; ask an administrator")
                if accounts.get(user.name)
                else error.message
            ) from error
        rows.execute("INSERT INTO identities VALUES (?, ?, ?)", (issuer, subject, user.name))
        return account_of_row(rows.execute("SELECT * FROM accounts WHERE name = ?", (user.name,)).fetchone())


def follow_identity(accounts: Accounts, account: Account, said: User) -> Account:
    """The account with the role, and the teams and the agent, that its issuer says now; what it does not say stays."""
    user = account.user
    now = replace(user, role=said.role, teams=said.teams or user.teams, agent_id=said.agent_id or user.agent_id)
    if now != user:
        with accounts.file.writing() as rows:
            rows.execute(
                "UPDATE accounts SET role = ?, teams = ?, agent_id = ? WHERE name = ?",
                (now.role, listed_teams(now.teams), now.agent_id, now.name),
            )
    return replace(account, user=now)
