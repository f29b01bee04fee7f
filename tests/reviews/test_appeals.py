"""What the machine of all orders reaches seldom: the last word, and who may not speak it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.reviews.appeals import AppealRules, appeal, appeals_on, decide
from pipeline.reviews.events import BadStep
from pipeline.reviews.releases import release
from pipeline.reviews.store import Reviews
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import reviewed_verdicts, reviews_of
from pipeline.reviews.working_days import WorkingDays
from pipeline.storage.home import Home
from tests.support.factories import make_judged
from tests.support.people import result_of, say, stored

CALL = make_judged()
SHA256, RULE = CALL.call.sha256, "forbidden-phrases"
RULES = AppealRules(WorkingDays(ZoneInfo("Asia/Shanghai")))
NOW = datetime(2026, 9, 28, tzinfo=UTC).timestamp()


def test_there_are_two_instances_with_three_people_and_the_second_has_the_last_word(tmp_path: Path) -> None:
    reviews = Reviews(Home(tmp_path))
    key = verdict_keys(stored(CALL))[RULE]
    say(reviews, "chen", key)
    with reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(CALL), now=NOW)
        appeal(rows, "li", "1001", "a", SHA256, RULE, "he asked whether it can be done", RULES, NOW)
        first = appeals_on(rows, SHA256)[0].ref
        for nobody, why in (("chen", "somebody else"), ("li", "own appeal")):
            with pytest.raises(BadStep, match=why):
                decide(rows, nobody, "d", first, "rejected", None, "no", RULES, NOW)
        decide(rows, "zhao", "d", first, "rejected", None, "it is a forbidden phrase", RULES, NOW)
        appeal(rows, "li", "1001", "b", SHA256, RULE, "please hear it again", RULES, NOW)
        second = appeals_on(rows, SHA256)[1].ref
        with pytest.raises(BadStep, match="somebody else"):
            decide(rows, "zhao", "e", second, "upheld", "pass", "well", RULES, NOW)
        decide(rows, "sun", "e", second, "rejected", None, "heard again", RULES, NOW)
        assert [each.is_final for each in appeals_on(rows, SHA256)] == [False, True]
        with pytest.raises(BadStep, match="no appeal against this any more"):
            appeal(rows, "li", "1001", "c", SHA256, RULE, "once more", RULES, NOW)


def test_a_supervisor_does_not_overrule_what_an_appeal_decided(tmp_path: Path) -> None:
    reviews = Reviews(Home(tmp_path))
    file = stored(CALL)
    key = verdict_keys(file)[RULE]
    with reviews.file.writing() as rows:
        release(rows, "chen", 2, "r", result_of(CALL), now=NOW)
        appeal(rows, "li", "1001", "a", SHA256, RULE, "he asked whether it can be done", RULES, NOW)
        decide(rows, "zhao", "d", appeals_on(rows, SHA256)[0].ref, "upheld", "pass", "true", RULES, NOW)
    say(reviews, "chen", key, authority=2)
    with reviews.file.reading() as rows:
        assert reviewed_verdicts(verdict_keys(file), reviews_of(rows, SHA256))[RULE].outcome == "pass"
        assert appeals_on(rows, SHA256)[0].is_final
