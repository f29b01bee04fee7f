"""A whole review by keyboard alone, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from desk.context import Desk
from pipeline.datatypes import Judged
from pipeline.reviews.finished_reviews import finished_reviews_of
from pipeline.reviews.verdict_reviews import reviews_of
from tests.support.axe import barriers
from tests.support.browser import Browser, browser, chromium_or_skip
from tests.support.desks import served, sign_in
from tests.support.judged_desks import make_judged_desk

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("desk")]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, list[Judged]]:
    return make_judged_desk(tmp_path_factory.mktemp("desk"), 2)


@pytest.fixture(scope="module")
def page(house: tuple[Desk, list[Judged]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, str]]:
    chromium_or_skip()
    with served(house[0]) as address, browser(tmp_path_factory.mktemp("profile")) as page:
        yield page, address


def test_a_call_is_reviewed_by_keys_alone(page: tuple[Browser, str], house: tuple[Desk, list[Judged]]) -> None:
    (there, address), (desk, night) = page, house
    sign_in(there, address, desk, "reviewer", "li")
    sha256 = night[0].call.sha256
    there.open(f"{address}/calls/{desk.call_ids.of(sha256)}?next=/calls")
    there.wait_for("window.callqa && window.callqa.findings && document.querySelector('.answer form')")
    assert barriers(there) == []
    there.press("N")
    there.wait_for("document.querySelector('article.at-hand')")
    there.press("O")
    there.wait_for("document.activeElement.matches('input[type=radio]')")
    there.press("Space")
    for _ in range(3):
        there.press("Tab")
        if there.run("document.activeElement.tagName") == "TEXTAREA":
            break
        there.press("Space")
    there.wait_for("document.activeElement.tagName === 'TEXTAREA'")
    there.type("他只是说有办法")
    there.press("Control+Enter")
    there.wait_for("document.querySelector('.opinions .counts')")
    there.wait_for("document.querySelector('#review-state .reviewed')")
    assert there.run("document.querySelector('#review-state .score').textContent") == "100"
    assert there.run("document.activeElement.closest('article') !== null || document.activeElement === document.body")
    there.press("A")
    there.wait_for("document.querySelector('.opinions .right')")
    there.press("M")
    there.wait_for("document.querySelector('dialog#missed').open")
    for _ in range(5):
        if there.run("document.activeElement.value") == "closing":
            break
        there.press("ArrowDown")
    there.press("Control+Enter")
    there.wait_for("document.querySelector('#answer-closing .opinions')")
    there.wait_for("window.callqa && window.callqa.findings")
    there.press("Control+Enter")
    there.wait_for("location.pathname === '/calls'")
    with desk.reviews.file.reading() as rows:
        said, (done,) = reviews_of(rows, sha256), finished_reviews_of(rows, sha256)
    whole = [each for each in said if each.review.piece is None]
    assert [(each.review.piece, each.review.answer) for each in said if each not in whole] == [
        (0, "right"),
        (1, "right"),
    ]
    assert [(each.review.key.rule_id, each.review.answer, each.review.comment) for each in whole] == [
        ("forbidden-phrases", "wrong", "他只是说有办法"),
        ("forbidden-phrases", "right", ""),
        ("closing", "wrong", ""),
    ]
    assert whole[2].outcome == "fail"
    assert done.open_s is not None
    assert there.complaints == []
    assert [url for url in there.requests if not url.startswith((address, "data:", "blob:"))] == []
