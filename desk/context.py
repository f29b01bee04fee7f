"""What the desk works on: the settings, the home, accounts, the published database, the rulebooks in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from desk.accounts import Accounts
from desk.call_ids import CallIds
from desk.calls.sound_files import Sounds
from desk.snapshot import Snapshot
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
    call_ids: CallIds
    snapshot: Snapshot
    sounds: Sounds
    rulebooks: Callable[[], Mapping[str, Rulebook]]
    reviews: Reviews


def make_desk(settings: Settings, rulebooks: Callable[[], Mapping[str, Rulebook]]) -> Desk:
    """A desk on the home of some settings."""
    home = Home(settings.paths.home)
    accounts = Accounts(home)
    call_ids = CallIds(accounts.secret("call-ids"))
    snapshot = Snapshot(home.database, settings.ingest.timezone)
    return Desk(settings, home, accounts, call_ids, snapshot, Sounds(home, settings), rulebooks, Reviews(home))
