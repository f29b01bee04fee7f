"""Recognisers: learnt from sayings, the same every time; looked up in a call; never alone in a fatal rule."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml

from pipeline.errors import BadRule
from pipeline.judging.learning import Learnt, learn, recognisers_of
from pipeline.judging.loader import load_rulebook
from pipeline.judging.measured import Share
from pipeline.judging.recognisers import Recognisers, grams_of, written_recognisers
from pipeline.judging.rulebook import RECOGNISERS_FILE, Rulebook
from pipeline.judging.sayings import read_sayings, to_learn
from pipeline.judging.scores import Recognising, score_acts, written_call
from pipeline.judging.token_index import index_call
from pipeline.judging.verdicts import judge_call
from pipeline.judging.versions import in_force, pending, publish_rulebook
from pipeline.storage.home import Home
from tests.support.rulebooks import CASES, HEAD, write_book

ACTS = "sorry: {when: {said: {by: agent, any: [对不起]}}}\n"
ITEMS, TIMES = (
    ("空调", "冰箱", "水管", "门锁", "电视", "网络", "燃气", "账单"),
    ("今天", "昨天", "刚才", "上周", "早上", "下午", "前天", "这次"),
)
DOING = [f"{time}{item}的事给您添麻烦了" for item, time in product(ITEMS, TIMES)]
NEAR = [f"{time}{item}的事您再看一下" for item, time in product(ITEMS, TIMES)]
RULE = {
    "id": "trial", "title": {"zh": "试", "en": "trial"}, "dimension": "one", "why": "试", "cases": CASES,
    "forbid": {"use": "sorry"},
}  # fmt: skip
KNOWN = "这事给您添麻烦了我们"
"""Nobody wrote this, and it is alike."""


def make(folder: Path, acts: str = ACTS, **changed: object) -> Path:
    rule = yaml.safe_dump(RULE | changed, allow_unicode=True)
    write_book(folder, {"trial": rule, "conditions": acts}, head=HEAD.format(language="zh"))
    (folder / "sayings").mkdir(exist_ok=True)
    (folder / "sayings" / "sorry.txt").write_text("\n".join(DOING), encoding="utf-8")
    (folder / "sayings" / "sorry.not.txt").write_text("\n".join(NEAR), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learnt, Recognisers]:
    book = load_rulebook(make(tmp_path_factory.mktemp("book")))
    daily = [written_call([("customer", "您好"), ("agent", "请问要几位"), ("agent", "好的")], "zh")]
    [found] = learn(book, list(book.acts.values()), daily)
    return found, recognisers_of(book, [found], daily)


def with_recognisers(folder: Path, learnt: tuple[Learnt, Recognisers], acts: str, **changed: object) -> Rulebook:
    make(folder, acts, **changed)
    (folder / RECOGNISERS_FILE).write_text(written_recognisers(learnt[1]), encoding="utf-8")
    return load_rulebook(folder)


def test_an_act_is_learnt_from_its_sayings(learnt: tuple[Learnt, Recognisers]) -> None:
    found, _ = learnt
    assert found.listed == {"doing": 0.0, "near": 0.0}
    assert found.reached["very"]["doing"] == 1.0
    assert found.reached["very"]["near"] <= 0.04
    assert found.either == {"doing": 1.0, "near": found.reached["very"]["near"]}


def test_what_is_learnt_is_the_same_every_time(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    book = load_rulebook(make(tmp_path))
    daily = [written_call([("customer", "您好"), ("agent", "请问要几位"), ("agent", "好的")], "zh")]
    again = recognisers_of(book, learn(book, list(book.acts.values()), daily), daily)
    assert written_recognisers(again) == written_recognisers(learnt[1])


def test_too_few_sayings_teach_nothing(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "sayings" / "sorry.txt").write_text("\n".join(DOING[:30]), encoding="utf-8")
    book = load_rulebook(folder)
    assert learn(book, list(book.acts.values())) == []


@pytest.mark.parametrize(
    ("language", "words", "grams"),
    [
        ("zh", ["您", "好", "8"], ["你", "好", "8", "^你", "你好", "好8", "8$", "^你好", "你好8", "好8$"]),
        ("en", ["not", "sure"], ["not", "sure", "^ not", "not sure", "sure $"]),
    ],
)
def test_grams(language: str, words: list[str], grams: list[str]) -> None:
    assert grams_of(words, language) == grams


def test_a_sentence_is_found_with_its_whole_as_evidence(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    book = with_recognisers(tmp_path, learnt, "sorry: {when: {said: {by: agent, act: sorry}}}\n")
    call = written_call([("customer", KNOWN), ("agent", f"您请讲。{KNOWN}！"), ("agent", "您再看一下")], "zh")
    [verdict] = judge_call(call, book).verdicts
    assert verdict.outcome == "fail"
    assert [(item.turn, item.matched) for item in verdict.evidence] == [(1, KNOWN)]
    assert "相像" in verdict.reason


def test_a_list_and_a_recogniser_must_agree_where_both_are_asked(
    learnt: tuple[Learnt, Recognisers], tmp_path: Path
) -> None:
    acts = "sorry: {when: {said: {by: agent, any: [今天, 我们], act: sorry, sure: hardly}}}\n"
    book = with_recognisers(tmp_path, learnt, acts)
    does = Recognising(book, book.acts.values()).does
    assert does(book.acts["sorry"], KNOWN)
    assert not does(book.acts["sorry"], "今天冰箱的事您再看一下")
    assert not does(book.acts["sorry"], "门锁的事给您添麻烦了")


def test_without_recognisers_only_lists_are_asked(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    acts = "sorry: {when: {any: [{said: {by: agent, act: sorry}}, {said: {by: agent, any: [对不起]}}]}}\n"
    book = with_recognisers(tmp_path, learnt, acts)
    lists_only = Recognising(book, book.acts.values(), with_recognisers=False)
    assert Recognising(book, book.acts.values()).does(book.acts["sorry"], KNOWN)
    assert not lists_only.does(book.acts["sorry"], KNOWN)
    assert lists_only.does(book.acts["sorry"], "对不起")
    [score] = score_acts(book, [book.acts["sorry"]], [read_sayings(tmp_path, "sorry")])
    assert score.found == Share(64, 64)
    both = "sorry: {{when: {{said: {{by: agent, any: [对不起], act: sorry, sure: {sure}}}}}}}\n"
    for sure, counts in (("hardly", True), ("very", False)):
        book = with_recognisers(tmp_path / sure, learnt, both.format(sure=sure))
        lists_only = Recognising(book, book.acts.values(), with_recognisers=False)
        assert lists_only.does(book.acts["sorry"], "对不起") is counts


def test_two_short_sentences_of_a_turn_count_together(learnt: tuple[Learnt, Recognisers]) -> None:
    _, recognisers = learnt
    scores = {
        text: recognisers.in_call(index_call(written_call([("agent", text)], "zh"), "zh")).likest("sorry", [0])
        for text in ("添麻烦了。", "真的添麻烦了。", "添麻烦了。添麻烦了。", "", "您再看一下。")
    }
    one, two = scores["添麻烦了。"], scores["添麻烦了。添麻烦了。"]
    assert one is not None
    assert two is not None
    assert two.score > one.score
    assert scores[""] is None


def faults(folder: Path, learnt: tuple[Learnt, Recognisers], said: str, **changed: object) -> str:
    with pytest.raises(BadRule) as caught:
        with_recognisers(folder, learnt, f"sorry: {{when: {{said: {said}}}}}\n", **changed)
    return str(caught.value)


def test_faults_of_asking_a_recogniser(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    assert "no recogniser of sory (did you mean sorry?)" in faults(tmp_path / "1", learnt, "{act: sory}")
    assert "hardly goes with any" in faults(tmp_path / "2", learnt, "{act: sorry, sure: hardly}")
    assert "sure goes with act" in faults(tmp_path / "3", learnt, "{any: [好], sure: fairly}")
    assert "(here: pattern, act)" in faults(tmp_path / "4", learnt, "{pattern: 好, act: sorry}")
    told = faults(tmp_path / "5", learnt, "{act: sorry}", severity="fatal")
    assert "a fatal rule may not go by the recogniser of sorry alone" in told


def test_a_fatal_rule_may_ask_a_recogniser_beside_a_list(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    acts = "sorry: {when: {said: {by: agent, any: [麻烦], act: sorry}}}\n"
    assert with_recognisers(tmp_path, learnt, acts, severity="fatal").rules[0].severity == "fatal"


def test_the_hash_of_a_rule_covers_what_its_recogniser_learnt(
    learnt: tuple[Learnt, Recognisers], tmp_path: Path
) -> None:
    acts = "sorry: {when: {said: {by: agent, act: sorry}}}\n"
    found, recognisers = learnt
    other = recognisers.acts["sorry"].model_copy(update={"bias": 7})
    one = with_recognisers(tmp_path / "1", learnt, acts)
    two = with_recognisers(tmp_path / "2", (found, replace(recognisers, acts={"sorry": other})), acts)
    assert one.rules[0].hash != two.rules[0].hash
    assert one.acts["sorry"].key != two.acts["sorry"].key


def test_sayings_that_changed_since_are_told(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    book = with_recognisers(tmp_path, learnt, ACTS)
    assert to_learn(book) == ()
    with (tmp_path / "sayings" / "sorry.txt").open("a", encoding="utf-8") as file:
        file.write("\n再说一句")
    assert to_learn(book) == ("sorry",)


def test_what_was_learnt_is_published_with_the_rulebook(learnt: tuple[Learnt, Recognisers], tmp_path: Path) -> None:
    folder = tmp_path / "book"
    cases = [
        {"verdict": "pass", "call": "agent 0.0: 您请讲\ncustomer 2.0: 好"},
        {"verdict": "fail", "call": f"agent 0.0: {KNOWN}\ncustomer 2.0: 好"},
        {"verdict": "not_applicable", "call": "agent 0.0: 您请讲"},
    ]
    with_recognisers(folder, learnt, "sorry: {when: {said: {by: agent, act: sorry}}}\n", cases=cases)
    home = Home(tmp_path / "home")
    assert publish_rulebook(home, folder) is not None
    published = load_rulebook(in_force(home, folder))
    assert published.recognisers == load_rulebook(folder).recognisers
    assert pending(home, folder) is None
    (folder / RECOGNISERS_FILE).write_text('{"everyday":0,"acts":{}}', encoding="utf-8")
    assert pending(home, folder) is not None


def test_a_damaged_file_is_a_fault(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for text in ("{", '{"everyday":0,"acts":{"sorry":{"of":"","said":1,"near":1,"bias":0,"bars":{},"weights":{}}}}'):
        (folder / RECOGNISERS_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(BadRule, match="callqa rules learn"):
            load_rulebook(folder)
