"""Calibration: blind until it is opened, then side by side, and what is agreed counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.calibrations import Calibrations
from pipeline.reviews.verdict_keys import verdict_keys
from pipeline.reviews.verdict_reviews import reviewed_verdicts, reviews_of
from tests.support.desks import ORIGIN, make_small_desk, signed_in
from tests.support.people import stored


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Sequence[Judged]]:
    return make_small_desk(tmp_path_factory.mktemp("desk"), 3)


def test_a_session_is_blind_until_it_is_opened_and_what_is_agreed_counts(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    call = night[0].call
    call_id, keys = desk.call_ids.of(call.sha256), verdict_keys(stored(night[0]))
    boss, li, wang = (signed_in(desk, "administrator" if name == "boss" else "reviewer", name)
                      for name in ("boss", "li", "wang"))  # fmt: skip
    zhao = signed_in(desk, "reviewer", "zhao")
    begun = {"call": call_id, "person": ["li", "wang"], "rule": ["greeting", "closing"]}
    where = boss.post("/calibration", data=begun, headers=ORIGIN).headers["location"]
    # neither verdicts nor others' answers are seen
    assert 'id="greeting"' not in li.get(f"/calls/{call_id}").text
    assert 'id="greeting"' in zhao.get(f"/calls/{call_id}").text
    assert zhao.get(where).status_code == 404
    for browser, greeting, closing in ((li, "pass", "fail"), (wang, "fail", "fail")):
        given = {"outcome greeting": greeting, "outcome closing": closing, "comment closing": "没有说再见"}
        assert browser.post(f"{where}/answers", data=given, headers=ORIGIN).status_code == 303
    assert "没有说再见" in li.get(where).text
    assert re.search(r'<option value="pass" selected', li.get(where).text)
    assert not re.search(r'<option value="pass" selected', wang.get(where).text)
    assert "没有说再见" not in boss.get(where).text
    # nothing is agreed before it is open, nothing answered after
    agreed = {"outcome greeting": "pass", "outcome closing": "fail", "comment closing": "一致"}
    assert boss.post(f"{where}/agree", data=agreed, headers=ORIGIN).status_code == 409
    assert li.post(f"{where}/open", headers=ORIGIN).status_code == 403
    assert boss.post(f"{where}/open", headers=ORIGIN).status_code == 303
    assert li.post(f"{where}/answers", data=agreed, headers=ORIGIN).status_code == 409
    assert boss.post(f"{where}/agree", data={**agreed, "close": "yes"}, headers=ORIGIN).status_code == 303
    assert boss.post(f"{where}/agree", data=agreed, headers=ORIGIN).status_code == 409
    page = wang.get(where).text
    assert "<b>100 %</b> <small>2 / 2</small>" in page
    assert "<b>50 %</b> <small>1 / 2</small>" in page
    assert 'id="greeting"' in li.get(f"/calls/{call_id}").text
    with desk.reviews.file.reading() as rows:
        reviewed = reviewed_verdicts(keys, reviews_of(rows, call.sha256))
    assert (reviewed["greeting"].outcome, reviewed["closing"].outcome) == ("pass", "fail")
    counts = reviewed["closing"].counts
    assert counts is not None
    assert (counts.authority, counts.review.task) == (2, f"agreed {where.rsplit('/', 1)[1]}")


def test_a_session_is_forgotten_with_its_call(made: tuple[Desk, Sequence[Judged]]) -> None:
    desk, night = made
    sessions = Calibrations(desk.reviews.file)
    session = sessions.begin(night[1].call.sha256, "boss", ["li"], ["greeting"])
    sessions.answer(session, "li", {"greeting": ("pass", "words")})
    desk.reviews.forget([night[1].call.sha256])
    assert sessions.one(session) is None
