"""A quiet copy of the other channel is nobody's."""

from __future__ import annotations

import pytest

from pipeline.call.build import build_call
from pipeline.call.echo import echo_times, find_echoes
from pipeline.call.words import transcribed_words
from pipeline.timeline import Span
from tests.support.talk import NOBODY, heard_call, said


def test_a_quiet_copy_of_the_other_channel_is_echo() -> None:
    line = "您好，这里是客服中心，请讲。"
    lines = [("ch0", 1.0, 4.0, line), ("ch1", 1.1, 4.1, line), ("ch1", 5.0, 7.0, "我想查一下余额。")]
    loud, quiet = (-20.0,) * 40, (-20.0,) * 3 + (-35.0,) * 15 + (-20.0,) * 22
    echo = heard_call(lines, levels_dbfs=(loud, quiet))
    assert said(echo) == [("ch0", line), ("ch1", "我想查一下余额。")]
    echoes = find_echoes(transcribed_words(echo), echo)
    assert not echo_times(echoes, 0)
    assert echo_times(echoes, 1).spans[0].start_s == pytest.approx(1.1)
    # as loud as the other: two people said the same
    assert said(heard_call(lines, levels_dbfs=(loud, loud)))[1] == ("ch1", line + "我想查一下余额。")
    # as quiet, but other words: a quiet caller
    other = heard_call([lines[0], ("ch1", 1.1, 4.1, "喂，你听得见我说话吗")], levels_dbfs=(loud, quiet))
    assert len(said(other)) == 2


def test_echo_is_no_voice_of_the_other() -> None:
    line = "您好，客服中心，请问有什么可以帮您？"
    lines = [("ch0", 1.0, 4.0, line), ("ch1", 1.1, 4.1, line), ("ch1", 6.0, 8.0, "我想退票。")]
    quiet = (-20.0,) * 3 + (-45.0,) * 15 + (-20.0,) * 30
    call = build_call(heard_call(lines, levels_dbfs=((-20.0,) * 48, quiet)), NOBODY)
    assert call.roles.by_speaker == {"ch0": "agent", "ch1": "customer"}
    assert call.voiced["customer"] == (Span(6.0, 8.0),)
    assert call.overlaps == ()
