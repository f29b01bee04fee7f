"""Sharing with a team: a lead shares and takes back; the team's agents read, and hear where that may be.

An agent sees such an excerpt through the sharing, and not through the call, which is a colleague's: at each look it is
asked whether it is still shared with the agent's team, and whether the voice in it may be heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date

from starlette.responses import Response

from desk.excerpts.answering_sound import sound_answer
from desk.excerpts.chosen import ChosenExcerpt
from desk.excerpts.presenting import ListedExcerpt, present_page, shown_excerpts
from desk.excerpts.seen import SeenCall, seen_through
from desk.routing import NotThere, Visit, endpoint
from desk.sharing.candidates import KIND_TITLES, picked_excerpts, weeks_pick
from pipeline.messages import Message
from pipeline.reviews.events import BadStep
from pipeline.reviews.shared_excerpts import (
    SharedExcerpt,
    share_excerpts,
    shared_excerpt,
    shared_with,
    take_back_excerpt,
)
from pipeline.reviews.voice_leave import voice_may_be_heard
from pipeline.storage import audit


@endpoint("/sharing/share", "share", "POST")
def _share(visit: Visit) -> Response:
    desk, user, pick = visit.desk, visit.whose, weeks_pick(visit)
    team = visit.field("to")
    if team not in pick.teams or pick.week is None:
        raise BadStep(Message("choose a team to share with"))
    chosen = [
        SharedExcerpt(team, pick.week, each.sha256, each.rule_id, each.kind, each.agent_id, listed.chosen.span)
        for each, listed in picked_excerpts(visit, pick)
    ]
    if not chosen:
        raise BadStep(Message("choose at least one excerpt"))
    calls = sorted({each.sha256 for each in chosen})
    audit.record(desk.home, "decision", calls=calls, user=user.name, what="excerpts shared", excerpts=len(chosen))
    with desk.reviews.file.writing() as rows:
        share_excerpts(rows, user.name, visit.field("token"), chosen)
    return visit.to(f"/sharing{pick.query(picked=1)}#shared")


@endpoint("/sharing/shared/{number}/take-back", "share", "POST")
def _take_back(visit: Visit) -> Response:
    desk, number = visit.desk, _number(visit)
    teams = weeks_pick(visit).teams
    with desk.reviews.file.writing() as rows:
        found = shared_excerpt(rows, number)
        if found is not None:
            if found.team not in teams:
                raise NotThere
            desk.trail.note("decision", visit.whose.name, found.sha256, what="excerpt taken back", rule=found.rule_id)
            take_back_excerpt(rows, visit.whose.name, visit.field("token"), number)
    return visit.to("/sharing#shared")


@endpoint("/shared", "appeal")
def _shared(visit: Visit) -> Response:
    weeks, week, listed = _listed(visit)
    return visit.page("sharing/shared.html", weeks=weeks, week=week, listed=shown_excerpts(visit, listed))


@endpoint("/shared/present", "appeal")
def _present(visit: Visit) -> Response:
    _, week, listed = _listed(visit)
    return present_page(visit, visit.say("Shared recordings"), listed, f"/shared?week={week}" if week else "/shared")


@endpoint("/shared/{number}/sound", "appeal")
def _sound(visit: Visit) -> Response:
    with visit.desk.reviews.file.reading() as rows:
        found = shared_excerpt(rows, _number(visit))
    if found is None or found.team not in teams_of_agent(visit):
        raise NotThere
    seen = seen_through(visit, found.sha256)
    return sound_answer(visit, seen, _chosen(visit, found, seen))


def teams_of_agent(visit: Visit) -> Sequence[str]:
    """The teams with which an agent reads what is shared: the account's, else that of the agent's last calls."""
    user = visit.whose
    if user.teams or not user.agent_id:
        return user.teams
    with visit.desk.snapshot.reading() as reader:
        team = reader.value(
            "SELECT team FROM totals.agent_weeks WHERE agent_id = $agent AND team IS NOT NULL "
            "ORDER BY last_call DESC LIMIT 1",
            {"agent": user.agent_id},
        )
    return (team,) if team else ()


def _listed(visit: Visit) -> tuple[list[date], date | None, list[ListedExcerpt]]:
    """The weeks of which something is shared, the latest first; the one that was asked for; what is shared of it."""
    teams, listed = teams_of_agent(visit), []
    with visit.desk.reviews.file.reading() as rows:
        shared = shared_with(rows, teams)
        weeks = list(dict.fromkeys(each.week for each in shared))
        week = next((each for each in weeks if each.isoformat() == visit.query("week")), weeks[0] if weeks else None)
    for each in (one for one in shared if one.week == week):
        with suppress(NotThere):
            seen = seen_through(visit, each.sha256)
            label = visit.say(KIND_TITLES[each.kind])
            sound_at = f"/shared/{each.number}/sound"
            listed.append(ListedExcerpt(seen, _chosen(visit, each, seen), sound_at, label))
    return weeks, week, listed


def _chosen(visit: Visit, each: SharedExcerpt, seen: SeenCall) -> ChosenExcerpt:
    # whose call it is may have been put right since it was shared
    voice = seen.call.cdr.agent_id
    with visit.desk.reviews.file.reading() as rows:
        heard = (voice is not None and voice == visit.whose.agent_id) or voice_may_be_heard(rows, voice)
    return ChosenExcerpt(each.sha256, each.rule_id, each.span.start_s, each.span.end_s, heard)


def _number(visit: Visit) -> int:
    text = visit.request.path_params["number"]
    if not (text.isascii() and text.isdigit() and len(text) < 18):
        raise NotThere
    return int(text)
