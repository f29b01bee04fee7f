"""What calls can be exported as: a file a call here, tables in `export_tables`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pipeline.exports.exported import ExportedCall
from pipeline.exports.recordings import ToldRecording, told_recordings
from pipeline.exports.rttm import rttm
from pipeline.exports.vcon import vcon
from pipeline.exports.webvtt import webvtt
from pipeline.messages import Language


@dataclass(frozen=True, slots=True)
class ExportChoices:
    """What who exports may choose: the language of the voices' names in captions; what a vCon tells of recordings."""

    voices: Language = "en"
    recordings: Callable[[ExportedCall], Sequence[ToldRecording]] = lambda call: told_recordings(
        call.record, hashed=True
    )


@dataclass(frozen=True, slots=True)
class CallFormat:
    """A format that has a file for each call: how the files' names end, and the text of a call's file.

    `needs_words`: a call of which only the scores are kept has no such file. `names_rules`: rules are called by their
    titles, so that rulebooks are wanted.
    """

    suffix: str
    text: Callable[[ExportedCall, ExportChoices], str]
    needs_words: bool = True
    names_rules: bool = False


CALL_FORMATS: Mapping[str, CallFormat] = {
    "vcon": CallFormat(".vcon", lambda call, choices: vcon(call, choices.recordings(call)), False, True),
    "webvtt": CallFormat(".vtt", lambda call, choices: webvtt(call, choices.voices)),
    "rttm": CallFormat(".rttm", lambda call, choices: rttm(call)),
}
"""By what the command calls them."""
