"""How well acts are recognised: sayings as they are read, shares with their intervals, dialogues of every day."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import BadRule, CallQAError
from pipeline.judging.measured import Share
from pipeline.judging.rulebook import Rulebook
from pipeline.judging.sayings import Sayings, acts_with_sayings, read_sayings
from pipeline.judging.scores import read_dialogues, score_acts, written_call
from tests.support.rulebooks import make_book

ACTS = """\
sorry: {when: {said: {by: agent, any: [对不起, 很抱歉], unless: [要说对不起]}}}
angry: {when: {said: {by: customer, any: [气死我了]}}}
"""


@pytest.fixture
def book(tmp_path: Path) -> Rulebook:
    made = make_book(tmp_path, conditions=ACTS, require="use: sorry")
    files = {
        "sorry.txt": "# 客气\n对不起\n\n真是很抱歉\n对不起\n抱歉抱歉\n",
        "sorry.not.txt": "您要说对不起\n您贵姓\n",
        "aside/sorry.txt": "我们对不起您\n",
    }
    for name, text in files.items():
        file = tmp_path / "sayings" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return made


def test_sayings_are_read_one_a_line_each_once(book: Rulebook) -> None:
    assert read_sayings(book.folder, "sorry") == Sayings(
        ("对不起", "真是很抱歉", "抱歉抱歉"), ("您要说对不起", "您贵姓")
    )
    assert read_sayings(book.folder, "sorry", aside=True) == Sayings(("我们对不起您",))
    assert read_sayings(book.folder, "angry") == Sayings()
    assert acts_with_sayings(book.folder) == ("sorry",)


def test_a_file_of_sayings_that_is_no_text_is_told(book: Rulebook) -> None:
    (book.folder / "sayings" / "angry.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRule, match="not UTF-8"):
        read_sayings(book.folder, "angry")


@pytest.mark.parametrize(
    ("found", "of", "low", "high"), [(90, 100, 0.826, 0.945), (0, 50, 0.0, 0.071), (1, 1, 0.207, 1.0)]
)
def test_the_interval_is_wilsons(found: int, of: int, low: float, high: float) -> None:
    interval = Share(found, of).interval
    assert interval == pytest.approx((low, high), abs=0.0006)


def test_of_nothing_there_is_no_share() -> None:
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_an_act_is_scored_by_its_sayings_and_near_misses(book: Rulebook) -> None:
    [score] = score_acts(book, [book.acts["sorry"]], [read_sayings(book.folder, "sorry")])
    assert score.found == Share(2, 3)
    assert score.missed == ("抱歉抱歉",)
    assert score.wrong == Share(0, 2)
    assert score.mistaken == ()
    assert score.everyday is None


def test_everyday_turns_are_those_of_the_side_that_does_the_act(book: Rulebook, tmp_path: Path) -> None:
    file = tmp_path / "daily.jsonl"
    file.write_text(
        '{"turns": [{"customer": "气死我了"}, {"agent": "对不起"}, {"agent": "您请讲"}]}\n\n'
        '{"turns": [{"customer": "对不起"}, {"agent": "没事"}]}\n',
        encoding="utf-8",
    )
    daily = read_dialogues(file, "zh")
    acts = [book.acts["sorry"], book.acts["angry"]]
    scores = score_acts(book, acts, [Sayings(), Sayings()], daily)
    assert [score.everyday for score in scores] == [Share(1, 3), Share(1, 2)]
    file.write_text('{"turns": [{"driver": "对不起"}]}\n', encoding="utf-8")
    with pytest.raises(CallQAError, match="1: no dialogue"):
        read_dialogues(file, "zh")


def test_a_written_call_has_its_sides_and_words() -> None:
    call = written_call([("customer", "喂"), ("agent", "您好")], "zh")
    assert [(call.role(turn), turn.text) for turn in call.turns] == [("customer", "喂"), ("agent", "您好")]
    assert call.facts.agent_turns
    assert call.facts.customer_turns
