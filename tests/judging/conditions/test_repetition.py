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
