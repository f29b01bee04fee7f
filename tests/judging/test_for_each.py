"""Entries of a list that are written once for several words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.errors import BadRule
from pipeline.judging.faults import Faults
from pipeline.judging.for_each import written_out
from pipeline.judging.yaml_lines import read_yaml
from tests.support.rulebooks import make_book


def written(folder: Path, text: str) -> list[dict[str, object]]:
    """The conditions under `any` as they are written out."""
    file = folder / "rule.yaml"
    file.write_text(text, encoding="utf-8")
    faults = Faults()
    source = read_yaml(file, faults)
    assert source is not None
    out = written_out(source, faults)
    assert out is not None, faults.found
    assert not faults.found, faults.found
    found: list[dict[str, object]] = out.value["any"]
    return found


def test_each_word_makes_an_entry_and_the_others_keep_their_places(tmp_path: Path) -> None:
    text = "any:\n  - said: {any: 前}\n  - for_each: {what: [甲, 乙], number: [1, 2]}\n    said: {any: [$<what>, <what><number>, <other>]}\n  - said: {any: 后}\n"  # noqa: E501
    assert written(tmp_path, text) == [
        {"said": {"any": "前"}},
        {"said": {"any": ["$甲", "甲1", "<other>"]}},
        {"said": {"any": ["$乙", "乙2", "<other>"]}},
        {"said": {"any": "后"}},
    ]


def test_one_in_another_knows_the_words_of_both(tmp_path: Path) -> None:
    inner = {"for_each": {"b": ["<a>1", "<a>2"]}, "said": {"any": "<a>和<b>"}}
    text = yaml.safe_dump({"any": [{"for_each": {"a": ["甲", "乙"]}, "all": [inner]}]}, allow_unicode=True)
    said = [entry["said"]["any"] for each in written(tmp_path, text) for entry in each["all"]]  # type: ignore[attr-defined]
    assert said == ["甲和甲1", "甲和甲2", "乙和乙1", "乙和乙2"]


BAD = [
    ("{any: [{for_each: [甲], said: {any: 好}}]}", "for_each takes words in a list"),
    ("{any: [{for_each: {}, said: {any: 好}}]}", "for_each takes words in a list"),
    ("{any: [{for_each: {a: 甲}, said: {any: 好}}]}", "for_each takes words in a list"),
    ("{any: [{for_each: {a: [甲], b: [乙, 丙]}, said: {any: 好}}]}", "lists of different lengths"),
    ("{for_each: {a: [甲]}, said: {any: 好}}", "for_each repeats an entry of a list"),
    ("{any: [{for_each: {a: [甲, 乙]}, said: {any: $<a>}}]}", "no phrase list $乙"),
]


@pytest.mark.parametrize(("condition", "told"), BAD)
def test_what_is_wrong_is_told(tmp_path: Path, condition: str, told: str) -> None:
    with pytest.raises(BadRule) as caught:
        make_book(tmp_path, phrases="甲: [甲]", require=condition)
    assert told in str(caught.value)


def test_a_fault_in_a_repeated_entry_has_its_line(tmp_path: Path) -> None:
    rule = "id: a\ntitle: {zh: 试, en: a}\ndimension: one\nwhy: 试\nrequire:\n  any:\n    - for_each: {a: [1, 2]}\n      said:\n        any: <a>\n        whom: me\n"  # noqa: E501
    make_book(tmp_path, require="{said: {any: 好}}")
    (tmp_path / "a.yaml").write_text(rule + "cases: []\n", encoding="utf-8")
    with pytest.raises(BadRule) as caught:
        make_book(tmp_path, require="{said: {any: 好}}")
    assert [fault.line for fault in caught.value.faults if "whom" in str(fault)] == [10]


def test_a_few_lines_cannot_ask_for_millions(tmp_path: Path) -> None:
    condition = "{said: {any: 好}}"
    for _ in range(8):
        condition = f"{{any: [{{for_each: {{a: {list(range(30))}}}, any: [{condition}]}}]}}"
    with pytest.raises(BadRule) as caught:
        make_book(tmp_path, require=condition)
    assert "more than 50000 values" in str(caught.value)
