"""The demo's history: what was put into it, the desk finds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

import flows.demo_history as history
from desk.context import make_desk
from pipeline.messages import Language
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.reviews.coaching import all_coaching
from pipeline.reviews.store import Reviews
from pipeline.settings import CHECKOUT
from pipeline.storage.home import Home
from tests.support.desks import settings_of, signed_in
from tests.support.rulebooks import hotline

ZONE = ZoneInfo("Asia/Shanghai")


def calls(language: Language) -> list[history.GeneratedCall]:
    written = yaml.safe_load((CHECKOUT / "data" / "demo" / "history.yaml").read_text(encoding="utf-8"))
    return list(history._calls(written, language, ZONE))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_call_that_nobody_made_says_so_and_is_the_same_again(language: Language) -> None:
    made = calls(language)
    assert made == calls(language)
    assert len({call.transcript.sha256 for call in made}) == len(made)
    for call in made:
        assert (call.cdr.call_id or "").startswith("generated-")
        assert "生成" in (call.cdr.team or "") or "generated" in (call.cdr.team or "")
        assert not any(mark in segment.text for segment in call.transcript.segments for mark in "{}")
    # the samples, which have sound, are the newest
    assert max(call.cdr.started_at.isoformat() for call in made if call.cdr.started_at) < "2026-11-16T09:31:05"


def test_it_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = history._calls

    def few(*given: object) -> Iterator[history.GeneratedCall]:
        return itertools.islice(whole(*given), 3)  # type: ignore[arg-type]

    monkeypatch.setattr(history, "_calls", few)
    settings, books = settings_of(tmp_path / "home"), {"zh": hotline("zh")}
    assert [history.add_history(settings, books, "zh") for _ in range(2)] == [3, 0]
    with Reviews(Home(tmp_path / "home")).file.reading() as rows:
        assert [session.state for session in all_coaching(rows)] == ["acknowledged"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_desk_finds_what_was_put_in(tmp_path: Path, language: Language) -> None:
    settings, book = settings_of(tmp_path / "home"), hotline(language)
    history.add_history(settings, {language: book}, language)
    build_database(Home(tmp_path / "home"), settings, [rulebook_info(book)])
    client = signed_in(make_desk(settings, lambda: {language: book}), "administrator", "boss")
    sessions = client.get("/coaching").text
    assert sessions.count("improved by") == 3
    assert sessions.count("no effect shown") == 1
    proposed = client.get("/coaching/proposals").text
    ids = "G1" if language == "zh" else "G2"
    assert f"{ids}5" in proposed
    assert "helped</span>" in client.get("/coaching/helped").text
