"""What rule authors do with stored calls: publish a version, replay a draft, see versions side by side."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pytest
import yaml
from jsonschema import Draft202012Validator

from pipeline.datatypes import CDR, Judged
from pipeline.errors import BadRule, CallQAError
from pipeline.judging.json_schema import rule_schema
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.replay import replay, replaying
from pipeline.judging.replayed import NEW
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.verdicts import judge_call
from pipeline.judging.versions import in_force, pending, publications, publish_rulebook
from pipeline.results.replay_page import replay_page
from pipeline.results.rows import rulebook_info
from pipeline.results.store import build_database
from pipeline.settings import CHECKOUT, Settings
from pipeline.storage import artefacts
from pipeline.storage.home import Home, JudgedFile, PastCard, RecordingRecord
from tests.support.nights import callqa, environment
from tests.support.rulebooks import hotline

BOOK = """
name: trial
language: zh
version: "2026.1"
title: {zh: 试, en: trial}
dimensions: {one: {title: {zh: 一, en: one}, weight: 1}}
"""
RULE = """
id: validity
title: {zh: 报价说明有效期, en: Quotes say how long they hold}
dimension: one
why: 报价要说明有效期。
speaks: agent
applies: {said: {by: agent, any: [报价]}}
require: {said: {by: agent, any: $validity}}
cases:
  - {verdict: pass, call: "坐席 0.0: 报价是八十元，三天内有效。"}
  - {verdict: fail, call: "坐席 0.0: 报价是八十元。"}
  - {verdict: not_applicable, call: "坐席 0.0: 您好。"}
