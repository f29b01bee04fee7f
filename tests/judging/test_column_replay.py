"""A replay out of columns finds what judging anew finds; columns that are gone, damaged or old are made again."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.datatypes import CDR, Call, Judged
from pipeline.judging import call_cache
from pipeline.judging.call_cache import make_file, read_calls, survey
from pipeline.judging.call_columns import CallColumns
from pipeline.judging.column_replay import replay_rows
from pipeline.judging.loader import load_rulebook
from pipeline.judging.making_columns import columns_of
from pipeline.judging.notation import call_from_script
from pipeline.judging.replay import replay, replaying
from pipeline.judging.replayed import Replay
from pipeline.judging.rescoring import OUTCOME_CODES, scores_of
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.token_index import index_call
from pipeline.judging.verdicts import judge_call, scorecard
from pipeline.storage import artefacts
from pipeline.storage.column_files import ColumnFile, write_columns
from pipeline.storage.home import Home, JudgedFile
from tests.support.faulty_calls import faulty
from tests.support.rulebooks import hotline

BOOK = """
name: trial
language: zh
version: "2026.1"
title: {zh: 试, en: trial}
dimensions:
  one: {title: {zh: 一, en: one}, weight: 3, at_most: 0.4}
  two: {title: {zh: 二, en: two}, weight: 0.7}
"""
HEAD = "id: {id}\ntitle: {{zh: 规, en: rule}}\ndimension: {dimension}\nwhy: 为了试。\n"
CASES = """
cases:
  - {verdict: pass, call: "坐席 0.0: 您好。"}
  - {verdict: fail, call: "坐席 0.0: 喂。"}
  - {verdict: not_applicable, call: "客户 0.0: 喂。"}
