"""Rulebooks in Chinese words: the table is whole, means the same, and faults speak the author's words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from pipeline.errors import BadRule
from pipeline.judging.acts import ActFile
from pipeline.judging.chinese_keys import ENGLISH_KEYS, ENGLISH_VALUES, KEYS, VALUES
from pipeline.judging.conditions import CONDITIONS
from pipeline.judging.conditions.windows import Around, Window
from pipeline.judging.entities import LABELS
from pipeline.judging.faults import Faults, known_keys
from pipeline.judging.loader import load_rulebook
from pipeline.judging.notation import call_from_script
from pipeline.judging.rulebook import MEASURED_FILE, RECOGNISERS_FILE, RulebookFile, RuleFile
from pipeline.judging.rulebook_files import yaml_files
from pipeline.judging.verdicts import check_cases, judge_call
from pipeline.judging.versions import publish_rulebook
from pipeline.judging.yaml_lines import read_yaml
from pipeline.settings import CHECKOUT
from pipeline.storage.home import Home
from tests.support.rulebooks import folder_of, hotline

NAMED = ("dimensions", "scenarios", "for_each", "houses")
"""Keys whose value's keys are the author's own."""

FIXED = (
    "by", "speaks", "status", "severity", "tags", "verdict", "hit", "per", "kinds", "where", "statistic", "while",
    "entity", "not_over",
)  # fmt: skip


def models(*tops: type[BaseModel]) -> set[type[BaseModel]]:
    """Some models, and all that stand in them."""
    found: set[type[BaseModel]] = set()
    todo: list[Any] = list(tops)
    while todo:
        part = todo.pop()
        if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
            found.add(part)
            todo += [field.annotation for field in part.model_fields.values()]
        todo += get_args(part)
    return found


EVERY_MODEL = models(*CONDITIONS.values(), Window, Around, RuleFile, RulebookFile, ActFile)


def literals(annotation: Any) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        yield from (word for word in get_args(annotation) if isinstance(word, str))
    for part in get_args(annotation):
        yield from literals(part)


def test_every_key_and_every_fixed_value_has_a_chinese_word() -> None:
    keys = {key for model in EVERY_MODEL for key in known_keys(model)} | {*CONDITIONS, "as", "for_each"}
    assert keys - {*KEYS} == set()
    assert {*KEYS} - keys == {"phrases", "except"}, "no word for what does not exist"
    values = {
        word for model in EVERY_MODEL for field in model.model_fields.values() for word in literals(field.annotation)
    }
    assert {*values, *LABELS} - {*VALUES} == set()
    assert len(ENGLISH_KEYS) == len(KEYS), "no Chinese word for two keys"
    assert len(ENGLISH_VALUES) == sum(map(len, VALUES.values()))


def in_chinese(value: Any, named: bool = False, fixed: bool = False) -> Any:
    """A file's value in Chinese words, by the table alone. `named`: its keys are the author's."""
    if isinstance(value, dict):
        return {
            key if named else KEYS.get(key, key): in_chinese(item, not named and key in NAMED, key in FIXED)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [in_chinese(item, False, fixed) for item in value]
    return VALUES[value][0] if fixed and value in VALUES else value


def translated(folder: Path, target: Path) -> Path:
    """A rulebook's folder in Chinese words."""
    for file in yaml_files(folder, Faults()):
        source = read_yaml(file, Faults())
        assert source is not None
        value = source.value
        named = file.name == "conditions.yaml" or file.name.startswith("phrases")
        copy = target / file.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.name != MEASURED_FILE:  # which a program writes
            value = in_chinese(value, named)
        copy.write_text(yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=1000), encoding="utf-8")
    shutil.copy(folder / RECOGNISERS_FILE, target / RECOGNISERS_FILE)
    return target


@pytest.mark.slow
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_whole_rulebook_in_chinese_words_is_the_same(tmp_path: Path, language: str) -> None:
    book = load_rulebook(translated(folder_of(language), tmp_path / "book"))
    own = hotline(language)
    for rule in book.rules:
        assert rule.hash == own.rule(rule.id).hash, rule.id
        assert [(case.verdict, case.call) for case in rule.cases] == [
            (case.verdict, case.call) for case in own.rule(rule.id).cases
        ]
    assert book.hash == own.hash
    assert all(result.ok for result in check_cases(book.rules[0], book))
    validator = Draft202012Validator(json.loads((CHECKOUT / "rules/rule.schema.json").read_text(encoding="utf-8")))
    for rule in book.rules:
        value = yaml.safe_load(rule.file.read_text(encoding="utf-8"))
        assert not list(validator.iter_errors(value)), rule.file


