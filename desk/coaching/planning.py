"""Coaching sessions begin: from a list of agents, from a proposal, or from a verdict on a call's page."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from desk.calls.found import find_call
from desk.coaching.agents_by_need import agents_by_need
from desk.coaching.candidates import offered_spans
from desk.coaching.plan_form import coaches_for, form_token, read_plan_form, today
from desk.coaching.rates import RATES_WEEKS, rule_rates
from desk.coaching.whose import CoachedAgent, agent_in_scope, agents_in_scope, sessions_in_scope
from desk.excerpts.chosen import ChosenExcerpt
from desk.excerpts.seen import seen_in_scope
from desk.queues.people import rule_titles, shown_names
from desk.routing import NotThere, Visit, endpoint
from pipeline.reviews.coaching import plan_coaching
from pipeline.reviews.coaching_excerpts import CoachingExcerpt, ExcerptKind, choose_excerpt


@endpoint("/coaching/new", "coach")
def _new(visit: Visit) -> Response:
    agents = agents_in_scope(visit)
    agent = agents.get(visit.query("agent"))
    if visit.query("agent") and agent is None:
        raise NotThere
    asked = [rule for rule in visit.request.query_params.getlist("rule") if rule]
    if agent is None:
        return _agents(visit, agents, asked)
    rates = rule_rates(visit, agent)
    if not asked:  # the weakest, until somebody chooses others
        asked = [rate.rule_id for rate in rates.values() if rate.fails][:1]
    return visit.page(
        "coaching/new.html", agent=agent, asked=asked, token=form_token(), today=today(visit), rates=rates,
        coaches=coaches_for(visit, agent), call=visit.query("call"), call_rule=visit.query("call_rule"),
    )  # fmt: skip


def _agents(visit: Visit, agents: dict[str, CoachedAgent], asked: Sequence[str]) -> Response:
    teams = sorted({agent.team for agent in agents.values()})
    team = visit.query("team") if visit.query("team") in teams else ""
    needs = agents_by_need(visit, agents, sessions_in_scope(visit, agents))
    return visit.page(
        "coaching/agents.html", needs=[need for need in needs if team in ("", need.agent.team)], teams=teams, team=team,
        asked=asked, titles=rule_titles(visit), weeks=RATES_WEEKS,
    )  # fmt: skip


@endpoint("/coaching", "coach", "POST")
def _plan(visit: Visit) -> Response:
    agent, user = agent_in_scope(visit, visit.field("agent")), visit.whose
    plan = read_plan_form(visit, agent, rule_titles(visit))
    first = _first_excerpt(visit, agent.agent_id)
    visit.desk.trail.note("review", user.name, what="coaching planned")
    with visit.desk.reviews.file.writing() as rows:
        ref = plan_coaching(rows, user.name, visit.field("token"), agent.agent_id, plan)
        if first is not None:
            choose_excerpt(rows, user.name, visit.field("token"), ref, first)
    return visit.to(f"/coaching/{ref}")


@endpoint("/coaching/add", "coach")
def _add(visit: Visit) -> Response:
    """A verdict's excerpt for a session: which one, or a new one."""
    found = find_call(visit, visit.query("call"))
    rule_id, card = visit.query("rule"), found.judged.scorecard
    verdict = next((each for each in (card.verdicts if card else ()) if each.rule_id == rule_id), None)
    spans = offered_spans(visit, seen_in_scope(visit, found.sha256), rule_id)
    if verdict is None or not spans:
        raise NotThere
    agents = agents_in_scope(visit)
    owner = agents.get(found.cdr.agent_id or "")
    open_ones = [each for each in sessions_in_scope(visit, agents) if each.can_change]
    with_agent = [each for each in open_ones if owner and each.agent_id == owner.agent_id]
    others = [
        each for each in open_ones if verdict.outcome == "pass" and each not in with_agent and rule_id in each.rules
    ]
    return visit.page(
        "coaching/add.html", found=found, verdict=verdict, span=spans[0], agent=owner, agents=agents,
        with_agent=with_agent, others=others, token=form_token(), titles=rule_titles(visit), people=shown_names(visit),
        kind=kind_of(verdict.outcome),
    )  # fmt: skip


def kind_of(outcome: str) -> ExcerptKind:
    """What an excerpt of a verdict is there for."""
    return "good" if outcome == "pass" else "own"


def excerpt_of(visit: Visit, chosen: ChosenExcerpt, outcome: str) -> CoachingExcerpt:
    """An excerpt of a call in the scope of who asks as a session keeps it."""
    seen = seen_in_scope(visit, chosen.sha256)
    return CoachingExcerpt(
        chosen.sha256, chosen.rule_id, kind_of(outcome), seen.call.cdr.agent_id, chosen.span, chosen.heard
    )


def _first_excerpt(visit: Visit, agent_id: str) -> CoachingExcerpt | None:
    """The excerpt that a session begins with, where one was chosen on a call's page."""
    if not visit.field("call"):
        return None
    found, rule_id = find_call(visit, visit.field("call")), visit.field("call_rule")
    seen = seen_in_scope(visit, found.sha256)
    verdict, spans = seen.verdict(rule_id), offered_spans(visit, seen, rule_id)
    if verdict is None or not spans or seen.call.cdr.agent_id != agent_id:
        raise NotThere
    return excerpt_of(visit, spans[0], verdict.outcome)
