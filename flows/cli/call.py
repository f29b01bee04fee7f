"""``callqa transcribe`` and ``judge``: one call, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.root import app, command
from flows.language import localised, say
from flows.options import (
    Engine,
    Json,
    Model,
    RecordingFile,
    SpokenLanguage,
    Unmasked,
    hearing_with,
    read_settings,
    shown_with,
    stored_call,
)
from pipeline.errors import BadArtefact, BadRecording
from pipeline.messages import Message
from pipeline.settings import Settings
from pipeline.storage import artefacts
from pipeline.storage.files import file_sha256
from pipeline.storage.home import Home, RecordingRecord

if TYPE_CHECKING:
    from pipeline.datatypes import CDR, Call, Transcript
    from pipeline.judging.rulebook import Rulebook


@command(
    app,
    "transcribe",
    say("Transcribe one recording and tell who speaks; nothing is stored."),
    ("transcribe call.wav", say("turn by turn")),
    ("transcribe call.mp3 --language en --json", say("an English call, as JSON")),
    ("transcribe call.wav --engine openai-whisper --model small", say("another engine and model")),
)
def transcribe_command(
    file: RecordingFile,
    engine: Engine = None,
    model: Model = None,
    language: SpokenLanguage = None,
    unmasked: Unmasked = False,
    json_output: Json = False,
) -> None:
    from flows.console import out, print_json, print_turns
    from pipeline.call.build import build_call
    from pipeline.call.roles import method_text
    from pipeline.datatypes import CDR
    from pipeline.hearing.sound_faults import sound_fault_message
    from pipeline.privacy.masking import call_as_shown, masks_of

    settings = shown_with(read_settings(), unmasked)
    transcript = _hear_file(file, hearing_with(settings, engine, model, language))
    call = build_call(transcript, CDR())
    call = call_as_shown(call, masks_of(call, None, settings.privacy))
    if json_output:
        print_json(json.dumps(_as_json(transcript, call), ensure_ascii=False, indent=2))
        return

    head = say(
        "{duration_s:.1f} s, {layout}, language {language}, roles by {method}",
        duration_s=transcript.duration_s,
        layout=transcript.layout,
        language=transcript.language,
        method=method_text(call.roles.method),
    )
    out.print(head, style="dim")
    for fault in transcript.faults:
        out.print(localised(sound_fault_message(fault)), style="yellow", soft_wrap=True)
    print_turns(call)


def _as_json(transcript: Transcript, call: Call) -> dict[str, object]:
    return {
        "sha256": transcript.sha256,
        "duration_s": round(transcript.duration_s, 2),
        "language": transcript.language,
        "layout": transcript.layout,
        "roles": {"method": call.roles.method, "confidence": call.roles.confidence},
        "coverage": round(transcript.coverage, 3),
        "faults": [{"kind": fault.kind, **fault.values} for fault in transcript.faults],
        "turns": [
            {
                "start_s": round(turn.span.start_s, 2),
                "end_s": round(turn.span.end_s, 2),
                "role": call.role(turn),
                "speaker": turn.speaker,
                "text": turn.text,
            }
            for turn in call.turns
        ],
    }


@command(
    app,
    "judge",
    say(
        "Score one call and show the evidence: a recording, or a stored call by its id, its file's name or the start "
        "of its SHA-256."
    ),
    ("judge call.wav", say("transcribe and score a file")),
    ("judge 20261116-0007", say("a stored call")),
    ("rejudge", say("score all of them again")),
)
def judge_command(
    target: Annotated[str, typer.Argument(metavar="FILE|ID", help=say("A recording, or the id of a call."))],
    engine: Engine = None,
    model: Model = None,
    language: SpokenLanguage = None,
    unmasked: Unmasked = False,
    json_output: Json = False,
) -> None:
    from flows.console import print_json, print_turns, print_verdicts
    from flows.rulebooks import rulebooks_in_force
    from pipeline import run
    from pipeline.privacy.codes import without_codes
    from pipeline.privacy.masking import as_shown, masks_of
    from pipeline.reviews.corrections import corrections_of
    from pipeline.reviews.store import Reviews

    settings = read_settings()
    if Path(target).is_file():
        rulebooks = rulebooks_in_force(settings)  # before the long work
        transcript = _hear_file(Path(target), hearing_with(settings, engine, model, language))
        home = Home(settings.paths.home)
        cdr, said = _known_cdr(transcript.sha256, home), corrections_of(Reviews(home), transcript.sha256).in_force
    else:
        transcript, cdr, said = stored_call(target, Home(settings.paths.home))
        rulebooks = rulebooks_in_force(settings)
    settings = shown_with(settings, unmasked, [transcript.sha256])
    judged = run.judge(without_codes(transcript), cdr, rulebooks, None, said)
    judged = as_shown(judged, masks_of(judged.call, None, settings.privacy))
    if json_output:
        from pydantic import TypeAdapter

        print_json(TypeAdapter(type(judged.scorecard)).dump_json(judged.scorecard, indent=2).decode())
        return
    print_turns(judged.call)
    print_verdicts(judged, _titles(rulebooks.get(judged.call.language)))


def _hear_file(file: Path, settings: Settings) -> Transcript:
    """Transcribe one file in this process. Nothing is stored."""
    from flows.console import step
    from flows.engines import load_engines
    from pipeline.run import hear

    try:
        sha256 = file_sha256(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        message = Message("{file}: cannot be read ({reason})", file=file, reason=reason)
        raise BadRecording("unreadable", message) from error
    with step(say("loading the models…")):
        engines = load_engines(settings)
    with step(say("transcribing…")):
        return hear(file.resolve(), sha256, engines, settings)


def _titles(rulebook: Rulebook | None) -> Callable[[str], str]:
    """Rule titles in the language of the command line; a rule that is gone keeps its id."""
    from flows.language import LANGUAGE

    titles = {rule.id: rule.title.in_language(LANGUAGE) for rule in rulebook.rules} if rulebook else {}
    return lambda rule_id: titles.get(rule_id, rule_id)


def _known_cdr(sha256: str, home: Home) -> CDR:
    """The CDR of a recording that a run has seen; an empty one of any other."""
    from pipeline.datatypes import CDR

    try:
        return artefacts.read(home.recording(sha256), RecordingRecord).cdr
    except BadArtefact:
        return CDR()
