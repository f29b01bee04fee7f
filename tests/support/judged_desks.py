"""A desk on calls that a small rulebook judged: what reviewers say changes their scores as it would at work."""

from __future__ import annotations

from pathlib import Path

import yaml

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Judged
from pipeline.judging.loader import load_rulebook
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.results.store import build_database
from pipeline.settings import ReviewSettings
from pipeline.storage.home import Home
from tests.support.desks import settings_of
from tests.support.factories import AGENTS, NIGHT, make_judged, recorded, save
from tests.support.rulebooks import CASES, write_book

GATES = {
    "greeting": {"require": {"said": {"by": "agent", "any": ["您好"]}}},
    "forbidden-phrases": {"forbid": {"said": {"by": "agent", "any": ["没办法", "添麻烦"]}}, "severity": "serious"},
    "closing": {"require": {"said": {"by": "agent", "any": ["再见"]}}},
    "booking": {"require": {"said": {"by": "agent", "any": ["登记"]}}},
}


def small_book(folder: Path) -> Rulebook:
    """Four rules of one dimension, each of weight 1; `make_judged`'s call breaks forbidden-phrases alone: 75 points."""
    rules = {
        rule_id: yaml.safe_dump(
            {"id": rule_id, "title": {"zh": rule_id, "en": rule_id}, "dimension": "one", "why": "试", "cases": CASES}
            | {"speaks": "any", "weight": 1}
            | gates,
            allow_unicode=True,
        )
        for rule_id, gates in GATES.items()
    }
    return load_rulebook(write_book(folder, rules))


def make_judged_desk(folder: Path, calls: int = 8, settings: ReviewSettings | None = None) -> tuple[Desk, list[Judged]]:
    """A desk on some calls of `AGENTS` in turn, with recordings, published."""
    book, home = small_book(folder / "book"), Home(folder / "home")
    given = settings_of(home.root)
    given = given.model_copy(update={"reviews": settings}) if settings else given
    night = []
    for number in range(calls):
        agent_id, agent_name, team = AGENTS[number % 3]
        cdr = CDR(f"C{number:03}", NIGHT, agent_id, agent_name, team)
        call = make_judged(f"call-{number}", cdr=cdr).call
        judged = Judged(call, judge_call(call, book))
        night.append(recorded(judged, folder / "inbox" / f"C{number:03}.wav"))
    save(home, night, str(folder / "inbox"))
    build_database(home, given)
    return make_desk(given, lambda: {"zh": book}), night
