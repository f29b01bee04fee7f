"""How a call stands: what people said of its verdicts, the score by that, what is released of it, what was appealed."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from desk.calls.found import FoundCall
from desk.context import Desk
from desk.rights import User
from desk.routing import Visit
from pipeline.judging.reviewed import reviewed_scorecard
from pipeline.judging.rulebook import TitlePair
from pipeline.messages import Language
from pipeline.reviews.appeals import Appeal, AppealRules, appeals_on, can_appeal, why_not_by
from pipeline.reviews.comment_templates import CommentTemplate, templates_for
from pipeline.reviews.finished_reviews import FinishedReview, finished_reviews_of
from pipeline.reviews.manual_points import ManualPoints, points_of, points_that_count
from pipeline.reviews.releases import CallResult, ReleasedVerdict, ResultStep, released, steps_of
from pipeline.reviews.verdict_keys import VerdictKey, verdict_keys
from pipeline.reviews.verdict_reviews import ReviewedVerdict, reviewed_verdicts, reviews_of
from pipeline.reviews.working_days import WorkingDays
from pipeline.storage.home import JudgedFile


@dataclass(frozen=True, slots=True)
class CallReview:
    """What a call's page shows of people's word. `score` is by what reviewers said, None where nobody did or it cannot
    be told; `answered` verdicts of `of` have an answer that counts. `blind`: who asks is to answer some verdicts
    without seeing others' answers, so nothing that tells them is shown. `can_appeal` gives the last day by rule id,
    `can_decide` the appeals that who asks may decide."""

    keys: Mapping[str, VerdictKey]
    verdicts: Mapping[str, ReviewedVerdict]
    score: float | None
    answered: int
    of: int
    blind: bool
    points: Sequence[ManualPoints]
    finished: Sequence[FinishedReview]
    steps: Sequence[ResultStep]
    released: ResultStep | None
    is_stale: bool
    appeals: Mapping[str, Sequence[Appeal]]
    can_appeal: Mapping[str, date]
    can_decide: frozenset[str]
    templates: Sequence[CommentTemplate]
    labels: Mapping[str, float]
    zone: str
    names: Mapping[str, str]
    titles: Mapping[str, TitlePair]
    next: str
    list: str

    @property
    def manual_points(self) -> float:
        """The points that no rule gives, together."""
        return sum(each.points for each in points_that_count(self.points))

    def who(self, account: str) -> str:
        """What an account is called."""
        return self.names.get(account, account)

    def title(self, rule_id: str, language: Language) -> str:
        """What a rule is called."""
        return getattr(self.titles[rule_id], language) if rule_id in self.titles else rule_id

    @staticmethod
    def in_language(label: str, language: Language) -> str:
        """The part of a label of the settings that is in a language, where it is in two."""
        zh, _, en = label.partition(" / ")
        return en if en and language == "en" else zh

    @staticmethod
    def shown_key(key: VerdictKey) -> str:
        """What a form says of the verdict that it is about."""
        return " ".join((key.rule_hash, key.fingerprint[:16], key.outcome, key.evidence))

    @staticmethod
    def token() -> str:
        """What makes a form the same one when it is sent again."""
        return secrets.token_urlsafe(12)


def review_of(visit: Visit, found: FoundCall) -> CallReview:
    """How a call stands, as far as who asks may know."""
    desk, user, now = visit.desk, visit.whose, time.time()
    book = desk.rulebooks().get(found.judged.call.language)
    with desk.reviews.file.reading() as rows:
        last, appeals = released(rows, found.sha256), appeals_on(rows, found.sha256)
        keys, said, points = verdict_keys(found.stored), reviews_of(rows, found.sha256), points_of(rows, found.sha256)
        result = call_result(desk, rows, found.stored)
        if user.scope == "own" and last is not None:
            # what was said since is not released to them
            known = {each.rule_id: last.result.key(each.rule_id) for each in last.result.verdicts}
            keys = {rule_id: key for rule_id, key in known.items() if key is not None}
            said = [each for each in said if each.at <= last.at]
            points = [each for each in points if each.at <= last.at]
            result = last.result
        reviewed = reviewed_verdicts(keys, said)
        by_rule: dict[str, list[Appeal]] = {}
        for appeal in appeals:
            by_rule.setdefault(appeal.key.rule_id, []).append(appeal)
        return CallReview(
            keys=keys,
            verdicts=reviewed,
            score=result.reviewed_score,
            answered=sum(reviewed[rule_id].counts is not None for rule_id in keys),
            of=len(keys),
            blind=_is_blind(found),
            points=points,
            finished=finished_reviews_of(rows, found.sha256) if user.scope != "own" else (),
            steps=steps_of(rows, found.sha256),
            released=last,
            is_stale=last is not None and last.result != result,
            appeals=by_rule,
            can_appeal=_can_appeal(desk, user, last, appeals, now),
            can_decide=_can_decide(rows, user, appeals),
            templates=templates_for(rows, user.name) if user.may("review") else (),
            labels=desk.settings.reviews.manual_points,
            zone=desk.settings.ingest.timezone,
            names={account.name: account.user.shown_name or account.name for account in desk.accounts.everybody()},
            titles={rule.id: rule.title for rule in book.rules} if book else {},
            next=visit.query("next"),
            list=visit.query("list"),
        )


def call_result(desk: Desk, rows: sqlite3.Connection, stored: JudgedFile) -> CallResult:
    """A call's result as it is now."""
    judged, keys = stored.judged, verdict_keys(stored)
    call, card = judged.call, judged.scorecard
    reviewed = reviewed_verdicts(keys, reviews_of(rows, call.sha256))
    rescored = reviewed_scorecard(judged, desk.rulebooks().get(call.language), reviewed)
    return CallResult(
        sha256=call.sha256,
        agent_id=call.cdr.agent_id,
        score=card.score if card else None,
        reviewed_score=rescored.score if rescored else None,
        manual_points=sum(each.points for each in points_that_count(points_of(rows, call.sha256))),
        rulebook=card.rulebook if card else "",
        rulebook_hash=card.rulebook_hash if card else "",
        rulebook_version=card.version if card else "",
        fingerprint=stored.hearing.fingerprint if stored.hearing else "",
        verdicts=tuple(
            ReleasedVerdict(
                verdict.rule_id, verdict.rule_hash, verdict.outcome, keys[verdict.rule_id].evidence, verdict.deducted,
                reviewed[verdict.rule_id].outcome,
            )
            for verdict in (card.verdicts if card else ())
        ),
    )  # fmt: skip


