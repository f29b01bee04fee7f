"""What the desk works on: the settings, the home, accounts, the published database, the rulebooks in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from desk.access.attempts import Attempts
from desk.access.openid import OpenId
from desk.access.proxies import DeskReach, check_reach, reach_of
from desk.access.sessions import Sessions
from desk.access.trail import Trail
from desk.accounts import Accounts
from desk.call_ids import CallIds
from desk.calls.call_index import CallIndex
from desk.calls.list_choices import ChoiceCache
from desk.calls.sound_files import Sounds
from desk.coaching.effect_cache import EffectCache
from desk.snapshot import Snapshot
from desk.sql.turns import QueryTurns
from pipeline.judging.rulebook import Rulebook
from pipeline.reviews.store import Reviews
from pipeline.settings import Settings
from pipeline.storage.home import Home


@dataclass(frozen=True)
class Desk:
    """One desk on one home. `rulebooks` gives those in force, by language."""

    settings: Settings
    home: Home
    accounts: Accounts
    sessions: Sessions
    attempts: Attempts
    trail: Trail
    reach: DeskReach
    call_ids: CallIds
    snapshot: Snapshot
    sounds: Sounds
    rulebooks: Callable[[], Mapping[str, Rulebook]]
    reviews: Reviews
    index: CallIndex
    choices: ChoiceCache = field(default_factory=ChoiceCache)
    effects: EffectCache = field(default_factory=EffectCache)
    openid: OpenId | None = None
    queries: QueryTurns = field(default_factory=lambda: QueryTurns(3))
    query_files: QueryTurns = field(default_factory=lambda: QueryTurns(2))


def make_desk(settings: Settings, rulebooks: Callable[[], Mapping[str, Rulebook]]) -> Desk:
    """A desk on the home of some settings. Raises BadSetting where anybody could say that they are somebody else."""
    check_reach(settings.desk)
    home = Home(settings.paths.home)
    accounts = Accounts(home)
    snapshot = Snapshot(home.database, settings.ingest.timezone)
    return Desk(
        settings=settings,
        home=home,
        accounts=accounts,
        sessions=Sessions(accounts.file, settings.desk),
        attempts=Attempts(accounts.secret("known-browsers")),
        trail=Trail(home),
        reach=reach_of(settings.desk),
        call_ids=CallIds(accounts.secret("call-ids")),
        snapshot=snapshot,
        sounds=Sounds(home, settings),
        rulebooks=rulebooks,
        reviews=Reviews(home),
        index=CallIndex(home, snapshot),
        openid=OpenId(settings.openid, accounts.secret("openid")) if settings.openid.issuer else None,
    )
