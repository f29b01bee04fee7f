"""Silence and its notices."""

from __future__ import annotations

from pathlib import Path

from tests.support.conditions import judged


def test_silence_counts_what_the_notice_does_not_cover(tmp_path: Path) -> None:
    call = "坐席 0.0-2.0: 请稍等。\n客户 {0}-{1}: 喂？"
    rule = "silence: {longer_than_s: 5, unless_said_before: [稍等], covers_s: 30}"
    assert judged(tmp_path, call.format(36.0, 38.0), forbid=rule).outcome == "pass"
    assert judged(tmp_path, call.format(38.0, 40.0), forbid=rule).outcome == "fail"
