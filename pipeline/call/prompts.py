"""Recorded announcements: what only a machine says counts for nobody."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.call.turns import grouped, sentences
from pipeline.call.words import SpeakerWord
from pipeline.datatypes import LineEvent, Turn, Word
from pipeline.language.backchannels import is_backchannel
from pipeline.language.sound_alike import heard_times, sounds_of
from pipeline.language.text import put_together
from pipeline.timeline import Timeline

PROMPT = "prompt"
"""Speaker of the turns that are a recorded announcement."""

ONE_PROMPT_GAP_S = 1.0
"""Announcements closer together than this are one event on the line."""

# What only a machine says. The agent may say the first kind too, so those count at the call's beginning alone.
_PROMPT_AT_START = (
    "您的通话可能会被录音",
    "您的通话将被录音",
    "通话将会被录音",
    "本次通话将被录音",
    "通话可能被录音",
    "为保证服务质量",
    "为了保证服务质量",
    "为提高服务质量",
    "普通话请按",
    "人工服务请按",
    "请按井号键",
    "转人工请按",
    "正在为您转接人工",
    "正在转接人工",
    "返回上级菜单",
    "请直接说出",
)
_PROMPT_EVER = (
    "坐席正忙",
    "坐席全忙",
    "坐席忙",
    "所有坐席",
    "所有客服代表",
    "客服代表正忙",
    "话务员正忙",
    "您拨打的电话正在通话中",
    "您拨打的用户",
    "您拨打的号码",
    "继续等待请按",
)
_QUEUE_CHINESE = re.compile(r"[您你]前面还有[\d零一二三四五六七八九十百两]+[位名个]")
_PROMPT_ENGLISH_START = re.compile(
    r"(?:this|your|all|the) (?:phone )?calls? (?:may|will|might|is|are|can) be(?:ing)? (?:recorded|monitored)"
    r"|(?:monitored|recorded) for (?:quality|training)|for quality (?:and|or|assurance|purposes)"
    r"|\bpress (?:\d|one|two|three|four|five|zero|star|pound|hash)|your call is (?:very )?important"
    r"|listen carefully|menu options|(?:for|in) english"
)
_PROMPT_ENGLISH_EVER = re.compile(
    r"(?:all|our) (?:of our )?(?:agents|representatives|operators|advisors|associates) are (?:currently |still )?"
    r"(?:busy|assisting|helping)|(?:remain|stay) on the line (?:and|for the next|until|while (?:we|your))"
    r"|you are (?:now )?(?:number|caller) \w+ in"
    r"|the (?:number|person) you (?:have dialed|are calling)"
    r"|answered in the order"
)
_LIVE_CHINESE = re.compile(r"我姓|我是|我叫|请讲|您好请问|有什么可以帮")
_LIVE_ENGLISH = re.compile(r"my name is|\bi'm |speaking|how (?:may|can) i")


def set_prompts_apart(words: Sequence[SpeakerWord], language: str = "") -> list[SpeakerWord]:
    """Give recorded announcements the speaker `PROMPT`, so that they count for nobody.

    Only what is said before the first live exchange is searched for menus and notices that an agent could also
    read out; queue announcements are recognised anywhere. All sentences up to the last announcement at the
    beginning belong to it.
    """
    groups = grouped(words)
    tagged: list[SpeakerWord] = []
    at_start = True
    for speaker, group in groups:
        live = at_start and not is_backchannel(put_together(group, language))
        if live and speaker != groups[0][0]:
            at_start = False
        parts = sentences(group)
        flags = _announcements(parts, at_start)
        if live and not any(flags):
            at_start = False  # the first live sentence: no announcement begins after it
        tagged.extend(
            (word, PROMPT if flag else speaker) for part, flag in zip(parts, flags, strict=True) for word in part
        )
    return tagged


def prompt_events(turns: Sequence[Turn]) -> tuple[LineEvent, ...]:
    """The announcements as events on the line."""
    prompts = Timeline((turn.span for turn in turns if turn.speaker == PROMPT), ONE_PROMPT_GAP_S)
    return tuple(LineEvent(span, "prompt") for span in prompts)


def _announcements(parts: Sequence[Sequence[Word]], at_start: bool) -> list[bool]:
    """For each sentence of a turn, whether it is announced."""
    flags = [_is_prompt(_spaced(part), at_start) for part in parts]
    if at_start and any(flags):
        last = max(i for i, flag in enumerate(flags) if flag)
        before = "".join(_spaced(part) for part in parts[:last])
        if not (_LIVE_CHINESE.search(before.replace(" ", "")) or _LIVE_ENGLISH.search(before.lower())):
            flags[:last] = [True] * last
    return flags


def _spaced(words: Sequence[Word]) -> str:
    return "".join(f"{word.text} " for word in words)


def _is_prompt(text: str, at_start: bool) -> bool:
    plain, lowered = re.sub(r"[^\w]", "", text), text.lower().replace("’", "'")
    sounds = sounds_of(plain)
    if _QUEUE_CHINESE.search(plain) or _PROMPT_ENGLISH_EVER.search(lowered):
        return True
    if any(heard_times(p, plain, sounds) for p in _PROMPT_EVER):
        return True
    if not at_start or _LIVE_CHINESE.search(plain) or _LIVE_ENGLISH.search(lowered):
        return False
    return any(heard_times(p, plain, sounds) for p in _PROMPT_AT_START) or bool(
        _PROMPT_ENGLISH_START.search(lowered) or re.search(r"请按[\d零一二三四五六七八九]", plain)
    )
