"""A call taken out of the desk: hidden what is hidden for everybody, and recorded."""

from __future__ import annotations

import json

import pytest
import webvtt
from jsonschema import Draft202012Validator

from desk.context import Desk
from pipeline.datatypes import CDR
from pipeline.results.store import build_database
from pipeline.storage.audit import audit_entries
from pipeline.storage.home import Home
from tests.support.desks import make_desk, settings_of, signed_in
from tests.support.factories import make_judged, make_turns, make_verdict, recorded, save
from tests.support.vcon_schema import VCON_SCHEMA

pytestmark = pytest.mark.xdist_group("desk")

NUMBER = "13900001234"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    folder = tmp_path_factory.mktemp("taken")
    home, settings = Home(folder / "home"), settings_of(folder / "home")
    turns = make_turns((("agent", "您的手机号码是多少？"), ("customer", f"我的手机号码是{NUMBER}。")))
    cdr = CDR("C-000001", agent_id="1001", agent_name="李梅", team="一组")
    judged = make_judged("one", turns=turns, verdicts=(make_verdict("greeting", "fail"),), cdr=cdr)
    save(home, [recorded(judged, folder / "inbox" / "C-000001.wav")], str(folder / "inbox"))
    build_database(home, settings)
    return make_desk(settings, dict)


@pytest.fixture(scope="module")
def address(desk: Desk) -> str:
    with desk.snapshot.reading() as reader:
        return f"/calls/{desk.call_ids.of(str(reader.value('SELECT sha256 FROM calls')))}"


def test_a_vcon_is_valid_masked_and_recorded(desk: Desk, address: str) -> None:
    chief = signed_in(desk, "administrator", "root")
    for query in ("", "?numbers=shown"):
        answer = chief.get(f"{address}/vcon{query}")
        made = json.loads(answer.text)
        Draft202012Validator(VCON_SCHEMA).validate(made)
        assert answer.headers["content-type"] == "application/vcon"
        assert "C-000001-" in answer.headers["content-disposition"]
        assert NUMBER not in answer.text
        assert made["analysis"][0]["body"]["turns"][1]["text"] == "我的手机号码是***********。"
        assert [verdict["outcome"] for verdict in made["analysis"][1]["body"]["verdicts"]] == ["fail"]
        assert made["dialog"][0]["content_hash"].startswith("sha512-")
    last = [entry for entry in audit_entries(desk.home) if entry.action == "export"][-1]
    assert (last.user, last.details) == ("root", {"count": 1, "what": "vcon"})
    assert last.calls == (made_sha(desk)[:16],)


def made_sha(desk: Desk) -> str:
    with desk.snapshot.reading() as reader:
        return str(reader.value("SELECT sha256 FROM calls"))


def test_captions_have_voices_in_the_language_of_the_page(desk: Desk, address: str) -> None:
    lead = signed_in(desk, "supervisor", "lead", teams=("一组",))
    captions = webvtt.from_string(lead.get(f"{address}/captions").text)
    assert [(caption.voice, caption.text) for caption in captions] == [
        ("Agent", "您的手机号码是多少？"), ("Customer", "我的手机号码是***********。"),
    ]  # fmt: skip
    lead.cookies.set("callqa-language", "zh")
    assert "<v 坐席>" in lead.get(f"{address}/captions").text


def test_only_who_may_export_is_offered_it_and_only_their_calls(desk: Desk, address: str) -> None:
    lead, reviewer = signed_in(desk, "supervisor", "lead", teams=("一组",)), signed_in(desk, "reviewer", "reviewer")
    assert f"{address}/vcon" in lead.get(address).text
    assert f"{address}/vcon" not in reviewer.get(address).text
    other = signed_in(desk, "supervisor", "other", teams=("二组",))
    for what in ("vcon", "captions"):
        assert reviewer.get(f"{address}/{what}").status_code == 403
        assert other.get(f"{address}/{what}").status_code == 404