"""
CALLS = {
    "a": ("李梅", "坐席 0.0: 您好，报价是八十元，三天内有效。\n客户 5.0: 好的。"),
    "b": ("李梅", "坐席 0.0: 您好，报价是八十元，月底之前都行。\n客户 5.0: 好的。"),
    "c": ("王强", "坐席 0.0: 您好，报价是八十元。\n客户 5.0: 好的。"),
    "d": ("王强", "坐席 0.0: 您好。\n客户 5.0: 你好。"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "rules" / "trial"
    folder.mkdir(parents=True)
    (folder / "rulebook.yaml").write_text(BOOK, encoding="utf-8")
    (folder / "phrases.yaml").write_text("validity: [有效]", encoding="utf-8")
    (folder / "validity.yaml").write_text(RULE, encoding="utf-8")
    return folder


def store_calls(home: Home, book: Rulebook) -> None:
    for index, (name, (agent, script)) in enumerate(CALLS.items()):
        started = datetime(2026, 11, 1 + index, 9, tzinfo=UTC)
        cdr = CDR(call_id=name, agent_name=agent, started_at=started)
        call = replace(call_from_script(dedent(script), "zh"), cdr=cdr)
        artefacts.write(home.recording(call.sha256), RecordingRecord(call.sha256, 1, (f"{name}.wav",), started, cdr))
        artefacts.write(home.judged(call.sha256), JudgedFile(name, Judged(call, judge_call(call, book))))


def widen(folder: Path) -> None:
    """The draft: 之前 tells a term as well, and a term is asked of everybody who says 您好."""
    (folder / "phrases.yaml").write_text("validity: [有效, 之前]", encoding="utf-8")


def test_a_replay_lists_what_a_draft_would_change(tmp_home: Home, folder: Path) -> None:
    store_calls(tmp_home, load_rulebook(folder))
    widen(folder)
    told: list[tuple[int, int]] = []
    found = replay(tmp_home, load_rulebook(folder), progress=lambda done, total: told.append((done, total)))
    assert (found.calls, found.flipped, found.skipped) == (4, 1, 0)
    assert told[-1] == (4, 4)
    (flip,) = found.flips
    assert (flip.call, flip.agent, flip.before, flip.after) == ("b", "李梅", "fail", "pass")
    assert flip.matched == "之前"
    ((rule_id, before, after, flips),) = found.rules()
    assert (rule_id, flips, before["fail"], after["fail"]) == ("validity", 1, 2, 1)
    shift = {name: (mean.before / mean.calls, mean.after / mean.calls) for name, mean in found.agents.items()}
    assert shift == {"李梅": (50.0, 100.0), "王强": (0.0, 0.0)}
    html = replay_page(found, load_rulebook(folder), "zh")
    assert "之前" in html
    assert "未达成</span> → " in html


@pytest.mark.slow
def test_some_rules_of_a_book_judge_as_they_do_among_all() -> None:
    # a replay judges only the rules that the draft changes
    book = hotline("zh")
    scripts = [case.call for rule in book.rules for case in rule.cases[:1]]
    for number, script in enumerate(scripts):
        call = call_from_script(script, "zh")
        whole = {verdict.rule_id: verdict for verdict in judge_call(call, book).verdicts}
        some = book.only(rule.id for index, rule in enumerate(book.rules) if index % 4 == number % 4)
        assert some.rules
        for verdict in judge_call(call, some).verdicts:
            assert verdict == whole[verdict.rule_id]


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "way"), [(1, "fork"), (2, "spawn")])
def test_a_replay_in_several_processes_finds_the_same(
    threads: int, way: str, tmp_home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "active_count", lambda: threads)
    store_calls(tmp_home, load_rulebook(folder))
    widen(folder)
    draft = load_rulebook(folder)
    one = replay(tmp_home, draft, processes=1, few=0)
    with replaying(tmp_home, draft, processes=2, few=0) as store:
        assert store.pool is not None
        assert {type(each).__name__ for each in store.pool._processes.values()} == {f"{way.capitalize()}Process"}
        assert store.sample(1000)[0] == one
        assert store.whole(lambda done, total: None, few=0) == one


def test_a_replay_since_a_day_and_over_damaged_files(tmp_home: Home, folder: Path) -> None:
    book = load_rulebook(folder)
    store_calls(tmp_home, book)
    next(iter(tmp_home.files("judged"))).write_bytes(b"broken")
    found = replay(tmp_home, book, since=datetime(2026, 11, 1, tzinfo=UTC))
    assert (found.calls, found.skipped) == (3, 1)
    assert replay(tmp_home, book, since=datetime(2026, 11, 4, 9, 1, tzinfo=UTC)).calls == 0


@pytest.mark.slow
def test_a_day_begins_at_midnight_of_the_call_centre(tmp_home: Home, folder: Path) -> None:
    # the calls began at 9:00 UTC on four days; ten hours west of Greenwich that was the evening before
    store_calls(tmp_home, load_rulebook(folder))
    widen(folder)
    settings = tmp_home.root / "callqa.toml"
    env = environment(tmp_home.root / "prefect", CALLQA_HOME=str(tmp_home.root))
    for zone, calls in (("Asia/Shanghai", 3), ("Etc/GMT+10", 2)):
        settings.write_text(f'[ingest]\ntimezone = "{zone}"\n', encoding="utf-8")
        since = ("--since", "2026-11-02", "--sample", "100", "--json")
        done = callqa("--settings", settings, "rules", "replay", folder, *since, env=env)
        told = json.loads(done.stdout)
        assert (told["calls"], told["sample"]["calls"]) == (calls, calls)
        for rule in told["sample"]["rules"].values():
            low, high = rule["flips"]["interval"]
            assert 0 < low < 1 / calls < high < 1
        assert told["sample"]["rules"].keys() == told["rules"].keys()


def test_a_new_rule_is_counted_and_is_no_flip(tmp_home: Home, folder: Path) -> None:
    store_calls(tmp_home, load_rulebook(folder))
    more = RULE.replace("id: validity", "id: greeting").replace("applies: {said: {by: agent, any: [报价]}}", "")
    more = more[: more.index("cases:")].replace("$validity", "您好") + dedent(
        """
        cases:
          - {verdict: pass, call: "坐席 0.0: 您好。"}
          - {verdict: fail, call: "坐席 0.0: 喂。"}
          - {verdict: not_applicable, call: "客户 0.0: 喂。"}
        """
    )
    (folder / "greeting.yaml").write_text(more, encoding="utf-8")
    found = replay(tmp_home, load_rulebook(folder))
    assert found.outcomes[("greeting", NEW, "pass")] == 4
    assert not found.flips


def test_what_is_published_counts_and_edits_do_not(tmp_home: Home, folder: Path) -> None:
    assert in_force(tmp_home, folder) == folder
    first = publish_rulebook(tmp_home, folder)
    assert first is not None
    assert first.version == "2026.1"
    assert publish_rulebook(tmp_home, folder) is None
    assert pending(tmp_home, folder) is None
    widen(folder)
    assert pending(tmp_home, folder) == "2026.1"
    assert load_rulebook(in_force(tmp_home, folder)).hash == first.hash
    second = publish_rulebook(tmp_home, folder)
    assert second is not None
    assert second.version == "2026.2"
    assert 'version: "2026.2"' in (folder / "rulebook.yaml").read_text(encoding="utf-8")
    assert load_rulebook(in_force(tmp_home, folder)).hash == second.hash != first.hash
    assert [p.version for p in publications(tmp_home, folder)] == ["2026.1", "2026.2"]
    # a rulebook that somebody is breaking right now does not stop the night
    (folder / "validity.yaml").write_text("id: [", encoding="utf-8")
    assert load_rulebook(in_force(tmp_home, folder)).hash == second.hash


def test_publishing_is_refused(tmp_home: Home, folder: Path) -> None:
    publish_rulebook(tmp_home, folder)
    (folder / "phrases.yaml").write_text("validity: [作数]", encoding="utf-8")
    with pytest.raises(CallQAError, match=r"validity.yaml:\d+: validity: pass expected, fail found"):
        publish_rulebook(tmp_home, folder)
    widen(folder)
    with pytest.raises(CallQAError, match=r"2026\.1 of trial is published already"):
        publish_rulebook(tmp_home, folder, "2026.1")
    with pytest.raises(CallQAError, match="not a version"):
        publish_rulebook(tmp_home, folder, "../elsewhere")
    (folder / "validity.yaml").write_text("id: [", encoding="utf-8")
    with pytest.raises(BadRule):
        publish_rulebook(tmp_home, folder)
    assert [p.version for p in publications(tmp_home, folder)] == ["2026.1"]


def test_versions_can_be_compared_by_sql(tmp_home: Home, folder: Path, settings: Settings) -> None:
    old = load_rulebook(folder)
    store_calls(tmp_home, old)
    widen(folder)
    publish_rulebook(tmp_home, folder, "2026.2")
    book = load_rulebook(in_force(tmp_home, folder))
    for path in tmp_home.files("judged"):
        file = artefacts.read(path, JudgedFile)
        card = file.judged.scorecard
        assert card is not None
        past = PastCard(card.rulebook, card.version, card.score, {v.rule_id: v.outcome for v in card.verdicts})
        judged = replace(file.judged, scorecard=judge_call(file.judged.call, book))
        artefacts.write(path, replace(file, judged=judged, past=(past,)))
    build_database(tmp_home, settings, [rulebook_info(book)])
    env = environment(tmp_home.root / "prefect", CALLQA_HOME=str(tmp_home.root))
    done = callqa("sql", "SELECT version, fails, calls FROM version_achievement ORDER BY version", "--json", env=env)
    assert json.loads(done.stdout) == [
        {"version": "2026.1", "fails": 2, "calls": 4},
        {"version": "2026.2", "fails": 1, "calls": 4},
    ]


@pytest.mark.slow
def test_the_commands_of_an_author(tmp_home: Home, folder: Path) -> None:
    store_calls(tmp_home, load_rulebook(folder))
    widen(folder)
    env = environment(tmp_home.root / "prefect", CALLQA_HOME=str(tmp_home.root), CALLQA_LANG="zh")
    html = tmp_home.root / "changes.html"
    done = callqa("rules", "replay", folder, "--html", html, env=env)
    assert done.returncode == 0, done.stderr
    assert "b 李梅 报价说明有效期: 未达成 → 达成 0:0" in done.stdout
    assert "+50.0" in done.stdout
    assert html.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    done = callqa("rules", "publish", folder, env=env)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "设置里没有这个规则册" in done.stderr
    settings = tmp_home.root / "callqa.toml"
    settings.write_text(f'[paths]\nrulebooks = {{ zh = "{folder}" }}\n', encoding="utf-8")
    done = callqa("--settings", settings, "--home", tmp_home.root, "rules", "publish", folder, env=env)
    assert "版本 2026.1 已生效" in done.stdout
    done = callqa("rules", "replay", folder / "nothing", env=env)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    done = callqa("rules", "replay", folder, "--since", "gestern", env=env)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)


def test_the_schema_is_the_one_beside_the_rules() -> None:
    written = json.loads((CHECKOUT / "rules" / "rule.schema.json").read_text(encoding="utf-8"))
    assert written == rule_schema(), "callqa rules schema > rules/rule.schema.json"
    Draft202012Validator.check_schema(written)


def test_the_schema_knows_right_from_wrong() -> None:
    validator = Draft202012Validator(rule_schema())
    for file in sorted((CHECKOUT / "rules").glob("hotline-*/**/*.yaml")):
        if file.name.startswith(("rulebook", "phrases", "conditions", "measured")):
            continue
        errors = [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text(encoding="utf-8")))]
        assert not errors, (file, errors[:2])
    rule = yaml.safe_load(RULE)
    assert validator.is_valid(rule)
    for wrong in (
        {"require": {"sed": {"any": ["您好"]}}},
        {"require": {"said": {"by": "boss", "any": ["您好"]}}},
        {"require": {"said": {"any": ["您好"], "win": 1}}},
        {"require": {"all": []}},
        {"severity": "grave"},
        {"weight": 0},
        {"cases": []},
        {"colour": "red"},
    ):
        assert not validator.is_valid({**rule, **wrong}), wrong


def test_a_copy_of_a_rulebook_is_all_yaml(tmp_home: Home, folder: Path) -> None:
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    (folder / "scripts").mkdir()
    shutil.move(folder / "validity.yaml", folder / "scripts" / "validity.yaml")
    publish_rulebook(tmp_home, folder)
    copied = sorted(str(p.relative_to(in_force(tmp_home, folder))) for p in in_force(tmp_home, folder).rglob("*.*"))
    assert copied == ["phrases.yaml", "rulebook.yaml", "scripts/validity.yaml"]