"""
RULES = {
    "greeting": ("one", "require: {said: {by: agent, any: $hello, in: {turns: 1..1}}}"),
    "blame": ("one", "weight: 2.3\ndeduct: {each: 0.7, at_most: 1.9}\nforbid: {said: {by: agent, any: $blame}}"),
    "closing": ("two", "applies: {said: {by: customer, any: $thanks}}\n"
                       "require: {said: {by: agent, any: $bye, in: {seconds: -20..}}}"),
    "abuse": ("two", "severity: fatal\nforbid: {said: {by: agent, any: $abuse}}"),
    "volume": ("two", "forbid: {level: {by: agent}}"),
    "numbers": ("two", "speaks: any\nweight: 0.3\nrequire: {readback: {by: agent}}"),
    "silence": ("one", "speaks: any\nstatus: experimental\nforbid: {silence: {longer_than_s: 4}}"),
}  # fmt: skip
PHRASES = "hello: [您好, 早上好]\nblame: [没办法, 不归我管]\nthanks: [谢谢]\nbye: [再见]\nabuse: [滚]\n"
SAID = (
    "您好，请问有什么可以帮您", "早上好", "这个我也没办法，你再等等", "这不归我管", "谢谢你", "再见", "你滚吧", "嗯",
    "好的好的",     "我的电话是一三八零零零零一二三四", "好的，一三八零零零零一二三四对吧", "那请问您贵姓？",
    "我想问一下预约的事情，就是明天上午那个",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "trial"
    folder.mkdir()
    (folder / "rulebook.yaml").write_text(BOOK, encoding="utf-8")
    (folder / "phrases.yaml").write_text(PHRASES, encoding="utf-8")
    for name, (dimension, text) in RULES.items():
        head = HEAD.format(id=name, dimension=dimension)
        (folder / f"{name}.yaml").write_text(f"{head}{text}\n{CASES}", encoding="utf-8")
    return folder


def drafted(folder: Path, *, book: str = "draft") -> Rulebook:
    """The rulebook with other lists, another deduction, one rule more and one fewer."""
    draft = folder.with_name(book)
    shutil.copytree(folder, draft)
    lists = {"hello": "请问, 您好", "blame": "不归我管", "thanks": "谢谢", "bye": "好的", "abuse": "滚"}
    text = "".join(f"{name}: [{lines}]\n" for name, lines in lists.items())
    (draft / "phrases.yaml").write_text(text, encoding="utf-8")
    (draft / "abuse.yaml").unlink()
    rule = (draft / "greeting.yaml").read_text(encoding="utf-8")
    (draft / "greeting.yaml").write_text(f"coverage: 0.9\n{rule}", encoding="utf-8")
    (draft / "early.yaml").write_text(re.sub("id: greeting", "id: early", rule), encoding="utf-8")
    return load_rulebook(draft)


def calls(count: int, seed: int = 1) -> Iterator[Call]:
    draw = random.Random(seed)
    for number in range(count):
        at_s, lines = 0.0, []
        for _ in range(draw.randrange(1, 9)):
            who, mark = draw.choice(("坐席", "客户", "坐席", "客户", "third")), draw.random()
            length_s = draw.uniform(0.3, 6.0)
            if mark < 0.1:
                lines.append(f"听不清 {at_s:.2f}-{at_s + length_s:.2f} {'坐席' if who == 'third' else who}")
            else:
                lines.append(f"{who} {at_s:.2f}-{at_s + length_s:.2f}: {draw.choice(SAID)}{draw.choice('。？！')}")
            at_s += length_s + draw.choice((0.1, 0.5, 5.0))
        call = faulty(call_from_script("\n".join([*lines, "客户 90.0: 好。"]), "zh"), draw)
        started = datetime(2026, 11, 1 + number % 28, tzinfo=UTC) if number % 5 else None
        yield replace(
            call, sha256=f"{number:064x}", cdr=CDR(f"c{number}", started, agent_name=draw.choice(("李梅", None)))
        )


def stored(home: Home, book: Rulebook, count: int) -> list[Judged]:
    judged = [Judged(call, judge_call(call, book)) for call in calls(count)]
    for each in judged:
        artefacts.write(home.judged(each.call.sha256), JudgedFile("k", each))
    return judged


def ordered(found: Replay) -> dict[str, object]:
    agents = {name: (m.calls, round(m.before, 6), round(m.after, 6)) for name, m in found.agents.items()}
    return {"counts": (found.calls, found.flipped, found.skipped), "outcomes": found.outcomes, "agents": agents,
            "flips": sorted(found.flips, key=repr)}  # fmt: skip


def test_calls_come_out_of_columns_as_they_went_in(tmp_path: Path) -> None:
    some = [*calls(60), replace(next(calls(1)), language="fr")]
    write_columns(tmp_path / "x.calls", columns_of(some))
    columns = CallColumns(ColumnFile(tmp_path / "x.calls"))
    assert len(columns) == len(some)
    for row, call in enumerate(some):
        assert columns.call(row) == call
        assert repr(columns.call(row).levels_dbfs) == repr(call.levels_dbfs)
        own, made = columns.index(row), index_call(call, call.language)
        for name in (
            "text",
            "words",
            "starts",
            "ends",
            "breaks",
            "first",
            "smalls",
            "covered",
            "exchanges",
            "call",
            "sentence_ends",
            "sentence_texts",
        ):
            assert getattr(own, name) == getattr(made, name), name
        assert [own.word_times(turn) for turn in range(len(call.turns))] == [
            made.word_times(turn) for turn in range(len(call.turns))
        ]


def test_a_replay_out_of_columns_finds_what_judging_anew_finds(tmp_home: Home, folder: Path) -> None:
    book, draft = load_rulebook(folder), drafted(folder)
    judged = stored(tmp_home, book, 120)
    found = replay(tmp_home, draft, processes=1, few=0)
    before = {item.call.sha256: item.scorecard for item in judged}
    outcomes: dict[tuple[str, str, str], int] = {}
    scores: dict[str, list[float]] = {}
    for item in judged:
        card, old = judge_call(item.call, draft), before[item.call.sha256]
        assert old is not None
        was = {verdict.rule_id: verdict.outcome for verdict in old.verdicts}
        for verdict in card.verdicts:
            key = (verdict.rule_id, was.get(verdict.rule_id, "new"), verdict.outcome)
            outcomes[key] = outcomes.get(key, 0) + 1
        if card.score is not None and old.score is not None:
            scores.setdefault(item.call.cdr.agent_name or "", []).append(card.score)
    assert found.outcomes == outcomes
    assert {name: mean.after for name, mean in found.agents.items()} == pytest.approx(
        {name: sum(values) for name, values in scores.items()}
    )
    # every outcome is met, and changes into others
    assert {after for _, _, after in outcomes} == {"pass", "fail", "not_applicable", "unsure"}
    assert len({(b, a) for _, b, a in outcomes if b not in (a, "new")}) > 3
    # from the calls' own files, and read a second time, it is the same to the word
    assert ordered(replay(tmp_home, draft, few=1000)) == ordered(found)
    assert ordered(replay(tmp_home, draft, processes=1, few=0)) == ordered(found)
    assert not survey(tmp_home).missing


def test_scores_of_many_calls_are_those_of_each(folder: Path) -> None:
    book = load_rulebook(folder)
    cards = [(call, judge_call(call, book)) for call in calls(80, 2)]
    codes = {name: code for code, name in enumerate(OUTCOME_CODES)}
    draw = random.Random(3)
    # as engines give them, and any that there could be
    for names in ((), OUTCOME_CODES[1:]):
        verdicts = [
            [replace(v, outcome=draw.choice(names), deducted=draw.random()) if names else v for v in card.verdicts]
            for _, card in cards
        ]
        made = scores_of(
            book,
            np.array([[codes[v.outcome] for v in row] for row in verdicts], np.uint8),
            np.array([[v.deducted for v in row] for row in verdicts]),
            np.array([bool(call.facts.agent_turns) for call, _ in cards]),
        )
        wanted = [scorecard(call, row, book).score for (call, _), row in zip(cards, verdicts, strict=True)]
        assert [None if np.isnan(score) else score for score in made.tolist()] == wanted


def sampled(home: Home, draft: Rulebook, count: int, since: datetime | None = None) -> tuple[Replay, int]:
    with replaying(home, draft, since, processes=1) as store:
        return store.sample(count)


def test_a_sample_is_part_of_the_whole_and_needs_no_columns(tmp_home: Home, folder: Path) -> None:
    book, draft = load_rulebook(folder), drafted(folder)
    stored(tmp_home, book, 30)
    cold, total = sampled(tmp_home, draft, 10)
    assert (cold.calls, total) == (10, 30)
    assert not survey(tmp_home).files
    whole = replay(tmp_home, draft, processes=1, few=0)
    assert ordered(sampled(tmp_home, draft, 10)[0]) == ordered(cold)
    assert ordered(sampled(tmp_home, draft, 1000)[0]) == ordered(whole)
    since = datetime(2026, 11, 20, tzinfo=UTC)
    assert ordered(sampled(tmp_home, draft, 1000, since)[0]) == ordered(replay(tmp_home, draft, since, few=1000))


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _turn_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def _of_other_calls(path: Path) -> None:
    columns = ColumnFile(path)
    write_columns(path, {name: columns[name] for name in columns if name != "token"} | {"token": columns["token"][:-1]})


@pytest.mark.parametrize("suffix", [".calls", ".outcomes"])
@pytest.mark.parametrize("damage", [_shorten, _turn_a_bit, Path.unlink, _of_other_calls])
def test_damaged_columns_are_made_again(
    tmp_home: Home, folder: Path, suffix: str, damage: Callable[[Path], None]
) -> None:
    if (suffix, damage) == (".outcomes", _of_other_calls):
        return
    book, draft = load_rulebook(folder), drafted(folder)
    stored(tmp_home, book, 12)
    found = replay(tmp_home, draft, processes=1, few=0)
    (file,) = survey(tmp_home).files
    damage(file.path.with_suffix(suffix))
    assert ordered(replay(tmp_home, draft, processes=1, few=0)) == ordered(found)
    replay(tmp_home, draft, processes=1, few=0)
    assert read_calls(survey(tmp_home).files[0].path).shas == file.shas


def test_what_was_judged_again_is_read_again_and_what_is_gone_is_gone(tmp_home: Home, folder: Path) -> None:
    book, draft = load_rulebook(folder), drafted(folder)
    judged = stored(tmp_home, book, 12)
    replay(tmp_home, draft, processes=1, few=0)
    # some calls judged by the draft: nothing of them changes any more
    for item in judged[:5]:
        again = Judged(item.call, judge_call(item.call, draft))
        artefacts.write(tmp_home.judged(item.call.sha256), JudgedFile("l", again))
    (file,) = survey(tmp_home).files
    assert len(file.stale) == 5
    found = replay(tmp_home, draft, processes=1, few=0)
    assert ordered(found) == ordered(replay(tmp_home, draft, few=1000))
    assert survey(tmp_home).files == (replace(file, rows=tuple(range(12)), stale=()),)
    # one is another call now, one is gone
    other = replace(judged[5].call, turns=judged[6].call.turns)
    artefacts.write(tmp_home.judged(other.sha256), JudgedFile("m", Judged(other, judge_call(other, book))))
    assert ordered(replay(tmp_home, draft, processes=1, few=0)) == ordered(replay(tmp_home, draft, few=1000))
    tmp_home.judged(judged[7].call.sha256).unlink()
    gone = replay(tmp_home, draft, processes=1, few=0)
    assert gone.calls == 11
    words = b"".join(path.read_bytes() for path in tmp_home.columns.rglob("*.calls"))
    assert words
    (left,) = survey(tmp_home).files
    assert bytes.fromhex(judged[7].call.sha256) not in left.shas


def test_another_normaliser_makes_all_anew(tmp_home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = load_rulebook(folder)
    stored(tmp_home, book, 3)
    replay(tmp_home, book, processes=1, few=0)
    monkeypatch.setattr(call_cache, "cache_key", lambda: "another")
    assert len(survey(tmp_home).missing) == 3
    replay(tmp_home, book, processes=1, few=0)
    assert [path.name for path in tmp_home.columns.iterdir()] == ["another"]


def test_a_full_disk_stops_no_replay(tmp_home: Home, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, draft = load_rulebook(folder), drafted(folder)
    stored(tmp_home, book, 6)
    wanted = replay(tmp_home, draft, few=1000)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(call_cache, "write_columns", full)
    assert ordered(replay(tmp_home, draft, processes=1, few=0)) == ordered(wanted)
    assert not list(tmp_home.root.rglob("*.calls"))


@pytest.mark.slow
def test_the_rules_of_the_hotline_judge_out_of_columns_as_they_judge_calls(tmp_home: Home) -> None:
    book, draw = hotline("zh"), random.Random(4)
    scripts = [rule.cases[n % len(rule.cases)].call for n, rule in enumerate(book.rules[::2])]
    judged = []
    for number, script in enumerate(scripts):
        call = replace(faulty(call_from_script(script, "zh"), draw), sha256=f"{number:064x}", language="zh")
        card = judge_call(call, book)
        # as if the draft had changed some rules: what was said of them is forgotten
        known = tuple(replace(v, rule_hash="") if n % 5 == number % 5 else v for n, v in enumerate(card.verdicts))
        judged.append(Judged(call, replace(card, verdicts=known)))
        artefacts.write(tmp_home.judged(call.sha256), JudgedFile("k", judged[-1]))
    file, skipped = make_file(tmp_home, [bytes.fromhex(item.call.sha256) for item in judged])
    assert file is not None
    assert not skipped
    found = replay_rows(read_calls(file.path), np.arange(len(judged)), tmp_home, book)
    assert found.calls == len(scripts)
    assert not found.flips
    assert all(before == after for _, before, after in found.outcomes)
    assert {after for _, _, after in found.outcomes} == {"pass", "fail", "not_applicable", "unsure"}
    assert all(mean.before == pytest.approx(mean.after) for mean in found.agents.values())
