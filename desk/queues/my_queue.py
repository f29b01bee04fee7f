"""One's own queue: what is next, how much is left, and answering what a task asks."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from desk.calls.found import FoundCall, find_call
from desk.queues.changed import changed_verdicts
from desk.queues.people import rule_titles
from desk.reviews.answering import seconds_told
from desk.routing import NotThere, Visit, endpoint
from pipeline.datatypes import Outcome
from pipeline.errors import CallQAError
from pipeline.judging.rulebook import TitlePair
from pipeline.messages import Message
from pipeline.reviews.plans import Plans
from pipeline.reviews.queues import Queues, Standing, Task, finish_task
from pipeline.reviews.sampling import DRAWN_OUTCOMES
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import ReviewAnswer, VerdictReview, add_review

_MOST_TRIED = 50
"""So many calls that are gone, or not for who asks, are passed over at a time."""

_LONGEST_COMMENT = 2000


def queues_of(visit: Visit) -> Queues:
    """The queues of the desk."""
    return Queues(visit.desk.reviews.file)


def midnight(zone: str) -> float:
    """When today began, in seconds since 1970."""
    return datetime.now(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


@endpoint("/queue", "review")
def _page(visit: Visit) -> Response:
    queues, person = queues_of(visit), visit.whose.name
    return visit.page(
        "queues/mine.html",
        standing=queues.standing(person, midnight(visit.desk.snapshot.timezone)),
        held=[(task, visit.desk.call_ids.of(task.sha256), _left(task)) for task in queues.held(person)],
        changed=changed_verdicts(visit),
        zone=visit.desk.snapshot.timezone,
        titles=rule_titles(visit),
        plans={plan.plan_id: plan.title for plan in Plans(visit.desk.reviews.file).all()},
    )


def _left(task: Task) -> int:
    """Minutes for which a claim still holds."""
    return max(0, round((task.until - time.time()) / 60))


@endpoint("/queue/next", "review", "POST")
def _next(visit: Visit) -> Response:
    return go_on(visit)


def go_on(visit: Visit) -> Response:
    """To the next task of who asks, or to the queue where nothing is left. What is gone meanwhile is passed over."""
    queues, person = queues_of(visit), visit.whose.name
    for _ in range(_MOST_TRIED):
        task = queues.next(person)
        if task is None:
            break
        call_id = visit.desk.call_ids.of(task.sha256)
        try:
            if task.rule_id in verdict_keys(find_call(visit, call_id).stored):
                return visit.to(f"/calls/{call_id}?task={task.token}#{task.rule_id}")
        except NotThere:
            pass
        queues.decline(task.token, person)
    return visit.to("/queue")


@endpoint("/queue/goal", "review", "POST")
def _goal(visit: Visit) -> Response:
    given = visit.field("goal", "0")
    if not given.isascii() or not given.isdigit() or len(given) > 4:
        raise CallQAError(Message("write the goal as a number"))
    queues_of(visit).set_goal(visit.whose.name, int(given), visit.whose.name)
    return visit.to("/queue")


@endpoint("/queue/{token}/decline", "review", "POST")
def _decline(visit: Visit) -> Response:
    queues_of(visit).decline(visit.request.path_params["token"], visit.whose.name)
    return go_on(visit)


@endpoint("/queue/{token}/answer", "review", "POST")
def _answer(visit: Visit) -> Response:
    token, user = visit.request.path_params["token"], visit.whose
    if queues_of(visit).is_finished(token, user.name):
        return go_on(visit)  # by the answers beside the verdict
    task = queues_of(visit).task(token, user.name)
    found = find_call(visit, visit.desk.call_ids.of(task.sha256))
    key = verdict_keys(found.stored).get(task.rule_id)
    if key is None:
        raise NotThere
    answer, right_outcome = _given(visit, key.outcome)
    review = VerdictReview(
        key, answer, right_outcome, comment=visit.field("comment")[:_LONGEST_COMMENT],
        open_s=seconds_told(visit, "open_s"), listened_s=seconds_told(visit, "listened_s"),
        played=visit.field("played") == "1", blind=task.blind, task=token,
    )  # fmt: skip
    visit.desk.trail.note("review", user.name, task.sha256, rule=task.rule_id, answer=answer)
    with visit.desk.reviews.file.writing() as rows:
        review_id = add_review(rows, user.name, user.authority, secrets.token_hex(8), review)
        finish_task(rows, token, user.name, review_id)
    return go_on(visit)


def _given(visit: Visit, machine: Outcome) -> tuple[ReviewAnswer, Outcome | None]:
    """What was answered: whether the machine's outcome is right, and which is where it is not."""
    given = visit.field("outcome")
    if given == "cannot-tell":
        return "unsure", None
    for outcome in DRAWN_OUTCOMES:
        if given == outcome:
            return ("right", None) if outcome == machine else ("wrong", outcome)
    raise CallQAError(Message("choose what is right, or that it cannot be told"))


@dataclass(frozen=True, slots=True)
class TaskBar:
    """A task as a call's page shows it: what is asked, the machine's outcome (None: it is not there any more), how many
    tasks one holds on the call, and how far one has got."""

    task: Task
    title: TitlePair | str
    why: str
    outcome: Outcome | None
    on_call: int
    standing: Standing


def task_on(visit: Visit, found: FoundCall) -> TaskBar | None:
    """The task that the page of a call is for, where who asks holds one on it."""
    user = visit.whose
    if not user.may("review") or not visit.desk.reviews.file.is_there:
        return None
    queues = queues_of(visit)
    tasks = [task for task in queues.held(user.name) if task.sha256 == found.sha256]
    asked = visit.query("task")
    task = next((task for task in tasks if task.token == asked), next(iter(tasks), None))
    if task is None:
        return None
    standing = queues.standing(user.name, midnight(visit.desk.snapshot.timezone))
    book = visit.desk.rulebooks().get(found.judged.call.language)
    rule = next((rule for rule in book.rules if rule.id == task.rule_id), None) if book else None
    title = rule.title if rule else rule_titles(visit).get(task.rule_id, task.rule_id)
    now = verdict_keys(found.stored).get(task.rule_id)
    return TaskBar(task, title, rule.why if rule else "", now.outcome if now else None, len(tasks), standing)
