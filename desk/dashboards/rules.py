"""Which rules fail most, what that costs, and how far each rule's fails can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from starlette.responses import Response

from desk.dashboards.drawings import spark_points
from desk.dashboards.frame import Frame, calls_link, dashboard_page, read_frame
from desk.dashboards.trust import CasePrecision, FailTrust, fail_trust
from desk.routing import Visit, endpoint
from desk.snapshot import Reader, Row
from pipeline.messages import Message

SHOWN_RULES = 60
"""More rules than this nobody reads."""

FEWEST_DECIDED = 20
"""Fewer verdicts tell nothing of a change."""

RULE_ORDERS: Mapping[str, Message] = {
    "fails": Message("most fails"),
    "rate": Message("highest fail rate"),
    "deducted": Message("most points lost"),
    "change": Message("risen most"),
}


@dataclass(slots=True)
class FailingRule:
    """A rule over the weeks asked for, and over as many before."""

    rule_id: str
    passes: int = 0
    fails: int = 0
    deducted: float = 0.0
    passes_before: int = 0
    fails_before: int = 0
    by_week: dict[date, tuple[int, int]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.fails / (self.passes + self.fails)

    @property
    def change(self) -> float | None:
        """By how much the share of fails has risen; None where either time has too few verdicts."""
        before = self.passes_before + self.fails_before
        if min(before, self.passes + self.fails) < FEWEST_DECIDED:
            return None
        return self.rate - self.fails_before / before


@dataclass(frozen=True, slots=True)
class RulesBoard:
    """The rules that fail, in an order, with what is published of each (`about`) and how far each can be trusted."""

    frame: Frame
    order: str
    rules: Sequence[FailingRule]
    about: Mapping[str, Sequence[Row]]
    trust: Mapping[str, FailTrust]

    def title(self, rule_id: str) -> str:
        """What a rule is called, in the page's language."""
        return self.about[rule_id][0]["title"] if rule_id in self.about else rule_id

    def link(self, rule_id: str) -> str:
        """The list of the calls that fail a rule."""
        return calls_link(self.frame, rule=(rule_id, "fail"))


@endpoint("/dashboard/rules", "dashboards")
def _rules(visit: Visit) -> Response:
    board = rules_board(visit)
    return dashboard_page(
        visit, "dashboards/rules.html", board.frame, board=board, rules=board.rules, order=board.order,
        orders=RULE_ORDERS, about=board.about, trust=board.trust, doubted=_doubted(board.rules, board.trust),
        sparks={rule.rule_id: _spark(rule, board.frame.mondays()) for rule in board.rules},
    )  # fmt: skip


def rules_board(visit: Visit) -> RulesBoard:
    """What the page is made of."""
    with visit.desk.snapshot.reading() as reader:
        frame = read_frame(visit, reader)
        found = failing_rules(reader, frame)
        about = _about(reader, visit.language)
    asked = visit.query("by")
    order = asked if asked in RULE_ORDERS else "fails"
    listed = sorted((rule for rule in found if rule.fails), key=lambda rule: (-_worth(rule, order), rule.rule_id))
    listed = listed[:SHOWN_RULES]
    cases = {rule.rule_id: _cases(about, rule.rule_id) for rule in listed}
    return RulesBoard(frame, order, listed, about, fail_trust(visit.desk.reviews.file, cases))


def failing_rules(reader: Reader, frame: Frame) -> list[FailingRule]:
    """Every rule that told anything in the weeks asked for."""
    if frame.first is None:
        return []
    before = frame.first - timedelta(weeks=frame.weeks)
    rows = reader.rows(
        "SELECT rule_id, week, sum(passes)::BIGINT AS passes, sum(fails)::BIGINT AS fails, sum(deducted) AS deducted "
        f"FROM totals.agent_rules WHERE {frame.condition} GROUP BY rule_id, week",
        {**frame.values, "first": before},
    )
    rules: dict[str, FailingRule] = {}
    for row in rows:
        rule = rules.setdefault(row["rule_id"], FailingRule(row["rule_id"]))
        if row["week"] < frame.first:
            rule.passes_before += row["passes"]
            rule.fails_before += row["fails"]
        else:
            rule.passes += row["passes"]
            rule.fails += row["fails"]
            rule.deducted += row["deducted"] or 0.0
            rule.by_week[row["week"]] = (row["passes"], row["fails"])
    return [rule for rule in rules.values() if rule.passes + rule.fails]


def _worth(rule: FailingRule, order: str) -> float:
    match order:
        case "rate":
            return rule.rate
        case "deducted":
            return rule.deducted
        case "change":
            return -1.0 if rule.change is None else rule.change
    return rule.fails


def _about(reader: Reader, language: str) -> dict[str, list[Row]]:
    """The published rules by their ids, one in each rulebook, the page's language first."""
    about: dict[str, list[Row]] = {}
    for row in reader.rows("SELECT *, title_zh AS title FROM rules ORDER BY language <> $language, rulebook",
                           {"language": language}):  # fmt: skip
        about.setdefault(row["rule_id"], []).append({**row, "title": row[f"title_{language}"]})
    return about


def _cases(about: Mapping[str, Sequence[Mapping[str, Any]]], rule_id: str) -> list[CasePrecision]:
    return [
        CasePrecision(row["language"], row["precision"], row["precision_low"], row["precision_high"], row["n"])
        for row in about.get(rule_id, ())
        if row["precision"] is not None
    ]


def _doubted(listed: Sequence[FailingRule], trust: Mapping[str, FailTrust]) -> int:
    """How many of the fails that are shown come from rules whose fails are often wrong."""
    return sum(rule.fails for rule in listed if trust[rule.rule_id].often_wrong)


def _spark(rule: FailingRule, mondays: Sequence[date]) -> list[tuple[float, float]]:
    shares = []
    for monday in mondays:
        passes, fails = rule.by_week.get(monday, (0, 0))
        shares.append(fails / (passes + fails) if passes + fails else None)
    return spark_points(shares, max((share for share in shares if share), default=1.0))
