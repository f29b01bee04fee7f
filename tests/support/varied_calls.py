"""Calls that differ in all that the desk's list is filtered by, published; the same every time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Judged, Outcome, Role
from pipeline.results.rows import RulebookInfo, RuleInfo
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.desks import settings_of
from tests.support.factories import NIGHT, make_judged, make_turns, make_verdict, save

RULE_TITLES = {
    "greeting": ("开头语", "Greeting"),
    "closing": ("结束语", "Closing"),
    "insult": ("辱骂客户", "Insult"),
    "complaint": ("投诉处理", "Complaint handled"),
    "+formula": ("+公式", "+Formula"),
}
PEOPLE = (
    ("1001", "李梅", "一组"), ("1002", "王强", "一组"), ("1003", "陈静", "二组"), ("1004", "Ann Lee", "EN"),
    ("1005", "=1+1", None), (None, None, None),
)  # fmt: skip
LINES: Sequence[tuple[Role, str]] = (
    ("agent", "您好，请问有什么可以帮您？"), ("customer", "我要退款，谢谢"), ("agent", "不好意思，这个我也没办法。"),
    ("customer", "那就退吧"), ("agent", "款项三天内到账。"), ("customer", "I want a refund, now."),
    ("agent", "They refunded it. I can’t do more."), ("customer", "It is not possible, the customer's word."),
    ("agent", "一共1500元，用APP下单。"), ("customer", "只付500元"), ("agent", "再见。"),
    ("customer", "我的手机号是13812345678"),
)  # fmt: skip


def books() -> list[RulebookInfo]:
    rules = tuple(
        RuleInfo(
            rule_id, {"zh": zh, "en": en}, "service", "fatal" if rule_id == "insult" else "normal", 1.0,
            tags=("complaint",) if rule_id == "complaint" else (),
        )
        for rule_id, (zh, en) in RULE_TITLES.items()
    )  # fmt: skip
    return [RulebookInfo(f"hotline-{language}", language, "0" * 64, 60.0, rules) for language in ("zh", "en")]


def varied_calls(count: int, seed: int = 7) -> list[Judged]:
    draw, calls = random.Random(seed), []
    for number in range(count):
        agent_id, agent_name, team = draw.choice(PEOPLE)
        turns = make_turns(draw.sample(LINES, draw.randrange(2, 9)))
        outcomes: list[Outcome] = ["pass", "fail", "unsure", "not_applicable"]
        verdicts = [
            replace(make_verdict(rule, outcome), nothing_found=outcome == "pass" and draw.random() < 0.3)
            for rule in RULE_TITLES
            for outcome in draw.choices(outcomes, (5, 2, 1, 3))
        ]
        started = None if draw.random() < 0.1 else NIGHT + timedelta(hours=6 * draw.randrange(140))
        cdr = CDR(
            call_id=None if number == 3 else f"C{number:04}-%_'\"", started_at=started, agent_id=agent_id,
            agent_name=agent_name, team=team, queue=draw.choice(("维修", "投诉", None)),
            direction=draw.choice(("inbound", "outbound", None)), scenario=draw.choice(("booking", None)),
        )  # fmt: skip
        calls.append(
            make_judged(
                f"varied-{number}", language=draw.choice(("zh", "zh", "en")), verdicts=verdicts, turns=turns, cdr=cdr,
                score=None if draw.random() < 0.1 else draw.randrange(0, 1001) / 10, fatal=draw.random() < 0.15,
            )
        )  # fmt: skip
    return calls


def make_varied_desk(folder: Path, count: int) -> tuple[Desk, list[Judged]]:
    """A desk on such calls, in five weeks' parts and those without a date."""
    home, settings, calls = Home(folder / "home"), settings_of(folder / "home"), varied_calls(count)
    save(home, calls)
    build_database(home, settings, books())
    return make_desk(settings, dict), calls
