"""What is said back and said again: the evidence is words and the sentence around them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.conditions import judged


@pytest.mark.parametrize(
    ("condition", "call"),
    [
        ("echo: {}", "客户 0-3: 星期六上午九点来。\n坐席 4-7: 好的。星期六上午对吗？"),
        ("repeat: {}", "坐席 0-3: 您的地址是哪里？\n客户 4-5: 中山路。\n坐席 6-8: 嗯。您的地址是哪里？"),
        ("readback: {}", "客户 0-3: 13800138000。\n坐席 4-7: 好。13800138000，对吗？"),
    ],
)
def test_the_sentence_holds_what_was_matched(tmp_path: Path, condition: str, call: str) -> None:
    verdict = judged(tmp_path, call, require=condition)
    assert verdict.outcome == "pass"
    for item in verdict.evidence:
        assert item.matched
        assert item.matched in item.sentence


@pytest.mark.parametrize(
    ("params", "call", "outcome"),
    [
        ("", "客户 0-2: 水管漏水。\n坐席 3-5: 漏了多久？", "pass"),
        ("", "客户 0-2: 周一漏水。\n坐席 3-5: 知道了。", "fail"),
        ("", "客户 0-2: 周一来。\n坐席 3-5: 哪里漏水？", "fail"),
        ("", "坐席 0-2: 是漏水吗？\n客户 3-5: 漏水。", "fail"),
        (", by: customer", "坐席 0-2: 是漏水吗？\n客户 3-5: 漏水。", "pass"),
        ("", "客户 0-2: 漏水。\n坐席 3-5: 哪里？\n客户 6-7: 厨房。\n坐席 8-9: 漏水，好。", "pass"),
        (", lookback: 1", "客户 0-2: 漏水。\n坐席 3-5: 哪里？\n客户 6-7: 厨房。\n坐席 8-9: 漏水，好。", "fail"),
        (", in: {turns: 1..1}", "客户 0-2: 漏水。\n坐席 3-5: 哪里？\n客户 6-7: 厨房。\n坐席 8-9: 漏水，好。", "fail"),
        ("", "客户 0-2: 漏水。\n听不清 3-20 坐席\n坐席 21-22: 好。", "unsure"),
    ],
)
def test_one_of_some_things_is_said_back(tmp_path: Path, params: str, call: str, outcome: str) -> None:
    verdict = judged(tmp_path, call, require=f"said_back: {{any: [(漏水|漏了), (周一|星期一)]{params}}}")
    assert verdict.outcome == outcome, verdict.reason
    if outcome == "pass":
        given, back = verdict.evidence
        assert given.matched == "漏水"
        assert verdict.reason == f"复述了“{back.matched}”"
