"""Every message that the code writes has its Chinese in the catalogue, with the same values in it."""

from __future__ import annotations

import ast
import pickle
import re
import string
import unicodedata
from collections.abc import Iterator

import pytest
import yaml
from jinja2 import Environment, nodes

from pipeline import messages
from pipeline.errors import BadRule, BadSetting, RuleFault
from pipeline.judging.reference import documented
from pipeline.messages import Message, catalogue, shown_text
from pipeline.settings import CHECKOUT
from pipeline.validation import did_you_mean

WRITERS = ("Message", "say")
"""A call of one of these, as a function or a method, writes a message: its first argument is the English."""

Call = tuple[str, str, frozenset[str] | None]


def written() -> Iterator[Call]:
    """Where, English, and the names of the values given (None: not told by the call's form)."""
    yield from written_in_templates()
    for package in ("pipeline", "models", "flows", "desk"):
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                name = getattr(node.func, "attr", getattr(node.func, "id", None))
                if name not in WRITERS or len(node.args) != 1:
                    continue
                first, place = node.args[0], f"{file.relative_to(CHECKOUT)}:{node.lineno}"
                given = (
                    None if any(k.arg is None for k in node.keywords) else frozenset(str(k.arg) for k in node.keywords)
                )
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield place, first.value, given


def written_in_templates() -> Iterator[Call]:
    """The same of the calls of `t` and `say` in the templates of pages."""
    for file in sorted(
        file for package in ("pipeline", "desk") for file in (CHECKOUT / package).rglob("templates/**/*.html")
    ):
        for call in Environment().parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if not isinstance(call.node, nodes.Name) or call.node.name not in ("t", "say"):
                continue
            (first,) = call.args
            if isinstance(first, nodes.Const):
                given = frozenset(str(keyword.key) for keyword in call.kwargs)
                yield f"{file.relative_to(CHECKOUT)}:{call.lineno}", str(first.value), given


def test_the_templates_are_read() -> None:
    written = {english: given for _, english, given in written_in_templates()}
    assert written["took {minutes} min"] == {"minutes"}
    assert written["Contents"] == frozenset()


def documented_classes() -> Iterator[Call]:
    """The reference of conditions is made from docstrings and descriptions of fields."""
    for english in documented():
        yield "pipeline/judging/conditions", english, None


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_messages_are_english_literals_with_their_values_by_name() -> None:
    wrong = []
    for package in ("pipeline", "models", "flows", "desk"):
        for file in sorted((CHECKOUT / package).rglob("*.py")):
            place = file.relative_to(CHECKOUT).as_posix()
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or getattr(node.func, "id", None) not in WRITERS:
                    continue
                first = node.args[0] if len(node.args) == 1 else None
                literal = first.value if isinstance(first, ast.Constant) else None
                made_here = isinstance(first, ast.JoinedStr | ast.BinOp)
                if first is None or made_here or re.match("[\u4e00-\u9fff]", str(literal)):
                    wrong.append(f"{place}:{node.lineno}")
    assert wrong == []


def test_every_message_has_its_chinese() -> None:
    calls = [*written(), *documented_classes()]
    assert [f"{place}: {english}" for place, english, _ in calls if english not in catalogue()] == []


def test_no_chinese_is_left_over() -> None:
    english = {text for _, text, _ in [*written(), *documented_classes()]}
    assert sorted(catalogue().keys() - english) == []


def test_values_are_the_same_in_the_call_and_in_both_languages() -> None:
    wrong = []
    for place, english, given in written():
        if given is None or not given:
            continue
        if fields(english) != given or fields(catalogue().get(english, english)) - given:
            wrong.append(f"{place}: {english}")
    assert wrong == []


def test_no_message_stands_in_two_files() -> None:
    seen: dict[str, str] = {}
    for file in sorted((CHECKOUT / "pipeline" / "messages" / "zh").glob("*.yaml")):
        for english in yaml.safe_load(file.read_text(encoding="utf-8")) or {}:
            assert english not in seen, f"{english!r} stands in {seen[english]} and {file.name}: keep it in common.yaml"
            seen[english] = file.name


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"agent": "坐席", "customer": "客户", "{who}!": "{who}！"}
    monkeypatch.setattr(messages, "catalogue", lambda: known)


@pytest.mark.usefixtures("chinese")
def test_a_message_is_english_as_a_string_and_either_on_request() -> None:
    message = Message("{who}!", who=Message("agent"))
    assert message == "agent!"
    assert message.in_language("en") == "agent!"
    assert message.in_language("zh") == "坐席！"
    assert Message("plain {braces} stay").in_language("zh") == "plain {braces} stay"
    assert pickle.loads(pickle.dumps(message)).in_language("zh") == "坐席！"


@pytest.mark.usefixtures("chinese")
def test_errors_speak_both_languages() -> None:
    assert BadSetting("as it is").in_language("zh") == "as it is"
    fault = RuleFault("a.yaml", 3, Message("agent"))
    assert str(fault) == "a.yaml:3: agent"
    assert fault.in_language("zh") == "a.yaml:3: 坐席"
    both = BadRule([RuleFault("b.yaml", None, Message("customer")), fault])
    assert both.in_language("zh") == "a.yaml:3: 坐席\nb.yaml: 客户"


@pytest.mark.usefixtures("chinese")
def test_no_value_of_a_message_ends_a_line_or_steers_a_terminal() -> None:
    message = Message("{who}!", who="a\n\x1b[2J\x9b1m\u202e\ud800")
    assert message == message.in_language("en") == "a\\n\\x1b[2J\\x9b1m\\u202e\\ud800!"
    assert message.in_language("zh") == "a\\n\\x1b[2J\\x9b1m\\u202e\\ud800！"


def test_whatever_steers_a_terminal_or_the_direction_of_writing_is_escaped() -> None:
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    odd = [
        character
        for character in map(chr, range(0x110000))
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in directions
    ]
    assert len(odd) > 2000
    assert not [character for character in odd if not shown_text(character).isascii()]
    assert shown_text(shown_text("\x1b")) == shown_text("\x1b")


@pytest.mark.parametrize("text", ["张三　李四.wav", "a\xa0b.wav", "👨\u200d👩\u200d👧", "می\u200cخواهم", "näïve"])
def test_what_people_write_is_shown_as_they_wrote_it(text: str) -> None:
    assert shown_text(text) == text


def test_a_joiner_that_joins_nothing_is_escaped() -> None:
    assert shown_text("1001\u200d") == "1001\\u200d"


def test_what_follows_a_hint_in_chinese_has_its_own_punctuation() -> None:
    """A question mark before a semicolon would be a slip."""
    hint = did_you_mean("座席", ["坐席"])
    assert isinstance(hint, Message)
    assert hint.in_language("zh") == "（是否想写 坐席？）"
    told = Message("no fact {fact}{hint}; there are {known}", fact="座席", hint=hint, known="坐席").in_language("zh")
    assert not re.search("[？。！][；，。]", told)
