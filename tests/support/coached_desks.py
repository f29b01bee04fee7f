"""A desk on which a coach has something to do: flagged calls of agents, good ones of theirs and of colleagues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import httpx
from starlette.testclient import TestClient

from desk.context import Desk, make_desk
from pipeline.datatypes import CDR, Judged, Role
from pipeline.judging.verdicts import judge_call
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.storage.home import Home
from tests.support.desks import ORIGIN, settings_of
from tests.support.factories import AGENTS, NIGHT, make_judged, make_turns, recorded, save
from tests.support.judged_desks import small_book

PHONE = "13800138000"

_OPENING: tuple[tuple[Role, str], ...] = (("agent", "您好，请问有什么可以帮您？"), ("customer", f"我的电话是{PHONE}。"))
_WITHOUT: tuple[tuple[Role, str], ...] = (*_OPENING, ("agent", "好的，就这样。"))
_WITH: tuple[tuple[Role, str], ...] = (*_OPENING, ("agent", "我是王强，已经登记，再见。"))

_CALLS = {
    "flagged": (0, "报修", _WITHOUT), "flagged-too": (0, "报修", _WITHOUT), "own-good": (0, "报修", _WITH),
    "good": (1, "报修", _WITH), "better": (1, "报修", _WITH), "other-scenario": (1, "咨询", _WITH),
    "other-team": (2, "报修", _WITH), "others-flagged": (2, "报修", _WITHOUT),
}  # fmt: skip
"""By name: the place of its agent in AGENTS, its scenario, what is said. Without a goodbye `closing` fails."""


@dataclass(frozen=True)
class CoachedDesk:
    """The desk, and its calls by name."""

    desk: Desk
    calls: Mapping[str, Judged]

    def id_of(self, name: str) -> str:
        return self.desk.call_ids.of(self.sha256(name))

    def sha256(self, name: str) -> str:
        return self.calls[name].call.sha256


def make_coached_desk(folder: Path) -> CoachedDesk:
    """Agents 1001 and 1002 of team 一组, 1003 of 二组; 1001 has two flagged calls."""
    book, home = small_book(folder / "book"), Home(folder / "home")
    given = settings_of(home.root)
    reviews = given.reviews.model_copy(update={"good_examples_days": 3650})
    given = given.model_copy(update={"reviews": reviews})
    calls = {}
    for name, (place, scenario, lines) in _CALLS.items():
        agent_id, agent_name, team = AGENTS[place]
        cdr = CDR(name, NIGHT, agent_id, agent_name, team, scenario=scenario)
        call = make_judged(name, cdr=cdr, turns=make_turns(lines), verdicts=()).call
        calls[name] = recorded(Judged(call, judge_call(call, book)), folder / "inbox" / f"{name}.wav")
    save(home, list(calls.values()), str(folder / "inbox"))
    build_database(home, given, [rulebook_info(book)])
    return CoachedDesk(make_desk(given, lambda: {"zh": book}), calls)


def sent(client: TestClient, path: str, fields: Mapping[str, str | list[str]]) -> httpx.Response:
    """A form as a browser sends it."""
    headers = {**ORIGIN, "content-type": "application/x-www-form-urlencoded"}
    return client.post(path, content=urlencode(fields, doseq=True), headers=headers)