HEAD = """\
名称: trial
语言: 中文
版本: "1"
标题: {中文: 试, 英文: trial}
各维度: {礼仪: {标题: {中文: 礼仪, 英文: courtesy}, 权重: 1}}
"""
LISTS = """\
问候: {标题: 问候语, 说法: [您好, 早上好], 例外: [不说您好]}
"""
RULE = """\
标识: greeting
标题: {中文: 问候, 英文: Greeting}
维度: 礼仪
说明: 先问候。
严重程度: 轻微
适用:
  客户说: {任一: [漏水, 坏了], 范围: {轮次: 1..3}}
  叫做: 故障
要求:
  任一:
    - 坐席说: {任一: $问候, 范围: {轮次: 1..1}}
    - 说过: {谁: 坐席, 任一: [抱歉], 范围: {之后: 故障}}
用例:
  - 判定: 达成
    通话: |
      坐席 0.0: 您好。
      客户 2.0: 水管漏水。
  - 判定: 不通过
    通话: |
      坐席 0.0: 喂。
      客户 2.0: 水管漏水。
      坐席 4.0: 好，来修。
  - 判定: 不适用
    通话: |
      坐席 0.0: 您好。
      客户 2.0: 你好。
"""


def write(folder: Path, rule: str = RULE, lists: str = LISTS, head: str = HEAD) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("rulebook", head), ("phrases", lists), ("greeting", rule)):
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_rulebook_may_be_written_in_chinese(tmp_path: Path) -> None:
    book = load_rulebook(write(tmp_path))
    assert [result.ok for result in check_cases(book.rules[0], book)] == [True, True, True]
    verdict = judge_call(call_from_script("坐席 0: 喂。\n客户 3: 灯坏了。\n坐席 6: 抱歉。", "zh"), book).verdicts[0]
    assert verdict.outcome == "pass"


WRONG = [
    ("严重程度: 轻微", "严重程度: 很轻", 5, "严重程度: choose 轻微, 一般, 严重 or 红线"),
    ("严重程度: 轻微", "严重程度X: 轻微", 5, "unknown key 严重程度X (did you mean 严重程度?)"),
    ("说明: 先问候。", "", 1, "why is missing"),
    ("谁: 坐席, 任一: [抱歉]", "谁: 老板, 任一: [抱歉]", 12, "谁: choose 坐席, 客户 or 任意"),
    ("{任一: $问候", "{任意: $问候", 11, "unknown key 任意"),
    (
        "坐席说: {任一: $问候, 范围: {轮次: 1..1}}",
        "坐席说: {任一: $问好, 范围: {轮次: 1..1}}",
        11,
        "no phrase list $问好",
    ),
    ("  任一:\n", "  随便:\n", 10, "unknown condition 随便; there are 坐席说, 客服说, 客户说, 全部, 任一"),
    (
        "    - 坐席说: {任一: $问候, 范围: {轮次: 1..1}}",
        "    - 座席说: {任一: $问候, 范围: {轮次: 1..1}}",
        11,
        "unknown condition 座席说 (did you mean 坐席说?)",
    ),
    ("谁: 坐席, 任一: [抱歉]", "准: 坐席, 任一: [抱歉]", 12, "unknown key 准; known: "),
    ("{轮次: 1..3}}", "{轮数: 1..3}}", 7, "unknown key 轮数 (did you mean 轮次?)"),
    ("{轮次: 1..3}}", "{轮次: 1..}, 静默: {}}", 7, "unknown key 静默"),
    ("适用:\n", "适用：\n", 6, "a full-width colon stands behind 适用"),
    ("维度: 礼仪\n", "维度：礼仪\n", 3, "a full-width colon stands behind 维度"),
    (
        "    - 坐席说: {任一: $问候, 范围: {轮次: 1..1}}",
        "    - 坐席说：您好",
        11,
        "a full-width colon stands behind 坐席说",
    ),
    ("范围: {之后: 故障}", "范围: {之后：故障}", 12, "a full-width colon stands behind 之后"),
    ("标识: greeting", "标识: greeting\nid: other", 2, "the key id is given twice"),
]


@pytest.mark.parametrize(("good", "bad", "line", "told"), WRONG)
def test_faults_speak_the_words_of_the_author(tmp_path: Path, good: str, bad: str, line: int, told: str) -> None:
    assert good in RULE
    with pytest.raises(BadRule) as caught:
        load_rulebook(write(tmp_path, RULE.replace(good, bad, 1)))
    assert any(fault.line == line and told in str(fault) for fault in caught.value.faults), str(caught.value)


def test_a_rulebook_in_chinese_is_published_under_its_next_version(tmp_path: Path) -> None:
    home, folder = Home(tmp_path / "home"), write(tmp_path / "book")
    assert publish_rulebook(home, folder)
    write(folder, lists=LISTS.replace("早上好", "晚上好"))
    publication = publish_rulebook(home, folder)
    assert publication is not None
    assert f'版本: "{publication.version}"' in (folder / "rulebook.yaml").read_text(encoding="utf-8")
    assert load_rulebook(folder).version == publication.version
