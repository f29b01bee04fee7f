"""Review, release, acknowledge and appeal in any order that people may think of, held against a plain model of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pipeline.datatypes import Outcome
from pipeline.reviews.appeals import DECISIONS, AppealRules, Decision, appeal, appeals_on, decide, supplement
from pipeline.reviews.events import BadStep
from pipeline.reviews.releases import acknowledge, calls_released_to, release, withdraw
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.working_days import WorkingDays
from pipeline.storage.home import Home
from tests.support.factories import make_judged
from tests.support.people import result_of, say, stored

ZONE = ZoneInfo("Asia/Shanghai")
WINDOW, MOST = 2, 1
HOLIDAY = date(2026, 10, 1)
RULES = AppealRules(WorkingDays(ZONE, frozenset((HOLIDAY,))), WINDOW, MOST)
CALL = make_judged()
SHA256 = CALL.call.sha256
AGENTS = {"li": "1001", "wang": "1002"}
PEOPLE = (*AGENTS, "chen", "zhao", "sun", "ma", "gu")
MOSTLY_LI = (*["li"] * 6, *PEOPLE)
VERDICTS = ("greeting", "forbidden-phrases")
TABLES = ("verdict_reviews", "releases", "appeals", "appeal_steps")


@dataclass
class Fought:
    """An appeal as the model has it."""

    by: str
    since: date
    state: str = "open"


class Desk(RuleBasedStateMachine):
    """People at a desk with one call of agent 1001."""

    @initialize()
    def open(self) -> None:
        # in memory where there is such a folder: a step here is a few rows, and a disk takes its time for each
        self.folder = tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
        self.reviews = Reviews(Home(Path(self.folder.name)))
        self.now = datetime(2026, 9, 28, 12, tzinfo=ZONE)
        self.released: date | None = None
        self.score = 80.0
        self.acknowledged = False
        self.answered: dict[str, set[str]] = {verdict: set() for verdict in VERDICTS}
        self.fought: dict[str, list[Fought]] = {verdict: [] for verdict in VERDICTS}
        self.first_appeals: list[date] = []
        self.seen: dict[str, list[tuple[Any, ...]]] = {table: [] for table in TABLES}
        self.token = 0
        self.somebody_releases("chen", 80.0)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def does(self, allowed: bool, do: Any) -> None:
        """Somebody does something, and their browser sends it once more."""
        self.token += 1
        try:
            with self.reviews.file.writing() as rows:
                first = do(rows, f"form {self.token}")
        except BadStep:
            assert not allowed
            return
        assert first == allowed
        with self.reviews.file.writing() as rows:
            assert not do(rows, f"form {self.token}")

    @property
    def day(self) -> date:
        return self.now.date()

    def until(self, since: date) -> date:
        days = [since + timedelta(days=ahead) for ahead in range(1, 20)]
        return [day for day in days if day.weekday() < 5 and day != HOLIDAY][WINDOW - 1]

    @rule(days=st.sampled_from((0, 1, 1, 2, 4)))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(by=st.sampled_from(PEOPLE[2:4]), verdict=st.sampled_from(VERDICTS), wrong=st.booleans())
    def somebody_answers(self, by: str, verdict: str, wrong: bool) -> None:
        self.token += 1
        say(self.reviews, by, verdict_keys(stored(CALL))[verdict], "unsure" if wrong else None, token=str(self.token))
        self.answered[verdict].add(by)

    @rule(by=st.sampled_from(PEOPLE[2:]), score=st.sampled_from((80.0, 90.0)))
    def somebody_releases(self, by: str, score: float) -> None:
        at = self.now.timestamp()
        new = self.released is None or score != self.score
        self.does(new, lambda rows, token: release(rows, by, 2, token, result_of(CALL, score), now=at))
        if new:
            self.released, self.score, self.acknowledged = self.day, score, False

    @rule(by=st.just("chen"))
    def somebody_withdraws(self, by: str) -> None:
        self.does(self.released is not None, lambda rows, token: withdraw(rows, by, 2, token, SHA256, "wrong call"))
        self.released = None

    @rule(by=st.sampled_from(PEOPLE))
    def somebody_acknowledges(self, by: str) -> None:
        may = self.released is not None and AGENTS.get(by) == "1001" and not self.acknowledged
        self.does(may, lambda rows, token: acknowledge(rows, by, token, SHA256, AGENTS.get(by)))
        self.acknowledged |= may

    @rule(by=st.sampled_from(MOSTLY_LI), verdict=st.sampled_from(VERDICTS), reason=st.sampled_from((*["why"] * 4, "")))
    def somebody_appeals(self, by: str, verdict: str, reason: str) -> None:
        fought = self.fought[verdict]
        month = [day for day in self.first_appeals if (day.year, day.month) == (self.day.year, self.day.month)]
        may = bool(reason) and AGENTS.get(by) == "1001" and self.released is not None
        if may and not fought:
            may = len(month) < MOST and self.released is not None and self.day <= self.until(self.released)
        elif may:
            may = len(fought) == 1 and fought[0].state == "rejected" and self.day <= self.until(fought[0].since)
        at = self.now.timestamp()
        self.does(
            may,
            lambda rows, token: appeal(rows, by, AGENTS.get(by), token, SHA256, verdict, reason, RULES, at),
        )
        if may:
            if not fought:
                self.first_appeals.append(self.day)
            fought.append(Fought(by, self.day))

    @rule(
        by=st.sampled_from(PEOPLE), verdict=st.sampled_from(VERDICTS), last=st.sampled_from((True, True, True, False)),
        decision=st.sampled_from((*DECISIONS, "rejected", "rejected")),
        right=st.sampled_from((None, "pass", "fail", "unsure")),
    )  # fmt: skip
    def somebody_decides(self, by: str, verdict: str, last: bool, decision: Decision, right: Outcome | None) -> None:
        fought = self.fought[verdict]
        if not fought:
            return
        at = -1 if last else 0
        this, told = fought[at], "pass" if verdict == "greeting" else "fail"
        lapsed = this.state == "returned" and self.day > self.until(this.since)
        may = (
            (this.state == "open" or (lapsed and decision != "returned"))
            and by not in (this.by, *self.answered[verdict])
            and (decision != "upheld" or right not in (None, told))
        )
        with self.reviews.file.reading() as rows:
            key = verdict_keys(stored(CALL))[verdict]
            ref = [each for each in appeals_on(rows, SHA256) if each.key == key][at].ref
        now = self.now.timestamp()
        self.does(
            may, lambda rows, token: decide(rows, by, token, ref, decision, right, "listened again", RULES, now)
        )  # fmt: skip
        if may:
            this.state, this.since = decision, self.day
            if decision != "returned":
                self.answered[verdict].add(by)

    @rule(by=st.sampled_from(MOSTLY_LI), verdict=st.sampled_from(VERDICTS))
    def somebody_adds(self, by: str, verdict: str) -> None:
        if not self.fought[verdict]:
            return
        this = self.fought[verdict][-1]
        may = AGENTS.get(by) == "1001" and this.state == "returned" and self.day <= self.until(this.since)
        with self.reviews.file.reading() as rows:
            key = verdict_keys(stored(CALL))[verdict]
            ref = [each for each in appeals_on(rows, SHA256) if each.key == key][-1].ref
        now = self.now.timestamp()
        self.does(may, lambda rows, token: supplement(rows, by, AGENTS.get(by), token, ref, "see 0:12", RULES, now))
        if may:
            this.state, this.since = "open", self.day

    @invariant()
    def every_step_is_kept_as_it_was(self) -> None:
        if not hasattr(self, "reviews"):
            return
        with self.reviews.file.reading() as rows:
            for table in TABLES:
                there = [tuple(row) for row in rows.execute(f"SELECT * FROM {table} ORDER BY id")]
                assert there[: len(self.seen[table])] == self.seen[table]
                self.seen[table] = there

    @invariant()
    def an_agent_sees_what_is_released_to_them(self) -> None:
        if not hasattr(self, "reviews"):
            return
        with self.reviews.file.reading() as rows:
            assert calls_released_to(rows, "1001") == ([SHA256] if self.released else [])
            assert calls_released_to(rows, "1002") == []


TestDesk = Desk.TestCase
TestDesk.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_a_window_of_working_days_passes_over_holidays_and_weekends() -> None:
    days = WorkingDays(ZONE, frozenset((date(2026, 10, 1), date(2026, 10, 2))), frozenset((date(2026, 10, 10),)))
    evening = datetime(2026, 9, 30, 23, 30, tzinfo=ZONE).timestamp()
    assert days.last_day(evening, 1) == date(2026, 10, 5)
    assert days.last_day(datetime(2026, 9, 30, 16, 30, tzinfo=UTC).timestamp(), 5) == date(2026, 10, 9)
    assert days.last_day(datetime(2026, 10, 8, 9, tzinfo=ZONE).timestamp(), 2) == date(2026, 10, 10)
