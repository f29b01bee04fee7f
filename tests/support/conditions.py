"""A condition asked of a call that is written down."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from pipeline.datatypes import Verdict
from pipeline.judging.notation import call_from_script
from pipeline.judging.verdicts import judge_call
from tests.support.rulebooks import HEAD, make_book


def judged(
    folder: Path, call: str, language: str = "zh", phrases: str = "empty: [无]", head: str = HEAD, **gates: object
) -> Verdict:
    loaded = make_book(folder, language, phrases, head, **gates)
    return judge_call(call_from_script(dedent(call), language), loaded).verdicts[0]


TALK = """
    坐席 0.0-4.0: 您好，远洋酒店，请讲。
    客户 5.0-8.0: 我姓王，我要订房。
    坐席 9.0-12.0: 王先生，哪一天？
    客户 13.0-15.0: 星期五，谢谢。
    坐席 16.0-19.0: 订好了，感谢来电。
    客户 20.0-21.0: 再见。
    坐席 22.0-24.0: 再见。
"""
