"""From what was heard to a call: the stages in their order, each a function of the earlier ones' values."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.call.corrections import lay_over
from pipeline.call.echo import find_echoes, without_echoes
from pipeline.call.facts import measure
from pipeline.call.hang_up import find_hang_up
from pipeline.call.overlaps import find_overlaps
from pipeline.call.prompts import prompt_events, set_prompts_apart
from pipeline.call.roles import ONE_SIDE, assign
from pipeline.call.silences import find_silences
from pipeline.call.transfers import transfer_events
from pipeline.call.turns import make_turns
from pipeline.call.voices import find_voices
from pipeline.call.words import attribute, transcribed_words
from pipeline.corrections import Corrections, LeftOut
from pipeline.datatypes import CDR, Call, Transcript

_NONE = Corrections()


@dataclass(frozen=True, slots=True)
class BuiltCall:
    """A call, and the corrections that say nothing of it because what they are of was not found in what was heard."""

    call: Call
    left_out: tuple[LeftOut, ...] = ()


def build_call(transcript: Transcript, cdr: CDR, corrections: Corrections = _NONE) -> Call:
    """All that a rule may see of a call, from what was heard and the CDR. Never fails on a call without words."""
    return build_corrected(transcript, cdr, corrections).call


def build_corrected(transcript: Transcript, cdr: CDR, corrections: Corrections) -> BuiltCall:
    """The same, with what was left out of the corrections."""
    words = transcribed_words(transcript)
    echoes = find_echoes(words, transcript)
    heard = attribute(without_echoes(words, echoes), transcript)
    heard_turns = make_turns(set_prompts_apart(heard, transcript.language), transcript.language)
    assigned = assign(heard_turns, transcript, cdr)
    corrected = lay_over(corrections, heard_turns, assigned, heard, transcript.language)
    turns, roles = corrected.turns, corrected.roles
    voices = find_voices(transcript, heard_turns, corrected, echoes)
    added = (*prompt_events(turns), *transfer_events(turns, roles))
    events = tuple(sorted((*transcript.events, *added), key=lambda event: (event.span, event.kind)))
    hang_up = find_hang_up(transcript, turns, roles, cdr)
    # the silence of who was not recorded is none
    one_side = assigned.method == ONE_SIDE
    silences = () if one_side else find_silences(transcript.duration_s, voices, events, hang_up.at_s)
    overlaps = find_overlaps(voices, turns, roles)
    call = Call(
        sha256=transcript.sha256,
        language=transcript.language,
        cdr=cdr,
        turns=turns,
        roles=roles,
        voiced={party: voice.spans for party, voice in voices.by_party.items()},
        silences=silences,
        overlaps=overlaps,
        overlap_heard=transcript.overlap_heard,
        events=events,
        levels_dbfs=voices.levels_dbfs,
        hang_up=hang_up,
        facts=measure(transcript, cdr, turns, roles, voices, events, silences, overlaps),
    )
    return BuiltCall(call, corrected.left_out)
