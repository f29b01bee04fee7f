"""Who released the line."""

from __future__ import annotations

from pathlib import Path

from tests.support.conditions import judged


def test_hung_up_needs_a_closing_only_where_asked(tmp_path: Path) -> None:
    call = "坐席 0.0-2.0: 您好。\n客户 3.0-5.0: 喂。\n坐席 6.0-8.0: {}\n挂断 坐席 {}\n客户 10.5-12.0: 喂？"
    plain, closing = "hung_up: {by: agent}", "hung_up: {by: agent, without: [再见]}"
    speaking = "hung_up: {by: agent, while: customer_speaking}"
    assert judged(tmp_path, call.format("再见。", 9.0), forbid=plain).outcome == "fail"
    assert judged(tmp_path, call.format("再见。", 9.0), forbid=closing).outcome == "pass"
    assert judged(tmp_path, call.format("行了。", 9.0), forbid=closing).outcome == "fail"
    assert judged(tmp_path, call.format("行了。", 9.0), forbid=speaking).outcome == "pass"
    assert judged(tmp_path, call.format("行了。", 11.0), forbid=speaking).outcome == "fail"
