"""Recorded announcements: what only a machine says counts for nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pipeline.call.turns import grouped, sentences
from pipeline.call.words import SpeakerWord
from pipeline.datatypes import LineEvent, Turn, Word
from pipeline.language.announcements import prompt_phrases
from pipeline.language.backchannels import is_backchannel
from pipeline.language.sound_alike import sounds_of, times_heard
from pipeline.language.text import put_together
from pipeline.timeline import Timeline

PROMPT = "prompt"
"""Speaker of the turns that are a recorded announcement."""

ONE_PROMPT_GAP_S = 1.0
"""Announcements closer together than this are one event on the line."""


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
    flags = [_is_announced(_spaced(part), at_start) for part in parts]
    if at_start and any(flags):
        last = max(i for i, flag in enumerate(flags) if flag)
        before = "".join(_spaced(part) for part in parts[:last])
        if not _is_live(before.replace(" ", ""), before.lower()):
            flags[:last] = [True] * last
    return flags


def _spaced(words: Sequence[Word]) -> str:
    return "".join(f"{word.text} " for word in words)


def _is_announced(text: str, at_start: bool) -> bool:
    bare, lowered = re.sub(r"[^\w]", "", text), text.lower().replace("’", "'")
    chinese, english = prompt_phrases("zh"), prompt_phrases("en")
    if _any_in(chinese.anywhere_patterns, bare) or _any_in(english.anywhere_patterns, lowered):
        return True
    sounds = sounds_of(bare)
    if any(times_heard(phrase, bare, sounds) for phrase in chinese.anywhere):
        return True
    if not at_start or _is_live(bare, lowered):
        return False
    if _any_in(chinese.at_start_patterns, bare) or _any_in(english.at_start_patterns, lowered):
        return True
    return any(times_heard(phrase, bare, sounds) for phrase in chinese.at_start)


def _is_live(bare: str, lowered: str) -> bool:
    return _any_in(prompt_phrases("zh").live_patterns, bare) or _any_in(prompt_phrases("en").live_patterns, lowered)


def _any_in(patterns: Iterable[re.Pattern[str]], text: str) -> bool:
    return any(pattern.search(text) for pattern in patterns)
