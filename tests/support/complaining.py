"""A desk on calls in which customers complain, and on what else its dashboards tell of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Judged, Outcome
from pipeline.results.rows import RulebookInfo, RuleInfo
from pipeline.results.store import build_database
from pipeline.settings import Settings
from pipeline.storage.home import Home
from tests.support.desks import settings_of
from tests.support.factories import AGENTS, NIGHT, hit_on, make_judged, make_turns, make_verdict, save, sha_of

COMPLAINT, COMMITMENT = "script-complaint", "commitment"
TAGS = {"greeting": (), COMPLAINT: ("complaint",), COMMITMENT: ("complaint-commitment",)}
BOOK = RulebookInfo(
    "hotline-zh", "zh", sha_of("zh"), 80.0,
    tuple(
        RuleInfo(rule, {"zh": f"指标 {rule}", "en": rule.title()}, "courtesy", "normal", 2.0, tags=tags)
        for rule, tags in TAGS.items()
    ),
)  # fmt: skip
SAID = "你们把我家地板刮花了，我要投诉。"
OUTCOMES: Sequence[tuple[Outcome, Outcome]] = (
    ("not_applicable", "not_applicable"), ("fail", "fail"), ("pass", "pass"), ("unsure", "fail"),
    ("fail", "not_applicable"),
)  # fmt: skip
"""Of each call in turn: whether a complaint was handled by the script, whether who and when was said."""


def complaining_call(number: int, days: float = 1) -> Judged:
    """The call of a number; `days` lie between two."""
    turns = make_turns((("agent", "您好，请讲。"), ("customer", SAID), ("agent", "非常抱歉。")))
    ground = replace(hit_on(turns[1]), matched="投诉", sentence=turns[1].text)
    handled, commitment = OUTCOMES[number % len(OUTCOMES)]
    agent_id, agent_name, team = AGENTS[number % len(AGENTS)]
    verdicts = (
        make_verdict("greeting", "pass"),
        replace(make_verdict(COMPLAINT, handled), grounds=(ground,)),
        make_verdict(COMMITMENT, commitment),
    )
    cdr = CDR(
        f"K{number:03}", NIGHT + timedelta(days=days * number), agent_id, agent_name, team, company="安心家政",
        queue=("维修", "投诉")[number % 2], scenario=("退款", None)[number % 2],
    )  # fmt: skip
    return make_judged(f"complaint-{number}", turns=turns, verdicts=verdicts, cdr=cdr, score=60 + number % 40)


def make_complaining_desk(
    folder: Path, calls: int = 40, settings: Settings | None = None, days: float = 1
) -> tuple[Desk, list[Judged]]:  # fmt: skip
    """A desk on such calls, so many days apart, published."""
    night = [complaining_call(number, days) for number in range(calls)]
    return make_plain_desk(folder, night, settings), night


def make_plain_desk(folder: Path, night: Sequence[Judged], settings: Settings | None = None) -> Desk:
    """A desk on calls without recordings, published."""
    given = settings or settings_of(folder / "home")
    home = Home(given.paths.home)
    save(home, night)
    build_database(home, given, [BOOK])
    return make_desk(given, dict)