def appeal_rules(desk: Desk) -> AppealRules:
    """How long and how often agents can appeal, by the settings."""
    given = desk.settings.reviews
    zone = ZoneInfo(desk.settings.ingest.timezone)
    days = WorkingDays(zone, frozenset(given.holidays), frozenset(given.workdays))
    return AppealRules(days, given.appeal_days, given.appeals_a_month)


def _is_blind(found: FoundCall) -> bool:
    shown, stored = found.judged.scorecard, found.stored.judged.scorecard
    return bool(shown and stored and len(shown.verdicts) < len(stored.verdicts))


def _can_appeal(
    desk: Desk, user: User, last: ResultStep | None, appeals: Sequence[Appeal], now: float
) -> dict[str, date]:
    if last is None or not user.may("appeal"):
        return {}
    rules = appeal_rules(desk)
    until = {each.rule_id: can_appeal(last, appeals, each.rule_id, rules, now) for each in last.result.verdicts}
    return {rule_id: day for rule_id, day in until.items() if day is not None}


def _can_decide(rows: sqlite3.Connection, user: User, appeals: Sequence[Appeal]) -> frozenset[str]:
    if not user.may("decide"):
        return frozenset()
    return frozenset(each.ref for each in appeals if why_not_by(rows, each, user.name) is None)
