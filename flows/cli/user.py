"""``callqa user``: accounts of the desk, while it runs or not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from flows.cli.root import app, command, group
from flows.language import localised, say
from flows.options import Json, read_settings
from pipeline.errors import BadSetting, CallQAError
from pipeline.messages import Message
from pipeline.settings.desk import DeskRole
from pipeline.storage import audit
from pipeline.storage.home import Home

if TYPE_CHECKING:
    from desk.accounts import Account, Accounts
    from pipeline.settings import Settings

AccountName = Annotated[str, typer.Argument(metavar="NAME", help=say("Name of the account."))]
AccountTeams = Annotated[
    list[str] | None,
    typer.Option("--team", metavar="TEAM", help=say("Team that a coach or supervisor looks after; several times.")),
]
AccountAgent = Annotated[str | None, typer.Option(metavar="ID", help=say("Agent whose calls are the account's own."))]
RoleOption = Annotated[str, typer.Option("--role", metavar="ROLE", help=say("agent, reviewer, coach, supervisor or "
                                                                            "administrator."))]  # fmt: skip

user_app = group(
    say(
        "Accounts of the desk. Nobody makes a password for somebody else: `add` and `reset` print a link that works "
        "once, by which its owner chooses one. What is changed holds at once, while the desk runs too."
    ),
    ("user add li.mei --role reviewer", say("prints a link for her")),
    ("user add wang --role supervisor --team A --team B", say("who looks after two teams")),
    ("user list", say("who is there")),
)
app.add_typer(user_app, name="user")


@command(
    user_app,
    "add",
    say("Make an account, and print a link by which its owner chooses a password."),
    ("user add li.mei --role reviewer", say("a reviewer")),
    ("user add zhang --role agent --agent-id 1001", say("an agent, who sees their own calls once released")),
)
def user_add(
    name: AccountName, role: RoleOption = "reviewer", team: AccountTeams = None, agent_id: AccountAgent = None
) -> None:
    settings, accounts = _accounts()
    chosen = _role(role)
    audit.record(Home(settings.paths.home), "account.made", account=name, role=chosen)
    accounts.make(name, chosen, agent_id=agent_id, teams=tuple(team or ()))
    _warn_of_unknown(settings, team or (), agent_id)
    _print_link(settings, accounts.make_link(name), name)


@command(user_app, "list", say("List the accounts."))
def user_list(json_output: Json = False) -> None:
    from desk.rights import ROLE_TITLES
    from flows.console import print_json, table

    _, accounts = _accounts()
    everybody = accounts.everybody()
    if json_output:
        print_json(json.dumps([_as_json(account) for account in everybody], ensure_ascii=False, indent=2))
        return
    if not everybody:
        print(say("no accounts yet; `callqa desk` prints a link for the first one"))
        return
    headings = (say("account"), say("role"), say("teams"), say("agent"), say("state"))
    table(
        "",
        [(heading, "left") for heading in headings],
        [
            (
                account.name,
                localised(ROLE_TITLES[account.user.role]),
                " ".join(account.user.teams) or None,
                account.user.agent_id,
                say("disabled") if account.disabled_at else None if account.has_password else say("no password"),
            )
            for account in everybody
        ],
    )


def _as_json(account: Account) -> dict[str, object]:
    return {**asdict(account.user), "disabled": account.disabled_at is not None, "has_password": account.has_password}


@command(user_app, "role", say("Change an account's role, its teams or its agent."),
         ("user role li.mei supervisor --team A", say("a reviewer becomes a supervisor")))  # fmt: skip
def user_role(
    name: AccountName,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=say("The new role."))],
    team: AccountTeams = None,
    agent_id: AccountAgent = None,
) -> None:
    settings, accounts = _accounts()
    account, chosen = _there(accounts, name), _role(role)
    audit.record(Home(settings.paths.home), "account.changed", account=account.name, role=chosen)
    accounts.change(account.name, role=chosen, teams=None if team is None else tuple(team), agent_id=agent_id)
    _warn_of_unknown(settings, team or (), agent_id)
    print(say("{name}: changed", name=account.name))


@command(user_app, "disable", say("Let nobody in by an account any more; its sessions end at once."))
def user_disable(name: AccountName) -> None:
    settings, accounts = _accounts()
    account = _there(accounts, name)
    audit.record(Home(settings.paths.home), "account.disabled", account=account.name)
    accounts.disable(account.name)
    print(say("{name}: disabled", name=account.name))


@command(user_app, "enable", say("Let its owner in again."))
def user_enable(name: AccountName) -> None:
    settings, accounts = _accounts()
    account = _there(accounts, name)
    audit.record(Home(settings.paths.home), "account.enabled", account=account.name)
    accounts.enable(account.name)
    print(say("{name}: may sign in again", name=account.name))


@command(
    user_app,
    "reset",
    say("Take an account's password away, end its sessions, and print a link by which a new one is chosen."),
)
def user_reset(name: AccountName) -> None:
    settings, accounts = _accounts()
    account = _there(accounts, name)
    audit.record(Home(settings.paths.home), "account.reset", account=account.name)
    _print_link(settings, accounts.reset(account.name), account.name)


def _accounts() -> tuple[Settings, Accounts]:
    from desk.accounts import Accounts

    settings = read_settings()
    if not settings.paths.home.is_dir():
        raise CallQAError(
            Message("{home}: no callqa home is there; `callqa nightly` makes it", home=settings.paths.home)
        )
    return settings, Accounts(Home(settings.paths.home))


def _warn_of_unknown(settings: Settings, teams: Sequence[str], agent_id: str | None) -> None:
    """Tell of teams and of an agent that no call has: a slip, or somebody whose first call is yet to come."""
    from desk.snapshot import Snapshot

    database = Home(settings.paths.home).database
    if not database.exists() or not (teams or agent_id):
        return
    with Snapshot(database, settings.ingest.timezone).reading() as reader:
        for team in teams:
            if not reader.value("SELECT count(*) FROM calls WHERE team = $team", {"team": team}):
                print(say("warning: no call in the database has the team “{team}” so far", team=team))
        if agent_id and not reader.value("SELECT count(*) FROM calls WHERE agent_id = $agent", {"agent": agent_id}):
            print(say("warning: no call in the database has the agent's number “{agent}” so far", agent=agent_id))


def _there(accounts: Accounts, name: str) -> Account:
    account = accounts.get(name)
    if account is None:
        raise CallQAError(Message("{name}: there is no such account", name=name))
    return account


def _role(text: str) -> DeskRole:
    if text not in get_args(DeskRole):
        raise BadSetting(
            Message("{role}: no role; choose one of {names}", role=text, names=", ".join(get_args(DeskRole)))
        )
    return cast(DeskRole, text)


def _print_link(settings: Settings, token: str, name: str) -> None:
    from desk.access.proxies import link_address

    own = f"http{'s' if settings.desk.certificate else ''}://{settings.desk.host}:{settings.desk.port}"
    link = link_address(settings.desk, token, own)
    print(say("{name} chooses a password here; the link works once, for a day: {link}", name=name, link=link))
