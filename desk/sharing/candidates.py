"""What a lead may pick from: of a week and an indicator the best and worst calls of the teams within the lead's scope.

They were picked when the database was published; what of them is played or shared is cut from the calls of now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from desk.calls.found import hidden_verdicts
from desk.calls.scope import within
from desk.excerpts.chosen import ChosenExcerpt, suggested_spans
from desk.excerpts.presenting import ListedExcerpt
from desk.excerpts.seen import SeenCall, seen_in_scope
from desk.routing import NotThere, Visit
from desk.snapshot import Reader
from pipeline.messages import Message
from pipeline.results.quotes import MarkedQuote, read_marked
from pipeline.results.team_excerpts import EXCERPTS_A_TEAM
from pipeline.reviews.answered import held_for_wrong
from pipeline.reviews.shared_excerpts import SharedKind
from pipeline.reviews.voice_leave import voice_may_be_heard

KIND_TITLES: Mapping[str, Message] = {"best": Message("Best"), "worst": Message("Worst")}

_OUTCOMES = {"best": "pass", "worst": "fail"}

VOICES_WITH_LEAVE, ALL_VOICES = "leave", "all"
"""Whose excerpts are heard: those whose agents gave leave, or all of them."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A call that was among the best or worst of a week by a rule. `mark` is what stands for it in forms."""

    mark: str
    call_id: str
    sha256: str
    rule_id: str
    kind: SharedKind
    team: str
    agent_id: str | None
    agent_name: str | None
    started_at: datetime | None
    score: float | None
    quote: MarkedQuote
    reason: str


@dataclass(frozen=True, slots=True)
class WeeksPick:
    """A week that was asked for, None where no week has calls; the weeks and teams that can be; its candidates, the
    first of each rule and kind first, without verdicts that people hold for wrong; and which are picked: those that
    were asked for, else the first of each. `leave` are the agents (numbers) whose voice may be heard."""

    week: date | None
    team: str
    weeks: tuple[date, ...]
    teams: tuple[str, ...]
    groups: Mapping[str, Mapping[SharedKind, Sequence[Candidate]]]
    picked: tuple[Candidate, ...]
    voices: str
    leave: frozenset[str]

    def query(self, **more: object) -> str:
        """The parameters of the address that ask for the same."""
        given = {"week": self.week, "team": self.team, "voices": self.voices, **more}
        fields = [(name, value) for name, value in given.items() if value not in ("", None)]
        return "?" + urlencode([*fields, *(("x", each.mark) for each in self.picked)])


def weeks_pick(visit: Visit) -> WeeksPick:
    """What an address, or a form, asks for."""
    fields = visit.form or {name: visit.request.query_params.getlist(name) for name in visit.request.query_params}

    def asked(name: str) -> str:
        return fields.get(name, [""])[-1]

    with visit.desk.snapshot.reading() as reader:
        scope, values = within(visit)
        known = reader.rows(
            f"SELECT week, team FROM totals.team_excerpts WHERE {scope} AND week IS NOT NULL GROUP BY ALL "
            "ORDER BY week DESC, team",
            values,
        )
        weeks = tuple(dict.fromkeys(row["week"] for row in known))
        week = next((each for each in weeks if each.isoformat() == asked("week")), weeks[0] if weeks else None)
        teams = tuple(sorted({row["team"] for row in known if row["team"]}))
        team = asked("team") if asked("team") in teams else ""
        found = list(_candidates(visit, reader, week, team)) if week else []
    calls = {each.sha256 for each in found}
    wrong, hidden = held_for_wrong(visit.desk.reviews.file, calls), hidden_verdicts(visit, calls)
    found = [
        each
        for each in found
        if (each.sha256, each.rule_id, _OUTCOMES[each.kind]) not in wrong and (each.sha256, each.rule_id) not in hidden
    ]
    groups: dict[str, dict[SharedKind, list[Candidate]]] = {}
    for each in found:
        groups.setdefault(each.rule_id, {}).setdefault(each.kind, []).append(each)
    shown = [each for kinds in groups.values() for listed in kinds.values() for each in listed]
    marks: Collection[str] = fields.get("x", []) if "picked" in fields or "x" in fields else _first_marks(groups)
    picked = tuple(each for each in shown if each.mark in marks)
    voices = ALL_VOICES if asked("voices") == ALL_VOICES else VOICES_WITH_LEAVE
    with visit.desk.reviews.file.reading() as rows:
        agents = {each.agent_id for each in shown if each.agent_id}
        leave = frozenset(agent for agent in agents if voice_may_be_heard(rows, agent))
    return WeeksPick(week, team, weeks, teams, groups, picked, voices, leave)


def _first_marks(groups: Mapping[str, Mapping[SharedKind, Sequence[Candidate]]]) -> frozenset[str]:
    return frozenset(listed[0].mark for kinds in groups.values() for listed in kinds.values())


def _candidates(visit: Visit, reader: Reader, week: date, team: str) -> Iterator[Candidate]:
    scope, values = within(visit)
    of_team = " AND team = $team" if team else ""
    order = "CASE kind WHEN 'best' THEN -score ELSE score END NULLS LAST, occurrences DESC, sha256"
    found = reader.rows(
        f"SELECT * FROM totals.team_excerpts WHERE {scope} AND week = $week{of_team} "
        f"QUALIFY row_number() OVER (PARTITION BY rule_id, kind ORDER BY {order}) <= {EXCERPTS_A_TEAM} "
        f"ORDER BY rule_id, kind, {order}",
        {**values, "week": week, **({"team": team} if team else {})},
    )
    zone = ZoneInfo(visit.desk.settings.ingest.timezone)
    for row in found:
        call_id = visit.desk.call_ids.of(row["sha256"])
        yield Candidate(
            f"{call_id}.{row['rule_id']}", call_id, row["sha256"], row["rule_id"], row["kind"], row["team"] or "",
            row["agent_id"], row["agent_name"], row["started_at"] and row["started_at"].astimezone(zone), row["score"],
            read_marked(row["quote"] or "", row["matched"] or ""), row["reason"],
        )  # fmt: skip


def picked_excerpts(visit: Visit, pick: WeeksPick) -> list[tuple[Candidate, ListedExcerpt]]:
    """What was picked, cut from the calls as they are now; without what is there no more, or not within the scope."""
    found, calls = [], _seen_calls(visit, {each.sha256 for each in pick.picked})
    for each in pick.picked:
        seen = calls.get(each.sha256)
        if seen is None:
            continue
        spans = suggested_spans(seen, each.rule_id, visit.desk.rulebooks(), visit.desk.settings)
        if not spans:
            continue
        heard = pick.voices == ALL_VOICES or each.agent_id in pick.leave
        chosen = ChosenExcerpt(each.sha256, each.rule_id, spans[0].start_s, spans[0].end_s, heard)
        sound_at = f"/sharing/{each.call_id}/{each.rule_id}/sound"
        found.append((each, ListedExcerpt(seen, chosen, sound_at, visit.say(KIND_TITLES[each.kind]))))
    return found


def _seen_calls(visit: Visit, calls: Collection[str]) -> dict[str, SeenCall]:
    """Those of some calls that are there and within the scope of who asks: a call may be the worst by several rules."""
    found = {}
    for sha256 in calls:
        with suppress(NotThere):
            found[sha256] = seen_in_scope(visit, sha256)
    return found
