"""Sampling plans: all of them, a new one with what it would draw, and how far one has got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.queues.my_queue import queues_of
from desk.queues.people import reviewers, rule_titles, shown_names
from desk.queues.plan_form import (
    STARTING_AMOUNTS,
    address_fields,
    choices,
    read_plan,
    sample_of,
    sent_fields,
)
from desk.routing import NotThere, Visit, endpoint
from pipeline.errors import CallQAError
from pipeline.messages import Message
from pipeline.reviews.plans import KeptPlan, Plans
from pipeline.reviews.sampling import DRAWN_OUTCOMES, Sample, StratumDraw


@dataclass(frozen=True, slots=True)
class RuleDraw:
    """What is drawn of a rule: by outcome how many, of how many."""

    rule_id: str
    drawn: dict[str, int]
    sizes: dict[str, int]


def plans_of(visit: Visit) -> Plans:
    """The plans of the desk."""
    return Plans(visit.desk.reviews.file)


def moment(visit: Visit, at: float) -> str:
    """A moment as pages show it, in the centre's time zone."""
    return f"{datetime.fromtimestamp(at, ZoneInfo(visit.desk.snapshot.timezone)):%Y-%m-%d %H:%M}"


@endpoint("/plans", "assign")
def _list(visit: Visit) -> Response:
    return visit.page(
        "queues/plans.html", plans=plans_of(visit).all(), progress=queues_of(visit).progress(),
        people=shown_names(visit), moment=lambda at: moment(visit, at),
    )  # fmt: skip


@endpoint("/plans/new", "assign")
def _new(visit: Visit) -> Response:
    fields, there = address_fields(visit), choices(visit)
    asked, problem, filled, sample = bool(fields("seed")), None, None, None
    if asked:
        try:
            filled = read_plan(fields)
            sample = sample_of(visit, filled.plan)
        except CallQAError as error:
            problem = error
    first, last = _last_week(there["days"])
    starting = {
        "first_day": [first], "last_day": [last], "by_layout": ["yes"], "doubtful": ["2"], "slots": ["1"],
        "blind": ["20"], "limit": ["10"], "hours": ["24"], "agent_week": [""],
        **{f"amount_{outcome}": [amount] for outcome, amount in STARTING_AMOUNTS.items()},
    }  # fmt: skip
    values = {name: fields(name) if asked else given for name, given in starting.items()}
    for name in ("title", "team", "agent", "queue", "direction", "scenario", "rule", "numbers"):
        values[name] = list(fields(name))
    people = reviewers(visit)
    for reviewer in people:
        values[f"share {reviewer.name}"] = list(fields(f"share {reviewer.name}"))
    return visit.page(
        "queues/new_plan.html", 409 if problem else 200, values=values, choices=there, rules=rule_titles(visit),
        outcomes=DRAWN_OUTCOMES, seed=filled.plan.seed if filled else read_plan(lambda name: ()).plan.seed,
        people=people, problem=problem, sample=sample, drawn=by_rule(sample.strata) if sample else [],
    )  # fmt: skip


def _last_week(days: Sequence[object]) -> tuple[str, str]:
    """The seven days up to the last that there are calls of."""
    last = days[1]
    return (str(last - timedelta(days=6)), str(last)) if last is not None else ("", "")  # type: ignore[operator]


@endpoint("/plans", "assign", "POST")
def _make(visit: Visit) -> Response:
    filled = read_plan(sent_fields(visit))
    sample: Sample = sample_of(visit, filled.plan)
    title = filled.title or moment(visit, datetime.now().timestamp())
    plan_id = plans_of(visit).keep(filled.plan, sample, title, visit.whose.name, filled.options)
    visit.desk.trail.note("review", visit.whose.name, what="sample drawn", drawn=len(sample.picks))
    return visit.to(f"/plans/{plan_id}")


@endpoint("/plans/{plan_id}", "assign")
def _one(visit: Visit) -> Response:
    plan = _plan(visit)
    slots = queues_of(visit).slots(plan.plan_id)
    people: dict[str, dict[str, int]] = {}
    for slot in slots:
        person = slot["person"] if slot["state"] != "open" else slot["assigned_to"]
        counts = people.setdefault(person or "", {"open": 0, "claimed": 0, "finished": 0})
        counts[slot["state"]] += 1
    return visit.page(
        "queues/plan.html", plan=plan, drawn=by_rule(plan.strata), titles=rule_titles(visit), outcomes=DRAWN_OUTCOMES,
        people=sorted(people.items(), key=lambda item: (not item[0], item[0])), shown=shown_names(visit),
        claimed=[slot for slot in slots if slot["state"] == "claimed"], when=moment(visit, plan.drawn_at),
        finished=sum(slot["state"] == "finished" for slot in slots), slots=len(slots),
        blind=sum(slot["blind"] for slot in slots), moment=lambda at: moment(visit, at),
    )  # fmt: skip


def _plan(visit: Visit) -> KeptPlan:
    plan = plans_of(visit).one(visit.request.path_params["plan_id"])
    if plan is None:
        raise NotThere
    return plan


@endpoint("/plans/{plan_id}/open", "assign", "POST")
def _open(visit: Visit) -> Response:
    plan = _plan(visit)
    plans_of(visit).set_open(plan.plan_id, visit.field("open") == "yes", visit.whose.name)
    return visit.to(f"/plans/{plan.plan_id}")


@endpoint("/plans/{plan_id}/take-back", "assign", "POST")
def _take_back(visit: Visit) -> Response:
    plan, (item_id, slot) = _plan(visit), _slot(visit)
    there = {(row["item_id"], row["slot"]) for row in queues_of(visit).slots(plan.plan_id)}
    if (item_id, slot) not in there:
        raise NotThere
    queues_of(visit).take_back(item_id, slot, visit.whose.name)
    return visit.to(f"/plans/{plan.plan_id}")


def _slot(visit: Visit) -> tuple[int, int]:
    try:
        item_id, slot = visit.field("slot").split(".")
        return int(item_id), int(slot)
    except ValueError:
        raise CallQAError(Message("nobody holds this any more")) from None


def by_rule(strata: Sequence[StratumDraw]) -> list[RuleDraw]:
    """The strata of a sample, put together by rule; rules of which nothing is drawn are left out."""
    rules: dict[str, RuleDraw] = {}
    for each in strata:
        rule = rules.setdefault(each.stratum.rule_id, RuleDraw(each.stratum.rule_id, {}, {}))
        outcome = each.stratum.outcome
        rule.drawn[outcome] = rule.drawn.get(outcome, 0) + each.drawn
        rule.sizes[outcome] = rule.sizes.get(outcome, 0) + each.size
    return [rule for rule in rules.values() if any(rule.drawn.values())]
